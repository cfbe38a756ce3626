//! `log::debug`.

use windlass_runtime::event::Level;
use windlass_runtime::{Call, Result, primitive};

use super::Line;

/// Writes a log line of the level "debug": only shown to who looks closely.
///
/// Secrets in it are masked. A list or a map is written out.
///
/// # Example
/// ```rhai
/// log::debug("three nodes are ready");
/// log::debug(#{ ready: 3, of: 4 });
/// ```
#[primitive(module = "log", effect = Pure)]
pub fn debug(call: &Call<'_>, text: Line) -> Result<()> {
    call.log(Level::Debug, text.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::testing::run;

    #[test]
    fn the_word_is_free_for_us_and_for_rhai() {
        let ran = run("log::debug(\"ours\"); debug(\"theirs\")");
        assert_eq!(ran.logs(), ["ours", "\"theirs\""]);
    }
}
