//! Running the steps of a prepared playbook, one after the other, on the session's script thread.

use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::context::keepable;
use super::declare::{OnError, Step};
use super::kept::journaled;
use super::load::Prepared;
use super::upcoming::asked;
use crate::cancel::{Cancel, Deadline};
use crate::clock::Moment;
use crate::event::{Level, What};
use crate::journal::{StepRecord, StepStart};
use crate::report::{Report, RunStatus, StepReport, StepStatus};
use crate::scope::{Phase, Scope, StepAt};
use crate::session::{AfterFailure, Session};
use crate::value::Value;
use crate::{Error, Kind, Result};

/// The longest time between two attempts at a step.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// A run under way.
pub struct Run {
    id: String,
    cancel: CancelHandle,
    report: tokio::sync::oneshot::Receiver<Report>,
}

/// Stops a run from any thread.
#[derive(Clone, Debug)]
pub struct CancelHandle(Cancel);

impl CancelHandle {
    /// Stops the run: what is under way ends within two seconds, cleanups within thirty.
    pub fn cancel(&self, why: &str) {
        self.0.stop(Error::new(Kind::Cancelled, why));
    }
}

impl Run {
    pub(super) fn start(
        prepared: Prepared,
        left_out: BTreeMap<String, String>,
        done: BTreeMap<String, String>,
    ) -> Result<Self> {
        let (sender, report) = tokio::sync::oneshot::channel();
        let cancel = CancelHandle(prepared.session.cancel().clone());
        let id = prepared.session.id().to_owned();
        std::thread::Builder::new()
            .name("windlass-script".to_owned())
            .stack_size(crate::STACK)
            .spawn(move || {
                let working = prepared.session.bridge().work();
                let report = Runner::new(&prepared, left_out, done).run();
                drop(working);
                let _ = sender.send(report);
            })
            .map_err(|e| Error::new(Kind::System, "the script's thread cannot be started").source(e))?;
        Ok(Self { id, cancel, report })
    }

    /// The run's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Stops it from elsewhere.
    #[must_use]
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// The report, when the run has ended.
    ///
    /// # Errors
    /// [`Kind::Internal`] if its thread died.
    pub async fn finished(self) -> Result<Report> {
        self.report.await.map_err(|_| Error::internal("the script's thread died"))
    }

    /// As [`Run::finished`], for who is not asynchronous. Not to be called on a thread of tokio's.
    ///
    /// # Errors
    /// As [`Run::finished`].
    pub fn wait(self) -> Result<Report> {
        self.report.blocking_recv().map_err(|_| Error::internal("the script's thread died"))
    }
}

struct Runner<'a> {
    prepared: &'a Prepared,
    session: &'a Session,
    left_out: BTreeMap<String, String>,
    /// What was done before the run was resumed.
    done: BTreeMap<String, String>,
    reports: Vec<StepReport>,
    /// The keys of the steps that spoil those which need them.
    spoilt: HashSet<String>,
}

enum Ended {
    Done(Value),
    Failed(Error),
}

impl<'a> Runner<'a> {
    fn new(prepared: &'a Prepared, left_out: BTreeMap<String, String>, done: BTreeMap<String, String>) -> Self {
        Self { prepared, session: &prepared.session, left_out, done, reports: Vec::new(), spoilt: HashSet::new() }
    }

