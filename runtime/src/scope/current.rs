//! The scope that a thread is in, and what its script computes there.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rhai::{ASTNode, Position};

use super::{Phase, Scope};
use crate::analysis::{Outline, Outlined};
use crate::{Error, Kind};

thread_local! {
    static CURRENT: RefCell<Vec<Arc<Scope>>> = const { RefCell::new(Vec::new()) };
    /// The script that the current scope evaluates, by its name.
    static SCRIPT: RefCell<Option<(String, Arc<Outline>)>> = const { RefCell::new(None) };
    static COMPUTED: Cell<Computed> = const {
        Cell::new(Computed { operations: 0, weight: 0, looked: None, used: None, looked_at: 0 })
    };
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
    /// How many values were looked at meanwhile, to follow the script.
    looked_at: usize,
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

/// How many values were looked at to follow the script since its last primitive.
pub(super) fn looked_at() -> usize {
    COMPUTED.with(Cell::get).looked_at
}

/// So many values were looked at to follow the script.
pub(super) fn add_looked_at(count: usize) {
    COMPUTED.with(|c| {
        let mut computed = c.get();
        computed.looked_at = computed.looked_at.saturating_add(count);
        c.set(computed);
    });
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
        SCRIPT.set(None);
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
        // Where a script is followed, time says little of what it computes: the engine copies what each call is given.
        if look && !scope.session.runtime().is_followed() {
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

/// The statement that a node of a script is, and the scope of this thread which evaluates it, if that is followed. The engine asks
/// it of each node, so it goes by the thread, which takes a part of the time of going by the tag.
pub(crate) fn statement(source: &str, node: &ASTNode<'_>, at: Position) -> Option<(Outlined, Arc<Scope>)> {
    CURRENT.with_borrow(|stack| {
        let scope = stack.last().filter(|scope| scope.followed && !matches!(scope.phase, Phase::Declare(_)))?;
        SCRIPT.with_borrow_mut(|script| {
            if script.as_ref().is_none_or(|(name, _)| name != source) {
                *script = Some((source.to_owned(), scope.session.outline_of(source)));
            }
            let (_, outline) = script.as_ref()?;
            outline.statement(node, at).map(|outlined| (outlined, scope.clone()))
        })
    })
}

/// The scope that the thread is in.
pub(crate) fn current() -> Option<Arc<Scope>> {
    CURRENT.with(|stack| stack.borrow().last().cloned())
}

impl Scope {
    /// Makes this the current scope of the thread until the guard is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Entered {
        CURRENT.with(|stack| stack.borrow_mut().push(self.clone()));
        SCRIPT.set(None);
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
