//! Asking a person: one question at a time, while deadlines rest.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use super::{Breakpoint, Session};
use crate::cancel::Cancel;
use crate::event::Level;
use crate::scope::Scope;
use crate::sync::lock;
use crate::{Error, Kind, Place, Result};

thread_local! {
    /// Whether this thread has a question open: what is asked on the way to its answer does not wait for it.
    static ASKING: Cell<bool> = const { Cell::new(false) };
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
    pub(crate) fn resting<T>(&self, cancel: &Cancel, ask: impl FnOnce() -> T) -> T {
        struct Open;
        impl Drop for Open {
            fn drop(&mut self) {
                ASKING.set(false);
            }
        }
        cancel.resting(&*self.0.clock, || {
            if ASKING.get() {
                return ask();
            }
            let _turn = lock(&self.0.gathered.asking);
            ASKING.set(true);
            let _open = Open;
            ask()
        })
    }

    /// Whether a person is asked before each step.
    pub(crate) fn is_stepping(&self) -> bool {
        self.0.stepping.load(Ordering::Acquire)
    }

    /// From here on, nobody is asked before steps.
    pub(crate) fn stop_stepping(&self) {
        self.0.stepping.store(false, Ordering::Release);
    }

    /// Asks at a breakpoint of a script whether it goes on.
    pub(crate) fn breakpoint(&self, scope: &Scope, place: &Place, text: Option<&str>) -> Result<()> {
        let step = scope.step.key.as_str();
        let simulated = self.target().simulation().is_some();
        let Some(prompter) = self.prompter().filter(|_| !simulated) else {
            let why = if simulated { "this is a rehearsal" } else { "nobody can be asked" };
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
