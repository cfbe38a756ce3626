//! The engine's own functions: those that need nothing but the session. And what lies below them.

mod after;
mod always;
mod before;
mod breakpoint;
mod confirm;
mod include_steps;
mod insert;
mod once;
mod replace;
mod skip;
mod sleep;
mod step;
mod timestamp;
mod wrap;

use rhai::{Engine, EvalAltResult, NativeCallContext};

use crate::primitive::Primitive;
use crate::scope::{Phase, Scope};
use crate::secret::Placeholder;

/// The name of the function that stores a unit's state at the end of its top level.
pub(crate) const SEAL: &str = "__end";

/// A unit's source with the line that stores its state.
pub(crate) fn seal(source: &str) -> String {
    format!("{source}\n;{SEAL}();")
}

/// What is no primitive: the end of a unit, secrets, `ctx`.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn(SEAL, |context: NativeCallContext<'_>| -> Result<(), Box<EvalAltResult>> {
        let scope =
            Scope::of(&context).map_err(|e| Box::new(EvalAltResult::ErrorSystem(String::new(), Box::new(e))))?;
        if let Phase::Declare(collector) = &scope.phase {
            collector.seal(context.global_runtime_state());
        }
        Ok(())
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

/// The engine's own primitives.
pub(crate) fn own_primitives() -> Vec<Primitive> {
    vec![
        after::primitive(),
        always::primitive(),
        before::primitive(),
        breakpoint::primitive(),
        confirm::primitive(),
        include_steps::primitive(),
        insert::primitive(),
        once::primitive(),
        replace::primitive(),
        skip::primitive(),
        sleep::primitive(),
        step::primitive(),
        timestamp::primitive(),
        wrap::primitive(),
    ]
}
