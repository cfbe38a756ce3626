//! Where simulated time goes: which calls took it, for whoever wants to know what a run waits for.

use std::cell::Cell;
use std::time::Duration;

use crate::call::Call;
use crate::clock::Moment;
use crate::event::What;
use crate::value::Value;

/// What took less is not worth a word.
const LEAST: Duration = Duration::from_secs(1);

thread_local! {
    /// The time that calls have told of on this thread since the call around them began.
    static TOLD: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// A call that may take simulated time.
pub(super) struct Waiting {
    /// When it began, and what had been told of before; nothing where time is real.
    begun: Option<(Moment, Duration)>,
}

impl Waiting {
    pub(super) fn begin(call: &Call<'_>) -> Self {
        let clock = call.session().clock();
        Self { begun: clock.is_virtual().then(|| (clock.now(), TOLD.with(|told| told.replace(Duration::ZERO)))) }
    }

    /// Tells of the time that the call itself has taken.
    pub(super) fn end(self, call: &Call<'_>, arguments: &[Value]) {
        let Some((begun, told_before)) = self.begun else { return };
        let took = call.session().clock().now() - begun;
        let inside = TOLD.with(Cell::get);
        let own = took.saturating_sub(inside);
        if call.has_branched() || own < LEAST {
            TOLD.with(|told| told.set(told_before + if call.has_branched() { took } else { inside }));
            return;
        }
        TOLD.with(|told| told.set(told_before + took));
        let primitive = call.primitive().to_owned();
        let what = What::Waited { primitive, about: about(arguments), virtual_s: own.as_secs_f64() };
        call.session().tell(Some(call.step()), what);
    }
}

/// What a call is about, by its first argument.
fn about(arguments: &[Value]) -> String {
    let mut about = match arguments.first() {
        Some(Value::Text(text)) => text.clone(),
        Some(Value::List(list)) => format!("{} objects", list.len()),
        _ => return String::new(),
    };
    if let Some(Value::Map(options)) = arguments.last()
        && let Some(Value::Text(namespace)) = options.get("namespace")
    {
        about = format!("{about} in {namespace}");
    }
    about
}
