//! A journal that lasts as long as the process.

use std::sync::{Mutex, MutexGuard};

use super::Journal;
use super::entries::in_order;
use super::records::{
    EarlierRun, Entry, EntryId, Intent, Note, Past, RemarkSort, ResultRecord, RunStart, StepRecord, StepStart,
};
use crate::report::Report;
use crate::{Error, Result};

/// A journal that lasts as long as the process.
#[derive(Default)]
pub struct MemoryJournal {
    inner: Mutex<Memory>,
    past: Past,
}

#[derive(Default)]
struct Memory {
    entries: Vec<Entry>,
    notes: Vec<Note>,
    steps: Vec<StepRecord>,
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        crate::sync::lock(&self.inner)
    }

    /// What persons decided.
    #[must_use]
    pub fn decisions(&self) -> Vec<String> {
        let text = |note: &Note| match note {
            Note::Remark { sort: RemarkSort::Decision, text, .. } => Some(text.clone()),
            _ => None,
        };
        self.lock().notes.iter().filter_map(text).collect()
    }

    /// What was noted.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        self.lock().notes.clone()
    }

    /// The steps that ended.
    #[must_use]
    pub fn steps(&self) -> Vec<StepRecord> {
        self.lock().steps.clone()
    }
}

impl Journal for MemoryJournal {
    fn run_started(&self, _: &RunStart) -> Result<()> {
        Ok(())
    }

    fn differences(&self, _: &RunStart) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn earlier(&self, _: &RunStart) -> Result<Vec<EarlierRun>> {
        Ok(Vec::new())
    }

    fn step_started(&self, _: &StepStart) -> Result<()> {
        Ok(())
    }

    fn intent(&self, intent: &Intent) -> Result<()> {
        self.lock().entries.push((intent.clone(), None));
        Ok(())
    }

    fn result(&self, id: &EntryId, result: &ResultRecord) -> Result<()> {
        let mut memory = self.lock();
        let entry = memory.entries.iter_mut().find(|(intent, _)| intent.id == *id);
        let (_, slot) = entry.ok_or_else(|| Error::internal("a result without an intent"))?;
        *slot = Some(result.clone());
        Ok(())
    }

    fn note(&self, note: Note) {
        self.lock().notes.push(note);
    }

    fn step_ended(&self, record: &StepRecord) -> Result<()> {
        self.lock().steps.push(record.clone());
        Ok(())
    }

    fn run_ended(&self, _: &Report) -> Result<()> {
        Ok(())
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        Ok(in_order(self.lock().entries.clone()))
    }

    fn past(&self) -> &Past {
        &self.past
    }
}
