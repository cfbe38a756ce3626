//! One script, for its value: `windlass eval`, and what an embedder wants to know.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::declare::{Unit, evaluate};
use super::load::Playbook;
use crate::journal::{PlannedStep, RunStart, StepRecord, StepStart};
use crate::report::{Report, RunStatus, StepReport, StepStatus};
use crate::scope::{Phase, Scope, StepAt};
use crate::session::Session;
use crate::value::Value;
use crate::{Error, Kind, Result};

/// The key of what is evaluated outside of steps.
const EVAL: &str = "eval";

impl Session {
    /// Runs a script that declares no steps, outside any run, and gives the value of its last expression.
    ///
    /// # Errors
    /// [`Kind::Script`] if it does not parse, with a `details` of `{"parse": true}`; whatever it fails with.
    pub fn evaluate(&self, script: &Playbook) -> Result<Value> {
        self.add_home(&script.source, script.home.clone());
        let unit = Unit::compile(self, &script.source, &script.text, false)
            .map_err(|e| e.details(serde_json::json!({ "parse": true })))?;
        let step = StepAt { index: 0, key: EVAL.to_owned(), attempt: 1 };
        let scope = Scope::new(self.clone(), Phase::Run, step, self.cancel().child());
        let run = || {
            let _working = self.bridge().work()?;
            self.begin_evaluation(script)?;
            let value = evaluate(&unit, &scope, 0)?;
            match scope.cancel.reason() {
                None => Value::from_dynamic(&value, self.secrets()),
                Some(reason) => Err(reason),
            }
        };
        // Scripts need more stack than a thread of the embedder's may have.
        let result = std::thread::scope(|threads| {
            let builder = std::thread::Builder::new().name("windlass-eval".to_owned()).stack_size(crate::STACK);
            let guarded = || catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|p| Err(crate::bridge::panicked(&*p)));
            let thread = builder
                .spawn_scoped(threads, guarded)
                .map_err(|e| Error::new(Kind::System, "no thread can be started").source(e))?;
            thread.join().unwrap_or_else(|panic| Err(crate::bridge::panicked(panic.as_ref())))
        });
        let result = result.map_err(|e| self.mask_error(e));
        self.end_evaluation(script, result.as_ref().err())?;
        result
    }

    /// Does something that is no run, and records it as one: what it is, what is about to be done, and what came of it.
    ///
    /// # Errors
    /// Where it cannot be recorded, nothing is done; else the work's own.
    pub fn recorded<T>(&self, what: &str, about: &str, work: impl FnOnce() -> Result<(T, String)>) -> Result<T> {
        self.remark(about);
        self.begin_by_hand(what)?;
        let done = work();
        let status = if done.is_ok() { RunStatus::Ok } else { RunStatus::Failed };
        self.remark(&done.as_ref().map_or_else(|error| error.message().to_owned(), |(_, text)| text.clone()));
        self.journal().run_ended(&Report::of(self.id(), what, self.target().name(), status, Vec::new()))?;
        done.map(|(value, _)| value)
    }

    /// Begins a run that has no playbook: of what a person types, or has done for them.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    pub fn begin_by_hand(&self, what: &str) -> Result<()> {
        self.journal().run_started(&RunStart {
            run: self.id().to_owned(),
            playbook: what.to_owned(),
            target: self.target().name(),
            identities: self.named_identities(),
            steps: Vec::new(),
            scripts: Default::default(),
            values: serde_json::Value::clone(&self.values()),
        })
    }

    /// Ends a run that has no playbook.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    pub fn end_by_hand(&self, what: &str) -> Result<()> {
        self.journal().run_ended(&Report::of(self.id(), what, self.target().name(), RunStatus::Ok, Vec::new()))
    }

    /// Records that it begins, as a run of one step.
    fn begin_evaluation(&self, script: &Playbook) -> Result<()> {
        let planned = PlannedStep { key: EVAL.to_owned(), title: script.name.clone(), left_out: None };
        let journal = self.journal();
        journal.run_started(&RunStart {
            run: self.id().to_owned(),
            playbook: script.name.clone(),
            target: self.target().name(),
            identities: self.named_identities(),
            steps: vec![planned],
            scripts: [(script.source.clone(), script.text.clone())].into(),
            values: serde_json::Value::clone(&self.values()),
        })?;
        journal.step_started(&StepStart {
            number: 0,
            key: EVAL.to_owned(),
            title: script.name.clone(),
            attempt: 1,
            irreversible: false,
            at: self.clock().wall(),
        })
    }

    fn end_evaluation(&self, script: &Playbook, error: Option<&Error>) -> Result<()> {
        let (step, run) = match error.map(Error::kind) {
            None => (StepStatus::Ok, RunStatus::Ok),
            Some(Kind::Cancelled) => (StepStatus::Cancelled, RunStatus::Cancelled),
            Some(_) => (StepStatus::Failed, RunStatus::Failed),
        };
        let mut report = StepReport::of(EVAL, &script.name, step);
        (report.attempts, report.outcome, report.error) = (1, self.take_outcomes(), error.map(Error::to_json));
        report.count();
        self.journal().step_ended(&StepRecord {
            number: 0,
            key: EVAL.to_owned(),
            attempt: 1,
            report: report.clone(),
            value: serde_json::Value::Null,
            state: Default::default(),
            inventory: self.take_inventory(),
            at: self.clock().wall(),
        })?;
        self.journal().run_ended(&Report::of(self.id(), &script.name, self.target().name(), run, vec![report]))
    }
}
