//! What can be said of a script without running it.

use std::collections::BTreeSet;

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use crate::playbook::{Body, Step};

/// What a script calls and imports, by name.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) calls: Vec<String>,
    pub(crate) imports: Vec<String>,
}

/// The call in a node, if it is one, and where.
pub(crate) fn call_in<'a>(node: &ASTNode<'a>) -> Option<(&'a FnCallExpr, Position, bool)> {
    match node {
        ASTNode::Expr(Expr::MethodCall(call, position)) => Some((call, *position, true)),
        ASTNode::Expr(Expr::FnCall(call, position)) | ASTNode::Stmt(Stmt::FnCall(call, position)) => {
            Some((call, *position, false))
        }
        _ => None,
    }
}

/// Visits every node of a script: its statements and the bodies of its functions.
pub(crate) fn visit(ast: &AST, mut look: impl FnMut(&[ASTNode<'_>])) {
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        look(path);
        true
    });
}

pub(crate) fn calls_and_imports(ast: &AST) -> Found {
    let mut found = Found::default();
    visit(ast, |path| {
        let Some(node) = path.last() else { return };
        if let Some((call, _, false)) = call_in(node)
            && !call.is_qualified()
        {
            found.calls.push(call.name.to_string());
        }
        if let ASTNode::Stmt(Stmt::Import(import, _)) = node
            && let Expr::StringConstant(path, _) = &import.0
        {
            found.imports.push(path.to_string());
        }
    });
    found
}

/// The keys of `ctx.state` that a step reads and writes.
#[derive(Debug, Default, Clone)]
pub(crate) struct StateUse {
    pub(crate) reads: BTreeSet<String>,
    pub(crate) writes: BTreeSet<String>,
}

/// What a step does with `ctx.state`, as far as its own closure, and closures inside it, say it in the form
/// `ctx.state.key`.
pub(crate) fn state_of(step: &Step) -> StateUse {
    let mut used = StateUse::default();
    let Body::Closure { closure, unit, .. } = &step.body else { return used };
    let mut open = vec![closure.name().to_owned()];
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let mut body = unit.ast.clone_functions_only();
        body.retain_functions(|_, _, function, _| function == name);
        visit(&body, |path| match path.last() {
            Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                open.extend(value.read_lock::<rhai::FnPtr>().map(|pointer| pointer.fn_name().to_owned()));
            }
            Some(ASTNode::Expr(Expr::Dot(chain, _, _))) => {
                let Some(key) = state_key(chain) else { return };
                let assigned = path.iter().rev().nth(1).is_some_and(|parent| is_target(parent, path.last()));
                if assigned {
                    used.writes.insert(key)
                } else {
                    used.reads.insert(key)
                };
            }
            _ => {}
        });
    }
    used
}

/// The `key` of `x.state.key`.
fn state_key(chain: &rhai::BinaryExpr) -> Option<String> {
    let Expr::Variable(..) = &chain.lhs else { return None };
    let Expr::Dot(rest, _, _) = &chain.rhs else { return None };
    let Expr::Property(state, _) = &rest.lhs else { return None };
    if state.2.as_str() != "state" {
        return None;
    }
    match &rest.rhs {
        Expr::Property(key, _) => Some(key.2.to_string()),
        Expr::Dot(deeper, _, _) | Expr::Index(deeper, _, _) => match &deeper.lhs {
            Expr::Property(key, _) => Some(key.2.to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn is_target(parent: &ASTNode<'_>, child: Option<&ASTNode<'_>>) -> bool {
    let (ASTNode::Stmt(Stmt::Assignment(assignment)), Some(ASTNode::Expr(child))) = (parent, child) else {
        return false;
    };
    !assignment.0.is_op_assignment() && std::ptr::eq(&assignment.1.lhs, *child)
}
