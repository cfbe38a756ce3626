//! The tree of cancel tokens: session, step, branch, cleanup.
//!
//! A [`Cancel`] is asked by the engine at each operation of a script (a few atomic loads) and awaited by the bridge.
//! Stopping a token stops all below it and none above.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Moment};
use crate::duration;
use crate::{Error, Kind};

struct Node {
    parent: Option<Cancel>,
    stopped: AtomicBool,
    reason: OnceLock<Error>,
    token: CancellationToken,
    deadline: Option<Deadline>,
    rested_ns: AtomicU64,
}

/// When something must be over, and what it is that must.
#[derive(Debug, Clone)]
pub struct Deadline {
    /// The moment on the target's clock.
    pub at: Moment,
    /// How long it was given.
    pub limit: Duration,
    /// What was given it: `step deployments`, `the run`.
    pub what: String,
}

impl Deadline {
    /// The error that ends what ran into it.
    #[must_use]
    pub fn error(&self) -> Error {
        Error::new(Kind::Deadline, format!("{} did not end within {}", self.what, duration::display(self.limit)))
            .hint("give it more time with the option `timeout`, or see above what it was waiting for")
    }
}

/// A node of the tree. Clones are the same node.
#[derive(Clone)]
pub struct Cancel(Arc<Node>);

impl Cancel {
    /// A root: of a session, or of a cleanup that must not be stopped with the work.
    #[must_use]
    pub fn root() -> Self {
        Self::node(None, CancellationToken::new(), None)
    }

    /// A root with a deadline of its own.
    #[must_use]
    pub fn root_until(deadline: Deadline) -> Self {
        Self::node(None, CancellationToken::new(), Some(deadline))
    }

    /// A token below this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self::node(Some(self.clone()), self.0.token.child_token(), None)
    }

    /// A token below this one that is also stopped at a deadline.
    #[must_use]
    pub fn child_until(&self, deadline: Deadline) -> Self {
        Self::node(Some(self.clone()), self.0.token.child_token(), Some(deadline))
    }

    fn node(parent: Option<Cancel>, token: CancellationToken, deadline: Option<Deadline>) -> Self {
        Self(Arc::new(Node {
            parent,
            stopped: AtomicBool::new(false),
            reason: OnceLock::new(),
            token,
            deadline,
            rested_ns: AtomicU64::new(0),
        }))
    }

    fn up(&self) -> impl Iterator<Item = &Cancel> {
        std::iter::successors(Some(self), |c| c.0.parent.as_ref())
    }

    /// Stops this token and all below it. The first reason stays.
    pub fn stop(&self, reason: Error) {
        let _ = self.0.reason.set(reason);
        self.0.stopped.store(true, Ordering::Release);
        self.0.token.cancel();
    }

    /// Why it is stopped, if it is: the reason of the nearest stopped token upwards.
    #[must_use]
    pub fn reason(&self) -> Option<Error> {
        self.up().find(|c| c.0.stopped.load(Ordering::Acquire)).and_then(|c| c.0.reason.get().cloned())
    }

    /// Whether it is stopped. Cheap enough for each operation of a script.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.up().any(|c| c.0.stopped.load(Ordering::Acquire))
    }

    /// Stops every token on the way up whose deadline has passed, and says so.
    #[must_use]
    pub fn check_deadline(&self, clock: &dyn Clock) -> Option<Error> {
        let passed = self.up().find(|c| c.own_deadline().is_some_and(|d| d.at <= clock.now()))?;
        let error = passed.own_deadline().map(|d| d.error())?;
        passed.stop(error);
        self.reason()
    }

    /// The nearest deadline in time.
    #[must_use]
    pub fn deadline(&self) -> Option<Deadline> {
        self.up().filter_map(Cancel::own_deadline).min_by_key(|d| d.at)
    }

    fn own_deadline(&self) -> Option<Deadline> {
        let rested = Duration::from_nanos(self.0.rested_ns.load(Ordering::Acquire));
        self.0.deadline.as_ref().map(|d| Deadline { at: d.at + rested, ..d.clone() })
    }

    /// Moves every deadline on the way up by the time that a person took to answer.
    pub fn rest(&self, duration: Duration) {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        for token in self.up() {
            token.0.rested_ns.fetch_add(nanos, Ordering::AcqRel);
        }
    }

    /// Completes when this token is stopped, with the reason.
    pub async fn stopped(&self) -> Error {
        self.0.token.cancelled().await;
        self.reason().unwrap_or_else(|| Error::new(Kind::Cancelled, "stopped"))
    }
}

impl std::fmt::Debug for Cancel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cancel").field("stopped", &self.is_stopped()).field("depth", &self.up().count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RealClock;

    #[test]
    fn stopping_reaches_down_and_not_up_or_sideways() {
        let session = Cancel::root();
        let (a, b) = (session.child(), session.child());
        let leaf = a.child();
        a.stop(Error::new(Kind::Cancelled, "first"));
        a.stop(Error::new(Kind::Cancelled, "second"));
        assert!(leaf.is_stopped() && !b.is_stopped() && !session.is_stopped());
        assert_eq!(leaf.reason().map(|e| e.to_string()).as_deref(), Some("first"));
    }

    #[test]
    fn a_cleanup_root_is_not_stopped_with_the_session() {
        let session = Cancel::root();
        let cleanup = Cancel::root();
        session.stop(Error::new(Kind::Cancelled, "x"));
        assert!(!cleanup.is_stopped());
    }

    #[test]
    fn a_passed_deadline_stops_the_token_that_has_it_and_names_it() {
        let clock = RealClock::new();
        let deadline = |ms, what: &str| Deadline {
            at: Moment(Duration::from_millis(ms)),
            limit: Duration::from_millis(ms),
            what: what.into(),
        };
        let step = Cancel::root().child_until(deadline(0, "step a"));
        let call = step.child_until(deadline(3_600_000, "later"));
        assert_eq!(call.deadline().map(|d| d.what).as_deref(), Some("step a"));
        let error = call.check_deadline(&clock).expect("passed");
        assert_eq!(error.kind(), Kind::Deadline);
        assert!(error.to_string().contains("step a"));
        assert!(call.is_stopped());
    }
}
