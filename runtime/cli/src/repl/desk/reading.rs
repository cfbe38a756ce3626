//! Where lines come from.

use std::sync::Arc;

use rustix::termios::QueueSelector;
use windlass_runtime::playbook::{Console, parse_error};
use windlass_runtime::{Error, Result, Runtime};

use super::{Desk, lock};
use crate::clean::{clean, line};
use crate::repl::complete::{Known, Picture};
use crate::repl::lines::Lines;
use crate::repl::prompt::Standing;
use crate::repl::typed::Line;

/// Whether a text is several lines that are read one after the other: there are commands among them.
fn is_of_several(runtime: &Runtime, text: &str) -> bool {
    let is_command = |line: &str| line.trim_start().starts_with(':') && !line.trim_start().starts_with("::");
    let text = text.trim();
    text.lines().count() > 1 && text.lines().any(is_command) && parse_error(runtime, text).is_some()
}

/// How many files can name each other by `:source`.
const SOURCES: usize = 16;

impl Desk {
    /// Reads lines from there, until they end, and then from where they came before.
    ///
    /// # Errors
    /// Where files name each other without end.
    pub(in crate::repl) fn read_from(&self, from: Lines) -> Result<()> {
        let mut lines = lock(&self.lines);
        if lines.len() > SOURCES {
            return Err(Error::usage(format!("more than {SOURCES} files name each other by :source"))
                .hint("does a file name itself?"));
        }
        lines.push(from);
        Ok(())
    }

    /// The next line outside of steps.
    pub(in crate::repl) fn read_outside(&self, standing: &Standing, console: &Console) -> Result<Line> {
        lock(&self.standing).clone_from(standing);
        lock(&self.using).clone_from(console.using());
        self.read(standing, console)
    }

    /// Takes note of what there is to be completed.
    pub(in crate::repl) fn knows(&self, known: Known) {
        *lock(&self.known) = Arc::new(known);
    }

    /// What there is to be completed.
    pub(in crate::repl) fn known(&self) -> Arc<Known> {
        lock(&self.known).clone()
    }

    /// Takes a line that was not edited for one that was: it is shown, and kept in the history.
    fn takes(&self, lines: &mut [Lines], text: &str) -> Line {
        let text = text.trim_end();
        self.say(&format!("> {}\n", clean(text)));
        if let Some(Lines::Terminal(editor)) = lines.first_mut() {
            editor.takes(text);
        }
        Line::Text(text.to_owned())
    }

    fn forgets(&self, lines: &mut [Lines]) {
        if let Some(Lines::Terminal(editor)) = lines.first_mut() {
            editor.keep(|_| false);
        }
    }

    /// What was typed ahead, or is left of what was pasted, was not meant for here: it is dropped, and said.
    pub(in crate::repl) fn drops_what_was_typed_ahead(&self) {
        let mut lines = lock(&self.lines);
        let mut dropped = Vec::new();
        while let Some(Lines::Given { lines: rest, by_hand: true }) = lines.last_mut() {
            dropped.extend(rest.drain(..));
            lines.pop();
        }
        match lines.first_mut() {
            Some(Lines::Terminal(editor)) => dropped.extend(editor.drops_typed_ahead().lines().map(str::to_owned)),
            // Whatever it was, the terminal has it no more.
            Some(Lines::Plain(..)) => drop(rustix::termios::tcflush(rustix::stdio::stdin(), QueueSelector::IFlush)),
            _ => {}
        }
        drop(lines);
        dropped.retain(|line| !line.trim().is_empty());
        if !dropped.is_empty() {
            let text = format!("typed ahead, and not for here: {}", line(&dropped.join(", ")));
            self.say_prose(&format!("{} {text}", self.ui.err_style.yellow("dropped:")));
        }
    }

    /// The next line, which is for this console. What is said meanwhile appears above it.
    pub(in crate::repl) fn read(&self, standing: &Standing, console: &Console) -> Result<Line> {
        let screen = self.progress.screen();
        let mut lines = lock(&self.lines);
        // Ctrl-C stops what was to come as well, but for what a person types.
        if self.interrupt.was_pressed() {
            if self.is_person {
                lines.truncate(1);
            } else {
                lock(&self.failed).get_or_insert(crate::exit::CANCELLED);
                self.leave();
            }
        }
        loop {
            let Some(from) = lines.last_mut().filter(|_| !self.is_leaving()) else {
                return Ok(Line::End);
            };
            let (is_edited, is_by_hand) =
                (matches!(from, Lines::Terminal(_)), matches!(from, Lines::Given { by_hand: true, .. }));
            let line = match from {
                Lines::Terminal(editor) => {
                    editor.sees(Picture::of(console, self.known()));
                    let printer = editor.printer();
                    let _lent = screen.lend(move |text: &str| {
                        // A full queue has more than anybody reads.
                        let _ = printer.try_send(text.trim_end_matches('\n').to_owned());
                    });
                    match from.next(standing, &self.runtime) {
                        Err(_) if self.is_leaving() => Line::End,
                        line => line?,
                    }
                }
                from => from.next(standing, &self.runtime)?,
            };
            match line {
                Line::Ahead(text) => return Ok(self.takes(&mut lines, &text)),
                Line::Text(text) if is_by_hand => return Ok(self.takes(&mut lines, &text)),
                Line::Text(text) if is_edited && is_of_several(&self.runtime, &text) => {
                    // Each of them is kept when it is done.
                    self.forgets(&mut lines);
                    lines.push(Lines::pasted(&text));
                }
                Line::End if lines.len() > 1 => drop(lines.pop()),
                line => return Ok(line),
            }
        }
    }
}
