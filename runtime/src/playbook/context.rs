//! `ctx`: what a step's closure is given.

use rhai::{Dynamic, Engine, EvalAltResult, NativeCallContext};

use crate::scope::Scope;
use crate::script_error::raise;
use crate::value::Value;
use crate::{Error, Kind, Result};

/// The context of a step: `ctx.key`, `ctx.attempt`, `ctx.state`, `ctx.result("other-step")`.
#[derive(Clone)]
pub(crate) struct StepContext;

/// What steps leave for later ones.
#[derive(Clone)]
struct State;

type RhaiResult<T> = std::result::Result<T, Box<EvalAltResult>>;

fn scoped<T>(context: &NativeCallContext<'_>, run: impl FnOnce(&Scope) -> Result<T>) -> RhaiResult<T> {
    let scope = Scope::of(context).map_err(|e| Box::new(EvalAltResult::ErrorSystem(String::new(), Box::new(e))))?;
    let place = crate::place_of(context);
    run(&scope).map_err(|error| raise(&scope, error.at(place)))
}

pub(crate) fn register(engine: &mut Engine) {
    engine
        .register_type_with_name::<StepContext>("Step")
        .register_get("state", |_: &mut StepContext| State)
        .register_get("key", |context: NativeCallContext<'_>, _: &mut StepContext| {
            scoped(&context, |scope| Ok(scope.step.key.clone()))
        })
        .register_get("attempt", |context: NativeCallContext<'_>, _: &mut StepContext| {
            scoped(&context, |scope| Ok(i64::from(scope.step.attempt)))
        })
        .register_fn("result", |context: NativeCallContext<'_>, _: &mut StepContext, step: &str| {
            scoped(&context, |scope| {
                let value = scope.session.result_of(step)?.ok_or_else(|| {
                    Error::new(Kind::NotFound, format!("step \"{step}\" has left no result in this run"))
                        .hint("name it in `needs`, so that it runs before")
                })?;
                Ok(value.into_dynamic())
            })
        });
    engine
        .register_type_with_name::<State>("State")
        .register_indexer_get(|context: NativeCallContext<'_>, _: &mut State, key: &str| {
            scoped(&context, |scope| {
                let value = scope.session.state_of(key)?.ok_or_else(|| {
                    Error::new(Kind::NotFound, format!("no step has set ctx.state.{key}"))
                        .hint("ask with `\"x\" in ctx.state` whether it is there")
                })?;
                Ok(value.into_dynamic())
            })
        })
        .register_indexer_set(|context: NativeCallContext<'_>, _: &mut State, key: &str, value: Dynamic| {
            scoped(&context, |scope| {
                let value = Value::from_dynamic(&value, scope.session.secrets())?;
                keepable(key, &value)?;
                scope.session.write_state(scope, key, value)
            })
        })
        .register_fn("contains", |context: NativeCallContext<'_>, _: &mut State, key: &str| {
            scoped(&context, |scope| Ok(scope.session.has_state(key)))
        });
}

/// What is left for later steps must outlive the run: no closures, no handles, no changed secrets.
pub(crate) fn keepable(key: &str, value: &Value) -> Result<()> {
    match value {
        Value::Closure(_) | Value::Handle(_) => {
            Err(Error::usage(format!("ctx.state.{key} cannot hold {}", value.sort()))
                .hint("leave data there: texts, numbers, lists, maps, secrets"))
        }
        Value::Damaged(_) => Err(crate::value::damaged(&format!("ctx.state.{key}"))),
        Value::List(items) => items.iter().try_for_each(|item| keepable(key, item)),
        Value::Map(map) => map.values().try_for_each(|item| keepable(key, item)),
        _ => Ok(()),
    }
}
