//! An error as people read it: what, where in the script, why, and what to do.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::Value as Json;
use unicode_width::UnicodeWidthStr as _;
use windlass_runtime::files::{Located, Tree};
use windlass_runtime::playbook::Step;
use windlass_runtime::{Error, Place};

use crate::clean::{clean, line};
use crate::style::Style;

/// The texts of scripts, by the names under which they run.
#[derive(Default, Clone)]
pub(crate) struct Sources {
    tree: Option<Tree>,
    texts: HashMap<String, String>,
    /// Whether files are not read: they are not, or not any more, what ran.
    unknown: bool,
}

impl Sources {
    pub(crate) fn new(tree: Tree) -> Self {
        Self { tree: Some(tree), ..Self::default() }
    }

    /// No texts at all.
    pub(crate) fn unknown() -> Self {
        Self { unknown: true, ..Self::default() }
    }

    /// Adds a script that stands in no file.
    pub(crate) fn add(&mut self, source: &str, text: &str) {
        self.texts.insert(source.to_owned(), text.to_owned());
    }

    /// Adds the scripts of others that stand in no file.
    pub(crate) fn take_over(&mut self, from: &Self) {
        self.texts.extend(from.texts.iter().map(|(source, text)| (source.clone(), text.clone())));
    }

    /// The whole text of a script.
    pub(crate) fn text(&self, source: &str) -> Option<String> {
        if let Some(text) = self.texts.get(source) {
            return Some(text.clone());
        }
        if self.unknown {
            return None;
        }
        let located = match (source.strip_prefix("stock:"), self.tree) {
            (Some(path), Some(tree)) => Located::Built(tree, path.to_owned()),
            _ => Located::Disk(Path::new(source).to_owned()),
        };
        // A script, and no manifest of many megabytes.
        located.read_text().ok().filter(|text| text.len() < 4 << 20)
    }

    /// How many lines the script has whose name ends with these parts, if it was read.
    pub(crate) fn length(&self, end: &str) -> Option<usize> {
        let found = self.texts.iter().find(|(source, _)| ends_with_parts(source, end));
        found.map(|(_, text)| text.lines().count())
    }

    /// The text of a step's declaration; the whole script where that is the step.
    pub(crate) fn step(&self, step: &Step) -> String {
        if step.key == "main" && step.place.line <= 1 && step.place.column <= 1 {
            return self.text(&step.place.source).unwrap_or_default();
        }
        self.call_at(&step.place)
    }

    /// The text of the call at a place; all that follows where its end cannot be told.
    pub(crate) fn call_at(&self, place: &Place) -> String {
        let text = self.text(&place.source).unwrap_or_default();
        let rest: String = text.split_inclusive('\n').skip(place.line.saturating_sub(1)).collect();
        let from: usize = rest.chars().take(place.column.saturating_sub(1)).map(char::len_utf8).sum();
        let call = rest.get(from..).unwrap_or_default();
        match crate::declaration::call_length(call) {
            Some(length) => call[..length].to_owned(),
            None => call.to_owned(),
        }
    }

    /// The line of a script at a place.
    pub(crate) fn line_of(&self, place: &Place) -> Option<String> {
        let number = place.line.checked_sub(1)?;
        self.text(&place.source)?.lines().nth(number).map(str::to_owned)
    }
}

/// Whether the name of a script is this, or ends with it after a slash.
pub(crate) fn ends_with_parts(source: &str, end: &str) -> bool {
    source.strip_suffix(end).is_some_and(|before| before.is_empty() || before.ends_with(['/', ':']))
}

/// An error, from wherever it comes.
pub(crate) struct Shown {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) place: Option<Place>,
    pub(crate) trace: Vec<Place>,
    pub(crate) causes: Vec<String>,
    pub(crate) details: Option<Json>,
}

impl Shown {
    pub(crate) fn of(error: &Error) -> Self {
        Self {
            message: error.message().to_owned(),
            hint: error.hint_text().map(str::to_owned),
            place: error.place().cloned(),
            trace: error.trace().to_vec(),
            causes: error.causes(),
            details: None,
        }
    }

