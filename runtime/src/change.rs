//! A change, as the boundary takes it, and what comes of it.
//!
//! Every primitive that changes something describes it as one [`Change`] and gives it to `Call::change`. Nothing in it
//! but `act` does anything: `probe` and `inverse` are *recipes*, data that a handler registered under a name understands,
//! so that another process can read them from the journal after a crash.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::clock::BoxFuture;
use crate::{Error, Result};

/// What a change is made to: a Kubernetes object, a file on a host, a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Resource {
    /// The cluster or host it belongs to.
    pub at: String,
    /// Group and version of a Kubernetes object: `apps/v1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
    /// What sort of thing: `Deployment`, `HelmRelease`, `File`.
    pub kind: String,
    /// The namespace, where the kind has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)?;
        match &self.namespace {
            Some(namespace) => write!(f, " in {namespace}"),
            None => Ok(()),
        }
    }
}

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// It is made.
    Create,
    /// It is changed in place.
    Update,
    /// It is removed.
    Delete,
    /// Something is run at it that leaves no object: a command.
    Run,
}

impl Op {
    /// The word in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Op::Create => "create",
            Op::Update => "update",
            Op::Delete => "delete",
            Op::Run => "run",
        }
    }
}

/// What is intended for one resource.
#[derive(Debug, Clone)]
pub enum Plan {
    /// Nothing is to do, for this reason.
    Unchanged(String),
    /// What is to be done cannot be known here, for this reason, and is not done: a chart without Helm, in a rehearsal.
    NotRendered(String),
    /// This is to be done, with the difference in readable lines (secrets already hidden).
    Act {
        /// What is done.
        op: Op,
        /// The difference, a line a field.
        diff: Vec<String>,
        /// What is worth saying beside it: `taken over from kubectl`.
        note: Option<String>,
    },
}

/// One resource of a change.
#[derive(Debug, Clone)]
pub struct Part {
    /// What it is.
    pub resource: Resource,
    /// The state before, with its owners; nothing where it does not exist.
    pub before: Option<Json>,
    /// What is intended.
    pub plan: Plan,
}

impl Part {
    /// Whether something is to be done.
    #[must_use]
    pub fn acts(&self) -> bool {
        matches!(self.plan, Plan::Act { .. })
    }
}

/// How a handler of this name understands the data: see [`Handler`]. It may hold what the resource holds, so a journal
/// keeps it as safe as images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The handler's name.
    pub handler: String,
    /// What it needs.
    pub data: Json,
}

/// How a change is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inverse {
    /// By this recipe.
    By(Recipe),
    /// Not at all, for this reason.
    Cannot(String),
}

/// What became of one part.
#[derive(Debug, Clone)]
pub enum Acted {
    /// Done; this is the state after, nothing where it was removed.
    Done(Option<Json>),
    /// Not done, for this reason.
    Failed(Error),
    /// It ended with this error in the middle, or its answer was lost: what was done has to be looked up.
    Broken(Error),
    /// Not tried, because something before it failed or the work was stopped.
    NotTried,
    /// Sent, and its answer not seen.
    Unknown,
    /// Not done, because nothing can do it here; what the script says is taken to be so. With the reason.
    Assumed(String),
}

impl Acted {
    /// What an error of something says that runs by itself once it has begun: without its end, nobody knows what it did.
    #[must_use]
    pub fn unless_ended(error: Error) -> Self {
        match error.kind() {
            crate::Kind::Timeout | crate::Kind::Unavailable => Self::Broken(error),
            _ => Self::Failed(error),
        }
    }
}

/// Runs the change; gives one [`Acted`] for each part that acts, in their order.
pub type Act = Box<dyn FnOnce() -> BoxFuture<Result<Vec<Acted>>> + Send>;

/// A change: one resource, or a batch that belongs together (a folder of manifests).
pub struct Change {
    /// The resources, those included that need nothing.
    pub parts: Vec<Part>,
    /// Does it. Called only if a part acts, access is granted, and the intent is recorded.
    pub act: Act,
    /// Says after a crash whether it took effect.
    pub probe: Recipe,
    /// Takes it back.
    pub inverse: Inverse,
}

/// What became of one resource, as it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultWord {
    /// It is as intended now and was not before.
    Changed,
    /// It was as intended.
    Unchanged,
    /// As `Changed`, where not every rule about it could be judged: a real cluster might refuse it.
    Unvalidated,
    /// The chart's objects are not known, because there is no Helm.
    NotRendered,
    /// A value given by a person, or by the script for a simulation, in place of a change.
    Assumed,
    /// It was tried and refused.
    Failed,
    /// It was under way when something died.
    Unknown,
}

impl ResultWord {
    /// The word in output.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Unvalidated => "unvalidated",
            Self::NotRendered => "not_rendered",
            Self::Assumed => "assumed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the resource is not as it was.
    #[must_use]
    pub fn took_effect(self) -> bool {
        matches!(self, Self::Changed | Self::Unvalidated)
    }

    /// Whether the resource is as intended.
    #[must_use]
    pub fn stands(self) -> bool {
        self.took_effect() || self == Self::Unchanged
    }
}

/// One line of a report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutcomeItem {
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<Op>,
    /// The resource.
    pub resource: String,
    /// The cluster or host.
    pub cluster: String,
    /// What came of it.
    pub result: ResultWord,
    /// Why nothing changed, or what is worth saying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The difference, a line a field.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub diff: Vec<String>,
}

/// What a change primitive returns to the script: `changed`, `reason`, `diff`, `object`, and `items` for a batch.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// One line a resource.
    pub items: Vec<OutcomeItem>,
    /// The states after, in the order of the items, where they are known.
    pub objects: Vec<Option<Json>>,
}

impl Outcome {
    /// Whether anything changed.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.items.iter().any(|i| i.result.took_effect())
    }

    /// Why nothing changed, where nothing did.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        if self.changed() { None } else { self.items.first().and_then(|i| i.reason.as_deref()) }
    }
}

/// What a probe finds.
#[derive(Debug, Clone, PartialEq)]
pub enum Probed {
    /// The intent took effect.
    TookEffect,
    /// It did not.
    DidNot,
    /// It cannot be said, for this reason.
    Unclear(String),
}

/// The state on both sides of one recorded part: what a [`Handler`] works with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PartImage {
    /// The resource.
    pub resource: Resource,
    /// What was intended.
    pub op: Op,
    /// The state before.
    pub before: Option<Json>,
    /// The state after, once it is known.
    pub after: Option<Json>,
}

/// Knows how to probe and take back the changes of one family (objects of a cluster, files of a host).
pub trait Handler: Send + Sync + 'static {
    /// Its name, as in [`Recipe::handler`].
    fn name(&self) -> &'static str;

    /// Whether each part took effect. They are some or all parts of the change that the recipe is of.
    ///
    /// # Errors
    /// Where the state cannot be read.
    fn probe(&self, call: &crate::Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Vec<Probed>>;

    /// The change that takes the parts back, without doing it: conflicts with what others have changed since are errors.
    /// They are some or all parts of the change that the recipe is of; what is back already is unchanged.
    ///
    /// # Errors
    /// [`crate::Kind::Conflict`] where somebody has changed since what would be put back.
    fn inverse(&self, call: &crate::Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Change>;
}
