//! `once`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::closure::Closure;
use crate::journal::Note;
use crate::playbook::{journaled, keepable, restored};
use crate::value::Value;

/// Gives what the closure returns, and the same again when the step starts over: in a new attempt, and when the run is resumed
/// after it was interrupted.
///
/// It is for what would be another value each time, such as the time, a random name, or what was asked for. Names are a step's
/// own. When the step is done, the value is forgotten: a step that is redone gets a new one.
///
/// # Errors
/// What the closure throws; `usage` for what cannot be kept, such as a closure.
///
/// # Example
/// ```rhai
/// let begun = once("begun", || timestamp());
/// log::info(`since ${begun} s`);
/// ```
#[primitive(module = "", effect = Control)]
pub fn once(call: &Call<'_>, name: String, closure: Closure) -> Result<Value> {
    let (session, step) = (call.session(), call.step().to_owned());
    let key = (step.clone(), name.clone());
    if let Some(kept) = session.once(&key) {
        return restored(session, kept);
    }
    let value = call.run(&closure, Vec::new())?;
    keepable(&name, &value)?;
    let kept = journaled(&value);
    session.keep_once(key, kept.clone());
    session.journal().note(Note::Once { step, name, value: kept });
    Ok(value)
}
