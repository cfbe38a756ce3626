//! The engine's own functions: steps, `always`, `ctx`, `sleep`, `timestamp`.

use std::sync::Arc;
use std::time::Duration;

use rhai::{Dynamic, Engine, FnPtr, Map, NativeCallContext};

use crate::Result;
use crate::call::{Call, call_closure};
use crate::cancel::{Cancel, Deadline};
use crate::clock::Moment;
use crate::closure::Closure;
use crate::event::{Level, What};
use crate::options::{FromValue, Options};
use crate::playbook::{StepOptions, declare};
use crate::primitive::{Effect, Parameter, Primitive};
use crate::scope::{Phase, Scope};
use crate::script_error::{raise, terminate};
use crate::secret::Placeholder;
use crate::value::Value;

use super::boundary::place_of;

type RhaiResult<T = Dynamic> = std::result::Result<T, Box<rhai::EvalAltResult>>;

/// How long a cleanup may take.
pub const CLEANUP_LIMIT: Duration = Duration::from_secs(30);

fn scoped<T>(context: &NativeCallContext<'_>, run: impl FnOnce(&Arc<Scope>) -> Result<T>) -> RhaiResult<T> {
    let scope =
        Scope::of(context).map_err(|e| Box::new(rhai::EvalAltResult::ErrorSystem(String::new(), Box::new(e))))?;
    let place = place_of(context);
    scope.set_place(&place);
    run(&scope).map_err(|error| raise(&scope, scope.session.mask_error(error.at(place))))
}

/// As [`scoped`], for a declaration: one that fails at the top level cannot be hidden, or steps would be missing in silence.
fn declaring(context: &NativeCallContext<'_>, run: impl FnOnce(&Arc<Scope>) -> Result<()>) -> RhaiResult<()> {
    scoped(context, |scope| Ok((scope.clone(), run(scope)))).and_then(|(scope, declared)| {
        declared.map_err(|error| {
            let error = scope.session.mask_error(error.at(place_of(context)));
            if matches!(scope.phase, Phase::Declare(_)) { terminate(&scope, error) } else { raise(&scope, error) }
        })
    })
}

/// The name of the function that stores a unit's state at the end of its top level.
pub(crate) const SEAL: &str = "__end";

/// A unit's source with the line that stores its state.
pub(crate) fn seal(source: &str) -> String {
    format!("{source}\n;{SEAL}();")
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn(SEAL, |context: NativeCallContext<'_>| {
        scoped(&context, |scope| {
            if let Phase::Declare(collector) = &scope.phase {
                collector.seal(context.global_runtime_state());
            }
            Ok(())
        })
    });
    engine.register_fn("step", |context: NativeCallContext<'_>, key: &str, body: FnPtr| {
        declaring(&context, |scope| declare(&context, scope, key, StepOptions::read("step", Value::Null)?, &body))
    });
    engine.register_fn("step", |context: NativeCallContext<'_>, key: &str, options: Map, body: FnPtr| {
        declaring(&context, |scope| {
            let options = Value::from_dynamic(&options.into(), scope.session.secrets())?;
            declare(&context, scope, key, StepOptions::read("step", options)?, &body)
        })
    });
    engine.register_fn("include_steps", |context: NativeCallContext<'_>, name: &str| {
        declaring(&context, |scope| crate::playbook::include(&context, scope, name))
    });
    engine.register_fn("always", |context: NativeCallContext<'_>, work: FnPtr, cleanup: FnPtr| {
        scoped(&context, |scope| always(&context, scope, &work, &cleanup))
    });
    engine
        .register_type_with_name::<Placeholder>("Secret")
        .register_fn("to_string", |s: &mut Placeholder| s.to_string());
    engine.register_fn("to_debug", |_: &mut Placeholder| "[secret]".to_owned());
    // Rhai joins and appends by `to_string`; with `+` the same must come of it.
    engine.register_fn("+", |text: &str, secret: Placeholder| format!("{text}{secret}"));
    engine.register_fn("+", |secret: Placeholder, text: &str| format!("{secret}{text}"));
    crate::playbook::register_context(engine);
}

