//! Step by step: a person is asked before each step.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::declare::Step;
use crate::analysis::StateUses;
use crate::event::Level;
use crate::report::StepStatus;
use crate::session::{BeforeStep, Session};
use crate::{Error, Kind};

/// A step that runs next, if the person who is asked says so.
pub struct Upcoming<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its number in the run's order, from 1.
    pub number: usize,
    /// How many steps the run has.
    pub of: usize,
    session: &'a Session,
}

impl Upcoming<'_> {
    /// The paths of the values that its code and that of its hooks reads, as far as they are written out.
    #[must_use]
    pub fn values_read(&self) -> BTreeSet<String> {
        StateUses::default().of(self.step).values
    }

    /// `ctx.state` so far, without secrets.
    #[must_use]
    pub fn state(&self) -> Json {
        self.session.shown_state()
    }
}

/// Asks about a step, where that is wanted; what becomes of it, if it is not to run.
pub(super) fn asked(session: &Session, step: &Step, index: usize, of: usize) -> Option<(StepStatus, Option<String>)> {
    let prompter = session.prompter().filter(|_| session.is_stepping())?;
    let upcoming = Upcoming { step, number: index + 1, of, session };
    match session.resting(session.cancel(), || prompter.before_step(&upcoming)) {
        Ok(BeforeStep::Run) => None,
        Ok(BeforeStep::GoOn) => {
            session.stop_stepping();
            None
        }
        Ok(BeforeStep::Skip) => Some((StepStatus::Skipped, Some("skipped by hand".to_owned()))),
        Ok(BeforeStep::Stop) => {
            session.cancel().stop(Error::new(Kind::Cancelled, format!("stopped by hand before step \"{}\"", step.key)));
            Some((StepStatus::Pending, None))
        }
        Err(error) => {
            if error.kind() != Kind::Cancelled {
                session.log(Some(&step.key), Level::Error, format!("nobody can be asked: {error}"));
            }
            session.cancel().stop(error);
            Some((StepStatus::Pending, None))
        }
    }
}
