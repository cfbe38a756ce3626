//! What Rhai's debugger interface does not tell of a script that it follows.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use rhai::{AST, ASTNode, Expr, Position, Stmt};

use super::{call_in, visit};
use crate::Runtime;

/// The outlines of scripts, by their names.
#[derive(Default)]
pub(crate) struct Outlines(HashMap<String, Arc<Outline>>);

/// Where a script has its statements and its `try` blocks.
#[derive(Default)]
pub(crate) struct Outline {
    /// The statements, by the lines in which the interface tells of them, in the order of their positions there.
    lines: Vec<Vec<Outlined>>,
    /// From where to where the `try` blocks go.
    tries: Vec<(Position, Position)>,
}

/// A statement, as its script has it.
#[derive(Clone, Copy)]
pub(crate) struct Outlined {
    /// Where the interface says that it stands.
    at: Position,
    /// As which sort of expression the interface tells of it, if it tells of one.
    expression: Option<Discriminant<Expr>>,
    pub(crate) begins: Position,
    /// Whether it calls, itself or in a condition at its head, a primitive that does more than to compute.
    pub(crate) calls_out: bool,
}

impl Outlines {
    /// Takes note of a script, in the place of what was known under its name.
    pub(crate) fn add(&mut self, source: &str, outline: Outline) {
        self.0.insert(source.to_owned(), Arc::new(outline));
    }

    /// That of a script; an empty one of a script that nobody has taken note of.
    pub(crate) fn of(&self, source: &str) -> Arc<Outline> {
        self.0.get(source).cloned().unwrap_or_default()
    }
}

impl Outline {
    /// That of this script.
    pub(crate) fn new(ast: &AST, runtime: &Runtime) -> Self {
        let mut outline = Self::default();
        visit(ast, |path| {
            let Some(ASTNode::Stmt(stmt)) = path.last() else { return };
            if let Stmt::TryCatch(parts, _) = stmt {
                let span = parts.body.span();
                outline.tries.push((span.start(), span.end()));
            }
            let (at, expression, begins) = match stmt {
                Stmt::Expr(expression) => {
                    (expression.position(), Some(discriminant(&**expression)), beginning(expression))
                }
                _ => (stmt.position(), None, stmt.position()),
            };
            let line = at.line().unwrap_or(0);
            outline.lines.resize_with(outline.lines.len().max(line + 1), Vec::new);
            outline.lines[line].push(Outlined { at, expression, begins, calls_out: calls_out(stmt, runtime) });
        });
        outline.lines.iter_mut().for_each(|line| line.sort_by_key(|outlined| outlined.at));
        outline
    }

    /// The statement that this node is, if it is one.
    pub(crate) fn statement(&self, node: &ASTNode<'_>, at: Position) -> Option<Outlined> {
        let expression = match node {
            ASTNode::Stmt(Stmt::Block(..) | Stmt::Noop(..)) => return None,
            ASTNode::Stmt(_) => None,
            ASTNode::Expr(expression) => Some(discriminant(*expression)),
            _ => return None,
        };
        let line = self.lines.get(at.line().unwrap_or(0)).map_or(&[][..], Vec::as_slice);
        let mut here = line[line.partition_point(|other| other.at < at)..].iter().take_while(|other| other.at == at);
        let outlined = here.find(|other| other.expression == expression).copied();
        // What is no expression is a statement, even in a script that nobody has taken note of.
        let unknown = Outlined { at, expression, begins: at, calls_out: true };
        outlined.or_else(|| expression.is_none().then_some(unknown))
    }

    /// Whether this position is in a `try` block.
    pub(crate) fn is_in_try(&self, position: Position) -> bool {
        self.tries.iter().any(|(from, to)| *from <= position && position <= *to)
    }
}

/// Whether a statement calls a primitive that does more than to compute: itself, or in an expression at its head.
fn calls_out(stmt: &Stmt, runtime: &Runtime) -> bool {
    let mut found = false;
    let mut look = |path: &[ASTNode<'_>]| {
        if let Some((call, ..)) = path.last().and_then(call_in) {
            let modules: Vec<&str> = call.namespace.path.iter().map(|module| module.name.as_str()).collect();
            found = runtime.primitive(&modules.join("::"), &call.name).is_some_and(|called| called.effect.acts());
        }
        !found
    };
    let path = &mut Vec::new();
    match stmt {
        Stmt::Var(..) | Stmt::Assignment(..) | Stmt::FnCall(..) | Stmt::Expr(..) | Stmt::Return(..) => {
            stmt.walk(path, &mut look)
        }
        Stmt::If(flow, ..) | Stmt::While(flow, ..) | Stmt::Do(flow, ..) => flow.expr.walk(path, &mut look),
        Stmt::For(parts, ..) => parts.2.expr.walk(path, &mut look),
        Stmt::Switch(parts, ..) => parts.0.walk(path, &mut look),
        _ => true,
    };
    found
}

/// Where the first word of an expression stands.
fn beginning(expression: &Expr) -> Position {
    let mut first = expression.start_position();
    expression.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
        let Some(ASTNode::Expr(inner)) = path.last() else { return true };
        let module = match inner {
            Expr::FnCall(call, _) if call.is_qualified() => call.namespace.position(),
            _ => Position::NONE,
        };
        first = [first, inner.start_position(), module].into_iter().filter(|p| !p.is_none()).min().unwrap_or(first);
        true
    });
    first
}
