//! A session: one target, one set of values, one journal, and whatever runs under them.

mod asking;
mod builder;
mod claims;
mod clusters;
mod fork;
mod locking;
mod machine;
mod seams;
mod state;
mod warnings;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use rhai::{AST, Dynamic};
use serde_json::Value as Json;

use crate::access::Access;
use crate::analysis::{Outline, Outlines};
use crate::bridge::Bridge;
use crate::cancel::Cancel;
use crate::change::{Handler, OutcomeItem, Recipe};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::customer::Conflicts;
use crate::event::{Event, Level, Sinks, What};
use crate::files::{Files, Home};
use crate::journal::{Journal, Note, RemarkSort, Standing, changed_values};
use crate::playbook::TYPED;
use crate::runtime::Runtime;
use crate::scope::{Scope, StepAt};
use crate::secret::{Registry, Vault};
use crate::sync::lock;
use crate::target::{ClusterSource, Target};
use crate::value::Value;
use crate::{Error, Kind, Result};
use asking::Turn;
pub(crate) use asking::{inherit_turn, turn};
use claims::Claims;
pub(crate) use clusters::elsewhere;
pub(crate) use state::Earlier;
use state::Left;
use warnings::Warnings;

use locking::Locks;

pub use builder::SessionBuilder;
pub use locking::HeldLock;
pub use seams::{
    AfterFailure, BeforeStep, Breakpoint, ChangeGate, Decision, Failure, Follower, Limits, OnFailure, Prompter,
    Statement,
};

struct Inner {
    runtime: Runtime,
    id: String,
    target: Arc<dyn Target>,
    clock: Arc<dyn Clock>,
    bridge: Bridge,
    values: Mutex<Values>,
    secrets: Arc<Registry>,
    vault: Arc<dyn Vault>,
    access: Access,
    journal: Arc<dyn Journal>,
    sinks: Sinks,
    cancel: Cancel,
    prompter: Option<Arc<dyn Prompter>>,
    stepping: AtomicBool,
    approved: HashSet<String>,
    conflicts: Conflicts,
    on_failure: Option<Arc<dyn OnFailure>>,
    change_gate: Option<Arc<dyn ChangeGate>>,
    follower: Option<Arc<dyn Follower>>,
    limits: Limits,
    programs: BTreeMap<String, PathBuf>,
    state_folder: Option<PathBuf>,
    locks: Option<Arc<Locks>>,
    gathered: Gathered,
}

/// What a session gathers on its way.
#[derive(Default)]
struct Gathered {
    /// Held while a person is asked.
    asking: Turn,
    /// What a person has begun, and can be stopped without the session.
    running: Mutex<Vec<Weak<Cancel>>>,
    files: Files,
    clusters: Mutex<HashMap<Option<String>, Cluster>>,
    connections: Mutex<HashMap<String, ClusterSource>>,
    /// Clusters by what they were called when something was recorded, where they are called otherwise here.
    recalled: Mutex<HashMap<String, Cluster>>,
    /// What the run uses, with versions, as far as it is recorded.
    used: Mutex<HashSet<String>>,
    /// The clusters, by their own names, that were asked for their versions.
    asked: Mutex<HashSet<String>>,
    claims: Mutex<Claims>,
    outcomes: Mutex<Vec<OutcomeItem>>,
    inventory: Mutex<Vec<Standing>>,
    warnings: Mutex<Warnings>,
    left: Mutex<Left>,
    /// How many lines were typed outside of steps.
    typed: AtomicU32,
    outlines: Mutex<Outlines>,
}

/// The values, and the same as scripts read them.
struct Values {
    json: Arc<Json>,
    dynamic: Dynamic,
}

impl Values {
    fn new(json: Json) -> Self {
        let dynamic = Value::from(json.clone()).into_dynamic().into_read_only();
        Self { json: Arc::new(json), dynamic }
    }
}

/// A session. Clones are the same session.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

