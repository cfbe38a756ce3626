//! Runs for people at a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthStr as _;
use windlass_runtime::change::{Resource, ResultWord};
use windlass_runtime::duration::display;
use windlass_runtime::journal::{AttemptRecord, RemarkSort, RunLine, RunRecord};

use super::grouped;
use crate::clean::line;
use crate::render::{Shown, Sources, diagnostic};
use crate::style::Style;

/// A time where the run was made, such as `2026-11-22 10:15:00 +02:00`.
pub(super) fn local(time: Timestamp, zone: &str) -> String {
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    time.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S %:z").to_string()
}

/// How a run stands, in a word.
pub(super) fn standing(run: &RunLine) -> &str {
    // One that runs is called so by who knows it.
    match (&run.undone_by, run.status.as_deref()) {
        (Some(_), _) => "undone",
        (None, Some(status)) => status,
        (None, None) => "unfinished",
    }
}

fn painted(word: &str, style: Style) -> String {
    match word {
        "ok" | "running" => style.green(word),
        "failed" | "interrupted" => style.red(word),
        _ => style.yellow(word),
    }
}

/// Rows below a heading, in columns.
fn columns(rows: &[Vec<String>], paint: impl Fn(usize, &str) -> String) -> String {
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows.first().map_or(0, Vec::len)).map(width).collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let mut written = String::new();
        for ((column, cell), width) in row.iter().enumerate().zip(&widths) {
            let shown = if number == 0 { cell.clone() } else { paint(column, cell) };
            let gap = " ".repeat(width.saturating_sub(cell.width()) + 2);
            let _ = write!(written, "{shown}{gap}");
        }
        text.push_str(written.trim_end());
        text.push('\n');
    }
    text
}

/// The runs as a table.
pub(super) fn table(runs: &[RunLine], style: Style) -> String {
    let heading = ["RUN", "STARTED", "STATUS", "WHAT", "TARGET", "CHANGES", "BY"].map(str::to_owned).to_vec();
    let row = |run: &RunLine| {
        let what = match &run.undoes {
            Some(undone) => format!("undo of {undone}"),
            None => run.playbook.clone(),
        };
        let by = format!("{}@{}", run.who.user, run.who.machine);
        let started = local(run.started, &run.who.zone);
        let cells =
            [run.run.clone(), started, standing(run).to_owned(), what, run.target.clone(), run.changes.to_string(), by];
        cells.map(|cell| line(&cell)).to_vec()
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(runs.iter().map(row)).collect();
    columns(&rows, |column, cell| if column == 2 { painted(cell, style) } else { cell.to_owned() })
}

/// How an attempt at a step of a run ended, in a word.
pub(super) fn word(attempt: &AttemptRecord, run: &RunLine) -> &'static str {
    match attempt.report.as_ref().map(|report| report.status) {
        None if attempt.resumed == run.resumed && standing(run) == "running" => "running",
        None => "interrupted",
        Some(status) => status.as_str(),
    }
}

/// The last that is known of each step as planned: none for one that was not reached.
pub(super) fn last_attempts(record: &RunRecord) -> Vec<(&str, &str, Option<&AttemptRecord>)> {
    let last = |key: &str| record.steps.iter().rev().find(|attempt| attempt.key == key);
    record.planned.iter().map(|step| (step.key.as_str(), step.title.as_str(), last(&step.key))).collect()
}

/// One run.
pub(super) fn record(record: &RunRecord, all: bool, style: Style) -> String {
    let run = &record.line;
    let mut text = String::new();
    let mut say = |name: &str, value: &str| {
        let _ = writeln!(text, "{} {}", style.dim(format!("{name:<9}")), line(value));
    };
    say("run", &run.run);
    match &run.undoes {
        Some(undone) => say("undo of", undone),
        None => say("playbook", &run.playbook),
    }
    say("target", &run.target);
    for session in &record.sessions {
        let by = format!("{}@{}, windlass {}", session.who.user, session.who.machine, session.who.version);
        let name = if session.resumed == 0 { "started" } else { "resumed" };
        let ended = match (&session.status, record.sessions.len()) {
            // What came of the whole is said below.
            (_, 1) => String::new(),
            (Some(status), _) => format!(": {status}"),
            (None, _) if session.resumed < run.resumed => ": interrupted".to_owned(),
            (None, _) => String::new(),
        };
        say(name, &format!("{} by {by}{ended}", local(session.started, &session.who.zone)));
    }
    for version in &record.versions {
        say("used", version);
    }
    if let Some(ended) = run.ended {
        say("ended", &local(ended, &run.who.zone));
    }
    if let Some(undo) = &run.undone_by {
        say("undone by", undo);
    }
    let _ = writeln!(text, "{} {}", style.dim("status   "), painted(standing(run), style));
    steps(&mut text, record, style);
    failures(&mut text, record, style);
    changes(&mut text, record, all, style);
    remarks(&mut text, record, style);
    text
}

