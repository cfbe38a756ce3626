//! Going through the steps.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;
use windlass_runtime::playbook::{OnError, Step, Walk};
use windlass_runtime::report::{StepReport, StepStatus};
use windlass_runtime::undo::{self, Way};
use windlass_runtime::{Error, Kind, Result, Session};

use crate::clean::line;
use crate::commands::docs;
use crate::commands::undo::listed;
use crate::failed::Failed;
use crate::progress::cut;
use crate::render::Shown;
use crate::repl::commands::breaks;
use crate::repl::desk::Desk;
use crate::repl::stops::Pace;

/// The steps in their order, with what became of them.
pub(super) fn list(desk: &Desk, walk: &Walk) -> String {
    let style = desk.ui().out_style;
    let width = walk.steps().iter().map(|step| line(&step.key).width()).max().unwrap_or_default();
    let next = walk.next();
    let states: Vec<State> = walk.steps().iter().map(|step| State::of(walk, step)).collect();
    let longest = states.iter().map(State::width).max().unwrap_or_default();
    // At a terminal, a step is a line.
    let room = if desk.is_terminal() { docs::width(desk.ui()) } else { usize::MAX };
    let mut text = String::new();
    for (index, (step, state)) in walk.steps().iter().zip(&states).enumerate() {
        let stops = if desk.stops().steps.contains(&step.key) { style.red("●") } else { " ".to_owned() };
        let pointer = if next == Some(index) { style.bold("→") } else { " ".to_owned() };
        let key = line(&step.key);
        let gap = " ".repeat(width - key.width());
        let room = room.saturating_sub(BEFORE_STATE + width);
        let (state, state_width) = (state.shown(room, style), state.width().min(room));
        let title = if step.title() == step.key { String::new() } else { line(step.title()) };
        let before_title = if longest == 0 { 0 } else { longest.min(STATE).max(state_width) + 2 };
        let title = shortened(&title, room.saturating_sub(before_title));
        let more = " ".repeat(before_title - state_width);
        let row =
            format!("{pointer}{stops}{:3} {}{gap}  {state}{more}{}", index + 1, style.bold(&key), style.dim(title));
        let _ = writeln!(text, "{}", row.trim_end());
    }
    text
}

/// The columns before a step's state, beside its key.
const BEFORE_STATE: usize = 8;
/// So many columns are kept free for states, as long as none takes more.
const STATE: usize = 28;

fn shortened(text: &str, columns: usize) -> String {
    match text.width() > columns {
        true if columns == 0 => String::new(),
        true => format!("{}…", cut(text, columns - 1)),
        false => text.to_owned(),
    }
}

/// What became of a step.
struct State {
    word: &'static str,
    paint: fn(crate::style::Style, &str) -> String,
    more: String,
}

impl State {
    fn of(walk: &Walk, step: &Step) -> Self {
        let none = || Self { word: "", paint: |_, word| word.to_owned(), more: String::new() };
        let Some(report) = walk.report(&step.key) else {
            return match walk.left_out(&step.key) {
                Some(reason) => Self { word: "left out", paint: |style, word| style.dim(word), more: line(reason) },
                None => none(),
            };
        };
        let counts = format!("{} changed, {} unchanged", report.changed, report.unchanged);
        let reason = || line(report.reason.as_deref().unwrap_or_default());
        match report.status {
            StepStatus::Ok => Self { word: "ok", paint: |style, word| style.green(word), more: counts },
            StepStatus::Skipped => Self { word: "skipped", paint: |style, word| style.dim(word), more: reason() },
            StepStatus::Failed => {
                Self { word: "failed", paint: |style, word| style.bold_red(word), more: message(report) }
            }
            StepStatus::Cancelled => {
                Self { word: "stopped", paint: |style, word| style.yellow(word), more: String::new() }
            }
            StepStatus::Undecided => {
                Self { word: "undecided", paint: |style, word| style.yellow(word), more: message(report) }
            }
            StepStatus::Blocked | StepStatus::Pending => none(),
        }
    }

    fn width(&self) -> usize {
        self.word.width() + usize::from(!self.more.is_empty()) + self.more.width()
    }

    /// In so many columns.
    fn shown(&self, columns: usize, style: crate::style::Style) -> String {
        let more = shortened(&self.more, columns.saturating_sub(self.word.width() + 1));
        let gap = if more.is_empty() { "" } else { " " };
        format!("{}{gap}{more}", (self.paint)(style, self.word))
    }
}