    fn run(mut self) -> Report {
        let (begun, virtual_begun) = (Instant::now(), self.session.clock().now());
        let steps = self.prepared.steps.iter().map(|s| (s.key.clone(), s.title().to_owned())).collect();
        self.session.tell(
            None,
            What::RunStarted {
                run: self.session.id().to_owned(),
                playbook: self.prepared.name.clone(),
                target: self.session.target().name(),
                steps,
            },
        );
        let mut over = false;
        let mut failed = false;
        for (index, step) in self.prepared.steps.iter().enumerate() {
            let report = match self.hindrance(step, over) {
                Some((status, reason)) => self.empty_report(step, status, reason),
                None => match asked(self.session, step, index, self.prepared.steps.len()) {
                    Some((status, reason)) => self.decided(step, index, status, reason),
                    None => self.run_step(step, u32::try_from(index).unwrap_or(u32::MAX)),
                },
            };
            if matches!(report.status, StepStatus::Failed) {
                failed |= step.options.on_error != OnError::Ignore;
                over |= match report.reason.as_deref() {
                    Some(STOPPED) => true,
                    Some(WENT_ON) => false,
                    _ => matches!(step.options.on_error, OnError::Stop),
                };
            }
            over |= matches!(report.status, StepStatus::Cancelled);
            if report.status != StepStatus::Pending {
                self.session.tell(Some(&step.key), What::StepEnded { report: report.clone() });
            }
            if spoils(step, report.status) {
                self.spoilt.insert(step.key.clone());
            }
            self.reports.push(report);
        }
        // A stop that is no cancel, such as a journal that cannot write, is a failure.
        failed |= self.session.cancel().reason().is_some_and(|r| r.kind() != Kind::Cancelled);
        // Only where nothing is for real, it is a result that something cannot be known without doing it.
        failed |= self.session.target().simulation().is_none()
            && self.reports.iter().any(|report| report.status == StepStatus::Undecided);
        let cancelled =
            self.reports.iter().any(|r| r.status == StepStatus::Cancelled) || self.session.cancel().is_stopped();
        let status = match (failed, cancelled) {
            (true, _) => RunStatus::Failed,
            (false, true) => RunStatus::Cancelled,
            (false, false) => RunStatus::Ok,
        };
        let target = self.session.target().name();
        let mut report = Report::of(self.session.id(), &self.prepared.name, target, status, self.reports);
        report.elapsed_s = begun.elapsed().as_secs_f64();
        report.virtual_s = virtual_since(self.session, virtual_begun);
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

    /// Why a step does not run.
    fn hindrance(&self, step: &Step, over: bool) -> Option<(StepStatus, Option<String>)> {
        if let Some(reason) = self.done.get(&step.key).or_else(|| self.left_out.get(&step.key)) {
            return Some((StepStatus::Skipped, Some(reason.clone())));
        }
        if over || self.session.cancel().is_stopped() {
            return Some((StepStatus::Pending, None));
        }
        let need = step.options.needs.iter().find(|need| self.spoilt.contains(*need))?;
        Some((StepStatus::Blocked, Some(format!("needs \"{need}\", which is not done"))))
    }

    /// What a person decided about a step, which is recorded: it stays so when the run is resumed.
    fn decided(&self, step: &Step, index: usize, status: StepStatus, reason: Option<String>) -> StepReport {
        let mut report = self.empty_report(step, status, reason);
        if status == StepStatus::Skipped {
            self.session.remark(&format!("step \"{}\" was skipped by hand", step.key));
            self.keep(u32::try_from(index).unwrap_or(u32::MAX), 0, None, &mut report);
        }
        report
    }

    fn empty_report(&self, step: &Step, status: StepStatus, reason: Option<String>) -> StepReport {
        StepReport { reason, ..StepReport::of(&step.key, step.title(), status) }
    }

    fn run_step(&self, step: &Step, index: u32) -> StepReport {
        let begun = Instant::now();
        let virtual_begun = self.session.clock().now();
        let mut report = self.empty_report(step, StepStatus::Ok, None);
        let mut backoff = step.options.backoff;
        // Attempts are counted over all that was done for this run.
        let before = self.session.journal().past().steps.get(&step.key).map_or(0, |past| past.attempts);
        let value = loop {
            report.attempts += 1;
            let at = StepAt { index, key: step.key.clone(), attempt: before + report.attempts };
            let title = step.title().to_owned();
            self.session
                .tell(Some(&step.key), What::StepStarted { step: step.key.clone(), title, attempt: at.attempt });
            let ended = match self.session.journal().step_started(&self.step_start(step, &at)) {
                Ok(()) => self.attempt(step, at),
                Err(error) => {
                    // Nothing may be done of which nothing is recorded.
                    self.session.cancel().stop(error.clone());
                    Ended::Failed(error)
                }
            };
            report.outcome.extend(self.session.take_outcomes());
            let error = match ended {
                Ended::Done(value) => {
                    (report.status, report.error) = (StepStatus::Ok, None);
                    break Some(value);
                }
                Ended::Failed(error) => error,
            };
            report.status = match error.kind() {
                Kind::Cancelled => StepStatus::Cancelled,
                Kind::Undecided => StepStatus::Undecided,
                _ => StepStatus::Failed,
            };
            report.error = Some(error.to_json());
            if report.status == StepStatus::Failed && self.again(step, &error, &mut report, &mut backoff) {
                continue;
            }
            break None;
        };
        report.elapsed_s = begun.elapsed().as_secs_f64();
        report.virtual_s = virtual_since(self.session, virtual_begun);
        report.count();
        self.keep(index, before, value, &mut report);
        report
    }

    fn step_start(&self, step: &Step, at: &StepAt) -> StepStart {
        StepStart {
            number: at.index,
            key: step.key.clone(),
            title: step.title().to_owned(),
            attempt: at.attempt,
            irreversible: step.options.irreversible,
            at: self.session.clock().wall(),
        }
    }

    /// Whether a failed step is tried again.
    fn again(&self, step: &Step, error: &Error, report: &mut StepReport, backoff: &mut Duration) -> bool {
        if report.attempts <= step.options.retries {
            let text = format!(
                "attempt {} of {} failed: {error}; again in {}",
                report.attempts,
                step.options.retries + 1,
                crate::duration::display(*backoff)
            );
            self.session.log(Some(&step.key), Level::Warn, text);
            let (clock, time) = (self.session.clock().clone(), *backoff);
            let waited = self.session.bridge().wait(self.session.cancel(), self.session.clock(), async move {
                clock.sleep(time).await;
                Ok(())
            });
            *backoff = (*backoff * 2).min(MAX_BACKOFF);
            if let Err(error) = waited {
                report.status = StepStatus::Cancelled;
                report.error = Some(error.to_json());
                return false;
            }
            return true;
        }
        if step.options.on_error != OnError::Ask && !self.session.is_stepping() {
            return false;
        }
        let answer = self
            .session
            .prompter()
            .map(|p| self.session.resting(self.session.cancel(), || p.step_failed(&step.key, error)));
        match answer {
            Some(Ok(AfterFailure::Retry)) => true,
            Some(Ok(AfterFailure::Continue)) => {
                report.reason = Some(WENT_ON.to_owned());
                false
            }
            _ => {
                report.reason = Some(STOPPED.to_owned());
                false
            }
        }
    }

    /// Records the end of a step: its report, its result, and what it has set of the state.
    fn keep(&self, number: u32, attempts_before: u32, value: Option<Value>, report: &mut StepReport) {
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

    fn attempt(&self, step: &Step, at: StepAt) -> Ended {
        let clock = self.session.clock();
        let cancel = match step.options.timeout {
            Some(limit) => self.session.cancel().child_until(Deadline {
                at: clock.now() + limit,
                limit,
                what: format!("step \"{}\"", step.key),
            }),
            None => self.session.cancel().child(),
        };
        let scope = Scope::new(self.session.clone(), Phase::Run, at, cancel);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| step.run(&scope)))
            .unwrap_or_else(|panic| Err(crate::bridge::panicked(panic.as_ref())));
        let registry = self.session.secrets();
        match result.and_then(|value| Value::from_dynamic(&value, registry)) {
            // What was stopped did not get done, even where the script has caught the stop.
            Ok(value) => match scope.cancel.reason() {
                None => Ended::Done(value),
                Some(reason) => Ended::Failed(self.session.mask_error(reason)),
            },
            Err(error) => {
                let reason = scope.cancel.reason().filter(|r| r.kind() != error.kind() && r.kind().is_final());
                let error = reason.unwrap_or(error);
                // What has no place of its own (too deep a recursion, a computation that was ended) is the step's.
                let error = if error.place().is_none() { error.at(step.place.clone()) } else { error };
                Ended::Failed(self.session.mask_error(error))
            }
        }
    }
}

/// The time since then on the target's clock, in seconds, where that is simulated.
fn virtual_since(session: &Session, begun: Moment) -> Option<f64> {
    let clock = session.clock();
    clock.is_virtual().then(|| (clock.now() - begun).as_secs_f64())
}

/// Whether steps that need this one cannot run.
fn spoils(step: &Step, status: StepStatus) -> bool {
    match status {
        StepStatus::Failed => step.options.on_error != OnError::Ignore,
        status => matches!(status, StepStatus::Blocked | StepStatus::Undecided),
    }
}

const WENT_ON: &str = "a person decided to go on";
const STOPPED: &str = "stopped after the failure";
