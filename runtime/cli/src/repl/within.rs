//! In the middle of a step: at a statement, before a change, where a primitive has failed.

use std::sync::Arc;
use std::time::Instant;

use windlass_runtime::change::{Change, Plan};
use windlass_runtime::playbook::Console;
use windlass_runtime::session::{ChangeGate, Decision, Failure, Follower, OnFailure, Statement};
use windlass_runtime::{Error, Kind, Result, Value};

use super::command::Command;
use super::desk::Desk;
use super::evaluate::evaluate;
use super::prompt::{Mode, Standing};
use super::show;
use super::stops::Pace;
use super::typed::Line;
use crate::clean::line;
use crate::failed::Failed;

/// Opens the prompt in the middle of steps.
#[derive(Clone)]
pub(super) struct Within(pub(super) Arc<Desk>);

/// Why a step ended that a person has stopped.
const BY_HAND: &str = "stopped by hand";

/// How it goes on.
enum Answer {
    GoOn(Pace),
    /// As it went before, statement by statement.
    Pass,
    Retry,
    Take(Value),
    Fail,
    Refuse,
    Stop,
}

/// What holds a step up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    Statement { depth: usize },
    Failure,
    Change,
}

impl Held {
    fn word(self) -> &'static str {
        match self {
            Self::Statement { .. } => "stopped",
            Self::Failure => "failed",
            Self::Change => "about to change",
        }
    }

    /// What one can do, in a few words.
    fn ways(self) -> &'static str {
        match self {
            Self::Statement { .. } => {
                ":next statement, :into calls, :out of this function, :continue the step, :stop it"
            }
            Self::Failure => "look around, and then :retry the call, :take VALUE for it, :fail it, or :stop the step",
            Self::Change => ":continue with it, :next to the statement after it, :refuse it, :stop the step",
        }
    }

    /// Where one is.
    fn place(self) -> &'static str {
        match self {
            Self::Statement { .. } => "at a statement",
            Self::Failure => "where a call has failed",
            Self::Change => "before a change",
        }
    }

    /// What a command means here; nothing where it means nothing here.
    fn answer(self, command: &Command) -> Option<Answer> {
        let depth = if let Self::Statement { depth } = self { depth } else { 0 };
        Some(match (self, command) {
            (_, Command::Stop | Command::Quit) => Answer::Stop,
            (Self::Statement { .. }, Command::Next) => Answer::GoOn(Pace::To(depth)),
            (Self::Statement { .. }, Command::Into | Command::Step) => Answer::GoOn(Pace::Into),
            (Self::Statement { .. }, Command::Out) => Answer::GoOn(Pace::To(depth.saturating_sub(1))),
            (Self::Statement { .. } | Self::Change, Command::Continue) => Answer::GoOn(Pace::Run),
            (Self::Change, Command::Next) => Answer::Pass,
            (Self::Change, Command::Refuse) => Answer::Refuse,
            (Self::Failure, Command::Retry) => Answer::Retry,
            (Self::Failure, Command::Fail) => Answer::Fail,
            _ => return None,
        })
    }
}

