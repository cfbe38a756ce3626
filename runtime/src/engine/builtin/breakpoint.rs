//! `breakpoint`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;

/// Shows a person at the terminal where the script stands, and asks whether it goes on or stops.
///
/// Without a terminal, and in a rehearsal, it says in the log that it was passed, and goes on: a playbook with a forgotten
/// breakpoint does not hang at night. What needs a decision takes `confirm`. The step's deadline rests while the question is
/// open. A stop cancels the run. In `windlass repl`, it opens the prompt there, in a rehearsal too.
///
/// # Errors
/// `cancelled` if the person stops. It cannot be caught.
///
/// # Example
/// ```rhai
/// let ready = 2;
/// breakpoint();
/// breakpoint(`${ready} nodes are ready: look at them before the first one is drained`);
/// ```
#[primitive(module = "", effect = Wait)]
pub fn breakpoint(call: &Call<'_>, text: Option<String>) -> Result<()> {
    call.session().breakpoint(&call.scope, call.place(), call.depth(), text.as_deref())
}
