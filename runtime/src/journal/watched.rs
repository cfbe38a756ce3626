//! A journal with somebody who is asked at each point: to try what becomes of runs that die, or cannot be recorded.

use std::sync::Arc;

use super::Journal;
use super::records::{Entry, EntryId, Intent, Note, Past, ResultRecord, RunStart, StepRecord, StepStart};
use crate::Result;
use crate::report::Report;

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// That the run begins.
    RunStart,
    /// That a step begins.
    StepStart,
    /// An intent.
    Intent,
    /// A result.
    Result,
    /// The end of a step.
    StepEnd,
    /// The end of the run.
    RunEnd,
}

/// On which side of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Nothing is written yet.
    Before,
    /// It is written.
    After,
}

type Ask = Box<dyn Fn(Point, Side) -> Result<()> + Send + Sync>;

/// A journal with somebody who is asked at each point. An error of theirs is what the run is told.
pub struct Watched {
    kept: Arc<dyn Journal>,
    ask: Ask,
}

impl Watched {
    /// Watches a journal.
    pub fn new(kept: Arc<dyn Journal>, ask: impl Fn(Point, Side) -> Result<()> + Send + Sync + 'static) -> Self {
        Self { kept, ask: Box::new(ask) }
    }

    fn at(&self, point: Point, write: impl FnOnce(&dyn Journal) -> Result<()>) -> Result<()> {
        (self.ask)(point, Side::Before)?;
        write(&*self.kept)?;
        (self.ask)(point, Side::After)
    }
}

impl Journal for Watched {
    fn run_started(&self, run: &RunStart) -> Result<()> {
        self.at(Point::RunStart, |kept| kept.run_started(run))
    }

    fn differences(&self, run: &RunStart) -> Result<Vec<String>> {
        self.kept.differences(run)
    }

    fn step_started(&self, step: &StepStart) -> Result<()> {
        self.at(Point::StepStart, |kept| kept.step_started(step))
    }

    fn intent(&self, intent: &Intent) -> Result<()> {
        self.at(Point::Intent, |kept| kept.intent(intent))
    }

    fn result(&self, id: &EntryId, result: &ResultRecord) -> Result<()> {
        self.at(Point::Result, |kept| kept.result(id, result))
    }

    fn note(&self, note: Note) {
        self.kept.note(note);
    }

    fn step_ended(&self, record: &StepRecord) -> Result<()> {
        self.at(Point::StepEnd, |kept| kept.step_ended(record))
    }

    fn run_ended(&self, report: &Report) -> Result<()> {
        self.at(Point::RunEnd, |kept| kept.run_ended(report))
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        self.kept.entries()
    }

    fn past(&self) -> &Past {
        self.kept.past()
    }
}
