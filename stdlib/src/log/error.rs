//! `log::error`.

use windlass_runtime::event::Level;
use windlass_runtime::{Call, Result, primitive};

use super::Line;

/// Writes a log line of the level "error": something is wrong, though the step goes on.
///
/// Secrets in it are masked. A list or a map is written out.
///
/// # Example
/// ```rhai
/// log::error("three nodes are ready");
/// log::error(#{ ready: 3, of: 4 });
/// ```
#[primitive(module = "log", effect = Pure)]
pub fn error(call: &Call<'_>, text: Line) -> Result<()> {
    call.log(Level::Error, text.0);
    Ok(())
}
