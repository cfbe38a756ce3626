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
        ASTNode::Expr(Expr::FnCall(call, position)) => Some((call, *position, false)),
        ASTNode::Expr(Expr::MethodCall(call, position)) => Some((call, *position, true)),
        ASTNode::Stmt(Stmt::FnCall(call, position)) => Some((call, *position, false)),
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

/// What a step does with `ctx.state`, as far as its own closure says it in the form `ctx.state.key`.
pub(crate) fn state_of(step: &Step) -> StateUse {
    let mut used = StateUse::default();
    let Body::Closure { closure, unit, .. } = &step.body else { return used };
    let Some((first, last)) = extent(&unit.ast, closure.name()) else { return used };
    let within = |position: Position| position >= first && position <= last;
    visit(&unit.ast, |path| {
        let Some(ASTNode::Expr(Expr::Dot(chain, _, position))) = path.last() else { return };
        if !within(*position) {
            return;
        }
        let Some(key) = state_key(chain) else { return };
        let assigned = path.iter().rev().nth(1).is_some_and(|parent| is_target(parent, path.last()));
        if assigned {
            used.writes.insert(key);
        } else {
            used.reads.insert(key);
        }
    });
    used
}

/// The positions between which a closure's body lies.
fn extent(ast: &AST, name: &str) -> Option<(Position, Position)> {
    let mut first = Position::NONE;
    let mut last = Position::NONE;
    let body = ast.iter_fn_def().find(|f| f.name == name)?;
    let rhai::ScriptFuncPayload::Body(block) = &body.body else { return None };
    let mut path = Vec::new();
    for statement in block.statements() {
        statement.walk(&mut path, &mut |nodes: &[ASTNode<'_>]| {
            if let Some(node) = nodes.last() {
                let position = node.position();
                if !position.is_none() {
                    if first.is_none() || position < first {
                        first = position;
                    }
                    if last.is_none() || position > last {
                        last = position;
                    }
                }
            }
            true
        });
    }
    (!first.is_none()).then_some((first, last))
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
    let (ASTNode::Stmt(Stmt::Assignment(assignment)), Some(ASTNode::Expr(child))) = (parent, child) else { return false };
    !assignment.0.is_op_assignment() && std::ptr::eq(&assignment.1.lhs, *child)
}
