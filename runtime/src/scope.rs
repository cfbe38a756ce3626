//! What belongs to a call: session, step, attempt, branch, cluster, cancel token.
//!
//! It travels in Rhai's tag. Only the current one is thread-local besides, because the engine's progress callback is told
//! nothing else, and for what is asked at each node of a script that is followed; the same guard sets both.

mod current;
mod stand;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rhai::{Dynamic, GlobalRuntimeState, NativeCallContext, Scope as Names};

use crate::cancel::Cancel;
use crate::journal::{BranchKey, EntryId, Note, RemarkSort, StepStart};
use crate::playbook::{Collector, TYPED, journaled};
use crate::session::Session;
use crate::sync::lock;
use crate::value::Value;
use crate::{Error, Kind, Place, Result};

use stand::Stand;

pub(crate) use current::{current, progress, reset_operations, statement};

/// Which part of a script's life a call belongs to.
#[derive(Clone)]
pub(crate) enum Phase {
    /// The top level, which declares steps and does nothing.
    Declare(Arc<Collector>),
    /// A step, or a script without steps.
    Run,
}

/// The step that a call belongs to.
#[derive(Debug, Clone)]
pub struct StepAt {
    /// Its number in the run's order, from 0.
    pub index: u32,
    /// Its key.
    pub key: String,
    /// The attempt, from 1.
    pub attempt: u32,
}

/// One of several branches that run side by side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lane {
    /// The group's number among what the script does around it.
    group: u32,
    /// How many groups came before it there: that stays the same where less is to be changed.
    nth: u32,
    /// The branch's number in the group.
    number: u32,
}

/// Who wrote something: a branch of an attempt at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Writer {
    pub(crate) step: String,
    attempt: u32,
    lanes: Vec<Lane>,
}

impl Writer {
    /// Whether the two ran side by side, so that neither came before the other.
    pub(crate) fn beside(&self, other: &Writer) -> bool {
        let parting = self.lanes.iter().zip(&other.lanes).find(|(a, b)| a != b);
        self.step == other.step && self.attempt == other.attempt && parting.is_some_and(|(a, b)| a.group == b.group)
    }
}

/// The last statement that was about to be evaluated.
pub(crate) struct LastStatement {
    pub(crate) place: Place,
    /// Copies of the variables that can be seen there.
    pub(crate) names: Names<'static>,
    /// The names of those that are too large to be copied.
    pub(crate) too_large: Vec<String>,
    /// What the script can call there.
    pub(crate) callable: Arc<GlobalRuntimeState>,
}

/// What a person has chosen to look at.
#[derive(Debug, Clone, Default)]
pub struct Using {
    /// The cluster that is meant without a name; that of the session or the step without it.
    pub cluster: Option<String>,
    /// The namespace of objects that name none; that of the cluster's context without it.
    pub namespace: Option<String>,
}

/// What belongs to a call.
pub struct Scope {
    pub(crate) session: Session,
    pub(crate) phase: Phase,
    pub(crate) step: StepAt,
    lanes: Vec<Lane>,
    pub(crate) cluster: Option<String>,
    /// The namespace of objects that name none, where a person has chosen one.
    pub(crate) namespace: Option<String>,
    pub(crate) cancel: Cancel,
    /// The token of the whole attempt at the step, whatever is below it.
    attempt: Cancel,
    ordinal: Arc<AtomicU32>,
    groups: Arc<AtomicU32>,
    pub(crate) depth: AtomicU32,
    errors: Mutex<VecDeque<Error>>,
    place: Mutex<Option<Place>>,
    /// Whether a person may stop at its statements, failures and changes.
    followed: bool,
    /// Whether it is inside a `try` of another unit.
    tried: bool,
    /// Where the script stands, in a runtime that is followed.
    stand: Arc<Mutex<Stand>>,
    /// What is recorded before the first change is, where looking around is not to be recorded.
    first: Arc<Mutex<Option<StepStart>>>,
    /// The imports whose modules are being evaluated: by whom, and which.
    pub(crate) importing: Mutex<Vec<(String, String)>>,
}

