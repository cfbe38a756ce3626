//! The virtual clock: what holds it, and when it jumps.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::runtime::Handle;

use super::Clock;
use super::timers::{Reason, Timers};
use super::turns::Turn;

/// How much faster than the machine's own time the clock may go while somebody outside is at work: what repeats for ever
/// (a crash loop) must not use up years while a client looks on.
const PACE: u32 = 600;

/// Whoever is to get the next turn.
pub(super) type Ready = Box<dyn FnOnce(Turn) + Send>;

/// Time that jumps: from one timer to the next, as soon as nothing else can happen.
///
/// It jumps when all of this is true: its [`Simulation`](super::Simulation) has nothing to run, nobody has a [`Turn`] or a
/// [`Hold`], and somebody waits. Clones are the same clock.
#[derive(Clone)]
pub struct VirtualClock(pub(super) Arc<Shared>);

pub(super) struct Shared {
    origin: jiff::Timestamp,
    state: Mutex<State>,
    runtime: OnceLock<Handle>,
    pacer: OnceLock<std::sync::mpsc::Sender<Instant>>,
}

#[derive(Default)]
pub(super) struct State {
    now: Duration,
    timers: Timers,
    holds: usize,
    /// How many are at work outside.
    outside: usize,
    /// Whether somebody has the turn.
    pub(super) running: bool,
    /// How many futures are waited for.
    pub(super) waiting: usize,
    pub(super) ready: VecDeque<Ready>,
    /// Who wants to know that nothing can happen any more: first those who have something to say about it.
    listeners: [BTreeMap<u64, Waker>; 2],
    told: BTreeSet<u64>,
    /// The event that comes next while somebody is outside, and since when it does.
    paced: Option<(Duration, Instant)>,
}

/// What to do when nothing can run.
enum Step {
    Nothing,
    Turn(Ready),
    Wake(Vec<Waker>),
    LookAgain(Instant),
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after each statement: a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets the simulation's thread look again at what is to be done.
    pub(super) fn wake(&self) {
        if let Some(runtime) = self.runtime.get() {
            runtime.spawn(async {});
        }
    }

    /// Called on the simulation's thread when it has nothing to run.
    pub(super) fn parked(self: &Arc<Self>) {
        let step = self.lock().step();
        match step {
            Step::Nothing => {}
            Step::Turn(ready) => ready(Turn::of(self.clone())),
            Step::Wake(wakers) => wakers.into_iter().for_each(Waker::wake),
            Step::LookAgain(at) => {
                let pacer = self.pacer.get_or_init(|| start_pacer(self));
                // Without the thread, time stands still while somebody is outside.
                let _ = pacer.send(at);
            }
        }
    }
}

/// A thread that wakes the simulation at a time of the machine's.
fn start_pacer(shared: &Arc<Shared>) -> std::sync::mpsc::Sender<Instant> {
    let (sender, receiver) = std::sync::mpsc::channel::<Instant>();
    let shared = Arc::downgrade(shared);
    let pace = move || {
        let mut next: Option<Instant> = None;
        loop {
            let heard = match next {
                None => receiver.recv().map_err(|_| std::sync::mpsc::RecvTimeoutError::Disconnected),
                Some(at) => receiver.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            match heard {
                Ok(at) => next = Some(next.map_or(at, |next| next.min(at))),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                    next = None;
                    let Some(shared) = shared.upgrade() else { return };
                    shared.wake();
                }
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
            }
        }
    };
    let _ = std::thread::Builder::new().name("shadow-pacer".to_owned()).spawn(pace);
    sender
}

impl State {
    fn step(&mut self) -> Step {
        if self.running || self.holds > 0 {
            return Step::Nothing;
        }
        if let Some(ready) = self.ready.pop_front() {
            self.running = true;
            return Step::Turn(ready);
        }
        if self.outside > 0 {
            return self.paced();
        }
        if self.waiting == 0 {
            return Step::Nothing;
        }
        let next = [self.timers.first(Reason::Event), self.timers.first(Reason::Work)].into_iter().flatten().min();
        match next {
            Some(next) => self.jump(next),
            None => self.tell_listeners(),
        }
    }

    /// On to the first timer, which may be a weak one on the way to `until`.
    fn jump(&mut self, until: Duration) -> Step {
        match self.timers.take_first(until) {
            Some((at, due)) => {
                self.now = self.now.max(at);
                Step::Wake(due)
            }
            None => Step::Nothing,
        }
    }

    /// While somebody is outside: only events, none past the time at which a client goes on or gives up, and not faster
    /// than the pace.
    fn paced(&mut self) -> Step {
        let Some(next) = self.timers.first(Reason::Event) else { return Step::Nothing };
        let bounds = [self.timers.first(Reason::Work), self.timers.first(Reason::Limit)];
        if bounds.into_iter().flatten().any(|bound| bound < next) {
            return Step::Nothing;
        }
        let now = Instant::now();
        let since = match self.paced {
            Some((paced, since)) if paced == next => since,
            _ => now,
        };
        let due = since + next.saturating_sub(self.now) / PACE;
        if now < due {
            self.paced = Some((next, since));
            return Step::LookAgain(due);
        }
        self.paced = None;
        self.jump(next)
    }

