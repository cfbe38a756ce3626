//! `report::manual`.

use windlass_runtime::event::Level;
use windlass_runtime::journal::RemarkSort;
use windlass_runtime::{Call, Result, primitive};

use crate::log::Line;

/// Says in the run's report what is left to be done by hand.
///
/// It is told at once, and stands among what is left to be done by hand in `windlass runs show`. Said twice with the same words, it
/// stands there once. Secrets in it are masked.
///
/// # Example
/// ```rhai
/// report::manual("Import Keycloak's realm: https://cx.example.com/auth");
/// ```
#[primitive(module = "report", effect = Read)]
pub fn manual(call: &Call<'_>, what: Line) -> Result<()> {
    call.log(Level::Info, format!("by hand: {}", what.0));
    call.remark(RemarkSort::Manual, &what.0);
    Ok(())
}
