//! How long something is followed.

use std::time::Duration;

use futures::future::{Either, select};
use windlass_runtime::{Call, Error, Kind, Moment, Result, duration};

/// How long something is followed at most.
pub(super) struct Patience(Option<(Moment, Duration)>);

impl Patience {
    /// From now on, for so long; for as long as the step may take without a timeout.
    pub(super) fn of(call: &Call<'_>, timeout: Option<Duration>) -> Self {
        Self(timeout.map(|timeout| (call.clock().now() + timeout, timeout)))
    }

    /// Fails once the time to follow `followed` is over. What is there already does not ask the clock, however much it is.
    pub(super) fn check(&self, call: &Call<'_>, followed: &str) -> Result<()> {
        match self.0 {
            Some((end, timeout)) if call.clock().now() >= end => Err(over(followed, timeout)),
            _ => Ok(()),
        }
    }

    /// What comes next of `followed`, which names it, unless the time is over before.
    pub(super) fn next<T: Send + 'static>(
        &self,
        call: &Call<'_>,
        followed: &str,
        next: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let Some((end, timeout)) = self.0 else { return call.wait(next) };
        let (clock, followed) = (call.clock().clone(), followed.to_owned());
        call.wait(async move {
            match select(std::pin::pin!(next), clock.sleep_until(end)).await {
                Either::Left((next, _)) => next,
                Either::Right(((), _)) => Err(over(&followed, timeout)),
            }
        })
    }
}

fn over(followed: &str, timeout: Duration) -> Error {
    let text = format!("{followed} was followed for {} and went on", duration::display(timeout));
    Error::new(Kind::Timeout, text).hint("a closure that returns false ends it before")
}
