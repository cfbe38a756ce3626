//! What Rhai's debugger interface does not tell of a script that it follows.

use std::collections::HashMap;
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
    /// The statements, by the lines in which the interface tells of them.
    lines: Vec<Vec<Known>>,
    /// From where to where the `try` blocks go.
    tries: Vec<(Position, Position)>,
}

/// A statement.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    /// Where the interface says that it stands.
    at: Position,
    /// Whether the interface tells of it as an expression.
    expression: bool,
    pub(crate) begins: Position,
    /// Whether it calls, itself, a primitive that does more than to compute.
    pub(crate) calls_out: bool,
}

impl Outlines {
    /// Takes note of a script, in the place of what was known under its name.
    pub(crate) fn add(&mut self, source: &str, ast: &AST, runtime: &Runtime) {
        self.0.insert(source.to_owned(), Arc::new(Outline::new(ast, runtime)));
    }

    /// That of a script; an empty one of a script that nobody has taken note of.
    pub(crate) fn of(&self, source: &str) -> Arc<Outline> {
        self.0.get(source).cloned().unwrap_or_default()
    }
}

impl Outline {
    fn new(ast: &AST, runtime: &Runtime) -> Self {
        let mut outline = Self::default();
        visit(ast, |path| {
            let Some(ASTNode::Stmt(stmt)) = path.last() else { return };
            if let Stmt::TryCatch(parts, _) = stmt {
                let span = parts.body.span();
                outline.tries.push((span.start(), span.end()));
            }
            let (at, begins) = match stmt {
                Stmt::Expr(expression) => (expression.position(), beginning(expression)),
                _ => (stmt.position(), stmt.position()),
            };
            let line = at.line().unwrap_or(0);
            outline.lines.resize_with(outline.lines.len().max(line + 1), Vec::new);
            let (expression, calls_out) = (matches!(stmt, Stmt::Expr(_)), calls_out(stmt, runtime));
            outline.lines[line].push(Known { at, expression, begins, calls_out });
        });
        outline
    }

    /// The statement at this position, if it is one.
    pub(crate) fn statement(&self, at: Position, expression: bool) -> Option<Known> {
        let mut line = self.lines.get(at.line().unwrap_or(0)).into_iter().flatten();
        let known = line.find(|known| known.at == at && known.expression == expression).copied();
        // What is no expression is a statement, even in a script that nobody has taken note of.
        known.or_else(|| (!expression).then_some(Known { at, expression, begins: at, calls_out: true }))
    }

    /// Whether this position is in a `try` block.
    pub(crate) fn is_in_try(&self, position: Position) -> bool {
        self.tries.iter().any(|(from, to)| *from <= position && position <= *to)
    }
}

/// Whether a statement itself, and not one in it, calls a primitive that does more than to compute.
fn calls_out(stmt: &Stmt, runtime: &Runtime) -> bool {
    use Stmt::{Assignment, Expr, FnCall, Return, Var};
    let mut found = false;
    if matches!(stmt, Var(..) | Assignment(..) | FnCall(..) | Expr(..) | Return(..)) {
        stmt.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            if let Some((call, ..)) = path.last().and_then(call_in) {
                let modules: Vec<&str> = call.namespace.path.iter().map(|module| module.name.as_str()).collect();
                found = runtime.primitive(&modules.join("::"), &call.name).is_some_and(|called| called.effect.acts());
            }
            !found
        });
    }
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
