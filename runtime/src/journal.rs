//! Where intents and results are written: the intent before a change acts, the result after.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::change::{Inverse, PartImage, Recipe, ResultWord};
use crate::report::StepStatus;
use crate::{Error, Result};

/// The order of entries, which does not depend on timing: step, attempt, branches, and the number within the branch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId {
    /// The step's number in the run's order.
    pub step: u32,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The branches on the way down, by number.
    pub branch: Vec<u32>,
    /// The call's number within its branch.
    pub ordinal: u32,
}

/// Written before a change acts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Intent {
    /// Its place in the order.
    pub id: EntryId,
    /// The step's key.
    pub step: String,
    /// The primitive: `cluster::apply`.
    pub primitive: String,
    /// The clusters' identities, by the name in [`crate::change::Resource::at`].
    pub identity: Json,
    /// What is intended for which resource, with the state before.
    pub parts: Vec<PartImage>,
    /// How to find out whether it took effect.
    pub probe: Recipe,
    /// How to take it back.
    pub inverse: Inverse,
    /// What was explicitly allowed beyond the ordinary: a conflict taken, an approval given.
    pub permits: Vec<String>,
}

/// Written after it acted: the result and the state after, for each part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResultRecord {
    /// One word a part.
    pub results: Vec<ResultWord>,
    /// The state after each part.
    pub after: Vec<Option<Json>>,
}

/// What a journal keeps of a step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step's key.
    pub key: String,
    /// How it ended, as the word of [`StepStatus`].
    pub status: String,
    /// What it returned.
    pub value: Json,
    /// `ctx.state` after it.
    pub state: Json,
}

impl StepRecord {
    /// Whether the step was done.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.status == "ok"
    }

    /// The word for a status.
    #[must_use]
    pub fn word(status: StepStatus) -> String {
        serde_json::to_value(status).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// A journal of one run. Each call returns only when what it was given is safe.
pub trait Journal: Send + Sync + 'static {
    /// Records an intent. What is not recorded is not acted on.
    ///
    /// # Errors
    /// Where it cannot be recorded: the change is then not made.
    fn intent(&self, intent: &Intent) -> Result<()>;

    /// Records what came of an intent.
    ///
    /// # Errors
    /// Where it cannot be recorded: the run ends, and the intent is probed when it is resumed.
    fn result(&self, id: &EntryId, result: &ResultRecord) -> Result<()>;

    /// Records something explicitly allowed or decided by a person: an approval, an assumed value.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    fn decision(&self, id: &EntryId, text: &str) -> Result<()>;

    /// Records the end of a step.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    fn step_ended(&self, record: &StepRecord) -> Result<()>;

    /// Everything so far, in order.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn entries(&self) -> Result<Vec<(Intent, Option<ResultRecord>)>>;
}

/// A journal that lasts as long as the process.
#[derive(Default)]
pub struct MemoryJournal {
    inner: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    entries: Vec<(Intent, Option<ResultRecord>)>,
    decisions: Vec<(EntryId, String)>,
    steps: Vec<StepRecord>,
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Memory> {
        crate::sync::lock(&self.inner)
    }

    /// What persons decided.
    #[must_use]
    pub fn decisions(&self) -> Vec<(EntryId, String)> {
        self.lock().decisions.clone()
    }

    /// The steps that ended.
    #[must_use]
    pub fn steps(&self) -> Vec<StepRecord> {
        self.lock().steps.clone()
    }
}

impl Journal for MemoryJournal {
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

    fn decision(&self, id: &EntryId, text: &str) -> Result<()> {
        self.lock().decisions.push((id.clone(), text.to_owned()));
        Ok(())
    }

    fn step_ended(&self, record: &StepRecord) -> Result<()> {
        self.lock().steps.push(record.clone());
        Ok(())
    }

    fn entries(&self) -> Result<Vec<(Intent, Option<ResultRecord>)>> {
        let mut entries = self.lock().entries.clone();
        entries.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
        Ok(entries)
    }
}
