//! Following a script by Rhai's debugger interface: where it stands, what its variables are, whether it is inside a `try`.

use std::collections::HashMap;

use rhai::debugger::{DebuggerCommand, DebuggerEvent};
use rhai::{
    AST, ASTNode, Array, Blob, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Map, NativeCallContext, Position,
    Stmt,
};

use super::boundary::place_of;
use crate::analysis::{call_in, visit};
use crate::playbook::Console;
use crate::scope::{self, Phase, Scope, Statement};
use crate::script_error::raise;
use crate::session;
use crate::{Place, Runtime};

/// How many values are copied at a statement: what is beyond it costs more than the statement.
const COPIED: usize = 1000;
/// How many are copied between two primitives, which takes some milliseconds. A loop that goes on is followed with fewer, and takes
/// hardly longer than without: what is not copied counts as too large, and is never shown as it was before.
const MANY: usize = 100_000;
/// How many values are copied from then on.
const FEW: usize = 32;

type Names = rhai::Scope<'static>;

pub(super) fn register(engine: &mut Engine) {
    #[allow(deprecated)] // marked as subject to change, not as going away
    engine.register_debugger(
        |_, debugger| debugger,
        |mut context, event, node, source, position| {
            if matches!(event, DebuggerEvent::Start | DebuggerEvent::Step) {
                before(&mut context, &node, source.unwrap_or_default(), position)?;
            }
            Ok(DebuggerCommand::StepInto)
        },
    );
}

fn before(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    node: &ASTNode<'_>,
    source: &str,
    position: Position,
) -> Result<(), Box<EvalAltResult>> {
    let Some(scope) = Scope::from_tag(context.tag()).filter(|scope| scope.is_followed()) else { return Ok(()) };
    let begins = match node {
        ASTNode::Stmt(Stmt::Block(..) | Stmt::Noop(..)) => None,
        ASTNode::Stmt(_) => Some(position),
        ASTNode::Expr(_) => scope.session.outlines().statement(source, position),
        _ => None,
    };
    let Some(begins) = begins.filter(|_| !matches!(scope.phase, Phase::Declare(_))) else { return Ok(()) };
    let place = place(source, begins);
    scope::aside(|so_far| {
        let callable = scope.kept_callable(context.global_runtime_state());
        let (mut names, mut too_large, mut count) = copied(context.scope(), if so_far < MANY { COPIED } else { FEW });
        // Where a primitive is called, somebody may stop.
        if so_far >= MANY && !too_large.is_empty() && calls_out(node, scope.session.runtime()) {
            (names, too_large, count) = copied(context.scope(), COPIED);
        }
        let statement = Statement { place: place.clone(), names, too_large, callable };
        scope.keep_statement(context.call_level(), statement);
        count
    });
    let Some(follower) = scope.session.follower() else { return Ok(()) };
    let at = session::Statement { step: &scope.step.key, place: &place, depth: context.call_level() };
    if !follower.stops_at(&at) {
        return Ok(());
    }
    let (names, ..) = copied(context.scope(), usize::MAX);
    let global = scope.callable(context.global_runtime_state());
    let cancel = scope.session.cancel().child();
    let mut console = Console::within(scope.unfollowed(cancel), names, global, Some(place.clone()));
    let answer = scope.session.resting(&scope.cancel, || follower.stop(&at, &mut console));
    for (name, value) in console.assigned() {
        if let Some(slot) = context.scope_mut().get_mut(name) {
            *slot = value.clone();
        }
    }
    answer.map_err(|error| raise(&scope, scope.session.mask_error(error).at(place)))
}

fn place(source: &str, position: Position) -> Place {
    Place { source: source.to_owned(), line: position.line().unwrap_or(0), column: position.position().unwrap_or(0) }
}

/// Whether a statement itself, and not one in it, calls a primitive that does more than to compute.
fn calls_out(node: &ASTNode<'_>, runtime: &Runtime) -> bool {
    let mut found = false;
    let mut look = |path: &[ASTNode<'_>]| {
        if let Some((call, ..)) = path.last().and_then(call_in) {
            let modules: Vec<&str> = call.namespace.path.iter().map(|module| module.name.as_str()).collect();
            found = runtime.primitive(&modules.join("::"), &call.name).is_some_and(|called| called.effect.acts());
        }
        !found
    };
    match node {
        ASTNode::Stmt(
            stmt @ (Stmt::Var(..) | Stmt::Assignment(..) | Stmt::FnCall(..) | Stmt::Expr(..) | Stmt::Return(..)),
        ) => stmt.walk(&mut Vec::new(), &mut look),
        ASTNode::Expr(expression) => expression.walk(&mut Vec::new(), &mut look),
        _ => return false,
    };
    found
}

