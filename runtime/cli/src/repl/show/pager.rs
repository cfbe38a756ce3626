//! Long output, page by page.

use std::io::Write as _;
use std::process::{Command, Stdio};

use windlass_runtime::Result;

use crate::repl::desk::Desk;

/// How `less` shows it.
const LESS: &str = "EFRX-Psmore below (space goes on, q goes back)$";

/// Shows a text: through a pager, where it is longer than the terminal.
pub(in crate::repl) fn paged(desk: &Desk, text: &str) -> Result<()> {
    let rows = rustix::termios::tcgetwinsize(rustix::stdio::stdout()).map_or(0, |size| usize::from(size.ws_row));
    let is_long = rows > 0 && text.lines().count() >= rows;
    let through_pager = || {
        let screen = desk.progress().screen();
        let _quiet = screen.pause();
        desk.interrupt().is_anothers(|| through_pager(text))
    };
    if !(desk.is_terminal() && is_long && through_pager()) {
        desk.out(text);
    }
    Ok(())
}

/// Whether a pager has shown it.
#[expect(clippy::disallowed_methods, reason = "a pager has the terminal, so it stays in this process's group")]
fn through_pager(text: &str) -> bool {
    let named = std::env::var("PAGER").ok().filter(|text| !text.trim().is_empty());
    let line = named.unwrap_or_else(|| "less".to_owned());
    let mut command = Command::new("sh");
    // Colours as they are; what fits is shown and left on the screen, and it ends at the end. It does not look as the prompt does,
    // and nothing that is typed there by mistake writes a file.
    command.args(["-c", &line]).env("LESS", LESS).env("LESSSECURE", "1").stdin(Stdio::piped());
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // A pager that is ended before the end does not read the rest.
        let _ = input.write_all(text.as_bytes());
    }
    child.wait().is_ok_and(|status| status.code() != Some(127))
}