impl Scope {
    pub(crate) fn new(session: Session, phase: Phase, step: StepAt, cancel: Cancel) -> Arc<Self> {
        Arc::new(Self {
            session,
            phase,
            step,
            lanes: Vec::new(),
            cluster: None,
            namespace: None,
            attempt: cancel.clone(),
            cancel,
            ordinal: Arc::default(),
            groups: Arc::default(),
            depth: AtomicU32::new(0),
            errors: Mutex::default(),
            place: Mutex::default(),
            followed: true,
            tried: false,
            stand: Arc::default(),
            first: Arc::default(),
            importing: Mutex::default(),
        })
    }

    fn below(&self, cancel: Cancel) -> Self {
        Self {
            session: self.session.clone(),
            phase: self.phase.clone(),
            step: self.step.clone(),
            lanes: self.lanes.clone(),
            cluster: self.cluster.clone(),
            namespace: self.namespace.clone(),
            cancel,
            attempt: self.attempt.clone(),
            ordinal: self.ordinal.clone(),
            groups: self.groups.clone(),
            depth: AtomicU32::new(self.depth.load(Ordering::Relaxed)),
            errors: Mutex::default(),
            place: Mutex::new(self.place()),
            followed: self.followed,
            tried: self.tried,
            stand: self.stand.clone(),
            first: self.first.clone(),
            importing: Mutex::default(),
        }
    }

    /// The number of what comes next: a change, a decision, a group of branches.
    fn next_ordinal(&self) -> u32 {
        self.ordinal.fetch_add(1, Ordering::Relaxed)
    }

    /// The scopes of a group of branches, in their order.
    pub(crate) fn branches(&self, count: usize) -> Vec<Arc<Self>> {
        let (group, nth) = (self.next_ordinal(), self.groups.fetch_add(1, Ordering::Relaxed));
        let branch = |number| {
            let mut scope = self.below(self.cancel.child());
            scope.lanes.push(Lane { group, nth, number });
            (scope.ordinal, scope.groups, scope.stand) = Default::default();
            Arc::new(scope)
        };
        (0..u32::try_from(count).unwrap_or(u32::MAX)).map(branch).collect()
    }

    /// What a branch is known by in another attempt at the same step.
    pub(crate) fn branch_key(&self, item: &Value) -> BranchKey {
        let path = self.lanes.iter().flat_map(|lane| [lane.nth, lane.number]).collect();
        BranchKey { path, item: journaled(item).to_string() }
    }

    /// The way through the branches to here.
    fn path(&self) -> Vec<u32> {
        self.lanes.iter().flat_map(|lane| [lane.group, lane.number]).collect()
    }

    /// The same scope with another cancel token: one below its own, or, for a cleanup, one that a cancel of the work does
    /// not reach.
    pub(crate) fn under(&self, cancel: Cancel) -> Arc<Self> {
        Arc::new(self.below(cancel))
    }

    /// The same scope for what a person types in the middle of it.
    pub(crate) fn unfollowed(&self, cancel: Cancel) -> Arc<Self> {
        self.typed(cancel, &Using::default())
    }

    /// The same, for the cluster and the namespace that the person has chosen.
    pub(crate) fn typed(&self, cancel: Cancel, using: &Using) -> Arc<Self> {
        let mut scope = Self { followed: false, ..self.below(cancel) };
        scope.cluster = using.cluster.clone().or(scope.cluster);
        scope.namespace = using.namespace.clone().or(scope.namespace);
        Arc::new(scope)
    }

    /// Ends the attempt at the step, with all of its branches.
    pub(crate) fn stop_attempt(&self, reason: Error) {
        self.attempt.stop(reason);
    }

    /// Whether a person may stop at its statements, failures and changes.
    pub(crate) fn is_followed(&self) -> bool {
        self.followed
    }

    /// The key under which it applies objects: its step's, or that of lines.
    pub(crate) fn claimant(&self) -> &str {
        if self.followed { &self.step.key } else { TYPED }
    }

    /// The same scope inside a `try` of another unit.
    pub(crate) fn inside_try(&self) -> Arc<Self> {
        Arc::new(Self { tried: true, ..self.below(self.cancel.clone()) })
    }

    /// Whether it is inside a `try` of another unit.
    pub(crate) fn is_tried(&self) -> bool {
        self.tried
    }

    /// The functions that were called from inside of so many calls have returned, or are about to be called.
    pub(crate) fn has_returned(&self, depth: usize) {
        lock(&self.stand).has_returned(depth);
    }

