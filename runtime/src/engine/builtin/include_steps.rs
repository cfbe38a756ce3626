//! `include_steps`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::playbook::include;

/// Declares the steps of another file: `steps/NAME.rhai` beside the script, `NAME.rhai` beside it, or the stock one.
///
/// Its steps run as if they stood here, and can need those of other files. Each file is included once.
///
/// # Errors
/// `not_found` if there is no such file; `usage` inside a step, for a file that is included twice, or for what is no name.
///
/// # Example
/// ```rhai
/// include_steps("storage");
/// step("done", #{ needs: ["storage/ready"] }, || { log::info("storage is there"); });
/// ```
#[primitive(module = "", effect = Control)]
pub fn include_steps(call: &Call<'_>, name: String) -> Result<()> {
    include(call, &name)
}
