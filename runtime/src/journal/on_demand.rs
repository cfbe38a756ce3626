//! A journal that is opened when something is to be changed: what only looks leaves none.

use std::sync::{Arc, Mutex, OnceLock};

use super::Journal;
use super::records::{EarlierRun, Entry, EntryId, Intent, Note, Past, ResultRecord, RunStart, StepRecord, StepStart};
use crate::report::Report;
use crate::sync::lock;
use crate::{Error, Result};

type Open = Box<dyn Fn() -> Result<Arc<dyn Journal>> + Send + Sync>;

/// A journal that is opened with the first intent, and then has what was before: the steps that changed nothing, and those that
/// were left out.
pub struct OnDemand {
    open: Open,
    opened: OnceLock<Arc<dyn Journal>>,
    begun: Mutex<Begun>,
    past: Past,
}

#[derive(Default)]
struct Begun {
    run: Option<RunStart>,
    /// What came after that, in order.
    since: Vec<Begin>,
}

enum Begin {
    Note(Note),
    Started(StepStart),
    Ended(Box<StepRecord>),
}

impl OnDemand {
    /// One that is opened so: a journal of a new run.
    pub fn new(open: impl Fn() -> Result<Arc<dyn Journal>> + Send + Sync + 'static) -> Self {
        Self { open: Box::new(open), opened: OnceLock::new(), begun: Mutex::default(), past: Past::default() }
    }

    fn opened(&self) -> Result<&Arc<dyn Journal>> {
        let mut begun = lock(&self.begun);
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let journal = (self.open)()?;
        if let Some(run) = &begun.run {
            journal.run_started(run)?;
        }
        for one in &begun.since {
            match one {
                Begin::Note(note) => journal.note(note.clone()),
                Begin::Started(step) => journal.step_started(step)?,
                Begin::Ended(record) => journal.step_ended(record)?,
            }
        }
        *begun = Begun::default();
        Ok(self.opened.get_or_init(|| journal))
    }
}

impl Journal for OnDemand {
    fn run_started(&self, run: &RunStart) -> Result<()> {
        let mut begun = lock(&self.begun);
        match self.opened.get() {
            Some(opened) => opened.run_started(run),
            None => {
                begun.run = Some(run.clone());
                Ok(())
            }
        }
    }

    fn differences(&self, _: &RunStart) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn earlier(&self, _: &RunStart) -> Result<Vec<EarlierRun>> {
        Ok(Vec::new())
    }

    fn step_started(&self, step: &StepStart) -> Result<()> {
        let mut begun = lock(&self.begun);
        match self.opened.get() {
            Some(opened) => opened.step_started(step),
            None => {
                begun.since.push(Begin::Started(step.clone()));
                Ok(())
            }
        }
    }

    fn intent(&self, intent: &Intent) -> Result<()> {
        self.opened()?.intent(intent)
    }

    fn result(&self, id: &EntryId, result: &ResultRecord) -> Result<()> {
        let opened = self.opened.get().ok_or_else(|| Error::internal("a result without an intent"))?;
        opened.result(id, result)
    }

    fn note(&self, note: Note) {
        // Looked at under the lock: another branch may be opening it.
        let mut begun = lock(&self.begun);
        match self.opened.get() {
            Some(opened) => opened.note(note),
            None => begun.since.push(Begin::Note(note)),
        }
    }

    fn step_ended(&self, record: &StepRecord) -> Result<()> {
        let mut begun = lock(&self.begun);
        match self.opened.get() {
            Some(opened) => opened.step_ended(record),
            None => {
                begun.since.push(Begin::Ended(Box::new(record.clone())));
                Ok(())
            }
        }
    }

    fn run_ended(&self, report: &Report) -> Result<()> {
        self.opened.get().map_or(Ok(()), |opened| opened.run_ended(report))
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        self.opened.get().map_or_else(|| Ok(Vec::new()), |opened| opened.entries())
    }

    fn past(&self) -> &Past {
        &self.past
    }
}
