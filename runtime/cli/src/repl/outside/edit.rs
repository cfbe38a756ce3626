//! Scripts and lines in a person's editor.

use std::path::PathBuf;
use std::process::ExitStatus;

use windlass_runtime::playbook::Walk;
use windlass_runtime::{Error, Kind, Result};

use super::{Repl, steps};
use crate::editor::{self, Draft};
use crate::failed::Failed;
use crate::render::Shown;
use crate::repl::desk::Desk;
use crate::repl::evaluate::evaluate;

impl Repl {
    /// Opens the script of a step and reads the playbook anew; without a playbook, a text, which is then evaluated.
    pub(super) fn edit(&mut self, step: Option<&str>) -> std::result::Result<(), Failed> {
        if self.book.workspace.is_none() && step.is_none() {
            let draft = Draft::new("line.rhai", &self.draft)?;
            opened(&self.desk, || draft.open())?;
            let text = draft.read()?;
            if text.trim().is_empty() {
                return Ok(());
            }
            let evaluated = evaluate(&self.desk, self.book.console_mut(), text.trim());
            self.draft = if evaluated.is_err() { text.to_string() } else { String::new() };
            return evaluated;
        }
        let (file, line_number) = match &self.book.broken_at {
            // There it was not to be read.
            Some(place) if step.is_none() => (file_of(&place.source, "the playbook")?, place.line),
            _ => script_of(self.book.walk_as_read()?, step)?,
        };
        opened(&self.desk, || editor::open(&file, Some(line_number)))?;
        self.book.reload(&self.desk, &self.args)?;
        Ok(())
    }
}

fn opened(desk: &Desk, open: impl FnOnce() -> Result<ExitStatus>) -> Result<()> {
    let screen = desk.progress().screen();
    let _quiet = screen.pause();
    let ended = desk.interrupt().is_anothers(open)?;
    if ended.success() { Ok(()) } else { Err(editor::failed(ended)) }
}

/// The file in which a step stands, and its line there, or that at which it has failed: of the next one, or the last where all are
/// done.
fn script_of(walk: &Walk, key: Option<&str>) -> Result<(PathBuf, usize)> {
    let index = match key {
        Some(key) => steps::find(walk, key)?,
        None => walk.next().unwrap_or_else(|| walk.steps().len().saturating_sub(1)),
    };
    let step = walk.steps().get(index).ok_or_else(steps::over)?;
    let source = &step.place.source;
    let file = file_of(source, &format!("step \"{}\"", step.key))?;
    let failed = walk.report(&step.key).and_then(|report| report.error.as_ref()).map(Shown::of_json);
    let failed = failed.and_then(|error| error.place).filter(|place| place.source == *source);
    Ok((file, failed.map_or(step.place.line, |place| place.line)))
}

/// The file of a script, in which this stands.
fn file_of(source: &str, what: &str) -> Result<PathBuf> {
    if source.starts_with("stock:") {
        let text = format!("{what} stands in {source}, which is built into windlass");
        return Err(Error::usage(text).hint(
            "`windlass new` makes a customer folder for it, whose hooks.rhai changes steps, puts others in their place or before and after them",
        ));
    }
    let file = PathBuf::from(source);
    if file.is_file() {
        return Ok(file);
    }
    Err(Error::new(Kind::NotFound, format!("{what} stands in {source}, which is no file"))
        .hint(":reload reads the playbook from where it is now"))
}
