//! Time in the shadow: the machine's own, or virtual, which jumps when nothing can run.

use std::time::Duration;

/// Where the shadow's time comes from. Everything in the shadow is told the time; nothing in it asks the machine.
pub trait Clock: Send + Sync + 'static {
    /// The time since the clock was made.
    fn now(&self) -> Duration;
    /// The time of day.
    fn wall(&self) -> jiff::Timestamp;
    /// Completes at this time.
    fn sleep_until(&self, at: Duration) -> futures::future::BoxFuture<'static, ()>;
}
