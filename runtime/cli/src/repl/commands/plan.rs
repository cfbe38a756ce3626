//! What the next step, or an expression, would change: found by doing it on a fork of the simulated cluster.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use windlass_runtime::change::OutcomeItem;
use windlass_runtime::event::{Event, Level, What};
use windlass_runtime::playbook::Console;
use windlass_runtime::secret::Prompter as AsksSecrets;
use windlass_runtime::session::{AfterFailure, Prompter};
use windlass_runtime::{Error, Result, Session, duration};
use zeroize::Zeroizing;

use super::look::differences;
use crate::clean::line;
use crate::render::{Shown, diagnostic};
use crate::repl::desk::Desk;
use crate::repl::show;

/// What a fork has told.
#[derive(Default)]
pub(in crate::repl) struct Told {
    pub(in crate::repl) outcomes: Vec<OutcomeItem>,
    /// Questions with their answers, and warnings.
    pub(in crate::repl) remarks: Vec<String>,
}

/// Keeps what a fork tells, and answers its questions: everything is approved there.
#[derive(Clone, Default)]
pub(in crate::repl) struct Fork(Arc<Mutex<Told>>);

impl Fork {
    pub(in crate::repl) fn with<T>(&self, work: impl FnOnce(&mut Told) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hear(&self, event: &Event) {
        match &event.what {
            What::Outcome { outcome } => self.with(|told| told.outcomes.push(outcome.clone())),
            What::Log { level: Level::Warn | Level::Error, text } => {
                self.with(|told| told.remarks.push(text.clone()));
            }
            _ => {}
        }
    }

    /// A fork of a session, which tells this.
    pub(in crate::repl) fn of(&self, session: &Session) -> Result<Session> {
        let hears = self.clone();
        session.fork(|builder| builder.sink(move |event: &Event| hears.hear(event)).prompter(Arc::new(self.clone())))
    }
}

impl AsksSecrets for Fork {
    fn secret(&self, text: &str) -> Result<Zeroizing<String>> {
        self.with(|told| told.remarks.push(format!("it asks for a secret: {text}")));
        Ok(Zeroizing::new("given-in-a-plan".to_owned()))
    }
}

impl Prompter for Fork {
    fn confirm(&self, key: &str, text: &str) -> Result<bool> {
        self.with(|told| told.remarks.push(format!("it asks, and is answered yes: {text} [{key}]")));
        Ok(true)
    }

    fn step_failed(&self, _: &str, _: &Error) -> Result<AfterFailure> {
        Ok(AfterFailure::Stop)
    }
}

/// What would come of something.
pub(in crate::repl) struct Plan<'a> {
    pub(in crate::repl) outcomes: &'a [OutcomeItem],
    pub(in crate::repl) remarks: &'a [String],
    pub(in crate::repl) took: Duration,
    /// Where it would end without being done.
    pub(in crate::repl) error: Option<Shown>,
}

/// Shows what an expression would do.
pub(super) fn expression(desk: &Desk, console: &Console, text: &str) -> Result<()> {
    let fork = Fork::default();
    let session = fork.of(console.session())?;
    let mut copy = console.fork(&session);
    let begun = session.clock().now();
    let result = desk.value_of(&mut copy, text);
    let told = fork.with(std::mem::take);
    let plan = Plan {
        outcomes: &told.outcomes,
        remarks: &told.remarks,
        took: session.clock().now() - begun,
        error: result.as_ref().err().map(Shown::of),
    };
    plan.show(desk, "it")
}

impl Plan<'_> {
    pub(in crate::repl) fn show(&self, desk: &Desk, what: &str) -> Result<()> {
        let style = desk.ui().out_style;
        let changed = self.outcomes.iter().filter(|item| item.result.took_effect()).count();
        let changed = if changed == 0 { "nothing".to_owned() } else { format!("{changed} of {}", self.outcomes.len()) };
        let takes = match self.took {
            Duration::ZERO => "no time".to_owned(),
            took => duration::display(took),
        };
        let mut text = String::new();
        let would = match &self.error {
            None => "would change",
            Some(_) => "would fail, and before that change",
        };
        let _ = writeln!(text, "{} {would} {changed}, and take {takes}", style.bold(what));
        for remark in self.remarks {
            let _ = writeln!(text, "{}", style.yellow(line(remark)));
        }
        text.extend(differences(self.outcomes, style));
        text.extend(self.error.as_ref().map(|error| diagnostic(error, &desk.sources(), style)));
        show::paged(desk, &text)
    }
}
