//! What a journal is given, and what it gives back.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::change::{Inverse, PartImage, Recipe, Resource, ResultWord};
use crate::report::StepReport;

/// The order of entries, which does not depend on timing: how often the run had been resumed, then step, attempt, and the
/// way through the branches.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryId {
    /// How often the run had been resumed.
    pub resumed: u32,
    /// The step's number in the run's order.
    pub step: u32,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The number within the step, from 0; within branches, that of the group of branches, the branch's own, and the number
    /// within the branch.
    pub path: Vec<u32>,
}

impl std::str::FromStr for EntryId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut pieces = text.splitn(4, '/');
        let mut number = || pieces.next().and_then(|piece| piece.parse().ok()).ok_or(());
        let (resumed, step, attempt) = (number()?, number()?, number()?);
        let path = pieces.next().ok_or(())?;
        let path = path.split('.').map(|number| number.parse().map_err(|_| ())).collect::<Result<_, ()>>()?;
        Ok(Self { resumed, step, attempt, path })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: Vec<String> = self.path.iter().map(ToString::to_string).collect();
        write!(f, "{}/{}/{}/{}", self.resumed, self.step, self.attempt, path.join("."))
    }
}

/// What a run begins with.
#[derive(Debug, Clone)]
pub struct RunStart {
    /// The run's id.
    pub run: String,
    /// The playbook's name.
    pub playbook: String,
    /// What it acts on.
    pub target: String,
    /// The clusters' identities, by the names that scripts use; that of the cluster which is meant without a name is empty.
    pub identities: Json,
    /// The steps, in the order in which they run.
    pub steps: Vec<PlannedStep>,
    /// The scripts' texts, by the names under which they run.
    pub scripts: BTreeMap<String, String>,
    /// The values.
    pub values: Json,
}

/// A step of a run before it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Why it is left out, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// An attempt at a step begins.
#[derive(Debug, Clone)]
pub struct StepStart {
    /// The step's number in the run's order.
    pub number: u32,
    /// Its key.
    pub key: String,
    /// Its title.
    pub title: String,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Whether what it does cannot be taken back.
    pub irreversible: bool,
    /// When, on the target's clock.
    pub at: Timestamp,
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
    /// When, on the target's clock.
    pub at: Timestamp,
    /// The clusters' identities, by the name in [`crate::change::Resource::at`].
    pub identity: Json,
    /// What is intended for which resource, with the state before.
    pub parts: Vec<PartImage>,
    /// The differences in readable lines, without secrets, one list a part.
    pub diffs: Vec<Vec<String>>,
    /// How to find out whether it took effect.
    pub probe: Recipe,
    /// How to take it back.
    pub inverse: Inverse,
    /// What was explicitly allowed beyond the ordinary: a conflict taken, an approval given.
    pub permits: Vec<String>,
    /// The recorded change that this one takes back.
    pub undoes: Option<Undoes>,
}

/// Which part of which recorded change another one takes back.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Undoes {
    /// The entry.
    pub id: EntryId,
    /// The part, by its number in the entry.
    pub part: u32,
}

/// Written after it acted: the result and the state after, for each part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ResultRecord {
    /// One word a part.
    pub results: Vec<ResultWord>,
    /// The state after each part.
    pub after: Vec<Option<Json>>,
}

/// An intent and, once it is known, what came of it.
pub type Entry = (Intent, Option<ResultRecord>);

/// Something that is kept together with what is written next.
#[derive(Debug, Clone)]
pub enum Note {
    /// What a report has to say beside changes.
    Remark {
        /// What sort of remark.
        sort: RemarkSort,
        /// Its place in the order, where it has one.
        id: Option<EntryId>,
        /// When, on the target's clock.
        at: Timestamp,
        /// The text, without secrets.
        text: String,
    },
    /// A value that an interrupted step gets back when it starts over.
    Once {
        /// The step's key.
        step: String,
        /// What the value is called.
        name: String,
        /// The value.
        value: Json,
    },
    /// A branch has ended well.
    BranchEnded {
        /// The step's key.
        step: String,
        /// The branch.
        branch: BranchKey,
        /// What it returned.
        value: Json,
    },
    /// A part of a recorded change needs not be taken back (any more).
    Undone(Undoes),
    /// The clusters' identities, as in [`RunStart::identities`]: another one is known.
    Identities(Json),
}

impl Note {
    /// Whether only this step asks for it, where it goes on after it has failed.
    pub(super) fn is_begun_by(&self, key: &str) -> bool {
        matches!(self, Note::Once { step, .. } | Note::BranchEnded { step, .. } if step == key)
    }
}

