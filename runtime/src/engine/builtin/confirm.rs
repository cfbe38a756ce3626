//! `confirm`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::journal::RemarkSort;

/// Asks a person for approval, and goes on only with a yes: it returns `true`, or ends the run.
///
/// `--yes-to KEY` answers it beforehand; nothing answers all. Without a terminal and without `--yes-to` the run is
/// cancelled. The step's deadline rests while the question is open.
///
/// # Errors
/// `cancelled` if it is refused. It cannot be caught.
///
/// # Example
/// ```rhai
/// confirm("delete-data", "All volumes of the old installation are deleted.");
/// ```
#[primitive(module = "", effect = Wait)]
pub fn confirm(call: &Call<'_>, key: String, text: String) -> Result<bool> {
    call.session().confirm(&call.scope.cancel, &key, &text)?;
    call.remark(RemarkSort::Decision, &format!("`{key}` approved: {text}"));
    Ok(true)
}
