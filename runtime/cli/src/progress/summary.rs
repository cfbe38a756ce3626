//! The end of a run: what failed and why, and the counts.

use std::fmt::Write as _;
use std::time::Duration;

use windlass_runtime::duration::display;
use windlass_runtime::report::{Report, RunStatus, StepStatus};

use crate::clean::line;
use crate::render::{Shown, Sources, diagnostic};
use crate::style::Style;

/// What failed, each with its error.
pub(super) fn failures(report: &Report, sources: &Sources, style: Style) -> String {
    let mut text = String::new();
    for step in &report.steps {
        let Some(error) = &step.error else { continue };
        let word = match step.status {
            StepStatus::Cancelled => "cancelled",
            StepStatus::Undecided => "undecided",
            _ => "failed",
        };
        let title = super::lines::titled(&step.key, &step.title);
        let _ = writeln!(text, "\n{} {}{title}", style.bold_red(format!("step {word}:")), style.bold(line(&step.key)));
        text.push_str(&diagnostic(&Shown::of_json(error), sources, style));
    }
    if let Some(error) = &report.error {
        text.push_str(&diagnostic(&Shown::of_json(error), sources, style));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The last line.
pub(super) fn summary(report: &Report, style: Style) -> String {
    let of = |status: StepStatus| report.steps.iter().filter(|s| s.status == status).count();
    let word = match report.status {
        RunStatus::Ok => style.bold_green("ok"),
        RunStatus::Failed => style.bold_red("failed"),
        RunStatus::Cancelled => style.bold_yellow("cancelled"),
    };
    let mut parts = vec![plural(of(StepStatus::Ok), "step") + " ok"];
    for (status, name) in [
        (StepStatus::Failed, "failed"),
        (StepStatus::Cancelled, "cancelled"),
        (StepStatus::Blocked, "blocked"),
        (StepStatus::Undecided, "undecided"),
        (StepStatus::Skipped, "skipped"),
        (StepStatus::Pending, "not reached"),
    ] {
        if of(status) > 0 {
            parts.push(format!("{} {name}", of(status)));
        }
    }
    let changes = changes(report);
    let mut time = display(Duration::from_secs_f64(report.elapsed_s.max(0.001)));
    if let Some(simulated) = report.virtual_s {
        time = format!("{} simulated in {time}", display(Duration::from_secs_f64(simulated)));
    }
    format!("{word}: {}; {changes}; {time}; run {}\n", parts.join(", "), line(&report.run))
}

/// How many changes there were: `2 changed, 5 unchanged, 1 assumed`.
pub(crate) fn changes(report: &Report) -> String {
    let assumed = if report.assumed > 0 { format!(", {} assumed", report.assumed) } else { String::new() };
    format!("{} changed, {} unchanged{assumed}", report.changed, report.unchanged)
}

fn plural(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
