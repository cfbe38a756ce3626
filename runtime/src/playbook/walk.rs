//! Going through the steps of a prepared playbook: in their order, as a run does, or in whatever order a person chooses.

mod attempt;
mod back;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value as Json;

use super::console::Console;
use super::context::keepable;
use super::declare::{OnError, Step};
use super::kept::journaled;
use super::load::Prepared;
use super::select::Selection;
use super::upcoming::asked;
use crate::Kind;
use crate::cancel::Cancel;
use crate::clock::Moment;
use crate::event::What;
use crate::journal::StepRecord;
use crate::report::{Report, RunStatus, StepReport, StepStatus};
use crate::session::Session;
use crate::value::Value;

/// The steps of a playbook, and what came of those that have run. It stays on the thread of whoever goes through them, whose
/// stack must be of [`crate::STACK`].
pub struct Walk {
    prepared: Prepared,
    session: Session,
    /// What a person can stop without ending the session.
    cancel: Cancel,
    left_out: BTreeMap<String, String>,
    /// What was done before the run was resumed.
    done: BTreeMap<String, String>,
    /// What came last of each step, by its key.
    reports: BTreeMap<String, StepReport>,
    /// The number that each step has in the journal, by its key: it keeps it when others are put before it.
    numbers: BTreeMap<String, u32>,
    /// How often each step was tried, by its key.
    attempts: BTreeMap<String, u32>,
    /// The attempt at each step by which it was taken back last, by its key.
    taken_back: BTreeMap<String, u32>,
    /// The keys of the steps that have run, each once, the last one at the end.
    ran: Vec<String>,
    begun: (Instant, Moment),
    /// Where the script of the step stood that failed last, in a runtime that is followed.
    failed: RefCell<Option<Console>>,
}

impl Walk {
    pub(super) fn begin(
        prepared: Prepared,
        left_out: BTreeMap<String, String>,
        done: BTreeMap<String, String>,
    ) -> Self {
        let session = prepared.session.clone();
        let attempts = session.journal().past().steps.iter().map(|(key, past)| (key.clone(), past.attempts)).collect();
        let begun = (Instant::now(), session.clock().now());
        let cancel = session.cancel().clone();
        let steps = prepared.steps.iter().map(|s| (s.key.clone(), s.title().to_owned())).collect();
        let (run, playbook, target) = (session.id().to_owned(), prepared.name.clone(), session.target().name());
        session.tell(None, What::RunStarted { run, playbook, target, steps });
        let mut walk = Self {
            prepared,
            session,
            cancel,
            left_out,
            done,
            reports: BTreeMap::new(),
            numbers: BTreeMap::new(),
            attempts,
            taken_back: BTreeMap::new(),
            ran: Vec::new(),
            begun,
            failed: RefCell::default(),
        };
        walk.number_steps();
        walk
    }

    /// Gives a number that was never used to each step that has none.
    fn number_steps(&mut self) {
        for step in &self.prepared.steps {
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            self.numbers.entry(step.key.clone()).or_insert(next);
        }
    }

    fn number_of(&self, step: &Step) -> u32 {
        self.numbers.get(&step.key).copied().unwrap_or(u32::MAX)
    }

    /// All of the steps, in their order, and the end.
    pub(super) fn run_all(mut self) -> Report {
        let mut over = false;
        for index in 0..self.prepared.steps.len() {
            let Some(step) = self.prepared.steps.get(index) else { break };
            let report = match self.hindrance(step, over) {
                Some((status, reason)) => self.empty_report(step, status, reason),
                None => match asked(&self.session, step, index, self.prepared.steps.len()) {
                    Some((StepStatus::Skipped, reason)) => self.skipped(step, reason),
                    Some((status, reason)) => self.empty_report(step, status, reason),
                    None => self.run_step(step),
                },
            };
            over |= self.ends_the_run(step, &report);
            self.keep(index, report);
        }
        self.end()
    }

