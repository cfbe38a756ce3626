//! The one writer to stderr: lines that stay, and a picture below them that is drawn anew.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use unicode_width::UnicodeWidthChar as _;

use crate::io::Output;
use crate::signals::Told;

/// How often the picture is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// Shows a text above the line that is edited.
type Printer = Box<dyn Fn(&str) + Send>;

/// Stderr.
pub(crate) struct Screen {
    err: Output,
    moving: bool,
    drawn: Mutex<Drawn>,
    over: Arc<(Mutex<bool>, Condvar)>,
    paused: AtomicBool,
    /// Where everything goes while a line is edited.
    editor: Mutex<Option<Printer>>,
    ticker: Mutex<Option<std::thread::JoinHandle<()>>>,
}

#[derive(Default)]
struct Drawn {
    /// The lines of the picture on the screen.
    lines: usize,
    /// What is to be written when a question is answered.
    held: String,
}

/// While it lives, nothing is drawn, because a question is open.
pub(crate) struct Paused<'a>(&'a Screen);

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        let mut drawn = self.0.drawn();
        self.0.paused.store(false, Ordering::Release);
        let held = std::mem::take(&mut drawn.held);
        self.0.err.write(&held);
    }
}

/// While it lives, an editor shows what is said.
pub(crate) struct Lent<'a>(&'a Screen);

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        *self.0.editor() = None;
    }
}

impl Screen {
    pub(super) fn new(err: Output, moving: bool) -> Self {
        let over = Arc::new((Mutex::new(false), Condvar::new()));
        Self {
            err,
            moving,
            drawn: Mutex::default(),
            over,
            paused: AtomicBool::new(false),
            editor: Mutex::default(),
            ticker: Mutex::default(),
        }
    }

    fn drawn(&self) -> MutexGuard<'_, Drawn> {
        self.drawn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Draws what `picture` gives, again and again, until it gives nothing any more or the screen is finished.
    pub(super) fn tick_with(self: &Arc<Self>, picture: impl Fn() -> Option<Vec<String>> + Send + 'static) {
        let (screen, over) = (Arc::downgrade(self), self.over.clone());
        let ticking = move || {
            loop {
                let ended = over.0.lock().unwrap_or_else(PoisonError::into_inner);
                let waited = over.1.wait_timeout_while(ended, TICK, |ended| !*ended);
                if *waited.unwrap_or_else(PoisonError::into_inner).0 {
                    return;
                }
                let (Some(screen), Some(picture)) = (screen.upgrade(), picture()) else { return };
                screen.show("", &picture);
            }
        };
        // Without this thread the picture moves with each event only.
        let ticker = std::thread::Builder::new().name("windlass-screen".to_owned()).spawn(ticking).ok();
        *self.ticker.lock().unwrap_or_else(PoisonError::into_inner) = ticker;
    }

    /// Writes lines that stay, and the picture below them.
    pub(super) fn show(&self, lines: &str, picture: &[String]) {
        let mut drawn = self.drawn();
        if self.is_lent(lines) {
            return;
        }
        if self.paused.load(Ordering::Acquire) {
            drawn.held.push_str(lines);
            return;
        }
        if !self.moving {
            if !lines.is_empty() {
                self.err.write(lines);
            }
            return;
        }
        if lines.is_empty() && picture.is_empty() && drawn.lines == 0 {
            return;
        }
        let (columns, rows) = size();
        let mut text = erase(drawn.lines);
        text.push_str(lines);
        let picture = if is_over(&self.over) { &[] } else { &picture[..picture.len().min(rows.saturating_sub(1))] };
        for line in picture {
            let _ = writeln!(text, "{}\x1b[0m", cut(line, columns.saturating_sub(1)));
        }
        drawn.lines = picture.len();
        self.err.write(&text);
    }

    /// Takes the picture away and holds back what is said until the answer is dropped.
    pub(crate) fn pause(&self) -> Paused<'_> {
        let mut drawn = self.drawn();
        self.paused.store(true, Ordering::Release);
        self.err.write(&erase(drawn.lines));
        drawn.lines = 0;
        Paused(self)
    }

    /// Takes the picture away and gives what is said to an editor, until the answer is dropped.
    pub(crate) fn lend(&self, printer: impl Fn(&str) + Send + 'static) -> Lent<'_> {
        let mut drawn = self.drawn();
        self.err.write(&erase(drawn.lines));
        drawn.lines = 0;
        *self.editor() = Some(Box::new(printer));
        Lent(self)
    }

    fn editor(&self) -> MutexGuard<'_, Option<Printer>> {
        self.editor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an editor has shown the text, because a line is edited.
    fn is_lent(&self, text: &str) -> bool {
        let editor = self.editor();
        if let Some(printer) = editor.as_ref().filter(|_| !text.is_empty()) {
            printer(text);
        }
        editor.is_some()
    }

    /// Writes as it is, now.
    pub(crate) fn raw(&self, text: &str) {
        if !self.is_lent(text) && !text.is_empty() {
            let mut drawn = self.drawn();
            let erased = erase(drawn.lines);
            drawn.lines = 0;
            self.err.write(&format!("{erased}{text}"));
        }
    }

    /// Writes lines that stay; while something else has the terminal, they wait.
    pub(crate) fn tell(&self, lines: &str) {
        match self.paused.load(Ordering::Acquire) {
            true => self.drawn().held.push_str(lines),
            false => self.raw(lines),
        }
    }

    /// Writes a result in the place of the picture.
    pub(crate) fn result(&self, out: &Output, text: &str) {
        let mut drawn = self.drawn();
        self.err.write(&erase(drawn.lines));
        drawn.lines = 0;
        out.write(text);
    }

    /// Takes the picture away for good.
    pub(super) fn finish(&self) {
        {
            let mut drawn = self.drawn();
            *self.over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
            self.over.1.notify_all();
            if drawn.lines > 0 {
                self.err.write(&erase(drawn.lines));
                drawn.lines = 0;
            }
        }
        let ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ticker) = ticker {
            // It has nothing to give.
            let _ = ticker.join();
        }
    }
}

impl Told for Screen {
    fn notice(&self, text: &str) {
        self.raw(&format!("\n{text}\n"));
    }

    fn leave(&self) {
        self.raw("\x1b[0m".get(..usize::from(self.moving) * 4).unwrap_or_default());
    }
}

fn is_over(over: &(Mutex<bool>, Condvar)) -> bool {
    *over.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Moves up over the picture and clears from there.
fn erase(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\x1b[{lines}A\r\x1b[J") }
}

/// The terminal's columns and rows.
fn size() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(rustix::stdio::stderr()) {
        Ok(size) if size.ws_col > 0 => (usize::from(size.ws_col), usize::from(size.ws_row.max(2))),
        _ => (80, 24),
    }
}

/// A line with colours, cut to the terminal's width, so that it takes one row.
pub(crate) fn cut(line: &str, columns: usize) -> String {
    let mut kept = String::with_capacity(line.len());
    let (mut used, mut escape) = (0, false);
    for c in line.chars() {
        if c == '\x1b' {
            escape = true;
        }
        if escape {
            escape = !c.is_ascii_alphabetic();
            kept.push(c);
            continue;
        }
        let width = c.width().unwrap_or(0);
        if used + width > columns {
            continue;
        }
        used += width;
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_at_the_width_and_keeps_its_colours() {
        assert_eq!(cut("\x1b[1mabcdef\x1b[0m", 3), "\x1b[1mabc\x1b[0m");
        assert_eq!(cut("漢字x", 3), "漢x");
        assert_eq!(cut("", 3), "");
    }
}
