//! What belongs to a call: session, step, attempt, branch, cluster, cancel token.
//!
//! It travels in Rhai's tag. Only the current one is thread-local besides, because the engine's progress callback is told
//! nothing else; the same guard sets both.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rhai::{Dynamic, NativeCallContext};

use crate::cancel::Cancel;
use crate::journal::EntryId;
use crate::playbook::Collector;
use crate::session::Session;
use crate::{Error, Kind, Place, Result};

/// Which part of a script's life a call belongs to.
#[derive(Clone)]
pub(crate) enum Phase {
    /// The top level, which declares steps and does nothing.
    Declare(Arc<Collector>),
    /// A step, or a script without steps.
    Run,
    /// A cleanup: the work around it may have been stopped.
    Cleanup,
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

/// What belongs to a call.
pub struct Scope {
    pub(crate) session: Session,
    pub(crate) phase: Phase,
    pub(crate) step: StepAt,
    pub(crate) branch: Vec<u32>,
    pub(crate) cluster: Option<String>,
    pub(crate) cancel: Cancel,
    ordinal: Arc<AtomicU32>,
    branches: AtomicU32,
    pub(crate) depth: AtomicU32,
    errors: Mutex<VecDeque<Error>>,
    place: Mutex<Option<Place>>,
}

impl Scope {
    pub(crate) fn new(session: Session, phase: Phase, step: StepAt, cancel: Cancel) -> Arc<Self> {
        Arc::new(Self {
            session,
            phase,
            step,
            branch: Vec::new(),
            cluster: None,
            cancel,
            ordinal: Arc::default(),
            branches: AtomicU32::new(0),
            depth: AtomicU32::new(0),
            errors: Mutex::default(),
            place: Mutex::default(),
        })
    }

    fn below(&self, phase: Phase, cancel: Cancel) -> Self {
        Self {
            session: self.session.clone(),
            phase,
            step: self.step.clone(),
            branch: self.branch.clone(),
            cluster: self.cluster.clone(),
            cancel,
            ordinal: self.ordinal.clone(),
            branches: AtomicU32::new(0),
            depth: AtomicU32::new(self.depth.load(Ordering::Relaxed)),
            errors: Mutex::default(),
            place: Mutex::new(self.place()),
        }
    }

    /// The number of the next group of branches.
    pub(crate) fn next_branches(&self, count: usize) -> u32 {
        self.branches.fetch_add(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Relaxed)
    }

    /// The scope of a branch.
    pub(crate) fn branch(&self, number: u32) -> Arc<Self> {
        let mut scope = self.below(self.phase.clone(), self.cancel.child());
        scope.branch.push(number);
        scope.ordinal = Arc::default();
        Arc::new(scope)
    }

    /// The same scope with a cancel token of its own below.
    pub(crate) fn narrowed(&self, cancel: Cancel) -> Arc<Self> {
        Arc::new(self.below(self.phase.clone(), cancel))
    }

    /// The same scope for another cluster.
    pub(crate) fn on_cluster(&self, cluster: &str) -> Arc<Self> {
        let mut scope = self.below(self.phase.clone(), self.cancel.clone());
        scope.cluster = Some(cluster.to_owned());
        Arc::new(scope)
    }

    /// The scope of a cleanup, which a cancel of the work does not reach.
    pub(crate) fn cleanup(&self, cancel: Cancel) -> Arc<Self> {
        Arc::new(self.below(Phase::Cleanup, cancel))
    }

    pub(crate) fn next_id(&self) -> EntryId {
        EntryId {
            step: self.step.index,
            attempt: self.step.attempt,
            branch: self.branch.clone(),
            ordinal: self.ordinal.fetch_add(1, Ordering::Relaxed),
        }
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
        Entered { operations: OPERATIONS.with(|o| o.replace(0)) }
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[derive(Clone)]
struct Tag(Arc<Scope>);

thread_local! {
    static CURRENT: RefCell<Vec<Arc<Scope>>> = const { RefCell::new(Vec::new()) };
    static OPERATIONS: Cell<u64> = const { Cell::new(0) };
}

/// The guard of [`Scope::enter`].
pub(crate) struct Entered {
    operations: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|stack| stack.borrow_mut().pop());
        OPERATIONS.with(|o| o.set(self.operations));
    }
}

/// A primitive was called: what the script computes starts to count anew.
pub(crate) fn reset_operations() {
    OPERATIONS.with(|o| o.set(0));
}

/// Called by the engine at each operation: the error that ends the script, if there is one.
pub(crate) fn progress() -> Option<Error> {
    CURRENT.with(|stack| {
        let stack = stack.borrow();
        let scope = stack.last()?;
        let count = OPERATIONS.with(|o| {
            o.set(o.get() + 1);
            o.get()
        });
        if scope.cancel.is_stopped() {
            return scope.cancel.reason();
        }
        if count.is_multiple_of(4096)
            && let Some(reason) = scope.cancel.check_deadline(&**scope.session.clock())
        {
            return Some(reason);
        }
        let limit = scope.session.limits().operations;
        if count > limit {
            let mut error = Error::new(
                Kind::Budget,
                format!("the script computed for {limit} operations without calling a primitive"),
            )
            .hint("an endless loop? To wait for something, use wait::until, which gives way between two looks");
            if let Some(place) = scope.place() {
                error = error.at(place);
            }
            scope.cancel.stop(error.clone());
            return Some(error);
        }
        None
    })
}

/// The scope that the thread is in.
pub(crate) fn current() -> Option<Arc<Scope>> {
    CURRENT.with(|stack| stack.borrow().last().cloned())
}