    /// The session in which they run.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The steps, in their order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.prepared.steps
    }

    /// What came last of the step of this key, if it has run or was skipped.
    #[must_use]
    pub fn report(&self, key: &str) -> Option<&StepReport> {
        self.reports.get(key)
    }

    /// Why the step of this key is left out of the run, if it is: it was not chosen, or is done already.
    #[must_use]
    pub fn left_out(&self, key: &str) -> Option<&str> {
        self.done.get(key).or_else(|| self.left_out.get(key)).map(String::as_str)
    }

    /// The number of the first step, from 0, that is not over.
    #[must_use]
    pub fn next(&self) -> Option<usize> {
        self.prepared.steps.iter().position(|step| !self.is_over(step))
    }

    /// Whether the steps after this one come next: it is done or left out, or has failed in a way that does not end the run.
    #[must_use]
    pub fn is_over(&self, step: &Step) -> bool {
        let is_over = |report: &StepReport| match report.status {
            StepStatus::Ok | StepStatus::Skipped => true,
            StepStatus::Failed => !self.ends_the_run(step, report),
            _ => false,
        };
        self.reports.get(&step.key).is_some_and(is_over) || self.left_out(&step.key).is_some()
    }

    /// The key of a step that this one needs, and that did not get done.
    #[must_use]
    pub fn missed_by<'a>(&self, step: &'a Step) -> Option<&'a str> {
        step.options.needs.iter().map(String::as_str).find(|need| self.is_spoilt(need))
    }

    /// Whether the step of this key has run, and was not taken back since.
    #[must_use]
    pub fn has_run(&self, key: &str) -> bool {
        let of = |attempts: &BTreeMap<String, u32>| attempts.get(key).copied().unwrap_or_default();
        of(&self.attempts) > of(&self.taken_back)
    }

    /// The number of the step, from 0, that was run last and not taken back since.
    #[must_use]
    pub fn last_run(&self) -> Option<usize> {
        let number_of = |key: &String| self.prepared.steps.iter().position(|step| step.key == *key);
        self.ran.iter().rev().filter(|key| self.has_run(key)).find_map(number_of)
    }

    /// Goes on with the steps of this playbook, which was read anew in the same session: what was done stays done, and what was
    /// left out by hand stays so. Its hooks say anew what else is left out.
    ///
    /// # Errors
    /// [`Kind::Usage`] where its hooks leave out every step; where the journal cannot be written. Nothing is replaced then.
    pub fn replace(&mut self, prepared: Prepared) -> crate::Result<()> {
        let left_out = Selection::default().left_out(&prepared.steps)?;
        self.session.journal().run_started(&prepared.run_start(&left_out)?)?;
        self.session.remark("the playbook was read anew");
        let is_kept = |key: &str| prepared.steps.iter().any(|step| step.key == key);
        self.numbers.keys().filter(|key| !is_kept(key)).for_each(|key| self.session.forget_claims_of(key));
        (self.prepared, self.left_out) = (prepared, left_out);
        // One that has failed, and that the hooks leave out now, is one that is left out.
        let is_over = |status| matches!(status, StepStatus::Ok | StepStatus::Skipped);
        self.reports.retain(|key, report| is_over(report.status) || !self.left_out.contains_key(key));
        self.number_steps();
        Ok(())
    }

    /// Where the script of the step stood that ran last, if it failed and its runtime is [followed](crate::RuntimeBuilder::followed).
    pub fn take_failed(&self) -> Option<Console> {
        self.failed.take()
    }

    /// Runs the step of this number now, whatever its place in the order, until `cancel` is stopped. Nothing where there is no
    /// such step.
    pub fn run(&mut self, index: usize, cancel: &Cancel) -> Option<&StepReport> {
        let step = self.prepared.steps.get(index)?;
        let running = self.session.running(cancel);
        let (key, outer) = (step.key.clone(), std::mem::replace(&mut self.cancel, Cancel::clone(&running)));
        let report = self.run_step(step);
        self.cancel = outer;
        self.ran.retain(|other| *other != key);
        self.ran.push(key.clone());
        self.keep(index, report);
        self.reports.get(&key)
    }

    /// Leaves out the step of this number, by hand: those that need it run all the same.
    pub fn skip(&mut self, index: usize) {
        let Some(step) = self.prepared.steps.get(index) else { return };
        let report = self.skipped(step, Some("skipped by hand".to_owned()));
        self.keep(index, report);
    }

    /// Ends the run: what has not run is pending, if it was not left out.
    #[must_use]
    pub fn end(self) -> Report {
        let last = |step: &Step| match (self.reports.get(&step.key), self.left_out(&step.key)) {
            (Some(report), _) => report.clone(),
            (None, Some(reason)) => self.empty_report(step, StepStatus::Skipped, Some(reason.to_owned())),
            (None, None) => self.empty_report(step, StepStatus::Pending, None),
        };
        let steps: Vec<StepReport> = self.prepared.steps.iter().map(last).collect();
        let is_failure = |(report, step): (&StepReport, &Step)| match report.status {
            StepStatus::Failed => step.options.on_error != OnError::Ignore,
            // Only where nothing is for real, it is a result that something cannot be known without doing it.
            StepStatus::Undecided => self.session.target().simulation().is_none(),
            _ => false,
        };
        let stop = self.session.cancel().reason();
        // A stop that is no cancel, such as a journal that cannot write, is a failure.
        let failed = stop.as_ref().is_some_and(|r| r.kind() != Kind::Cancelled)
            || steps.iter().zip(&self.prepared.steps).any(is_failure);
        let is_open = |report: &StepReport| matches!(report.status, StepStatus::Cancelled | StepStatus::Pending);
        let cancelled = stop.is_some() || steps.iter().any(is_open);
        let status = match (failed, cancelled) {
            (true, _) => RunStatus::Failed,
            (false, true) => RunStatus::Cancelled,
            (false, false) => RunStatus::Ok,
        };
        let target = self.session.target().name();
        let mut report = Report::of(self.session.id(), &self.prepared.name, target, status, steps);
        let (begun, virtual_begun) = self.begun;
        report.elapsed_s = begun.elapsed().as_secs_f64();
        report.virtual_s = virtual_since(&self.session, virtual_begun);
        let ended = self.session.journal().run_ended(&report);
        if ended.is_err() {
            report.status = RunStatus::Failed;
        }
        let stopped = || self.session.cancel().reason().filter(|reason| reason.kind() != Kind::Cancelled);
        report.error = ended.err().or_else(stopped).map(|error| error.to_json()).filter(|error| {
            // What the step says that it stopped is not said twice.
            let is_same = |step: &Json| step["message"] == error["message"];
            !report.steps.iter().any(|step| step.error.as_ref().is_some_and(is_same))
        });
        self.session.tell(None, What::RunEnded { report: report.clone() });
        report
    }

    fn keep(&mut self, index: usize, report: StepReport) {
        let Some(step) = self.prepared.steps.get(index) else { return };
        if report.status != StepStatus::Pending {
            self.session.tell(Some(&step.key), What::StepEnded { report: report.clone() });
        }
        *self.attempts.entry(step.key.clone()).or_default() += report.attempts;
        self.reports.insert(step.key.clone(), report);
    }

    /// Whether nothing runs after a step that ended so.
    fn ends_the_run(&self, step: &Step, report: &StepReport) -> bool {
        match (report.status, report.reason.as_deref()) {
            (StepStatus::Cancelled, _) | (StepStatus::Failed, Some(STOPPED)) => true,
            (StepStatus::Failed, Some(WENT_ON)) => false,
            (StepStatus::Failed, _) => step.options.on_error == OnError::Stop,
            _ => false,
        }
    }

    /// Why a step does not run.
    fn hindrance(&self, step: &Step, over: bool) -> Option<(StepStatus, Option<String>)> {
        if let Some(reason) = self.left_out(&step.key) {
            return Some((StepStatus::Skipped, Some(reason.to_owned())));
        }
        if over || self.session.cancel().is_stopped() {
            return Some((StepStatus::Pending, None));
        }
        let need = self.missed_by(step)?;
        Some((StepStatus::Blocked, Some(format!("needs \"{need}\", which is not done"))))
    }

    /// Whether steps that need the one of this key cannot run.
    fn is_spoilt(&self, key: &str) -> bool {
        let Some(status) = self.reports.get(key).map(|report| report.status) else { return false };
        let is_ignored = |step: &Step| step.key == key && step.options.on_error == OnError::Ignore;
        match status {
            StepStatus::Failed => !self.prepared.steps.iter().any(is_ignored),
            status => matches!(status, StepStatus::Blocked | StepStatus::Undecided),
        }
    }

    /// A step that a person left out, which is recorded: it stays so when the run is resumed.
    fn skipped(&self, step: &Step, reason: Option<String>) -> StepReport {
        let mut report = self.empty_report(step, StepStatus::Skipped, reason);
        self.session.remark(&format!("step \"{}\" was skipped by hand", step.key));
        self.record(self.number_of(step), 0, None, &mut report);
        report
    }

    fn empty_report(&self, step: &Step, status: StepStatus, reason: Option<String>) -> StepReport {
        StepReport { reason, ..StepReport::of(&step.key, step.title(), status) }
    }

    /// Records the end of a step: its report, its result, and what it has set of the state.
    fn record(&self, number: u32, attempts_before: u32, value: Option<Value>, report: &mut StepReport) {
        let value = value.filter(|v| keepable("result", v).is_ok()).unwrap_or(Value::Null);
        let state = self.session.take_written();
        let record = StepRecord {
            number,
            key: report.key.clone(),
            attempt: attempts_before + report.attempts,
            report: report.clone(),
            value: journaled(&value),
            state: state.iter().map(|(key, value)| (key.clone(), journaled(value))).collect(),
            inventory: self.session.take_inventory(),
            at: self.session.clock().wall(),
        };
        if let Err(error) = self.session.journal().step_ended(&record) {
            // Nothing may go on from something of which no record says that it is done. Why a step failed by itself stays.
            self.session.cancel().stop(error.clone());
            report.status = StepStatus::Failed;
            report.error.get_or_insert_with(|| error.to_json());
        }
        if report.status == StepStatus::Ok {
            self.session.keep_result(&report.key, value);
        }
    }
}

/// The time since then on the target's clock, in seconds, where that is simulated.
fn virtual_since(session: &Session, begun: Moment) -> Option<f64> {
    let clock = session.clock();
    clock.is_virtual().then(|| (clock.now() - begun).as_secs_f64())
}

const WENT_ON: &str = "a person decided to go on";
const STOPPED: &str = "stopped after the failure";
