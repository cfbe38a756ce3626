//! What the next step would do.

use std::time::Duration;

use windlass_runtime::change::{Op, OutcomeItem};
use windlass_runtime::playbook::{Playbook, Prepared, Step};
use windlass_runtime::report::{StepReport, StepStatus};
use windlass_runtime::{Error, Result, Session};

use super::steps;
use crate::clean::line;
use crate::commands::docs;
use crate::render::Shown;
use crate::repl::book::Book;
use crate::repl::commands::plan::{Fork, Plan, Told};
use crate::repl::desk::Desk;

/// How many lines say what a step would do before it runs.
const LINES_BEFORE: usize = 8;

/// What is said where the rest of a text is left out.
const AND_MORE: &str = "… (:plan says all)";

/// Shows what the next step would do.
pub(super) fn plan(desk: &Desk, book: &mut Book) -> Result<()> {
    let (report, told) = on_a_fork(desk, book)?;
    let plan = Plan {
        outcomes: &report.outcome,
        remarks: &told.remarks,
        took: Duration::try_from_secs_f64(report.virtual_s.unwrap_or_default()).unwrap_or_default(),
        error: failure(&report),
    };
    plan.show(desk, &format!("step {}", line(&report.key)))
}

/// Says which step comes next, and in a rehearsal what it would do, in a few lines.
pub(super) fn say(desk: &Desk, book: &mut Book) -> Result<()> {
    let style = desk.ui().err_style;
    let walk = book.walk()?;
    let Some(step) = walk.next().and_then(|index| walk.steps().get(index)) else {
        let is_failed = |step: &&Step| walk.report(&step.key).is_some_and(|report| report.status == StepStatus::Failed);
        let failed: Vec<String> = walk.steps().iter().filter(is_failed).map(|step| line(&step.key)).collect();
        match failed.is_empty() {
            true => desk.say("every step is done, or left out\n"),
            false => desk.say(&format!("no step is left; failed: {}\n", failed.join(", "))),
        }
        return Ok(());
    };
    let title = if step.title() == step.key { String::new() } else { format!("  {}", style.dim(line(step.title()))) };
    desk.say(&format!("next: {}{title}\n", style.bold(line(&step.key))));
    if book.session.target().simulation().is_none() {
        return Ok(());
    }
    let (report, _) = on_a_fork(desk, book)?;
    if report.status == StepStatus::Cancelled {
        desk.say(&format!("  {}\n", style.dim("what it would do was not found out: :plan says it")));
        return Ok(());
    }
    let acting: Vec<&OutcomeItem> = report.outcome.iter().filter(|item| item.result.took_effect()).collect();
    for item in acting.iter().take(LINES_BEFORE) {
        let op = item.op.map_or("change", Op::as_str);
        desk.say(&format!("  would {op} {}\n", line(&item.resource)));
    }
    if acting.len() > LINES_BEFORE {
        desk.say(&format!("  and {} more: :plan shows all\n", acting.len() - LINES_BEFORE));
    }
    match failure(&report) {
        Some(error) => {
            let missing = desk.missing_value(&error, &desk.sources());
            let message = || line(error.message.lines().next().unwrap_or_default());
            let word = "would fail:";
            let room = docs::width(desk.ui()).saturating_sub(word.len() + 4);
            let said = missing.unwrap_or_else(|| match message() {
                long if long.chars().count() > room => {
                    let kept = room.saturating_sub(AND_MORE.chars().count());
                    format!("{}{AND_MORE}", long.chars().take(kept).collect::<String>())
                }
                short => short,
            });
            desk.say(&format!("  {} {said}\n", style.yellow(word)));
        }
        None if acting.is_empty() => desk.say("  would change nothing\n"),
        None => {}
    }
    Ok(())
}

/// Why a step of a fork would not come to its end.
fn failure(report: &StepReport) -> Option<Shown> {
    let is_done = matches!(report.status, StepStatus::Ok | StepStatus::Skipped);
    report.error.as_ref().filter(|_| !is_done).map(Shown::of_json)
}

/// What came of the next step on a fork, and what was told there.
fn on_a_fork(desk: &Desk, book: &mut Book) -> Result<(StepReport, Told)> {
    let walk = book.walk()?;
    let index = walk.next().ok_or_else(steps::over)?;
    let key = walk.steps().get(index).map(|step| step.key.clone()).unwrap_or_default();
    let Some(workspace) = &book.workspace else { return Err(Error::internal("steps without a playbook")) };
    let fork = Fork::default();
    let report = run(desk, &fork.of(&book.session)?, &workspace.playbook, &key)?;
    Ok((report, fork.with(std::mem::take)))
}

/// Runs the step of this key on the fork.
fn run(desk: &Desk, fork: &Session, playbook: &Playbook, key: &str) -> Result<StepReport> {
    let mut walk = fork.prepare(playbook).and_then(Prepared::walk)?;
    let cancel = fork.cancel().child();
    let _running = desk.interrupt().stops(&cancel);
    let index = walk.steps().iter().position(|step| step.key == key);
    let report = index.and_then(|index| walk.run(index, &cancel).cloned());
    report.ok_or_else(|| {
        Error::usage(format!("the playbook has no step \"{key}\" any more")).hint(":reload reads it anew")
    })
}
