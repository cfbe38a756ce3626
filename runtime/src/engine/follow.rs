//! Following a script by Rhai's debugger interface: where it stands, what its variables are, whether it is inside a `try`.

use rhai::debugger::{DebuggerCommand, DebuggerEvent};
use rhai::{ASTNode, Engine, EvalAltResult, EvalContext, Expr, NativeCallContext, Position};

use super::boundary::place_of;
use crate::playbook::Console;
use crate::scope::{self, Scope, names};
use crate::script_error::raise;
use crate::session;

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
    // Rhai tells of an index on a variable twice, the second time without any variables.
    if matches!(node, ASTNode::Expr(Expr::Index(..))) && context.scope().is_empty() {
        return Ok(());
    }
    let Some((outlined, scope)) = scope::statement(source, node, position) else { return Ok(()) };
    let (line, column) = (outlined.begins.line().unwrap_or(0), outlined.begins.position().unwrap_or(0));
    let at = session::Statement { step: &scope.step.key, source, line, column, depth: context.call_level() };
    scope.stands_at(&at, context.scope(), context.global_runtime_state(), outlined.calls_out);
    let Some(follower) = scope.session.follower() else { return Ok(()) };
    if !follower.stops_at(&at) {
        return Ok(());
    }
    let newest_first: Vec<_> = context.scope().iter_raw().collect();
    let names = names(newest_first.into_iter().rev().map(|(name, constant, value)| (name, constant, value.clone())));
    let global = scope.callable(context.global_runtime_state());
    let cancel = scope.session.cancel().child();
    let mut console = Console::within(scope.unfollowed(cancel), names, global, Some(at.place()));
    let answer = scope.session.resting(&scope.cancel, || follower.stop(&at, &mut console));
    for (name, value) in console.assigned() {
        if let Some(slot) = context.scope_mut().get_mut(name) {
            *slot = value.clone();
        }
    }
    scope.stands_at(&at, context.scope(), context.global_runtime_state(), outlined.calls_out);
    answer.map_err(|error| raise(&scope, scope.session.mask_error(error).at(at.place())))
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
