//! What is said to the person.

use unicode_width::UnicodeWidthStr as _;
use windlass_runtime::docs::wrapped;
use windlass_runtime::{Error, Kind};

use super::{Desk, lock};
use crate::commands::docs;
use crate::failed::Failed;
use crate::render::{Shown, Sources, diagnostic};

/// What to type where a script would look into `e.details`.
fn why_hint(error: &Error) -> Option<String> {
    error.hint_text().filter(|hint| hint.contains("e.details"))?;
    let object = error.detail_value()?.get("object")?.as_str()?;
    let (object, place) = match object.split_once(" in ") {
        Some((object, namespace)) => (object, format!(" -n {namespace}")),
        None => (object, String::new()),
    };
    Some(format!(":why {object}{place} has its pods, newest events and log lines"))
}

/// The path of a value of which this says that it is not there.
fn missing_path(problem: &Error) -> Option<&str> {
    let path = problem.detail_value()?.get("path")?.as_str()?;
    problem.message().strip_prefix(path)?.starts_with(" is missing").then_some(path)
}

impl Desk {
    /// Writes a result.
    pub(in crate::repl) fn out(&self, text: &str) {
        self.progress.screen().result(&self.ui.io.out, text);
    }

    /// Says what went wrong with a line.
    pub(in crate::repl) fn report(&self, failed: &Failed) {
        for error in &failed.errors {
            self.say_shown(Shown::of(error), &failed.sources);
        }
        lock(&self.failed).get_or_insert(failed.code);
    }

    /// The exit code of the first line that failed.
    pub(in crate::repl) fn failed(&self) -> Option<u8> {
        *lock(&self.failed)
    }

    /// Writes to the person.
    pub(in crate::repl) fn say(&self, text: &str) {
        self.progress.screen().raw(text);
    }

    /// Whether this error was said last, which is forgotten.
    pub(in crate::repl) fn has_said(&self, message: &str) -> bool {
        lock(&self.said).take().is_some_and(|said| said == message)
    }

    /// Says how one can go on, unless that was said last.
    pub(in crate::repl) fn say_ways(&self, ways: &'static str) {
        if std::mem::replace(&mut *lock(&self.ways), ways) != ways {
            self.say(&format!("{}\n", self.ui.err_style.dim(self.folded(ways, 0))));
        }
    }

    /// Says how one can go on, even if that was said last.
    pub(in crate::repl) fn say_ways_again(&self, ways: &'static str) {
        *lock(&self.ways) = "";
        self.say_ways(ways);
    }

    /// Says a text that goes over lines, at a terminal as they fit it.
    pub(in crate::repl) fn say_prose(&self, text: &str) {
        self.say(&format!("{}\n", self.folded(text, 0).replace('\n', "\n  ")));
    }

    /// Says what may be a mistake.
    pub(in crate::repl) fn warn(&self, text: &str) {
        self.say_prose(&format!("{} {text}", self.ui.err_style.yellow("warning:")));
    }

    /// A text whose lines fit the terminal, but for so many columns; as it is where there is none.
    fn folded(&self, text: &str, columns: usize) -> String {
        if !self.is_person {
            return text.to_owned();
        }
        let width = docs::width(&self.ui).saturating_sub(columns.max(2));
        let fold = |line: &str| if line.width() > width { wrapped(line, width).join("\n") } else { line.to_owned() };
        text.lines().map(fold).collect::<Vec<_>>().join("\n")
    }

    /// Takes note of what is wrong with the values.
    pub(in crate::repl) fn knows_problems(&self, problems: Vec<Error>) {
        *lock(&self.problems) = problems;
    }

    /// Whether this was said to be wrong with the values, and still is.
    pub(in crate::repl) fn knows_problem(&self, problem: &Error) -> bool {
        lock(&self.problems).iter().any(|known| known.message() == problem.message())
    }

    /// Where the statement that failed reads a value that is not there, that.
    pub(in crate::repl) fn missing_value(&self, error: &Shown, sources: &Sources) -> Option<String> {
        let text = sources.line_of(error.place.as_ref()?)?;
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '-'));
        let reads = |path: &str| text.split(&format!("values.{path}")).skip(1).any(ends);
        let problems = lock(&self.problems);
        let path = problems.iter().filter_map(missing_path).find(|path| reads(path))?;
        Some(format!("the value {path} is missing: :set {path}=…, or values.yaml and :reload"))
    }

    /// Says what went wrong, from wherever it comes.
    pub(in crate::repl) fn say_shown(&self, error: Shown, sources: &Sources) {
        let message = self.folded(&error.message, "error: ".len());
        let hint = error.hint.clone().or_else(|| self.missing_value(&error, sources));
        let hint = hint.as_ref().map(|hint| self.folded(hint, "  hint: ".len()));
        let causes = error.causes.iter().map(|cause| self.folded(cause, "  because ".len())).collect();
        self.say(&diagnostic(&Shown { message, hint, causes, ..error }, sources, self.ui.err_style));
    }

    /// Says what went wrong.
    pub(in crate::repl) fn say_error(&self, error: &Error) {
        *lock(&self.said) = Some(error.message().to_owned());
        if error.kind() != Kind::Cancelled {
            let missing = || self.missing_value(&Shown::of(error), &self.sources());
            let hint = why_hint(error).or_else(|| error.hint_text().map(str::to_owned));
            // Here the step is held up.
            let hint = hint.or_else(|| missing().map(|hint| format!("{hint}, after :stop has ended the step")));
            self.say_shown(Shown { hint, ..Shown::of(error) }, &self.sources());
        } else {
            self.say(&format!("{}\n", self.ui.err_style.yellow(error.message())));
        }
    }
}
