//! Where a script's call becomes a primitive's: the arguments are walked, the call is placed, its error is raised.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rhai::{Dynamic, NativeCallContext};

use super::follow::is_tried;
use super::waiting::Waiting;
use crate::call::Call;
use crate::journal::RemarkSort;
use crate::primitive::{Arguments, Effect, Primitive};
use crate::scope::{Phase, Scope, reset_operations};
use crate::script_error::{raise, terminate};
use crate::session::{Decision, Failure};
use crate::value::Value;
use crate::{Error, Kind, Place, Result, bridge};

type RhaiResult = std::result::Result<Dynamic, Box<rhai::EvalAltResult>>;

/// Where a native call stands.
pub(crate) fn place_of(context: &NativeCallContext<'_>) -> Place {
    let position = context.call_position();
    Place {
        source: context.call_source().unwrap_or("<script>").to_owned(),
        line: position.line().unwrap_or(0),
        column: position.position().unwrap_or(0),
    }
}

pub(super) fn cross(
    primitive: &Primitive,
    context: &NativeCallContext<'_>,
    arguments: &mut [&mut Dynamic],
) -> RhaiResult {
    let scope = match Scope::of(context) {
        Ok(scope) => scope,
        Err(error) => return Err(Box::new(rhai::EvalAltResult::ErrorSystem(String::new(), Box::new(error)))),
    };
    let place = place_of(context);
    scope.set_place(&place);
    let declares = matches!(scope.phase, Phase::Declare(_));
    // What was called for its arguments has returned.
    returned(context, &scope);
    if primitive.effect.acts() {
        if declares {
            return Err(terminate(&scope, impure(primitive).at(place)));
        }
        reset_operations();
    }
    match attempt(primitive, context, &scope, &place, arguments) {
        Ok(value) => Ok(value.into_dynamic()),
        Err(error) => {
            let error = scope.session.mask_error(error.at(place));
            // A declaration that fails cannot be hidden by a `try`, or steps would be missing in silence.
            let ends = declares && primitive.effect == Effect::Control;
            Err(if ends { terminate(&scope, error) } else { raise(&scope, error) })
        }
    }
}

/// Counts the primitives that a thread is inside of, so that the outermost is known.
struct Inside<'a>(&'a Scope);

impl<'a> Inside<'a> {
    fn enter(scope: &'a Scope) -> (Self, bool) {
        (Self(scope), scope.depth.fetch_add(1, Ordering::AcqRel) == 0)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.depth.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What a call has called has returned.
fn returned(context: &NativeCallContext<'_>, scope: &Scope) {
    if scope.is_followed() && context.debugger().is_some() {
        // The call itself counts in the level.
        scope.has_returned(context.call_level().saturating_sub(1));
    }
}

fn attempt(
    primitive: &Primitive,
    context: &NativeCallContext<'_>,
    scope: &Arc<Scope>,
    place: &Place,
    arguments: &mut [&mut Dynamic],
) -> Result<Value> {
    if let Some(reason) = scope.cancel.reason().or_else(|| scope.cancel.check_deadline(&**scope.session.clock())) {
        return Err(reason);
    }
    // What only runs the script's own closures fails as they do: the primitives in them are the outermost ones.
    let entered = (primitive.effect != Effect::Control).then(|| Inside::enter(scope));
    let outermost = entered.as_ref().is_some_and(|(_, outermost)| *outermost);
    let registry = scope.session.secrets();
    let values = arguments.iter().map(|a| Value::from_dynamic(a, registry)).collect::<Result<Vec<_>>>()?;
    let mut tries = 0;
    loop {
        tries += 1;
        let call = Call::new(scope.clone(), Some(context), primitive.id(), place.clone());
        let waiting = Waiting::begin(&call);
        let run =
            || Arguments::new(primitive, values.clone()).and_then(|arguments| (primitive.invoke)(&call, arguments));
        let result = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(bridge::panicked(panic.as_ref())));
        waiting.end(&call, &values);
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) if error.kind().is_final() || !outermost => return Err(error),
            Err(error) => {
                if error.place().is_none() {
                    // It is the primitive's own: its closures have returned.
                    returned(context, scope);
                }
                error.at(place.clone())
            }
        };
        let Some(seam) = scope.session.on_failure().filter(|_| scope.is_followed() && !is_tried(context, scope)) else {
            return Err(error);
        };
        let error = scope.session.mask_error(error);
        let failure = Failure { primitive: &primitive.id(), step: &scope.step.key, error: &error, attempt: tries };
        match scope.session.resting(&scope.cancel, || Ok(seam.decide(&failure)))? {
            Decision::Fail => return Err(error),
            Decision::Retry => {}
            Decision::Take(value) => {
                let text = format!("{} failed and was given a value: {}", primitive.id(), error.message());
                scope.remark(RemarkSort::Decision, &text);
                drop(entered);
                return Ok(value);
            }
        }
    }
}

/// The refusal of a primitive that acts or looks, at the top level.
pub(crate) fn impure(primitive: &Primitive) -> Error {
    let does = match primitive.effect {
        Effect::Change => "changes something",
        Effect::Wait => "waits",
        _ => "reads what may differ from run to run",
    };
    Error::new(
        Kind::Usage,
        format!("{} {does}, and stands at the top level of a script that declares steps", primitive.id()),
    )
    .hint("nothing acts before all steps are declared: put it into a step")
}