fn steps(text: &mut String, record: &RunRecord, style: Style) {
    if record.planned.is_empty() && record.steps.is_empty() {
        return;
    }
    let heading = ["STEP", "STATUS", "ATTEMPTS", "TIME", "CHANGED", "UNCHANGED"].map(str::to_owned).to_vec();
    let row = |(key, _, attempt): (&str, &str, Option<&AttemptRecord>)| {
        let planned = record.planned.iter().find(|step| step.key == key);
        let report = attempt.and_then(|attempt| attempt.report.as_ref());
        let status = match (attempt, planned.and_then(|step| step.left_out.as_ref())) {
            (Some(attempt), _) => word(attempt, &record.line),
            (None, Some(_)) => "skipped",
            (None, None) => "not reached",
        };
        let count = |number: Option<usize>| number.map(|number| number.to_string()).unwrap_or_default();
        let attempts = attempt.map(|attempt| attempt.attempt.to_string()).unwrap_or_default();
        let time = report.map(|r| display(Duration::from_secs_f64(r.elapsed_s.max(0.001)))).unwrap_or_default();
        vec![
            line(key),
            status.to_owned(),
            attempts,
            time,
            count(report.map(|r| r.changed)),
            count(report.map(|r| r.unchanged)),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(heading).chain(last_attempts(record).into_iter().map(row)).collect();
    text.push('\n');
    text.push_str(&columns(&rows, |column, cell| if column == 1 { painted(cell, style) } else { cell.to_owned() }));
}

/// The steps whose last attempt has failed, each with its error. Scripts may have changed since: nothing of them is shown.
pub(super) fn failed(record: &RunRecord) -> impl Iterator<Item = (&str, Shown)> {
    let last = last_attempts(record).into_iter();
    last.filter_map(|(key, _, attempt)| Some((key, Shown::of_json(attempt?.report.as_ref()?.error.as_ref()?))))
}

fn failures(text: &mut String, record: &RunRecord, style: Style) {
    for (key, error) in failed(record) {
        let _ = writeln!(text, "\n{}", style.bold(line(key)));
        text.push_str(&diagnostic(&error, &Sources::unknown(), style));
    }
}

/// What one resource of a change came to: `changed`, or that it is not known.
pub(super) fn result(results: Option<&Vec<ResultWord>>, index: usize) -> &'static str {
    match results.map(|words| words.get(index)) {
        None => "in flight",
        Some(Some(ResultWord::Changed | ResultWord::Unvalidated)) => "changed",
        Some(Some(ResultWord::Assumed)) => "assumed",
        Some(Some(ResultWord::Failed)) => "failed",
        Some(_) => "unknown",
    }
}

fn changes(text: &mut String, record: &RunRecord, all: bool, style: Style) {
    if record.changed.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", style.bold("changes"));
    let mut counted = false;
    for of_step in record.changed.chunk_by(|one, other| one.step == other.step) {
        let _ = writeln!(text, "  {}", line(of_step.first().map(|change| change.step.as_str()).unwrap_or_default()));
        // What needs no word of its own, until something does.
        let mut plain: Vec<(&str, &Resource)> = Vec::new();
        let mut told = |text: &mut String, plain: &mut Vec<(&str, &Resource)>| {
            let lines = grouped::lines(plain, all);
            counted |= lines.len() < plain.len();
            lines.iter().for_each(|one| text.push_str(&format!("    {one}\n")));
            plain.clear();
        };
        for change in of_step {
            for (index, part) in change.resources.iter().enumerate() {
                let word = result(change.results.as_ref(), index);
                if word == "changed" && change.cannot_undo.is_none() {
                    plain.push((part.op.as_str(), &part.resource));
                    continue;
                }
                told(text, &mut plain);
                let word = if word == "changed" { String::new() } else { format!("  {}", style.yellow(word)) };
                let cannot = change.cannot_undo.as_deref().map(|why| style.dim(format!("  (stays: {})", line(why))));
                let (op, resource) = (part.op.as_str(), line(&part.resource.to_string()));
                let _ = writeln!(text, "    {op} {resource}{word}{}", cannot.unwrap_or_default());
            }
        }
        told(text, &mut plain);
    }
    if counted {
        let _ = writeln!(text, "  {}", style.dim("-v names each of them"));
    }
}

fn remarks(text: &mut String, record: &RunRecord, style: Style) {
    for (sort, title) in [
        (RemarkSort::Decision, "decisions"),
        (RemarkSort::Accepted, "accepted"),
        (RemarkSort::Manual, "left to be done by hand"),
    ] {
        let of_sort: Vec<_> = record.remarks.iter().filter(|remark| remark.sort == sort).collect();
        if !of_sort.is_empty() {
            let _ = writeln!(text, "\n{}", style.bold(title));
        }
        for remark in of_sort {
            let _ = writeln!(text, "  {}", line(&remark.text));
        }
    }
}
