//! Time in the shadow: the machine's own, or virtual, which jumps when nothing can run.
//!
//! - [`Clock`] is what the shadow goes by. Everything in it is told the time; nothing in it asks the machine.
//! - [`RealClock`] is the machine's own time.
//! - [`VirtualClock`] jumps from one timer to the next. It belongs to a [`Simulation`], the one thread on which everything
//!   runs that goes by it, because only there it is known that nothing can run.

mod jumping;
mod real;
mod simulation;
mod timers;
mod turns;

use std::time::Duration;

use futures::future::BoxFuture;

pub use jumping::{Hold, Outside, Sleep, VirtualClock};
pub use real::RealClock;
pub use simulation::{Ended, Simulation};
pub use timers::Reason;
pub use turns::{Branch, Branches, Ticket, Turn};

/// Where the shadow's time comes from.
pub trait Clock: Send + Sync + 'static {
    /// The time since the clock was made.
    fn now(&self) -> Duration;

    /// The time of day.
    fn wall(&self) -> jiff::Timestamp;

    /// Completes at this time.
    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()>;

    /// Completes at this time, but is no reason for a virtual clock to jump there.
    fn sleep_weakly_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        self.sleep_until(at)
    }
}

#[cfg(test)]
mod tests;