fn message(report: &StepReport) -> String {
    let said = report.error.as_ref().and_then(|error| error["message"].as_str()).unwrap_or_default();
    line(said.lines().next().unwrap_or_default())
}

pub(super) fn over() -> Error {
    Error::usage("every step is done, or left out").hint(":redo STEP runs one again, :load starts anew")
}

/// Runs the next step.
pub(super) fn next(desk: &Desk, walk: &mut Walk) -> std::result::Result<(), Failed> {
    let index = walk.next().ok_or_else(over)?;
    run(desk, walk, index)
}

/// Runs the next step, and stops at its first statement.
pub(super) fn step(desk: &Desk, walk: &mut Walk) -> std::result::Result<(), Failed> {
    let index = walk.next().ok_or_else(over)?;
    desk.stops().pace = Pace::Into;
    run(desk, walk, index)
}

/// Runs the steps up to this one, and this one too.
pub(super) fn run_to(desk: &Desk, walk: &mut Walk, key: &str) -> std::result::Result<(), Failed> {
    let last = find(walk, key)?;
    let first = walk.next().ok_or_else(over)?;
    if first > last {
        return Err(Error::usage(format!("step \"{key}\" is done already"))
            .hint(format!(":redo {key} runs it again"))
            .into());
    }
    until(desk, walk, last)
}

/// Runs what is left.
pub(super) fn go_on(desk: &Desk, walk: &mut Walk) -> std::result::Result<(), Failed> {
    let last = walk.steps().len().saturating_sub(1);
    walk.next().ok_or_else(over)?;
    until(desk, walk, last)
}

/// Runs from the next step to this one, up to a failure that ends the run, or a step before which to stop.
fn until(desk: &Desk, walk: &mut Walk, last: usize) -> std::result::Result<(), Failed> {
    let (mut first, mut failed) = (true, None);
    while let Some(index) = walk.next().filter(|index| *index <= last) {
        let Some(step) = walk.steps().get(index) else { break };
        if !first && desk.stops().steps.contains(&step.key) {
            desk.say(&format!("stopped before step {}\n", desk.ui().err_style.bold(line(&step.key))));
            break;
        }
        if let Some(need) = walk.missed_by(step) {
            let text = format!("step \"{}\" needs \"{need}\", which is not done", step.key);
            desk.say_error(&Error::usage(text).hint(":next runs it all the same, :skip leaves it out"));
            return Err(failed.unwrap_or(Failed::told(crate::exit::FAILED)));
        }
        first = false;
        if let Err(error) = run(desk, walk, index) {
            if !walk.steps().get(index).is_some_and(|step| walk.is_over(step)) {
                return Err(error);
            }
            failed.get_or_insert(error);
        }
    }
    failed.map_or(Ok(()), Err)
}

/// Leaves out a step.
pub(super) fn skip(desk: &Desk, walk: &mut Walk, key: Option<&str>) -> Result<()> {
    let index = match key {
        Some(key) => find(walk, key)?,
        None => walk.next().ok_or_else(over)?,
    };
    let done = |step: &&Step| walk.report(&step.key).is_some_and(|report| report.status == StepStatus::Ok);
    if let Some(step) = walk.steps().get(index).filter(done) {
        let text = format!("step \"{}\" is done already, and cannot be left out any more", step.key);
        return Err(Error::usage(text).hint(format!(":back {} takes back what it has changed", step.key)));
    }
    walk.skip(index);
    let key = walk.steps().get(index).map(|step| line(&step.key)).unwrap_or_default();
    desk.say(&format!("{key} is left out\n"));
    Ok(())
}

/// Runs a step again.
pub(super) fn redo(desk: &Desk, walk: &mut Walk, key: Option<&str>) -> std::result::Result<(), Failed> {
    let index = match key {
        Some(key) => find(walk, key)?,
        None => walk.last_run().ok_or_else(none_has_run)?,
    };
    let is_done = |need: &String| {
        let ended = walk.report(need).map(|report| report.status);
        matches!(ended, Some(StepStatus::Ok | StepStatus::Skipped)) || walk.left_out(need).is_some()
    };
    let missed = |step: &Step| step.options.needs.iter().find(|need| !is_done(need)).cloned();
    if let Some((step, need)) = walk.steps().get(index).and_then(|step| Some((step, missed(step)?))) {
        let text = format!("step {} needs {}, which is not done", line(&step.key), line(&need));
        desk.warn(&text);
    }
    run(desk, walk, index)
}