impl Session {
    /// The session's id, which its runs are listed under.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The runtime that it belongs to.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// What it acts on.
    #[must_use]
    pub fn target(&self) -> &Arc<dyn Target> {
        &self.0.target
    }

    /// The target's clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The one bridge, onto where the target's futures run.
    #[must_use]
    pub fn bridge(&self) -> &Bridge {
        &self.0.bridge
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> Arc<Json> {
        lock(&self.0.values).json.clone()
    }

    pub(crate) fn values_dynamic(&self) -> Dynamic {
        lock(&self.0.values).dynamic.clone()
    }

    /// Puts others in the place of the values, for whatever reads them from here on; the journal is told which have changed, by
    /// their paths. These are given back.
    pub fn replace_values(&self, values: Json) -> Vec<String> {
        let changed = changed_values(&self.values(), &values);
        if !changed.is_empty() {
            self.remark(&format!("these values were changed: {}", changed.join(", ")));
            *lock(&self.0.values) = Values::new(values);
        }
        changed
    }

    /// The session's secrets.
    #[must_use]
    pub fn secrets(&self) -> &Registry {
        &self.0.secrets
    }

    /// Where generated secrets are kept.
    #[must_use]
    pub fn vault(&self) -> &Arc<dyn Vault> {
        &self.0.vault
    }

    /// What it may touch.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.0.access
    }