/// What sort of remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemarkSort {
    /// Something explicitly allowed or decided by a person: an approval, an assumed value.
    Decision,
    /// A finding that the customer lives with.
    Accepted,
    /// What is left to be done by hand.
    Manual,
    /// The version of something that the run uses.
    Version,
}

impl RemarkSort {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RemarkSort::Decision => "decision",
            RemarkSort::Accepted => "accepted",
            RemarkSort::Manual => "manual",
            RemarkSort::Version => "version",
        }
    }
}

/// A branch of a step: where it stands, and what it was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BranchKey {
    /// The way through the branches.
    pub path: Vec<u32>,
    /// What it was given, as JSON.
    pub item: String,
}

/// What a journal keeps of the end of a step.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// The step's number in the run's order.
    pub number: u32,
    /// The step's key.
    pub key: String,
    /// The last attempt; 0 if there was none.
    pub attempt: u32,
    /// What came of it, without secrets.
    pub report: StepReport,
    /// What it returned.
    pub value: Json,
    /// What it has set of `ctx.state`.
    pub state: BTreeMap<String, Json>,
    /// The resources that it stands for.
    pub inventory: Vec<Standing>,
    /// When, on the target's clock.
    pub at: Timestamp,
}

impl StepRecord {
    /// Whether the step was done.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.report.status == crate::report::StepStatus::Ok
    }
}

/// A resource that a run stands for: it is as the run's scripts say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// The resource.
    #[serde(flatten)]
    pub resource: Resource,
    /// The primitive that looks after it.
    pub primitive: String,
}

/// What is in a journal of a run that goes on.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// The run that goes on; nothing for a new one.
    pub run: Option<String>,
    /// How often the run has been resumed, this time included; 0 for a new run.
    pub resumed: u32,
    /// How many attempts at steps, ends of them, and changes there were when it was read: more of them are somebody else's.
    pub(super) rows: [u32; 3],
    /// The clusters' identities, as in [`RunStart::identities`]; older journals have the clusters' own names, and none that is
    /// empty.
    pub identities: Json,
    /// Why steps were left out, by key.
    pub left_out: BTreeMap<String, String>,
    /// What is known of each step, by key.
    pub steps: BTreeMap<String, StepPast>,
    /// The steps that were taken back since they ran, and not run again, in order.
    pub taken_back: Vec<String>,
    /// What was set of `ctx.state` by steps that are done.
    pub state: BTreeMap<String, Json>,
    /// The values that steps get back which start over, by step and name.
    pub once: BTreeMap<(String, String), Json>,
    /// What an undo has taken back already.
    pub undone: HashSet<Undoes>,
    /// The branches that have ended well in steps that have not, by step.
    pub branches: BTreeMap<String, BTreeMap<BranchKey, Json>>,
}

/// What an earlier run has left.
#[derive(Debug, Clone, Default)]
pub struct EarlierRun {
    /// Its id.
    pub run: String,
    /// What it set of `ctx.state`.
    pub state: BTreeMap<String, Json>,
    /// What its steps returned, by key.
    pub results: BTreeMap<String, Json>,
}

impl Past {
    /// Whether clusters with these identities can be those of the run: those of the same name are the same.
    pub(super) fn is_on(&self, identities: &Json) -> bool {
        let (Some(was), Some(is)) = (self.identities.as_object(), identities.as_object()) else {
            return self.identities == *identities;
        };
        let same = |(name, one): (&String, &Json)| was.get(name).is_none_or(|other| one == other);
        // An older journal does not say which one was meant without a name.
        let has_it = is.get("").is_none_or(|one| was.values().any(|other| one == other));
        was.is_empty() == is.is_empty() && has_it && is.iter().all(same)
    }

    /// What the steps returned that are done, by key.
    #[must_use]
    pub fn results(&self) -> BTreeMap<String, Json> {
        let result = |(key, step): (&String, &StepPast)| Some((key.clone(), step.value.clone()?));
        self.steps.iter().filter_map(result).collect()
    }
}

/// What is in a journal of a step.
#[derive(Debug, Clone, Default)]
pub struct StepPast {
    /// How often it has been tried.
    pub attempts: u32,
    /// Its last report, if it has ended.
    pub report: Option<StepReport>,
    /// What it returned, if it is done.
    pub value: Option<Json>,
}

impl StepPast {
    /// Why it was left out, by a person who was asked.
    #[must_use]
    pub fn left_out(&self) -> Option<String> {
        let report = self.report.as_ref().filter(|report| report.status == crate::report::StepStatus::Skipped)?;
        Some(report.reason.clone().unwrap_or_default())
    }

    /// Whether it is done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.status == crate::report::StepStatus::Ok)
    }
}

impl ResultRecord {
    /// Whether what became of some part is not known.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        self.results.contains(&ResultWord::Unknown)
    }
}
