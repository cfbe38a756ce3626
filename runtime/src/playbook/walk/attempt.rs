//! Running a step of a walk, once or several times.

use std::time::{Duration, Instant};

use super::{STOPPED, WENT_ON, Walk, virtual_since};
use crate::cancel::Deadline;
use crate::event::{Level, What};
use crate::journal::StepStart;
use crate::playbook::console::Console;
use crate::playbook::declare::{OnError, Step};
use crate::report::{StepReport, StepStatus};
use crate::scope::{Phase, Scope, StepAt};
use crate::session::AfterFailure;
use crate::value::Value;
use crate::{Error, Kind};

/// The longest time between two attempts at a step.
const MAX_BACKOFF: Duration = Duration::from_secs(300);

/// Whether an error of this kind comes again however often its step is tried: only a person can change what it comes from.
fn comes_again(kind: Kind) -> bool {
    matches!(kind, Kind::Denied | Kind::Locked | Kind::Budget)
}

enum Ended {
    Done(Value),
    Failed(Error),
}

impl Walk {
    pub(super) fn run_step(&self, step: &Step) -> StepReport {
        let begun = Instant::now();
        let virtual_begun = self.session.clock().now();
        let mut report = self.empty_report(step, StepStatus::Ok, None);
        let mut backoff = step.options.backoff;
        // Attempts are counted over all that was done for this run.
        let before = self.attempts.get(&step.key).copied().unwrap_or_default();
        let value = loop {
            report.attempts += 1;
            let at = StepAt { index: self.number_of(step), key: step.key.clone(), attempt: before + report.attempts };
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
        report.virtual_s = virtual_since(&self.session, virtual_begun);
        report.count();
        self.record(self.number_of(step), before, value, &mut report);
        report
    }

    pub(super) fn step_start(&self, step: &Step, at: &StepAt) -> StepStart {
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
        if report.attempts <= step.options.retries && !comes_again(error.kind()) {
            let text = format!(
                "attempt {} of {} failed: {error}; again in {}",
                report.attempts,
                step.options.retries + 1,
                crate::duration::display(*backoff)
            );
            self.session.log(Some(&step.key), Level::Warn, text);
            let (clock, time) = (self.session.clock().clone(), *backoff);
            let waited = self.session.bridge().wait(&self.cancel, self.session.clock(), async move {
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
        let answer =
            self.session.prompter().map(|p| self.session.resting(&self.cancel, || p.step_failed(&step.key, error)));
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

    fn attempt(&self, step: &Step, at: StepAt) -> Ended {
        // What an earlier attempt has applied was meant to be applied again, perhaps by a script that was mended.
        self.session.forget_claims_of(&step.key);
        self.failed.take();
        let clock = self.session.clock();
        let cancel = match step.options.timeout {
            Some(limit) => self.cancel.child_until(Deadline {
                at: clock.now() + limit,
                limit,
                what: format!("step \"{}\"", step.key),
            }),
            None => self.cancel.child(),
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
                self.failed.replace(Console::after(&scope, &error));
                let reason = scope.cancel.reason().filter(|r| r.kind() != error.kind() && r.kind().is_final());
                let error = reason.unwrap_or(error);
                // What has no place of its own (too deep a recursion, a computation that was ended) is the step's.
                let error = if error.place().is_none() { error.at(step.place.clone()) } else { error };
                Ended::Failed(self.session.mask_error(error))
            }
        }
    }
}