    /// From the JSON of a report.
    pub(crate) fn of_json(error: &Json) -> Self {
        let text = |key: &str| error.get(key).and_then(Json::as_str).map(str::to_owned);
        let list = |key: &str| {
            let items = error.get(key).and_then(Json::as_array);
            items.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>()
        };
        Self {
            message: text("message").unwrap_or_else(|| "failed".to_owned()),
            hint: text("hint"),
            place: text("place").and_then(|p| place(&p)),
            trace: list("trace").iter().filter_map(|p| place(p)).collect(),
            causes: list("causes"),
            details: error.get("details").cloned(),
        }
    }
}

/// `source:line:column` read back.
fn place(text: &str) -> Option<Place> {
    let mut parts = text.rsplitn(3, ':');
    let (last, middle, first) = (parts.next()?, parts.next(), parts.next());
    match (first, middle.map(str::parse), last.parse()) {
        (Some(source), Some(Ok(line)), Ok(column)) => Some(Place { source: source.to_owned(), line, column }),
        _ => match text.rsplit_once(':').map(|(source, line)| (source, line.parse())) {
            Some((source, Ok(line))) => Some(Place { source: source.to_owned(), line, column: 0 }),
            _ => Some(Place { source: text.to_owned(), line: 0, column: 0 }),
        },
    }
}

/// The error with its source line, in several lines.
pub(crate) fn diagnostic(error: &Shown, sources: &Sources, style: Style) -> String {
    let mut text = String::new();
    let message = clean(&error.message).replace('\n', "\n  ");
    let _ = writeln!(text, "{} {message}", style.bold_red("error:"));
    if let Some(place) = &error.place {
        write_place(&mut text, place, sources, style);
    }
    for place in error.trace.iter().take(8) {
        let _ = writeln!(text, "  {} {}", style.blue("called from"), line(&place.to_string()));
    }
    for cause in &error.causes {
        let _ = writeln!(text, "  {} {}", style.blue("because"), clean(cause).replace('\n', "\n    "));
    }
    if let Some(details) = &error.details {
        write_details(&mut text, details, style);
    }
    if let Some(hint) = &error.hint {
        let _ = writeln!(text, "  {} {}", style.cyan("hint:"), clean(hint).replace('\n', "\n    "));
    }
    text
}

fn write_place(text: &mut String, place: &Place, sources: &Sources, style: Style) {
    let arrow = style.blue("-->");
    let _ = writeln!(text, "  {arrow} {}", line(&place.to_string()));
    let Some(source) = sources.line_of(place) else { return };
    let number = place.line.to_string();
    let bar = style.blue("|");
    let before: String = source.chars().take(place.column.saturating_sub(1)).collect();
    // Long lines are cut around the place.
    let skipped = before.chars().count().saturating_sub(100);
    let visible: String = source.chars().skip(skipped).take(160).collect();
    let gap = " ".repeat(number.len());
    let _ = writeln!(text, "  {gap} {bar}");
    let _ = writeln!(text, "  {} {bar} {}", style.blue(&number), line(&visible));
    if place.column > 0 {
        let indent = line_start(&before.chars().skip(skipped).collect::<String>()).width();
        let rest: String = source.chars().skip(place.column - 1).collect();
        let marked = marked_length(&rest).max(1);
        let _ = writeln!(text, "  {gap} {bar} {}{}", " ".repeat(indent), style.bold_red("^".repeat(marked)));
    }
}

/// As [`line()`], without trimming its end.
fn line_start(text: &str) -> String {
    let shown = line(&format!("{text}."));
    shown[..shown.len() - 1].to_owned()
}

/// How much of the text from the place on belongs together: a name, a number, or one character.
fn marked_length(rest: &str) -> usize {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    rest.chars().take_while(|c| word(*c)).take(60).count()
}

