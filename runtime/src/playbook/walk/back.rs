//! Taking back by hand what a step has changed.

use super::Walk;
use crate::cancel::Cancel;
use crate::journal::{Entry, StepStart};
use crate::report::{StepReport, StepStatus};
use crate::scope::{Phase, Scope, StepAt};
use crate::undo::{self, Item};
use crate::{Error, Kind, Result};

impl Walk {
    /// What there is to take back of the step of this number, the newest change first. Nothing is done yet, and it is given up
    /// when `cancel` is stopped.
    ///
    /// # Errors
    /// [`Kind::Usage`] where it has not run, or was taken back already; [`Kind::Conflict`] where it is irreversible, or others
    /// have changed since what it has changed.
    pub fn plan_back(&self, index: usize, cancel: &Cancel) -> Result<Vec<Item>> {
        let step = self.prepared.steps.get(index).ok_or_else(|| Error::internal("there is no such step"))?;
        let key = step.key.as_str();
        if !self.has_run(key) {
            let error = Error::usage(format!("step \"{key}\" has not run in this session, or was taken back already"));
            return Err(error.hint("`windlass undo` takes back what earlier runs have changed"));
        }
        if step.options.irreversible {
            let text = format!("the step \"{key}\" is irreversible: it cannot be taken back");
            return Err(Error::new(Kind::Conflict, text).hint("nothing was undone").resource(key));
        }
        let entries = self.session.journal().entries()?;
        let done = undo::taken_back_within(&entries);
        let since = self.taken_back.get(key).copied().unwrap_or_default();
        let of_step = |(intent, _): &Entry| intent.step == key && intent.id.attempt > since;
        let running = self.session.running(cancel);
        undo::plan(&self.session, &entries.into_iter().filter(of_step).collect::<Vec<_>>(), &done, &running)
    }

    /// Takes these back, which [`Walk::plan_back`] has given, as an attempt of its own at the step. Where that succeeds, the step
    /// is one that has not run, here and when the run is resumed. Nothing where there is no such step.
    pub fn take_back(&mut self, index: usize, items: &[Item], cancel: &Cancel) -> Option<StepReport> {
        let step = self.prepared.steps.get(index)?;
        let (key, title) = (step.key.clone(), step.title().to_owned());
        let before = self.attempts.get(&key).copied().unwrap_or_default();
        let at = StepAt { index: self.number_of(step), key: key.clone(), attempt: before + 1 };
        let start =
            StepStart { title: format!("Take back: {title}"), irreversible: false, ..self.step_start(step, &at) };
        self.session.forget_claims_of(&key);
        let running = self.session.running(cancel);
        let scope = Scope::new(self.session.clone(), Phase::Run, at.clone(), Cancel::clone(&running));
        let call = undo::native(&scope);
        let taking = self.session.journal().step_started(&start);
        let taken = taking.and_then(|()| items.iter().try_for_each(|item| undo::take_back(item, &call)));
        let (status, reason) = match &taken {
            Ok(()) => (StepStatus::Pending, Some("taken back by hand".to_owned())),
            Err(error) if error.kind() == Kind::Cancelled => (StepStatus::Cancelled, None),
            Err(_) => (StepStatus::Failed, None),
        };
        let mut report = StepReport { reason, attempts: 1, ..StepReport::of(&key, &start.title, status) };
        report.error = taken.err().map(|error| self.session.mask_error(error).to_json());
        report.outcome = self.session.take_outcomes();
        report.count();
        if status == StepStatus::Pending {
            self.session.remark(&format!("step \"{key}\" was taken back by hand"));
            self.session.forget_step(&key);
        }
        self.record(at.index, before, None, &mut report);
        self.attempts.insert(key.clone(), at.attempt);
        // What could not be recorded counts as it stands in the journal.
        match report.status {
            StepStatus::Pending => {
                self.reports.remove(&key);
                self.taken_back.insert(key, at.attempt);
            }
            _ => drop(self.reports.insert(key, report.clone())),
        }
        Some(report)
    }
}
