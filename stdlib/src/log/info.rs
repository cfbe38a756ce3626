//! `log::info`.

use windlass_runtime::event::Level;
use windlass_runtime::{Call, Result, primitive};

use super::Line;

/// Writes a log line of the level "info": worth knowing.
///
/// Secrets in it are masked. A list or a map is written out.
///
/// # Example
/// ```rhai
/// log::info("three nodes are ready");
/// log::info(#{ ready: 3, of: 4 });
/// ```
#[primitive(module = "log", effect = Pure)]
pub fn info(call: &Call<'_>, text: Line) -> Result<()> {
    call.log(Level::Info, text.0);
    Ok(())
}
