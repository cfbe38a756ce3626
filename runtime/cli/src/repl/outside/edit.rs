//! Scripts and lines in a person's editor.

use std::path::{Path, PathBuf};

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
            let draft = Draft::new("line.rhai", "")?;
            opened(&self.desk, &draft.path(), None)?;
            let text = draft.read()?;
            return match text.trim() {
                "" => Ok(()),
                text => evaluate(&self.desk, self.book.console_mut(), text),
            };
        }
        let (file, line_number) = script_of(self.book.walk()?, step)?;
        opened(&self.desk, &file, Some(line_number))?;
        self.book.reload(&self.desk, &self.args)?;
        Ok(())
    }
}

fn opened(desk: &Desk, file: &Path, line: Option<usize>) -> Result<()> {
    let screen = desk.progress().screen();
    let _quiet = screen.pause();
    let ended = editor::open(file, line)?;
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
    if source.starts_with("stock:") {
        let text = format!("step \"{}\" stands in {source}, which is built into windlass", step.key);
        return Err(Error::usage(text).hint(
            "`windlass new` makes a customer folder for it, whose hooks.rhai changes steps, puts others in their place or before and after them",
        ));
    }
    let file = PathBuf::from(source);
    let failed = walk.report(&step.key).and_then(|report| report.error.as_ref()).map(Shown::of_json);
    let failed = failed.and_then(|error| error.place).filter(|place| place.source == *source);
    match file.is_file() {
        true => Ok((file, failed.map_or(step.place.line, |place| place.line))),
        false => Err(Error::new(Kind::NotFound, format!("step \"{}\" stands in {source}, which is no file", step.key))
            .hint(":reload reads the playbook from where it is now")),
    }
}
