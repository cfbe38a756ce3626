//! Time: the one place that knows what time it is and how to wait.
//!
//! A live target runs on the [`RealClock`]; a simulated one has a clock that jumps. Nothing else in Windlass sleeps.

use std::future::Future;
use std::ops::{Add, Sub};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass_shadow::clock::{Reason, VirtualClock};

/// A future that owns what it needs and can go to any thread.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// A point on a clock's own time line: the time since the clock was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub Duration);

impl Moment {
    /// The time from `earlier` to here; zero where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;
    fn add(self, rhs: Duration) -> Moment {
        Moment(self.0.saturating_add(rhs))
    }
}

impl Sub<Moment> for Moment {
    type Output = Duration;
    fn sub(self, rhs: Moment) -> Duration {
        self.since(rhs)
    }
}

/// A source of time.
pub trait Clock: Send + Sync + 'static {
    /// Now, on this clock's own time line. Never goes back.
    fn now(&self) -> Moment;

    /// As [`Clock::now`], on a time line of its own that goes on while the machine sleeps: what a lease lasts by.
    fn uptime(&self) -> Moment {
        self.now()
    }

    /// Now, as people write it.
    fn wall(&self) -> jiff::Timestamp;

    /// Completes at `moment`.
    fn sleep_until(&self, moment: Moment) -> BoxFuture<()>;

    /// Completes at `moment`, but is never a reason for a simulated clock to jump: progress reports, re-lists.
    fn sleep_weakly_until(&self, moment: Moment) -> BoxFuture<()> {
        self.sleep_until(moment)
    }

    /// Completes at `moment`, when whoever waits gives up. A simulated clock in which nothing else can happen does not jump
    /// there: see [`Clock::nothing_left`].
    fn give_up_at(&self, moment: Moment) -> BoxFuture<()> {
        self.sleep_until(moment)
    }

    /// Completes when nothing can happen any more, which only a simulated clock can tell. For who has something to say about
    /// it; the others are ended by the bridge.
    fn nothing_left(&self) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }

    /// Completes after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.sleep_until(self.now() + duration)
    }

    /// Whether time is simulated.
    fn is_virtual(&self) -> bool {
        false
    }
}

/// The machine's own time.
#[derive(Debug)]
pub struct RealClock {
    origin: Instant,
}

impl RealClock {
    /// A clock whose time line starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Moment {
        Moment(self.origin.elapsed())
    }

    fn uptime(&self) -> Moment {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Moment(Duration::try_from(time).unwrap_or_default())
    }

    fn wall(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<()> {
        let at = self.origin.checked_add(moment.0);
        Box::pin(async move {
            match at {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        })
    }
}

/// A clock whose time goes on as the machine's does, from where another one stands: for what happens outside of a
/// simulation.
pub(crate) struct Elapsing {
    from: Moment,
    wall: jiff::Timestamp,
    real: RealClock,
}

impl Elapsing {
    pub(crate) fn from(clock: &Arc<dyn Clock>) -> Self {
        Self { from: clock.now(), wall: clock.wall(), real: RealClock::new() }
    }
}

impl Clock for Elapsing {
    fn now(&self) -> Moment {
        self.from + self.real.now().0
    }

    fn wall(&self) -> jiff::Timestamp {
        self.wall
            .saturating_add(jiff::SignedDuration::try_from(self.real.now().0).unwrap_or_default())
            .unwrap_or(self.wall)
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<()> {
        self.real.sleep_until(Moment(moment.since(self.from)))
    }
}

/// The next full hour: when simulations begin, so that what goes by the time of day is the same in two of them, and what was
/// made a moment ago is valid in both.
#[must_use]
pub fn next_hour() -> jiff::Timestamp {
    let now = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(now - now.rem_euclid(3600) + 3600).unwrap_or_default()
}

/// The clock of a simulation.
pub(crate) struct Simulated(pub(crate) VirtualClock);

impl Simulated {
    fn sleep_for(&self, moment: Moment, reason: Reason) -> BoxFuture<()> {
        Box::pin(self.0.sleep_until(moment.0, reason))
    }
}

impl Clock for Simulated {
    fn now(&self) -> Moment {
        Moment(self.0.now())
    }

    fn wall(&self) -> jiff::Timestamp {
        self.0.wall()
    }

    fn sleep_until(&self, moment: Moment) -> BoxFuture<()> {
        self.sleep_for(moment, Reason::Work)
    }

    fn sleep_weakly_until(&self, moment: Moment) -> BoxFuture<()> {
        self.sleep_for(moment, Reason::Weak)
    }

    fn give_up_at(&self, moment: Moment) -> BoxFuture<()> {
        self.sleep_for(moment, Reason::Limit)
    }

    fn nothing_left(&self) -> BoxFuture<()> {
        Box::pin(self.0.nothing_left(true))
    }

    fn is_virtual(&self) -> bool {
        true
    }
}