fn run(desk: &Desk, walk: &mut Walk, index: usize) -> std::result::Result<(), Failed> {
    let session = walk.session().clone();
    let cancel = session.cancel().child();
    *desk.steps() = list(desk, walk);
    let report = {
        let _running = desk.interrupt().stops(&cancel);
        walk.run(index, &cancel).cloned()
    };
    desk.stops().pace = Pace::Run;
    let (Some(report), Some(step)) = (report, walk.steps().get(index)) else { return Ok(()) };
    match ended(desk, &session, &report, walk.is_over(step)) {
        Err(_) if report.status == StepStatus::Failed && step.options.on_error == OnError::Ignore => Ok(()),
        ended => ended,
    }
}

/// Says how a step has failed, if it has.
fn ended(desk: &Desk, session: &Session, report: &StepReport, is_over: bool) -> std::result::Result<(), Failed> {
    if !matches!(report.status, StepStatus::Failed | StepStatus::Undecided | StepStatus::Cancelled) {
        return Ok(());
    }
    let is_locked = report.error.as_ref().is_some_and(|error| error["kind"] == Kind::Locked.as_str());
    if is_locked {
        desk.without_lock(session, Kind::Locked);
    }
    let error = report.error.as_ref().map(Shown::of_json);
    // Who has stopped it knows why.
    let is_known = |error: &Shown| report.status == StepStatus::Cancelled && error.hint.is_none();
    let is_new = |error: &Shown| !is_known(error) && !desk.has_said(&error.message);
    if let Some(error) = error.filter(is_new) {
        desk.say_shown(error, &desk.sources());
    }
    if desk.is_terminal() && !desk.is_leaving() {
        desk.say_ways_again(match is_over {
            true => ":next goes on without it, :redo runs it again",
            false => ":next runs it again, :skip leaves it out, :reload reads scripts that were mended",
        });
    }
    Err(Failed::told(if report.status == StepStatus::Cancelled { crate::exit::CANCELLED } else { crate::exit::FAILED }))
}

/// Takes back what a step has changed, the last one that has run without a key.
pub(super) fn back(
    desk: &Desk,
    walk: &mut Walk,
    key: Option<&str>,
    even_in_part: bool,
) -> std::result::Result<(), Failed> {
    let index = match key {
        Some(key) => find(walk, key)?,
        None => walk.last_run().ok_or_else(none_has_run)?,
    };
    let (session, style) = (walk.session().clone(), desk.ui().err_style);
    let key = walk.steps().get(index).map(|step| line(&step.key)).unwrap_or_default();
    let cancel = session.cancel().child();
    let _running = desk.interrupt().stops(&cancel);
    let items = walk.plan_back(index, &cancel)?;
    let claims = undo::claims_left(&session, &items, &cancel)?;
    desk.say(&listed(&items, &claims, desk.ui().verbose > 0, style));
    if !even_in_part && items.iter().any(|item| matches!(item.way, Way::Cannot(_))) {
        let question = format!("Take back of step {key} what can be taken back?");
        let asked = session.confirm(&cancel, "back", &question);
        asked.map_err(|error| error.hint(format!("if you have decided: :back {key} --even-in-part")))?;
    }
    let Some(report) = walk.take_back(index, &items, &cancel) else { return Ok(()) };
    ended(desk, &session, &report, false)?;
    desk.say(&format!("step {} counts as not run\n", style.bold(&key)));
    let taken = report.outcome.iter().filter(|item| item.result.took_effect()).count();
    if taken < items.len() {
        desk.say(&format!("{taken} of {} changes were taken back: the rest stays, or was gone already\n", items.len()));
    }
    let needs = |step: &&Step| step.options.needs.contains(&key) && walk.has_run(&step.key);
    let built: Vec<String> = walk.steps().iter().filter(needs).map(|step| line(&step.key)).collect();
    if !built.is_empty() {
        let text = format!("what needs it has run: {}", built.join(", "));
        desk.warn(&text);
    }
    Ok(())
}

fn none_has_run() -> Error {
    Error::usage("no step has run yet").hint(":next runs the first one")
}

pub(super) fn find(walk: &Walk, key: &str) -> Result<usize> {
    let steps: &[Step] = walk.steps();
    let found = steps.iter().position(|step| step.key == key);
    found.ok_or_else(|| breaks::no_step(key, steps.iter().map(|step| step.key.as_str())))
}