    fn tell_listeners(&mut self) -> Step {
        let [first, second] = &mut self.listeners;
        let heard = std::mem::take(if first.is_empty() { second } else { first });
        self.told.extend(heard.keys().copied());
        Step::Wake(heard.into_values().collect())
    }
}

impl VirtualClock {
    pub(super) fn new(origin: jiff::Timestamp) -> Self {
        let (state, runtime, pacer) = (Mutex::default(), OnceLock::new(), OnceLock::new());
        Self(Arc::new(Shared { origin, state, runtime, pacer }))
    }

    /// Another one that stands where this one does, with no timers.
    pub(super) fn fork(&self) -> Self {
        let fork = Self::new(self.0.origin);
        fork.0.lock().now = self.now();
        fork
    }

    /// Says where the futures run that go by this clock; once.
    pub(super) fn runs_on(&self, runtime: Handle) {
        let _ = self.0.runtime.set(runtime);
    }

    /// The time since the clock was made.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.0.lock().now
    }

    /// The time of day.
    #[must_use]
    pub fn wall(&self) -> jiff::Timestamp {
        let now = jiff::SignedDuration::try_from(self.now()).unwrap_or(jiff::SignedDuration::MAX);
        self.0.origin.saturating_add(now).unwrap_or(jiff::Timestamp::MAX)
    }

    /// Completes at this time.
    pub fn sleep_until(&self, at: Duration, reason: Reason) -> Sleep {
        Sleep { shared: self.0.clone(), at, reason, number: None }
    }

    /// Completes when nothing can happen any more: no timer is left that is a reason to jump. Who has something to say
    /// about that (`asked_first`) is told before the others.
    pub fn nothing_left(&self, asked_first: bool) -> impl Future<Output = ()> + Send + use<> {
        Listening { shared: self.0.clone(), place: usize::from(!asked_first), number: None }
    }

    /// Keeps the clock from jumping for as long as the result lives: something is under way that its simulation does not
    /// see, such as a computation on another thread.
    pub fn hold(&self) -> Hold {
        self.0.lock().holds += 1;
        Hold(self.0.clone())
    }

    /// Says that somebody outside is at work for as long as the result lives: a child process, a foreign connection.
    /// Meanwhile only events of the cluster happen, up to the time at which a client goes on or gives up.
    pub fn outside(&self) -> Outside {
        self.0.lock().outside += 1;
        self.0.wake();
        Outside(self.0.clone())
    }

    /// How many are at work outside.
    #[cfg(all(test, feature = "listen"))]
    pub(crate) fn outsiders(&self) -> usize {
        self.0.lock().outside
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Duration {
        VirtualClock::now(self)
    }

    fn wall(&self) -> jiff::Timestamp {
        VirtualClock::wall(self)
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        Box::pin(VirtualClock::sleep_until(self, at, Reason::Event))
    }

    fn sleep_weakly_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        Box::pin(VirtualClock::sleep_until(self, at, Reason::Weak))
    }
}

impl std::fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VirtualClock at {:?}", self.now())
    }
}

/// What keeps the clock from jumping: see [`VirtualClock::hold`].
#[must_use]
pub struct Hold(Arc<Shared>);

impl Drop for Hold {
    fn drop(&mut self) {
        self.0.lock().holds -= 1;
        self.0.wake();
    }
}

/// Somebody outside: see [`VirtualClock::outside`].
#[must_use]
pub struct Outside(Arc<Shared>);

impl Drop for Outside {
    fn drop(&mut self) {
        self.0.lock().outside -= 1;
        self.0.wake();
    }
}

/// Completes at its time. A timer stands only as long as this lives.
#[must_use]
pub struct Sleep {
    shared: Arc<Shared>,
    at: Duration,
    reason: Reason,
    number: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        let number = *self.number.get_or_insert_with(|| state.timers.number());
        state.timers.set(self.reason, (self.at, number), cx.waker());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.shared.lock().timers.remove(self.reason, (self.at, number));
        }
    }
}

struct Listening {
    shared: Arc<Shared>,
    place: usize,
    number: Option<u64>,
}

impl Future for Listening {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let shared = self.shared.clone();
        let mut state = shared.lock();
        let number = *self.number.get_or_insert_with(|| state.timers.number());
        if state.told.contains(&number) {
            return Poll::Ready(());
        }
        let place = self.place;
        if let Some(listeners) = state.listeners.get_mut(place) {
            listeners.insert(number, cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let mut state = self.shared.lock();
            state.told.remove(&number);
            for listeners in &mut state.listeners {
                listeners.remove(&number);
            }
        }
    }
}
