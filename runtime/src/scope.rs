//! What belongs to a call: session, step, attempt, branch, cluster, cancel token.
//!
//! It travels in Rhai's tag. Only the current one is thread-local besides, because the engine's progress callback is told
//! nothing else; the same guard sets both.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rhai::{Dynamic, NativeCallContext};

use crate::cancel::Cancel;
use crate::journal::{BranchKey, EntryId, Note, RemarkSort};
use crate::playbook::{Collector, journaled};
use crate::session::Session;
use crate::sync::lock;
use crate::value::Value;
use crate::{Error, Kind, Place, Result};

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
    step: u32,
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

/// What belongs to a call.
pub struct Scope {
    pub(crate) session: Session,
    pub(crate) phase: Phase,
    pub(crate) step: StepAt,
    lanes: Vec<Lane>,
    pub(crate) cluster: Option<String>,
    pub(crate) cancel: Cancel,
    ordinal: Arc<AtomicU32>,
    groups: Arc<AtomicU32>,
    pub(crate) depth: AtomicU32,
    errors: Mutex<VecDeque<Error>>,
    place: Mutex<Option<Place>>,
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
            cancel,
            ordinal: Arc::default(),
            groups: Arc::default(),
            depth: AtomicU32::new(0),
            errors: Mutex::default(),
            place: Mutex::default(),
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
            cancel,
            ordinal: self.ordinal.clone(),
            groups: self.groups.clone(),
            depth: AtomicU32::new(self.depth.load(Ordering::Relaxed)),
            errors: Mutex::default(),
            place: Mutex::new(self.place()),
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
            (scope.ordinal, scope.groups) = Default::default();
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

    /// The same scope for another cluster.
    pub(crate) fn on_cluster(&self, cluster: &str) -> Arc<Self> {
        let mut scope = self.below(self.cancel.clone());
        scope.cluster = Some(cluster.to_owned());
        Arc::new(scope)
    }

    /// Who writes from here.
    pub(crate) fn writer(&self) -> Writer {
        Writer { step: self.step.index, attempt: self.step.attempt, lanes: self.lanes.clone() }
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

    /// Makes this the current scope of the thread until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Entered {
        CURRENT.with(|stack| stack.borrow_mut().push(self.clone()));
        Entered { computed: COMPUTED.with(Cell::take) }
    }

    fn out_of_budget(&self, limit: u64) -> Error {
        let mut error = Error::new(
            Kind::Budget,
            format!("the script computed for {limit} operations without reading, changing or waiting for anything"),
        )
        .hint("an endless loop? To wait for something, use wait::until, which gives way between two looks");
        if let Some(place) = self.place() {
            error = error.at(place);
        }
        self.cancel.stop(error.clone());
        error
    }
}

#[derive(Clone)]
struct Tag(Arc<Scope>);

thread_local! {
    static CURRENT: RefCell<Vec<Arc<Scope>>> = const { RefCell::new(Vec::new()) };
    static COMPUTED: Cell<Computed> = const { Cell::new(Computed { operations: 0, weight: 0, looked: None, used: None }) };
}

/// How often the engine asks what time it is: an operation on a large value takes milliseconds.
const OPERATIONS_BETWEEN_LOOKS: u64 = 16;

/// From this length on, an operation counts for several: one for each of these.
const OPERATION: Duration = Duration::from_micros(2);

/// What so many operations take at most, unless one of them is long.
const USUAL: Duration = Duration::from_micros(2 * OPERATIONS_BETWEEN_LOOKS);

/// What the script has computed since its last primitive.
#[derive(Clone, Copy, Default)]
struct Computed {
    operations: u64,
    /// What the operations that took long count beyond their number.
    weight: u64,
    looked: Option<Instant>,
    /// What this thread had used of a processor, and had computed, when it was last asked.
    used: Option<(Duration, u64)>,
}

impl Computed {
    fn look(&mut self) {
        let now = Instant::now();
        let usual = |before: Instant| now.duration_since(before) <= USUAL;
        if self.looked.replace(now).is_some_and(usual) {
            return;
        }
        // The machine may have been asleep, or busy with others: what the thread itself used is what counts.
        let used = processor_time();
        if let Some((before, operations)) = self.used.replace((used, self.operations)) {
            let took = used.saturating_sub(before).as_micros() / OPERATION.as_micros();
            let took = u64::try_from(took).unwrap_or(u64::MAX);
            self.weight = self.weight.saturating_add(took.saturating_sub(self.operations - operations));
        }
    }
}

/// What this thread has used of a processor.
fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap_or_default(), time.tv_nsec.try_into().unwrap_or_default())
}

/// The guard of [`Scope::enter`].
pub(crate) struct Entered {
    computed: Computed,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|stack| stack.borrow_mut().pop());
        // The time inside was not this computation's.
        COMPUTED.with(|c| c.set(Computed { looked: None, used: None, ..self.computed }));
    }
}

/// A primitive was called that acts, reads or waits: what the script computes starts to count anew.
pub(crate) fn reset_operations() {
    COMPUTED.with(|c| c.set(Computed::default()));
}

/// Called by the engine at each operation: the error that ends the script, if there is one.
pub(crate) fn progress() -> Option<Error> {
    CURRENT.with(|stack| {
        let stack = stack.borrow();
        let scope = stack.last()?;
        if scope.cancel.is_stopped() {
            return scope.cancel.reason();
        }
        let mut computed = COMPUTED.with(Cell::get);
        computed.operations += 1;
        let look = computed.operations.is_multiple_of(OPERATIONS_BETWEEN_LOOKS);
        if look {
            computed.look();
        }
        COMPUTED.with(|c| c.set(computed));
        if look && let Some(reason) = scope.cancel.check_deadline(&**scope.session.clock()) {
            return Some(reason);
        }
        let limit = scope.session.limits().operations;
        (computed.operations.saturating_add(computed.weight) > limit).then(|| scope.out_of_budget(limit))
    })
}

/// The scope that the thread is in.
pub(crate) fn current() -> Option<Arc<Scope>> {
    CURRENT.with(|stack| stack.borrow().last().cloned())
}
