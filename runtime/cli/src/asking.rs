//! Questions outside of runs: what `new` and `secrets` ask.

use std::sync::Arc;

use windlass_runtime::Result;
use windlass_runtime::bridge::Bridge;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::secret::Prompter as _;
use zeroize::Zeroizing;

use crate::io::Ui;
use crate::progress::Progress;
use crate::prompt::Terminal;
use crate::render::Sources;
use crate::signals::{self, Listening, Told};
use crate::style::Style;

/// A person at the terminal. Ctrl-C ends the question, and with it the command.
pub(crate) struct Asking {
    terminal: Terminal,
    progress: Progress,
    pub(crate) style: Style,
    _listening: Listening,
    _bridge: Bridge,
}

impl Asking {
    /// The person, if there is one.
    pub(crate) fn begin(ui: &Ui) -> Result<Option<Self>> {
        if !ui.io.process || !Terminal::is_there() {
            return Ok(None);
        }
        let (bridge, cancel) = (Bridge::new()?, Cancel::root());
        let listening = signals::listen(&bridge, &cancel, Arc::new(Silent), None)?;
        let progress = Progress::new(ui, Sources::default(), false);
        let style = ui.err_style;
        let terminal = Terminal {
            stopped: Box::new(move || cancel.reason()),
            progress: progress.clone(),
            style,
            values: Vec::new(),
        };
        Ok(Some(Self { terminal, progress, style, _listening: listening, _bridge: bridge }))
    }

    /// A line, as it was typed, without blanks around it.
    pub(crate) fn line(&self, question: &str) -> Result<String> {
        Ok(self.terminal.ask(question, false)?.trim().to_owned())
    }

    /// A secret, which is not shown.
    pub(crate) fn secret(&self, what: &str) -> Result<Zeroizing<String>> {
        self.terminal.secret(what)
    }

    /// One of these letters; the first without an answer, where `first` says so.
    pub(crate) fn choice(&self, question: &str, letters: &[char], first: bool) -> Result<char> {
        loop {
            let answer = self.line(&format!("{} ", self.style.bold(question)))?.to_lowercase();
            match answer.chars().next() {
                Some(letter) if letters.contains(&letter) => return Ok(letter),
                None if first => return Ok(letters.first().copied().unwrap_or_default()),
                _ => self.say(&format!(
                    "Answer {}.\n",
                    letters.iter().map(char::to_string).collect::<Vec<_>>().join(" or ")
                )),
            }
        }
    }

    /// Says something between the questions.
    pub(crate) fn say(&self, text: &str) {
        self.progress.screen().raw(text);
    }

    /// Whether Ctrl-C was pressed.
    pub(crate) fn check(&self) -> Result<()> {
        (self.terminal.stopped)().map_or(Ok(()), Err)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.progress.finish();
    }
}

/// The question ends at once, and the error says why: nothing more is to be told.
struct Silent;

impl Told for Silent {
    fn notice(&self, _: &str) {}
    fn leave(&self) {}
}