/// What an error knows beside its message: the lines of a log, events, the reasons of a wait.
fn write_details(text: &mut String, details: &Json, style: Style) {
    match details {
        Json::String(detail) => {
            for detail in detail.lines().take(40) {
                let _ = writeln!(text, "    {}", style.dim(line(detail)));
            }
        }
        Json::Array(items) => {
            for item in items.iter().take(20) {
                let mut inner = String::new();
                write_details(&mut inner, item, style);
                // Where an item has several lines, one must see where the next begins.
                let mark = |(index, line): (usize, &str)| match (item.is_object(), index) {
                    (false, _) => format!("{line}\n"),
                    (true, 0) => format!("    - {}\n", line.trim_start()),
                    (true, _) => format!("  {line}\n"),
                };
                text.push_str(&inner.lines().enumerate().map(mark).collect::<String>());
            }
        }
        Json::Object(map) => {
            for (key, value) in map.iter().take(20) {
                match value {
                    Json::Null => {}
                    Json::Array(items) if items.is_empty() => {}
                    Json::Object(items) if items.is_empty() => {}
                    Json::String(text) if text.is_empty() => {}
                    Json::Object(_) | Json::Array(_) => {
                        let _ = writeln!(text, "    {}", style.dim(format!("{}:", line(key))));
                        let mut inner = String::new();
                        write_details(&mut inner, value, style);
                        text.push_str(&inner.lines().map(|l| format!("  {l}\n")).collect::<String>());
                    }
                    Json::String(value) if value.contains('\n') => {
                        let _ = writeln!(text, "    {}", style.dim(format!("{}:", line(key))));
                        for value in value.lines().take(40) {
                            let _ = writeln!(text, "      {}", style.dim(line(value)));
                        }
                    }
                    Json::String(value) => {
                        let _ = writeln!(text, "    {}", style.dim(format!("{}: {}", line(key), line(value))));
                    }
                    value => {
                        let _ = writeln!(text, "    {}", style.dim(format!("{}: {value}", line(key))));
                    }
                }
            }
        }
        Json::Null => {}
        other => {
            let _ = writeln!(text, "    {}", style.dim(other));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_line_is_shown_with_a_mark_under_the_name() {
        let mut sources = Sources::default();
        sources.add("<eval>", "let x = 1;\nlet ü = clustr::get(\"Pod\");\n");
        let at = Place { source: "<eval>".into(), line: 2, column: 9 };
        let error = Error::usage("there is no module clustr").hint("did you mean \"cluster\"?").at(at);
        let text = diagnostic(&Shown::of(&error), &sources, Style::off());
        let expected = "error: there is no module clustr\n  --> <eval>:2:9\n    |\n  2 | let ü = clustr::get(\"Pod\");\n    |         ^^^^^^^^^^^\n  hint: did you mean \"cluster\"?\n";
        assert_eq!(text, expected);
        let again = diagnostic(&Shown::of_json(&error.to_json()), &sources, Style::off());
        assert_eq!(again, expected);
    }

    #[test]
    fn escapes_in_an_error_are_shown() {
        let error = Error::usage("bad \u{1b}[2J name").hint("\u{1b}]0;x\u{7}");
        let text = diagnostic(&Shown::of(&error), &Sources::default(), Style::off());
        assert!(!text.contains('\u{1b}') && text.contains("\\u{1b}[2J"));
    }

    #[test]
    fn places_read_back() {
        assert_eq!(place("a:b.rhai:3:9"), Some(Place { source: "a:b.rhai".into(), line: 3, column: 9 }));
        assert_eq!(place("stock:x.rhai:3"), Some(Place { source: "stock:x.rhai".into(), line: 3, column: 0 }));
        assert_eq!(place("stock:x.rhai"), Some(Place { source: "stock:x.rhai".into(), line: 0, column: 0 }));
    }

    #[test]
    fn items_of_several_lines_are_told_apart() {
        let details = serde_json::json!({
            "status": "0 of 1",
            "pods": [{"name": "a", "message": "", "events": [{"reason": "x", "count": 1}]}, {"name": "b"}],
            "lines": ["one", "two"],
        });
        let mut text = String::new();
        write_details(&mut text, &details, Style::off());
        let wanted = [
            "    status: 0 of 1",
            "    pods:",
            "      - name: a",
            "        events:",
            "          - reason: x",
            "            count: 1",
            "      - name: b",
            "    lines:",
            "      one",
            "      two",
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted);
    }
}
