//! Where intents and results are written: the intent before a change acts, the result after.

mod entries;
mod fault;
mod hashes;
mod listing;
mod memory;
mod on_demand;
mod past;
mod records;
mod seal;
mod store;
mod stored;
mod transfer;
mod watched;

pub(crate) use hashes::changed_values;
pub use listing::{AttemptRecord, ChangeRecord, RemarkRecord, RunLine, RunRecord, SessionRecord};
pub use memory::MemoryJournal;
pub use on_demand::OnDemand;
pub use records::{
    BranchKey, EarlierRun, Entry, EntryId, Intent, Note, Past, PlannedStep, RemarkSort, ResultRecord, RunStart,
    Standing, StepPast, StepRecord, StepStart, Undoes,
};
pub use store::{JOURNAL_FILE, Store};
pub use stored::{About, ChangedResource, StoredRun};
pub use watched::{Point, Side, Watched};

use crate::Result;
use crate::report::Report;

/// A journal of one run. Each call returns only when what it was given is safe, but for [`Journal::note`].
pub trait Journal: Send + Sync + 'static {
    /// Records that the run begins, or goes on; once more where it is another playbook's from then on.
    ///
    /// # Errors
    /// Where it cannot be recorded: nothing is run then.
    fn run_started(&self, run: &RunStart) -> Result<()>;

    /// Which scripts and values are not as they were when the run was started, by name.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn differences(&self, run: &RunStart) -> Result<Vec<String>>;

    /// What earlier runs of the same on the same clusters have left, the newest first.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn earlier(&self, run: &RunStart) -> Result<Vec<EarlierRun>>;

    /// Records that an attempt at a step begins.
    ///
    /// # Errors
    /// Where it cannot be recorded: the step is then not run.
    fn step_started(&self, step: &StepStart) -> Result<()>;

    /// Records an intent. What is not recorded is not acted on.
    ///
    /// # Errors
    /// Where it cannot be recorded: the change is then not made.
    fn intent(&self, intent: &Intent) -> Result<()>;

    /// Records what came of an intent, in the place of what is there about it.
    ///
    /// # Errors
    /// Where it cannot be recorded: the run ends, and the intent is probed when it is resumed.
    fn result(&self, id: &EntryId, result: &ResultRecord) -> Result<()>;

    /// Keeps something that is recorded together with what comes next, at the latest with the end of the run: what acts on it
    /// comes after it.
    fn note(&self, note: Note);

    /// Records the end of a step.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    fn step_ended(&self, record: &StepRecord) -> Result<()>;

    /// Records the end of the run.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    fn run_ended(&self, report: &Report) -> Result<()>;

    /// Everything so far, in order.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn entries(&self) -> Result<Vec<Entry>>;

    /// What it has of the run from before it was resumed.
    fn past(&self) -> &Past;
}
