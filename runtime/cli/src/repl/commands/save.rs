//! What was typed, as a script.

mod judge;
mod part;
mod typed;
mod writer;

use std::path::Path;

use windlass_runtime::files::Home;
use windlass_runtime::playbook::{Console, Playbook, parse_error};
use windlass_runtime::target::NoTarget;
use windlass_runtime::{Error, Kind, Result};

use crate::repl::desk::Desk;
use writer::{Script, Writer};

/// By what its errors call a script that is about to be saved.
const SOURCE: &str = "<saved>";

/// Writes what was typed and came to its end as a script; with `step`, as a step of that key.
///
/// A line that was typed in the middle of a step is one of it where it can be: a step comes after that step in a playbook, and a
/// real cluster still has what that step has made. A script of a rehearsal has nothing of it. The script does what the lines have
/// done: what would do something else in it, or cannot be told for sure, stands there as a comment that says why.
pub(super) fn save(desk: &Desk, console: &Console, file: &Path, step: Option<&str>, force: bool) -> Result<()> {
    let has_steps = step.is_some() || console.session().target().is_live();
    let values = console.session().values();
    let check = |text: &str| {
        let session = desk.runtime().session(NoTarget::new()).values((*values).clone()).open();
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let playbook = Playbook { home: Home::Disk(folder.to_owned()), ..Playbook::text(SOURCE, text) };
        let mut wrong = session.check(&playbook, None);
        wrong.retain(|error| error.place().is_some_and(|place| place.source == SOURCE));
        wrong
    };
    let writer = Writer { runtime: desk.runtime(), has_steps, check: &check };
    let Script { text, left_out, .. } = writer.script(&desk.inputs(), step);
    if text.is_empty() {
        return Err(Error::usage("there is nothing to save yet").hint("lines of Rhai are saved, and no commands"));
    }
    if let Some(error) = parse_error(desk.runtime(), &text) {
        return Err(error.hint("nothing was written: :history shows what was typed"));
    }
    let mut options = std::fs::OpenOptions::new();
    let options =
        if force { options.write(true).create(true).truncate(true) } else { options.write(true).create_new(true) };
    let written = options.open(file).and_then(|mut open| std::io::Write::write_all(&mut open, text.as_bytes()));
    written.map_err(|error| {
        let said = Error::new(Kind::System, format!("{} cannot be written", file.display()));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => said.hint("it is there already: --force writes it anew"),
            std::io::ErrorKind::NotFound => said.hint("is the folder there?"),
            _ => said,
        }
        .source(error)
    })?;
    let count = text.lines().count();
    let lines = if count == 1 { "line" } else { "lines" };
    desk.say(&format!("{} has {count} {lines}\n", crate::clean::line(&file.display().to_string())));
    match left_out {
        0 => {}
        1 => desk.say("1 line is left out there, as a comment that says why\n"),
        left_out => desk.say(&format!("{left_out} lines are left out there, as comments that say why\n")),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
