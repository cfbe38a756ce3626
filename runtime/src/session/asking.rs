//! Asking a person: one question at a time, while deadlines rest.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Breakpoint, Session, Statement};
use crate::cancel::Cancel;
use crate::event::Level;
use crate::playbook::Console;
use crate::scope::Scope;
use crate::{Error, Kind, Place, Result};

/// Whoever asks has it until there is an answer. Whoever waits for it can be stopped.
pub(crate) type Turn = Arc<Mutex<()>>;

thread_local! {
    /// Where this thread has a question open, the turn of what is asked on the way to its answer: that does not wait for it.
    static TURN: RefCell<Option<Turn>> = const { RefCell::new(None) };
}

/// The turn of what this thread asks, if it is not the session's.
pub(crate) fn turn() -> Option<Turn> {
    TURN.with_borrow(Clone::clone)
}

/// Lets this thread take turns with the one that has begun it.
pub(crate) fn inherit_turn(turn: Option<Turn>) {
    TURN.set(turn);
}

impl Session {
    /// Asks for approval: a person, or what was approved beforehand.
    ///
    /// # Errors
    /// [`Kind::Cancelled`] if it is refused, or nobody can be asked.
    pub fn confirm(&self, scope_cancel: &Cancel, key: &str, text: &str) -> Result<()> {
        if self.0.approved.contains(key) {
            return Ok(());
        }
        let Some(prompter) = &self.0.prompter else {
            return Err(Error::new(
                Kind::Cancelled,
                format!("`{key}` needs an approval, and nobody can be asked: {text}"),
            )
            .hint(format!("if you have decided: --yes-to {key}")));
        };
        match self.resting(scope_cancel, || prompter.confirm(key, text))? {
            true => Ok(()),
            false => Err(Error::new(Kind::Cancelled, format!("`{key}` was refused"))),
        }
    }

    /// Asks a person for a secret. Deadlines rest meanwhile.
    ///
    /// # Errors
    /// [`Kind::System`] where nobody can be asked, [`Kind::Cancelled`] where nothing was answered.
    pub(crate) fn ask_secret(&self, cancel: &Cancel, text: &str) -> Result<crate::secret::Secret> {
        let Some(prompter) = &self.0.prompter else {
            return Err(Error::new(Kind::System, format!("nobody can be asked for a secret here: {text}"))
                .hint("without a terminal, take it from the environment or a file: secret::env(\"NAME\"), secret::file(\"path\")"));
        };
        self.resting(cancel, || crate::secret::from_prompt(&**prompter, text))
    }

    /// Runs something that waits for a person; deadlines rest meanwhile. Branches that run side by side ask one after the other.
    ///
    /// # Errors
    /// What `ask` gives; why it was stopped before, as by a person who was asked first.
    pub(crate) fn resting<T>(&self, cancel: &Cancel, ask: impl FnOnce() -> Result<T>) -> Result<T> {
        struct Open(Option<Turn>);
        impl Drop for Open {
            fn drop(&mut self) {
                TURN.set(self.0.take());
            }
        }
        cancel.resting(&*self.0.clock, || {
            let turn = turn().unwrap_or_else(|| self.0.gathered.asking.clone());
            let _turn = self.take_turn(cancel, turn)?;
            let _open = Open(TURN.replace(Some(Turn::default())));
            ask()
        })
    }

    /// Waits until nobody else asks. Meanwhile, others go on: on a simulated target, what is typed at the prompt that is open.
    fn take_turn(&self, cancel: &Cancel, turn: Turn) -> Result<OwnedMutexGuard<()>> {
        let taken = match turn.clone().try_lock_owned() {
            Ok(taken) => taken,
            Err(_) => {
                let stopped = cancel.clone();
                self.bridge().wait_for_person(async move {
                    tokio::select! {
                        biased;
                        reason = stopped.stopped() => Err(reason),
                        taken = turn.lock_owned() => Ok(taken),
                    }
                })?
            }
        };
        match cancel.reason() {
            Some(reason) => Err(reason),
            None => Ok(taken),
        }
    }

    /// Whether a person is asked before each step.
    pub(crate) fn is_stepping(&self) -> bool {
        self.0.stepping.load(Ordering::Acquire)
    }

    /// From here on, nobody is asked before steps.
    pub(crate) fn stop_stepping(&self) {
        self.0.stepping.store(false, Ordering::Release);
    }

    /// Asks at a breakpoint of a script whether it goes on. Who follows it stops there as at a statement, so many calls deep.
    pub(crate) fn breakpoint(&self, scope: &Scope, place: &Place, depth: usize, text: Option<&str>) -> Result<()> {
        let step = scope.step.key.as_str();
        if let Some(follower) = self.follower().filter(|_| scope.is_followed())
            && let Some(mut console) = Console::here()
        {
            if let Some(text) = text {
                self.log(Some(step), Level::Info, text);
            }
            let Place { ref source, line, column } = *place;
            let at = Statement { step, source, line, column, depth };
            return self.resting(&scope.cancel, || follower.stop(&at, &mut console));
        }
        let (simulated, typed) = (self.target().simulation().is_some(), !scope.is_followed());
        let Some(prompter) = self.prompter().filter(|_| !simulated && !typed) else {
            let why = match (typed, simulated) {
                (true, _) => "it was typed",
                (_, true) => "this is a rehearsal",
                _ => "nobody can be asked",
            };
            let said = text.map(|text| format!(": {text}")).unwrap_or_default();
            self.log(Some(step), Level::Info, format!("breakpoint at {place} passed, since {why}{said}"));
            return Ok(());
        };
        let text = text.map(|text| self.mask(text));
        let breakpoint = Breakpoint { step, place, text: text.as_deref() };
        match self.resting(&scope.cancel, || prompter.breakpoint(&breakpoint))? {
            true => Ok(()),
            false => Err(Error::new(Kind::Cancelled, format!("stopped at the breakpoint at {place}"))),
        }
    }
}
