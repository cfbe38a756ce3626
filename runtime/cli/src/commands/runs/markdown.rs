//! A run as a report in Markdown, to be handed to a customer.

use std::fmt::Write as _;
use std::time::Duration;

use windlass_runtime::duration::display;
use windlass_runtime::journal::{RemarkSort, RunRecord};

use super::shown::{failed, last_attempts, local, result, standing, word};
use crate::clean::line;

/// Text in a table or a list: on one line, and none of it taken for Markdown.
fn plain(text: &str) -> String {
    let mut escaped = String::new();
    for c in line(text).chars() {
        if "\\`*_[]<>|#~".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// The report.
pub(super) fn report(record: &RunRecord) -> String {
    let run = &record.line;
    let zone = &run.who.zone;
    let mut text = String::new();
    let title = match &run.undoes {
        Some(undone) => format!("Undo of {undone}"),
        None => format!("Run of {}", run.playbook),
    };
    let _ = writeln!(text, "# {}\n", plain(&title));
    let _ = writeln!(text, "| | |\n|---|---|");
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "| {name} | {} |", plain(value));
    };
    row("Run", &run.run);
    row("Target", &run.target);
    if let Some(clusters) = record.identities.as_object() {
        for (name, identity) in clusters {
            let name = if name.is_empty() { &run.target } else { name };
            row(&format!("Cluster {}", plain(name)), identity.as_str().unwrap_or("unknown"));
        }
    }
    for session in &record.sessions {
        let at = local(session.started, &session.who.zone);
        let by = format!("{at} by {} on {}", session.who.user, session.who.machine);
        row(if session.resumed == 0 { "Started" } else { "Resumed" }, &by);
    }
    if let Some(ended) = run.ended {
        row("Ended", &local(ended, zone));
    }
    row("Result", standing(run));
    row("Windlass", &run.who.version);
    for version in &record.versions {
        row("Used", version);
    }
    steps(&mut text, record);
    failures(&mut text, record);
    timeline(&mut text, record);
    // A run that stopped on its way has not said all of it.
    let (accepted, manual) = match run.status.as_deref() {
        Some("ok") => ("Nothing.", "Nothing that the playbook knows of."),
        _ => ("Nothing so far: the run has not reached its end.", "Nothing so far: the run has not reached its end."),
    };
    for (sort, title, none) in [
        (RemarkSort::Decision, "What was decided", ""),
        (RemarkSort::Accepted, "What was accepted", accepted),
        (RemarkSort::Manual, "What stays to be done by hand", manual),
    ] {
        let of_sort: Vec<_> = record.remarks.iter().filter(|remark| remark.sort == sort).collect();
        if of_sort.is_empty() && none.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n## {title}\n");
        if of_sort.is_empty() {
            let _ = writeln!(text, "{none}");
        }
        for remark in of_sort {
            let _ = writeln!(text, "- {}: {}", local(remark.at, zone), plain(&remark.text));
        }
    }
    text
}

fn steps(text: &mut String, record: &RunRecord) {
    if record.planned.is_empty() && record.steps.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## Steps\n\n| Step | What | Status | Time | Changed |\n|---|---|---|---|---|");
    for (key, title, attempt) in last_attempts(record) {
        let report = attempt.and_then(|attempt| attempt.report.as_ref());
        let time = report.map(|r| display(Duration::from_secs_f64(r.elapsed_s.max(0.001)))).unwrap_or_default();
        let changed = report.map(|r| r.changed.to_string()).unwrap_or_default();
        let left_out = record.planned.iter().find(|step| step.key == key).and_then(|step| step.left_out.as_deref());
        let status = match (attempt, left_out) {
            (Some(attempt), _) => word(attempt, &record.line).to_owned(),
            (None, Some(why)) => format!("skipped: {why}"),
            (None, None) => "not reached".to_owned(),
        };
        let title = if title == key { "" } else { title };
        let (key, title, status) = (plain(key), plain(title), plain(&status));
        let _ = writeln!(text, "| {key} | {title} | {status} | {time} | {changed} |");
    }
}

/// What failed, and has not been done since.
fn failures(text: &mut String, record: &RunRecord) {
    for (number, (key, error)) in failed(record).enumerate() {
        if number == 0 {
            let _ = writeln!(text, "\n## What failed\n");
        }
        let hint = error.hint.map(|hint| format!(" ({})", plain(&hint))).unwrap_or_default();
        let _ = writeln!(text, "- {}: {}{hint}", plain(key), plain(&error.message));
    }
}

/// What was done, in order.
fn timeline(text: &mut String, record: &RunRecord) {
    let zone = &record.line.who.zone;
    let _ = writeln!(text, "\n## What was done\n");
    if record.changed.is_empty() {
        let _ = writeln!(text, "Nothing was changed.");
        return;
    }
    let _ = writeln!(text, "| When | Step | What | Result |\n|---|---|---|---|");
    for change in &record.changed {
        for (index, part) in change.resources.iter().enumerate() {
            let what = format!("{} {}", part.op.as_str(), part.resource);
            let mut came = result(change.results.as_ref(), index).to_owned();
            for permit in &change.permits {
                let _ = write!(came, "; {permit}");
            }
            let (at, step) = (local(change.at, zone), plain(&change.step));
            let _ = writeln!(text, "| {at} | {step} | {} | {} |", plain(&what), plain(&came));
        }
    }
}
