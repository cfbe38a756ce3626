//! `log::warn`.

use windlass_runtime::event::Level;
use windlass_runtime::{Call, Result, primitive};

use super::Line;

/// Writes a log line of the level "warn": worth looking at.
///
/// Secrets in it are masked. A list or a map is written out.
///
/// # Example
/// ```rhai
/// log::warn("three nodes are ready");
/// log::warn(#{ ready: 3, of: 4 });
/// ```
#[primitive(module = "log", effect = Pure)]
pub fn warn(call: &Call<'_>, text: Line) -> Result<()> {
    call.log(Level::Warn, text.0);
    Ok(())
}
