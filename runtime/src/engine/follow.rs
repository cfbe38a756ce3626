//! Following a script by Rhai's debugger interface: where it stands, what its variables are, whether it is inside a `try`.

use rhai::debugger::{DebuggerCommand, DebuggerEvent};
use rhai::{ASTNode, Engine, EvalAltResult, EvalContext, NativeCallContext, Position, Stmt};

use super::boundary::place_of;
use crate::playbook::Console;
use crate::scope::{self, Scope};
use crate::script_error::raise;
use crate::session;

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
    let expression = match node {
        ASTNode::Stmt(Stmt::Block(..) | Stmt::Noop(..)) => return Ok(()),
        ASTNode::Stmt(_) => false,
        ASTNode::Expr(_) => true,
        _ => return Ok(()),
    };
    let Some((known, scope)) = scope::statement(source, position, expression) else { return Ok(()) };
    let (line, column) = (known.begins.line().unwrap_or(0), known.begins.position().unwrap_or(0));
    let at = session::Statement { step: &scope.step.key, source, line, column, depth: context.call_level() };
    scope.stands_at(&at, context.scope(), context.global_runtime_state(), known.calls_out);
    let Some(follower) = scope.session.follower() else { return Ok(()) };
    if !follower.stops_at(&at) {
        return Ok(());
    }
    let names = whole(context.scope());
    let global = scope.callable(context.global_runtime_state());
    let cancel = scope.session.cancel().child();
    let mut console = Console::within(scope.unfollowed(cancel), names, global, Some(at.place()));
    let answer = scope.session.resting(&scope.cancel, || follower.stop(&at, &mut console));
    for (name, value) in console.assigned() {
        if let Some(slot) = context.scope_mut().get_mut(name) {
            *slot = value.clone();
        }
    }
    answer.map_err(|error| raise(&scope, scope.session.mask_error(error).at(at.place())))
}

/// Copies of all variables that can be seen, whatever their size.
fn whole(scope: &rhai::Scope<'_>) -> Names {
    let mut names = Names::new();
    let newest_first: Vec<_> = scope.iter_raw().collect();
    for (name, constant, value) in newest_first.into_iter().rev() {
        let value = value.clone();
        let _ = if constant { names.push_constant_dynamic(name, value) } else { names.push_dynamic(name, value) };
    }
    names
}

/// Whether the error of a call would be caught by the script: it stands, or something on the way to it does, in a `try`.
pub(crate) fn is_tried(context: &NativeCallContext<'_>, scope: &Scope) -> bool {
    let is_in_try = |source: &str, position| scope.session.outline_of(source).is_in_try(position);
    let frames = context.debugger().map(rhai::debugger::Debugger::call_stack).unwrap_or_default();
    let called_from = |frame: &rhai::debugger::CallStackFrame| {
        frame.source.as_deref().is_some_and(|source| is_in_try(source, frame.pos))
    };
    let position = context.call_position();
    scope.is_tried() || is_in_try(&place_of(context).source, position) || frames.iter().any(called_from)
}
