//! How to go on after a run that did not end well: the commands to type.

use std::path::Path;

use windlass_runtime::report::{Report, RunStatus};

use crate::args::{Cluster, LAST, Run, Undo};
use crate::clean::line;
use crate::io::Ui;

/// Says how a recorded run goes on, and how it is taken back.
pub(crate) fn after_run(run: &Run, report: &Report, ui: &Ui) {
    if report.status == RunStatus::Ok || run.read_only {
        return;
    }
    // What stands in them is not repeated: it may be nobody else's business.
    let values = &run.what.values.given;
    let set = if values.set.is_empty() && values.set_string.is_empty() { "" } else { ", with the same --set" };
    ui.err(&format!("go on where it stopped: {}{set}\n", resume(run)));
    if report.changed > 0 || run.resuming.resume.is_some() {
        let mut command = Command::new("windlass undo");
        command.words(Some(&report.run));
        command.option("--customer", customer(run).map(shown));
        command.cluster(&run.cluster);
        ui.err(&format!("or take back what it changed: {}\n", command.0));
    }
}

/// Says how an undo goes on.
pub(crate) fn after_undo(undo: &Undo, run: &str, report: &Report, ui: &Ui) {
    if report.status != RunStatus::Ok {
        ui.err(&format!("go on where it stopped: {}\n", undo_again(undo, run)));
    }
}

/// The command that goes on with a run. A run that was named has to be named again: it may not be the last one.
pub(crate) fn resume(run: &Run) -> String {
    let mut command = Command::new("windlass run");
    let values = &run.what.values;
    command.words(run.what.what.as_deref());
    command.option("--customer", values.customer.as_deref().map(shown));
    values.given.files.iter().for_each(|file| command.option("-f", Some(shown(file))));
    command.cluster(&run.cluster);
    match run.resuming.resume.as_deref() {
        Some(named) if named != LAST => command.words(Some(&format!("--resume={named}"))),
        _ => command.words(Some("--resume")),
    }
    command.0
}

/// The command that goes on with an undo.
pub(crate) fn undo_again(undo: &Undo, run: &str) -> String {
    let mut command = Command::new("windlass undo");
    command.words(Some(run));
    command.option("--to", undo.to.clone());
    command.option("--customer", undo.whose.customer.as_deref().map(shown));
    command.cluster(&undo.cluster);
    command.0
}

/// The customer folder of a run, where it was named: then one does not stand in it.
fn customer(run: &Run) -> Option<&Path> {
    let named = run.what.what.as_deref().map(Path::new).filter(|what| what.join("customer.yaml").is_file());
    run.what.values.customer.as_deref().or(named)
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A command for a shell.
struct Command(String);

impl Command {
    fn new(program: &str) -> Self {
        Self(program.to_owned())
    }

    fn words(&mut self, words: Option<&str>) {
        if let Some(word) = words {
            self.0.push(' ');
            self.0.push_str(&quoted(word));
        }
    }

    fn option(&mut self, name: &str, value: Option<String>) {
        if let Some(value) = value {
            self.words(Some(name));
            self.words(Some(&value));
        }
    }

    fn cluster(&mut self, cluster: &Cluster) {
        self.option("--context", cluster.context.clone());
        self.option("--kubeconfig", cluster.kubeconfig.as_deref().map(shown));
        cluster.allow_exec.iter().for_each(|program| self.option("--allow-exec", Some(program.clone())));
    }
}

/// A word as a shell takes it for one.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", line(word).replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_the_words_as_they_were() {
        assert_eq!(quoted("acme/../b-1.rhai"), "acme/../b-1.rhai");
        assert_eq!(quoted("it's a $(day)"), r"'it'\''s a $(day)'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a\u{1b}[2J"), r"'a\u{1b}[2J'");
    }
}