    /// What the script can call with this state: its functions, imports and constants. A copy of the whole would hold the arguments
    /// of each call that is open, whatever their size, and the tag, which holds this scope.
    pub(crate) fn callable(&self, global: &GlobalRuntimeState) -> GlobalRuntimeState {
        let mut callable = self.session.runtime().engine().new_global_runtime_state();
        global.scan_imports_raw().for_each(|(name, module)| callable.push_import(name.clone(), module.clone()));
        (callable.lib, callable.constants) = (global.lib.clone(), global.constants.clone());
        (callable.source, callable.level) = (global.source.clone(), global.level);
        callable.num_modules_loaded = global.num_modules_loaded;
        callable.tag = Dynamic::UNIT;
        callable
    }

    /// Where the script stood last; inside of no more than so many calls, from its own first statement on.
    pub(crate) fn last_statement(&self, calls: Option<usize>) -> Option<LastStatement> {
        lock(&self.stand).last(calls)
    }

    /// Lets this be recorded only when something is about to be changed.
    pub(crate) fn record_first(&self, start: StepStart) {
        *lock(&self.first) = Some(start);
    }

    /// Whether nothing was about to be changed.
    pub(crate) fn is_unrecorded(&self) -> bool {
        lock(&self.first).is_some()
    }

    /// Records what was to be recorded first.
    pub(crate) fn begin_recording(&self) -> Result<()> {
        let mut first = lock(&self.first);
        if let Some(start) = &*first {
            self.session.journal().step_started(start)?;
            *first = None;
        }
        Ok(())
    }

    /// The same scope for another cluster.
    pub(crate) fn on_cluster(&self, cluster: &str) -> Arc<Self> {
        let mut scope = self.below(self.cancel.clone());
        scope.cluster = Some(cluster.to_owned());
        Arc::new(scope)
    }

    /// Who writes from here.
    pub(crate) fn writer(&self) -> Writer {
        Writer { step: self.step.key.clone(), attempt: self.step.attempt, lanes: self.lanes.clone() }
    }

    pub(crate) fn next_id(&self) -> EntryId {
        let mut path = self.path();
        path.push(self.next_ordinal());
        let resumed = self.session.journal().past().resumed;
        EntryId { resumed, step: self.step.index, attempt: self.step.attempt, path }
    }

    /// Records a remark, with what is recorded next.
    pub(crate) fn remark(&self, sort: RemarkSort, text: &str) {
        let (id, at, text) = (Some(self.next_id()), self.session.clock().wall(), self.session.mask(text));
        self.session.journal().note(Note::Remark { sort, id, at, text });
    }

    /// Keeps an error that goes into a script, so that it is known again when it comes out, with its source.
    pub(crate) fn remember(&self, error: &Error) {
        let mut errors = lock(&self.errors);
        errors.push_back(error.clone());
        if errors.len() > 32 {
            errors.pop_front();
        }
    }

    pub(crate) fn recall(&self, kind: Kind, message: &str) -> Option<Error> {
        lock(&self.errors).iter().rev().find(|e| e.kind() == kind && e.message() == message).cloned()
    }

    /// Where the script was at its last primitive.
    pub(crate) fn place(&self) -> Option<Place> {
        lock(&self.place).clone()
    }

    pub(crate) fn set_place(&self, place: &Place) {
        *lock(&self.place) = Some(place.clone());
    }

    /// The tag that carries this scope through Rhai.
    pub(crate) fn tag(self: &Arc<Self>) -> Dynamic {
        Dynamic::from(Tag(self.clone()))
    }

    /// The scope of a native call.
    pub(crate) fn of(context: &NativeCallContext<'_>) -> Result<Arc<Self>> {
        context
            .tag()
            .and_then(Self::from_tag)
            .ok_or_else(|| Error::internal("a primitive was called outside a session"))
    }

    pub(crate) fn from_tag(tag: &Dynamic) -> Option<Arc<Self>> {
        tag.read_lock::<Tag>().map(|tag| tag.0.clone())
    }
}

#[derive(Clone)]
struct Tag(Arc<Scope>);

/// Variables with these names, constant or not, and values, the oldest first.
pub(crate) fn names<'a>(variables: impl Iterator<Item = (&'a str, bool, Dynamic)>) -> Names<'static> {
    let mut names = Names::new();
    for (name, constant, value) in variables {
        let _ = if constant { names.push_constant_dynamic(name, value) } else { names.push_dynamic(name, value) };
    }
    names
}