/// `always(|| work, || cleanup)`: the cleanup runs whatever became of the work, shielded from a cancel, for 30 s at most.
fn always(context: &NativeCallContext<'_>, scope: &Arc<Scope>, work: &FnPtr, cleanup: &FnPtr) -> Result<Dynamic> {
    let (work, cleanup) = (Closure::take(work), Closure::take(cleanup));
    let result = call_closure(context, scope, &work, Vec::new());
    let clock = scope.session.clock();
    let deadline = Deadline { at: clock.now() + CLEANUP_LIMIT, limit: CLEANUP_LIMIT, what: "the cleanup".to_owned() };
    let countdown = scope.cancel.is_stopped().then(|| Countdown::start(scope, deadline.at));
    let shielded = scope.under(Cancel::root_until(deadline));
    let cleaned = call_closure(context, &shielded, &cleanup, Vec::new());
    drop(countdown);
    match (result, cleaned) {
        (Ok(value), Ok(_)) => Ok(value),
        (Err(error), Ok(_)) => Err(error),
        (Ok(_), Err(error)) => Err(error.context("the work was done, but its cleanup failed")),
        (Err(error), Err(cleanup)) => {
            scope.session.log(Some(&scope.step.key), Level::Error, format!("the cleanup failed too: {cleanup}"));
            Err(error)
        }
    }
}

/// Shows, each second, how long a cleanup after a stop may still take.
struct Countdown(tokio::task::AbortHandle);

impl Countdown {
    fn start(scope: &Scope, end: Moment) -> Self {
        let text = format!("stopped: cleaning up (at most {} s)", CLEANUP_LIMIT.as_secs());
        scope.session.log(Some(&scope.step.key), Level::Info, text);
        let (session, step) = (scope.session.clone(), scope.step.key.clone());
        let task = scope.session.bridge().handle().spawn(async move {
            let clock = session.clock().clone();
            loop {
                clock.sleep_weakly_until(clock.now() + Duration::from_secs(1)).await;
                let left = (end - clock.now()).as_secs();
                let (subject, text) = ("cleanup".to_owned(), format!("{left} s left"));
                session.tell(Some(&step), What::Progress { subject, text });
                if left == 0 {
                    return;
                }
            }
        });
        Self(task.abort_handle())
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The engine's own primitives: those that need nothing but the session.
pub(crate) fn own_primitives() -> Vec<Primitive> {
    fn fits<T: FromValue>(value: Value) -> std::result::Result<(), crate::options::Mismatch> {
        T::from_value(value).map(|_| ())
    }
    let text = |name| Parameter { name, expects: String::expects(), check: fits::<String> };
    vec![
        Primitive {
            module: "",
            name: "sleep",
            effect: Effect::Wait,
            method: false,
            doc: "Waits for a time, by the target's clock: in a rehearsal it costs nothing.\n\nTo wait for something to happen, use the functions of `wait`, which say what they wait for.\n\n# Errors\n`deadline` or `cancelled`.\n\n# Example\n```rhai\nsleep(0.01);\nsleep(\"10ms\");\n```",
            parameters: vec![Parameter { name: "duration", expects: Duration::expects(), check: fits::<Duration> }],
            options_at: None,
            options: Vec::new(),
            returns: "()",
            invoke: |call, mut arguments| {
                let duration: Duration = arguments.next("duration")?;
                let clock = call.clock();
                call.wait(async move {
                    clock.sleep(duration).await;
                    Ok(Value::Null)
                })
            },
        },
        Primitive {
            module: "",
            name: "timestamp",
            effect: Effect::Read,
            method: false,
            doc: "The seconds since the session's clock started, as a number.\n\n# Example\n```rhai\nlet begun = timestamp();\nlog::info(`${timestamp() - begun} s`);\n```",
            parameters: Vec::new(),
            options_at: None,
            options: Vec::new(),
            returns: "f64",
            invoke: |call, _| Ok(Value::Float(call.clock().now().0.as_secs_f64())),
        },
        Primitive {
            module: "",
            name: "confirm",
            effect: Effect::Wait,
            method: false,
            doc: "Asks a person for approval, and goes on only with a yes: it returns `true`, or ends the run.\n\n`--yes-to KEY` answers it beforehand; nothing answers all. Without a terminal and without `--yes-to` the run is cancelled. The step's deadline rests while the question is open.\n\n# Errors\n`cancelled` if it is refused. It cannot be caught.\n\n# Example\n```rhai\nconfirm(\"delete-data\", \"All volumes of the old installation are deleted.\");\n```",
            parameters: vec![text("key"), text("text")],
            options_at: None,
            options: Vec::new(),
            returns: "bool",
            invoke: |call: &Call<'_>, mut arguments| {
                let (key, question): (String, String) = (arguments.next("key")?, arguments.next("text")?);
                call.session().confirm(&call.scope.cancel, &key, &question)?;
                let id = call.scope.next_id();
                call.session().journal().decision(&id, &format!("`{key}` approved: {question}"))?;
                Ok(Value::Bool(true))
            },
        },
    ]
}