/// Copies of the variables that can be seen, the names of those that are too large, and how many values were copied.
fn copied(scope: &rhai::Scope<'_>, room: usize) -> (Names, Vec<String>, usize) {
    let (mut names, mut too_large, mut left) = (Names::new(), Vec::new(), room);
    let mut fits = |value: &Dynamic| {
        let mut rest = left;
        let fits = is_small(value, &mut rest);
        // What does not fit takes nothing from the others.
        left = if fits { rest } else { left };
        fits
    };
    let newest_first: Vec<_> = scope.iter_raw().map(|(n, c, value)| (n, c, value, fits(value))).collect();
    for (name, constant, value, fits) in newest_first.into_iter().rev() {
        if !fits {
            too_large.push(name.to_owned());
            continue;
        }
        let value = value.clone();
        let _ = if constant { names.push_constant_dynamic(name, value) } else { names.push_dynamic(name, value) };
    }
    (names, too_large, room - left)
}

/// Whether a value has no more parts than are left, which are then fewer.
fn is_small(value: &Dynamic, left: &mut usize) -> bool {
    let mut take = |count: usize| {
        let fits = count <= *left;
        *left -= if fits { count } else { 0 };
        fits
    };
    // A clone of what is captured is the same cell.
    if value.is_shared() {
        return take(1);
    }
    if let Some(array) = value.read_lock::<Array>() {
        return take(array.len()) && array.iter().all(|item| is_small(item, left));
    }
    if let Some(map) = value.read_lock::<Map>() {
        return take(map.len()) && map.values().all(|item| is_small(item, left));
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return take(blob.len() / 64);
    }
    take(1)
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

/// What the debugger interface does not tell of scripts: by their names.
#[derive(Default)]
pub(crate) struct Outlines(HashMap<String, Outline>);

#[derive(Default)]
struct Outline {
    /// Where expressions stand that are statements, and where they begin.
    expressions: HashMap<Position, Position>,
    /// From where to where the `try` blocks go.
    tries: Vec<(Position, Position)>,
}

impl Outlines {
    /// Takes note of a script, in the place of what was known under its name.
    pub(crate) fn add(&mut self, source: &str, ast: &AST) {
        let mut outline = Outline::default();
        visit(ast, |path| match path.last() {
            Some(ASTNode::Stmt(Stmt::Expr(expression))) => {
                let _ = outline.expressions.insert(expression.position(), beginning(expression));
            }
            Some(ASTNode::Stmt(Stmt::TryCatch(parts, _))) => {
                let span = parts.body.span();
                outline.tries.push((span.start(), span.end()));
            }
            _ => {}
        });
        self.0.insert(source.to_owned(), outline);
    }

    /// Where the statement begins that the expression at this position is, if it is one.
    fn statement(&self, source: &str, position: Position) -> Option<Position> {
        self.0.get(source)?.expressions.get(&position).copied()
    }

    fn is_in_try(&self, source: &str, position: Position) -> bool {
        let tries = self.0.get(source).map(|outline| outline.tries.as_slice()).unwrap_or_default();
        tries.iter().any(|(from, to)| *from <= position && position <= *to)
    }
}

/// Whether the error of a call would be caught by the script: it stands, or something on the way to it does, in a `try`.
pub(crate) fn is_tried(context: &NativeCallContext<'_>, scope: &Scope) -> bool {
    let outlines = scope.session.outlines();
    let frames = context.debugger().map(rhai::debugger::Debugger::call_stack).unwrap_or_default();
    let called_from = |frame: &rhai::debugger::CallStackFrame| {
        frame.source.as_deref().is_some_and(|source| outlines.is_in_try(source, frame.pos))
    };
    let position = context.call_position();
    scope.is_tried() || outlines.is_in_try(&place_of(context).source, position) || frames.iter().any(called_from)
}
