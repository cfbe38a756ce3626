//! Where lines come from.

use std::sync::Arc;

use windlass_runtime::playbook::Console;
use windlass_runtime::{Error, Result};

use super::{Desk, lock};
use crate::repl::complete::{Known, Picture};
use crate::repl::lines::Lines;
use crate::repl::prompt::Standing;
use crate::repl::typed::Line;

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
            if line != Line::End || lines.len() == 1 {
                return Ok(line);
            }
            lines.pop();
        }
    }
}
