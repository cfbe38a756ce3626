//! The tree of cancel tokens: session, step, branch, cleanup.
//!
//! A [`Cancel`] is asked by the engine at each operation of a script (a few atomic loads) and awaited by the bridge.
//! Stopping a token stops all below it and none above.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::future::select_all;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Moment};
use crate::duration;
use crate::sync::lock;
use crate::{Error, Kind};

struct Node {
    parent: Option<Cancel>,
    /// Another token with which this one is stopped.
    with: Option<Cancel>,
    stopped: AtomicBool,
    reason: OnceLock<Error>,
    token: CancellationToken,
    deadline: Option<Deadline>,
    rest: Mutex<Rest>,
}

/// The time for which a deadline rests, because a person is asked.
#[derive(Default)]
struct Rest {
    /// How many questions are open.
    open: u32,
    /// Since when the first of them is.
    since: Moment,
    /// The time of those that were answered.
    over: Duration,
}

impl Rest {
    fn until(&self, now: Moment) -> Duration {
        if self.open == 0 { self.over } else { self.over.saturating_add(now - self.since) }
    }
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
        Self::node(None, None, CancellationToken::new(), None)
    }

    /// A root with a deadline of its own.
    #[must_use]
    pub fn root_until(deadline: Deadline) -> Self {
        Self::node(None, None, CancellationToken::new(), Some(deadline))
    }

    /// A token below this one.
    #[must_use]
    pub fn child(&self) -> Self {
        Self::node(Some(self.clone()), None, self.0.token.child_token(), None)
    }

    /// A token below this one that is also stopped with another, wherever that stands. The other's deadlines are not its.
    pub(crate) fn child_stopped_with(&self, other: &Cancel) -> Self {
        Self::node(Some(self.clone()), Some(other.clone()), self.0.token.child_token(), None)
    }

    /// A token below this one that is also stopped at a deadline.
    #[must_use]
    pub fn child_until(&self, deadline: Deadline) -> Self {
        Self::node(Some(self.clone()), None, self.0.token.child_token(), Some(deadline))
    }

    fn node(
        parent: Option<Cancel>,
        with: Option<Cancel>,
        token: CancellationToken,
        deadline: Option<Deadline>,
    ) -> Self {
        Self(Arc::new(Node {
            parent,
            with,
            stopped: AtomicBool::new(false),
            reason: OnceLock::new(),
            token,
            deadline,
            rest: Mutex::default(),
        }))
    }

    fn up(&self) -> impl Iterator<Item = &Cancel> {
        std::iter::successors(Some(self), |c| c.0.parent.as_ref())
    }

    /// The nearest stopped token upwards.
    fn stop_above(&self) -> Option<&Cancel> {
        let stopped = |c: &'_ Cancel| c.0.stopped.load(Ordering::Acquire);
        self.up().find_map(|c| if stopped(c) { Some(c) } else { c.0.with.as_ref().and_then(Cancel::stop_above) })
    }

    /// The tokens that stop this one: its own, which is stopped with those above it, and those of others.
    fn tokens(&self) -> Vec<&CancellationToken> {
        let others = self.up().filter_map(|c| c.0.with.as_ref()).flat_map(Cancel::tokens);
        std::iter::once(&self.0.token).chain(others).collect()
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
        self.stop_above().and_then(|c| c.0.reason.get().cloned())
    }

    /// Whether it is stopped. Cheap enough for each operation of a script.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop_above().is_some()
    }

    /// Stops every token on the way up whose deadline has passed, and says so.
    #[must_use]
    pub fn check_deadline(&self, clock: &dyn Clock) -> Option<Error> {
        let passed = self.up().find(|c| c.own_deadline(clock).is_some_and(|(at, now)| at <= now))?;
        let error = passed.0.deadline.as_ref().map(Deadline::error)?;
        passed.stop(error);
        self.reason()
    }

    /// The nearest deadline in time, as it stands now: while a person is asked, it moves along.
    #[must_use]
    pub fn deadline(&self, clock: &dyn Clock) -> Option<Moment> {
        self.up().filter_map(|c| c.own_deadline(clock)).map(|(at, _)| at).min()
    }

    /// This token's own deadline as it stands, and now.
    fn own_deadline(&self, clock: &dyn Clock) -> Option<(Moment, Moment)> {
        let deadline = self.0.deadline.as_ref()?;
        let now = clock.now();
        Some((deadline.at + lock(&self.0.rest).until(now), now))
    }

    /// Lets every deadline on the way up rest while `ask` waits for a person.
    pub fn resting<T>(&self, clock: &dyn Clock, ask: impl FnOnce() -> T) -> T {
        struct Resting<'a>(&'a Cancel, &'a dyn Clock);
        impl Drop for Resting<'_> {
            fn drop(&mut self) {
                let now = self.1.now();
                for token in self.0.up() {
                    let mut rest = lock(&token.0.rest);
                    rest.open = rest.open.saturating_sub(1);
                    if rest.open == 0 {
                        rest.over = rest.over.saturating_add(now - rest.since);
                    }
                }
            }
        }
        let now = clock.now();
        for token in self.up() {
            let mut rest = lock(&token.0.rest);
            if rest.open == 0 {
                rest.since = now;
            }
            rest.open += 1;
        }
        let _resting = Resting(self, clock);
        ask()
    }

    /// Completes when this token is stopped or a deadline on the way up passes, with the reason.
    pub async fn ended(&self, clock: &dyn Clock) -> Error {
        loop {
            let Some(at) = self.deadline(clock) else { return self.stopped().await };
            tokio::select! {
                biased;
                reason = self.stopped() => return reason,
                () = clock.give_up_at(at) => {}
            }
            // It may have moved meanwhile.
            if let Some(reason) = self.check_deadline(clock) {
                return reason;
            }
        }
    }

    /// Completes when this token is stopped, with the reason.
    pub async fn stopped(&self) -> Error {
        select_all(self.tokens().into_iter().map(|token| Box::pin(token.cancelled()))).await;
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
    use futures::FutureExt as _;

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
    fn what_is_stopped_with_another_is_told_so_and_does_not_stop_it() {
        let (session, other) = (Cancel::root(), Cancel::root());
        let leaf = other.child_stopped_with(&session.child()).child();
        let waits = std::pin::pin!(leaf.stopped());
        session.stop(Error::new(Kind::Cancelled, "all of it"));
        assert!(leaf.is_stopped() && !other.is_stopped());
        assert_eq!(waits.now_or_never().map(|e| e.to_string()).as_deref(), Some("all of it"));
        let (session, other) = (Cancel::root(), Cancel::root());
        let leaf = other.child_stopped_with(&session).child();
        leaf.stop(Error::new(Kind::Cancelled, "one"));
        assert!(!session.is_stopped() && !other.is_stopped());
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
        assert_eq!(call.deadline(&clock), Some(Moment(Duration::ZERO)));
        let error = call.check_deadline(&clock).expect("passed");
        assert_eq!(error.kind(), Kind::Deadline);
        assert!(error.to_string().contains("step a"));
        assert!(call.is_stopped());
    }
}
