//! Setting up a session.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use serde_json::Value as Json;

use super::{ChangeGate, Follower, Inner, Limits, OnFailure, Prompter, Session};
use crate::access::Access;
use crate::cancel::Cancel;
use crate::customer::Conflicts;
use crate::event::{Sink, Sinks};
use crate::journal::{Journal, MemoryJournal};
use crate::lock::LockOptions;
use crate::runtime::Runtime;
use crate::secret::{MemoryVault, Registry, Vault};
use crate::target::Target;

/// Sets up a session: `runtime.session(target)…`.
pub struct SessionBuilder {
    runtime: Runtime,
    target: Arc<dyn Target>,
    values: Json,
    pub(super) secrets: Arc<Registry>,
    vault: Arc<dyn Vault>,
    access: Access,
    journal: Arc<dyn Journal>,
    sinks: Sinks,
    cancel: Cancel,
    prompter: Option<Arc<dyn Prompter>>,
    step_by_step: bool,
    pub(super) approved: HashSet<String>,
    conflicts: Conflicts,
    on_failure: Option<Arc<dyn OnFailure>>,
    change_gate: Option<Arc<dyn ChangeGate>>,
    follower: Option<Arc<dyn Follower>>,
    limits: Limits,
    pub(super) programs: BTreeMap<String, PathBuf>,
    pub(super) state_folder: Option<PathBuf>,
    lock: Option<LockOptions>,
}

impl SessionBuilder {
    pub(crate) fn new(runtime: Runtime, target: Arc<dyn Target>) -> Self {
        Self {
            runtime,
            target,
            values: Json::Object(serde_json::Map::new()),
            secrets: Arc::new(Registry::new()),
            vault: Arc::new(MemoryVault::new()),
            access: Access::full(),
            journal: Arc::new(MemoryJournal::new()),
            sinks: Sinks::default(),
            cancel: Cancel::root(),
            prompter: None,
            step_by_step: false,
            approved: HashSet::new(),
            conflicts: Conflicts::default(),
            on_failure: None,
            change_gate: None,
            follower: None,
            limits: Limits::default(),
            programs: BTreeMap::new(),
            state_folder: None,
            lock: None,
        }
    }

    /// Says what becomes of fields that other managers own, where a script does not.
    #[must_use]
    pub fn conflicts(mut self, conflicts: Conflicts) -> Self {
        self.conflicts = conflicts;
        self
    }

    /// The values that the script reads as `values`.
    #[must_use]
    pub fn values(mut self, values: Json) -> Self {
        self.values = values;
        self
    }

    /// Adds somebody who is told what happens.
    #[must_use]
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(sink);
        self
    }

    /// Limits what the session may touch. Whether it is read-only is its own from then on: [`Session::access`] has the switch.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Keeps the journal there.
    #[must_use]
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = journal;
        self
    }

    /// Keeps generated secrets there.
    #[must_use]
    pub fn vault(mut self, vault: Arc<dyn Vault>) -> Self {
        self.vault = vault;
        self
    }

    /// Asks this one when a person is needed.
    #[must_use]
    pub fn prompter(mut self, prompter: Arc<dyn Prompter>) -> Self {
        self.prompter = Some(prompter);
        self
    }

    /// Asks before each step, and after each that failed, as long as the prompter does not say to go on.
    #[must_use]
    pub fn step_by_step(mut self) -> Self {
        self.step_by_step = true;
        self
    }

    /// Approves a confirmation beforehand (`--yes-to KEY`).
    #[must_use]
    pub fn yes_to(mut self, key: impl Into<String>) -> Self {
        self.approved.insert(key.into());
        self
    }

    /// Asks this one about each failed primitive.
    #[must_use]
    pub fn on_failure(mut self, on_failure: impl OnFailure) -> Self {
        self.on_failure = Some(Arc::new(on_failure));
        self
    }

    /// Asks this one before each change.
    #[must_use]
    pub fn change_gate(mut self, gate: impl ChangeGate) -> Self {
        self.change_gate = Some(Arc::new(gate));
        self
    }

    /// Asks this one before each statement of a step, in a runtime that is [followed](crate::RuntimeBuilder::followed).
    #[must_use]
    pub fn follower(mut self, follower: impl Follower) -> Self {
        self.follower = Some(Arc::new(follower));
        self
    }

    /// Puts the session below a cancel token.
    #[must_use]
    pub fn cancel(mut self, cancel: Cancel) -> Self {
        self.cancel = cancel;
        self
    }

    /// Sets what a script may compute.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Runs this program where a primitive needs one of that name (`helm`), instead of the one that the environment or `PATH`
    /// give.
    #[must_use]
    pub fn program(mut self, name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        self.programs.insert(name.into(), path.into());
        self
    }

    /// Keeps there what outlives runs and can be had again (charts, indexes of repositories), instead of in the user's state
    /// folder.
    #[must_use]
    pub fn state_folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.state_folder = Some(path.into());
        self
    }

    /// Lets the session lock what it changes: see [`Session::take_lock`]. Without this it locks nothing.
    #[must_use]
    pub fn lock(mut self, options: LockOptions) -> Self {
        self.lock = Some(options);
        self
    }

    /// Opens the session.
    #[must_use]
    pub fn open(self) -> Session {
        if let Some(simulation) = self.target.simulation() {
            let (target, cancel) = (Arc::downgrade(&self.target), self.cancel.clone());
            simulation.handle().spawn(async move {
                cancel.stopped().await;
                if let Some(target) = target.upgrade() {
                    target.interrupt();
                }
            });
        }
        let session = Session(Arc::new(Inner {
            id: self.journal.past().run.clone().unwrap_or_else(run_id),
            clock: self.target.clock(),
            bridge: self.runtime.bridge().for_target(self.target.simulation()),
            runtime: self.runtime,
            target: self.target,
            values: Mutex::new(super::Values::new(self.values)),
            secrets: self.secrets,
            vault: self.vault,
            access: self.access.apart(),
            journal: self.journal,
            sinks: self.sinks,
            cancel: self.cancel,
            prompter: self.prompter,
            stepping: AtomicBool::new(self.step_by_step),
            approved: self.approved,
            conflicts: self.conflicts,
            on_failure: self.on_failure,
            change_gate: self.change_gate,
            follower: self.follower,
            limits: self.limits,
            programs: self.programs,
            state_folder: self.state_folder,
            locks: self.lock.map(|options| Arc::new(super::Locks::new(options))),
            gathered: super::Gathered::default(),
        }));
        session.sweep();
        session
    }
}

fn run_id() -> String {
    let now = jiff::Timestamp::now();
    let mut bytes = [0_u8; 3];
    // Only tells runs of one second apart; where the system gives no chance, the fraction of the second does.
    if getrandom::fill(&mut bytes).is_err() {
        bytes.copy_from_slice(&now.subsec_nanosecond().to_le_bytes()[..3]);
    }
    format!("{}-{:02x}{:02x}{:02x}", now.strftime("%Y%m%d-%H%M%S"), bytes[0], bytes[1], bytes[2])
}