impl Within {
    /// Reads lines until one says how it goes on.
    fn until_answered(&self, held: Held, console: &mut Console) -> Result<Answer> {
        let desk = &self.0;
        let outside = desk.standing();
        if let Err(error) = console.use_from_here(desk.using()) {
            desk.report(&Failed::of_line(error, desk.sources()));
        }
        // What Ctrl-C is pressed for at this prompt, in a pager for example, is not the step.
        let _resting = desk.interrupt().rests();
        // Nobody consents to what they have not seen.
        if !matches!(held, Held::Statement { .. }) {
            desk.drops_what_was_typed_ahead();
        }
        desk.say_ways(held.ways());
        loop {
            let using = console.using().clone();
            let standing = Standing {
                lost: desk.has_lost(using.cluster.as_deref()),
                cluster: using.cluster.unwrap_or_else(|| console.session().target().name()),
                namespace: using.namespace,
                step: console.step().map(str::to_owned),
                mode: Mode::of(console.session()),
                held: Some(held.word()),
                goes_on: true,
                ..outside.clone()
            };
            let typed = match desk.read(&standing, console) {
                Ok(Line::Text(text) | Line::Ahead(text)) => text,
                Ok(Line::Dropped) => continue,
                // A person has gone, or what was to come is not wanted any more.
                Ok(Line::End) if desk.is_terminal() || desk.is_leaving() => return Ok(Answer::Stop),
                // Without anybody to ask, it fails as without a prompt.
                Ok(Line::End) if held == Held::Failure => return Ok(Answer::Fail),
                // Nobody has consented to what comes next.
                Ok(Line::End) => {
                    desk.say("the lines have ended where the step is held up: it is stopped (:continue goes on)\n");
                    return Ok(Answer::Stop);
                }
                Err(error) if error.kind() == Kind::Malformed => {
                    desk.report(&error.into());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let typed = typed.trim();
            match typed.strip_prefix(':').map(Command::read) {
                None if typed.is_empty() => {}
                None => {
                    if let Err(failed) = evaluate(desk, console, typed) {
                        desk.report(&failed);
                    }
                }
                Some(Ok(command)) => {
                    let begun = Instant::now();
                    let answer = self.obey(held, typed, &command, console);
                    desk.done(console, typed, answer.is_ok());
                    match answer {
                        Ok(Some(answer)) => return Ok(answer),
                        Ok(None) => desk.timed(begun),
                        Err(error) => desk.report(&Failed::of_line(error, desk.sources())),
                    }
                }
                Some(Err(error)) => {
                    desk.done(console, typed, false);
                    desk.report(&error.into());
                }
            }
        }
    }

    fn obey(&self, held: Held, typed: &str, command: &Command, console: &mut Console) -> Result<Option<Answer>> {
        if matches!(command, Command::Steps) {
            let steps = self.0.steps().clone();
            return show::paged(&self.0, &steps).map(|()| None);
        }
        if let Some(answer) = held.answer(command) {
            if matches!(command, Command::Quit) {
                self.0.leave();
            }
            return Ok(Some(answer));
        }
        if let (Held::Failure, Command::Take { expression }) = (held, command) {
            return self.0.value_of(console, &expression.join(" ")).map(|value| Some(Answer::Take(value)));
        }
        match command.look(&self.0, console) {
            Some(done) => done.map(|()| None),
            None => {
                let hint = format!(":stop ends the step, and then it does; or {}", held.ways());
                Err(Error::usage(format!("{} does not work {}", line(typed), held.place())).hint(hint))
            }
        }
    }
}

/// Ends the step, in all of its branches.
fn stopped(console: &Console) -> Error {
    console.stop_step(BY_HAND);
    Error::new(Kind::Cancelled, BY_HAND)
}

impl Follower for Within {
    fn stops_at(&self, statement: &Statement<'_>) -> bool {
        self.0.stops().at(statement)
    }

    fn stop(&self, statement: &Statement<'_>, console: &mut Console) -> Result<()> {
        let desk = &self.0;
        let place = statement.place();
        let text = desk.sources().line_of(&place).unwrap_or_default();
        let style = desk.ui().err_style;
        let place = style.dim(line(&place.to_string()));
        desk.say(&format!("{place}\n{} {}\n", style.blue(statement.line), line(&text)));
        match self.until_answered(Held::Statement { depth: statement.depth }, console)? {
            Answer::GoOn(pace) => {
                desk.stops().pace = pace;
                Ok(())
            }
            _ => Err(stopped(console)),
        }
    }
}

impl OnFailure for Within {
    fn decide(&self, failure: &Failure<'_>) -> Decision {
        let desk = &self.0;
        let Some(mut console) = Console::here().filter(|_| desk.stops().at_failures) else { return Decision::Fail };
        desk.say_error(failure.error);
        match self.until_answered(Held::Failure, &mut console) {
            Ok(Answer::Retry) => Decision::Retry,
            Ok(Answer::Take(value)) => Decision::Take(value),
            Ok(Answer::Stop) => {
                console.stop_step(BY_HAND);
                Decision::Fail
            }
            _ => Decision::Fail,
        }
    }
}

impl ChangeGate for Within {
    fn before_change(&self, change: &Change) -> Result<()> {
        let desk = &self.0;
        if !desk.stops().at_changes && !desk.stops().is_stepping() {
            return Ok(());
        }
        let Some(mut console) = Console::here() else { return Ok(()) };
        let style = desk.ui().err_style;
        for part in change.parts.iter().filter(|part| part.acts()) {
            let Plan::Act { op, diff, .. } = &part.plan else { continue };
            desk.say(&format!("about to {} {}\n", op.as_str(), style.bold(line(&part.resource.to_string()))));
            for text in diff.iter().flat_map(|text| text.lines()).filter(|text| !show::says_no_more(text)) {
                desk.say(&format!("  {}\n", show::difference(&console.session().mask(text), style)));
            }
        }
        match self.until_answered(Held::Change, &mut console)? {
            Answer::GoOn(pace) => {
                desk.stops().pace = pace;
                Ok(())
            }
            Answer::Pass => {
                let mut stops = desk.stops();
                if !stops.is_stepping() {
                    stops.pace = Pace::Into;
                }
                Ok(())
            }
            Answer::Refuse => Err(Error::new(Kind::Denied, "the change was refused by hand")),
            _ => Err(stopped(&console)),
        }
    }
}