    /// Its journal.
    #[must_use]
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.0.journal
    }

    /// The root of its cancel tokens: stop it to stop everything.
    #[must_use]
    pub fn cancel(&self) -> &Cancel {
        &self.0.cancel
    }

    /// A token below this one, for something that a person has begun: it is stopped with all that runs now, and with the session.
    pub(crate) fn running(&self, cancel: &Cancel) -> Arc<Cancel> {
        let token = Arc::new(cancel.child_stopped_with(&self.0.cancel));
        let mut running = lock(&self.0.gathered.running);
        running.retain(|other| other.strong_count() > 0);
        running.push(Arc::downgrade(&token));
        token
    }

    /// Stops what a person has begun, and not the session.
    fn stop_running(&self, reason: &Error) {
        let running: Vec<_> = lock(&self.0.gathered.running).iter().filter_map(Weak::upgrade).collect();
        running.iter().for_each(|token| token.stop(reason.clone()));
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.0.limits
    }

    /// Where its scripts' files are.
    #[must_use]
    pub fn files(&self) -> &Files {
        &self.0.gathered.files
    }

    /// Says where a unit's folder is.
    pub fn add_home(&self, source: &str, home: Home) {
        self.0.gathered.files.register(source, home);
    }

    pub(crate) fn prompter(&self) -> Option<&Arc<dyn Prompter>> {
        self.0.prompter.as_ref()
    }

    pub(crate) fn on_failure(&self) -> Option<&Arc<dyn OnFailure>> {
        self.0.on_failure.as_ref()
    }

    pub(crate) fn change_gate(&self) -> Option<&Arc<dyn ChangeGate>> {
        self.0.change_gate.as_ref()
    }

    pub(crate) fn follower(&self) -> Option<&Arc<dyn Follower>> {
        self.0.follower.as_ref()
    }

    /// Takes note of a script, where it can be followed.
    pub(crate) fn outline(&self, source: &str, ast: &AST) {
        if self.0.runtime.is_followed() {
            let outline = Outline::new(ast, &self.0.runtime);
            lock(&self.0.gathered.outlines).add(source, outline);
        }
    }

    /// What is known of a script, where it can be followed.
    pub(crate) fn outline_of(&self, source: &str) -> Arc<Outline> {
        lock(&self.0.gathered.outlines).of(source)
    }

    /// Tells the sinks, masked.
    pub fn tell(&self, step: Option<&str>, what: What) {
        let event = Event { at: self.0.clock.wall(), step: step.map(str::to_owned), what: self.masked(what) };
        self.0.sinks.tell(&event);
    }

    fn masked(&self, what: What) -> What {
        let mask = |text: String| match self.0.secrets.mask(&text) {
            std::borrow::Cow::Borrowed(_) => text,
            std::borrow::Cow::Owned(masked) => masked,
        };
        match what {
            What::Progress { subject, text } => What::Progress { subject: mask(subject), text: mask(text) },
            What::Waited { primitive, about, virtual_s } => What::Waited { primitive, about: mask(about), virtual_s },
            What::Connection { peer, text } => What::Connection { peer, text: mask(text) },
            What::Log { level, text } => What::Log { level, text: mask(text) },
            What::Outcome { outcome } => What::Outcome { outcome: self.masked_item(outcome) },
            other => other,
        }
    }

    fn masked_item(&self, mut item: OutcomeItem) -> OutcomeItem {
        item.resource = self.mask(&item.resource);
        item.reason = item.reason.map(|r| self.mask(&r));
        item.diff = item.diff.iter().map(|line| self.mask(line)).collect();
        item
    }

    /// A text without secrets.
    #[must_use]
    pub fn mask(&self, text: &str) -> String {
        self.0.secrets.mask(text).into_owned()
    }

    /// An error without secrets.
    #[must_use]
    pub fn mask_error(&self, error: Error) -> Error {
        error.masked(|text| self.mask(text))
    }

    pub(crate) fn outcome(&self, scope: &Scope, item: &OutcomeItem) {
        let item = self.masked_item(item.clone());
        lock(&self.0.gathered.outcomes).push(item.clone());
        self.tell(Some(&scope.step.key), What::Outcome { outcome: item });
    }

    /// The outcomes since this was last asked.
    pub(crate) fn take_outcomes(&self) -> Vec<OutcomeItem> {
        std::mem::take(&mut lock(&self.0.gathered.outcomes))
    }

    pub(crate) fn stands_for(&self, standing: Standing) {
        lock(&self.0.gathered.inventory).push(standing);
    }

    /// What the run stands for since this was last asked.
    pub(crate) fn take_inventory(&self) -> Vec<Standing> {
        std::mem::take(&mut lock(&self.0.gathered.inventory))
    }

    /// Records a decision that stands outside of all steps, with what is recorded next.
    pub(crate) fn remark(&self, text: &str) {
        let (sort, at, text) = (RemarkSort::Decision, self.0.clock.wall(), self.mask(text));
        self.0.journal.note(Note::Remark { sort, id: None, at, text });
    }

    /// The next line that is typed outside of steps, as the journal has it.
    pub(crate) fn next_typed(&self) -> StepAt {
        let attempt = self.0.gathered.typed.fetch_add(1, Ordering::Relaxed) + 1;
        StepAt { index: u32::MAX, key: TYPED.to_owned(), attempt }
    }

    /// Records the version of something that the run uses, such as `Helm 3.18.4`.
    pub fn uses(&self, what: &str) {
        if lock(&self.0.gathered.used).insert(what.to_owned()) {
            let (sort, at) = (RemarkSort::Version, self.0.clock.wall());
            self.0.journal.note(Note::Remark { sort, id: None, at, text: what.to_owned() });
        }
    }

    /// What becomes of a field that another manager owns, where a script does not say.
    #[must_use]
    pub fn conflicts(&self) -> Conflicts {
        self.0.conflicts
    }

    /// The handler of a recipe.
    ///
    /// # Errors
    /// [`Kind::Internal`] where no package brings it.
    pub fn handler(&self, recipe: &Recipe) -> Result<Arc<dyn Handler>> {
        self.0.runtime.handler(&recipe.handler).ok_or_else(|| {
            Error::new(Kind::System, format!("nothing here knows how to handle `{}`", recipe.handler))
                .hint("the run was made by a windlass with other primitives")
        })
    }

    /// A log line from the engine.
    pub(crate) fn log(&self, step: Option<&str>, level: Level, text: impl Into<String>) {
        self.tell(step, What::Log { level, text: text.into() });
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Session {} on {}", self.0.id, self.0.target.name())
    }
}
