//! When a request is repeated: bounded, only where that is safe, and never in silence.

use std::fmt;
use std::time::Duration;

use super::failure::Failure;

/// How often and how long a request is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// No repetition starts later than this after the first attempt.
    pub total: Duration,
    /// The first pause, where the server names none; doubled each time.
    pub first_pause: Duration,
    /// The longest pause of our own.
    pub longest_pause: Duration,
    /// How long one attempt may take to be answered.
    pub answer_within: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 10,
            total: Duration::from_secs(60),
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(8),
            // The API server itself gives up on a request after 60 s.
            answer_within: Duration::from_secs(65),
        }
    }
}

impl RetryPolicy {
    /// A policy that never repeats.
    #[must_use]
    pub fn once() -> Self {
        Self { attempts: 1, ..Self::default() }
    }
}

/// A repetition that is about to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryNote {
    /// The cluster's name.
    pub cluster: String,
    /// What was asked: `list Pods in shop`.
    pub request: String,
    /// The attempt that failed, counted from 1.
    pub attempt: u32,
    /// Why.
    pub reason: String,
    /// How long until the next one.
    pub pause: Duration,
}

impl fmt::Display for RetryNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; trying again in {:.1} s", self.request, self.reason, self.pause.as_secs_f64())
    }
}

/// When a request may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whenever it may help: it changes nothing.
    Always,
    /// Only if the server has provably not processed it.
    IfUnprocessed,
    /// Never: an answer that means "wait" elsewhere means "no" here (evictions).
    Never,
}

impl RetryPolicy {
    /// How long to pause before the next attempt, or none if there is to be none.
    pub(crate) fn pause(&self, failure: &Failure, repeat: Repeat, attempt: u32, elapsed: Duration) -> Option<Duration> {
        if attempt >= self.attempts || !may_repeat(failure, repeat) {
            return None;
        }
        let own = self.first_pause.saturating_mul(1 << (attempt - 1).min(16)).min(self.longest_pause);
        let pause = failure.status().and_then(|s| s.retry_after).map_or(own, |asked| asked.max(self.first_pause));
        (elapsed + pause <= self.total).then_some(pause)
    }
}

fn may_repeat(failure: &Failure, repeat: Repeat) -> bool {
    match (repeat, failure) {
        (Repeat::Never, _) | (_, Failure::Transport { lasting: true, .. } | Failure::Expired(_)) => false,
        (_, Failure::Transport { sent: false, .. })
        | (Repeat::Always, Failure::Transport { .. } | Failure::Silent(_)) => true,
        (Repeat::Always, Failure::Status(s)) => {
            matches!(s.code, 429 | 502 | 503 | 504) || (s.code == 500 && s.retry_after.is_some())
        }
        (Repeat::IfUnprocessed, Failure::Status(s)) => s.code == 429 || (s.code == 503 && s.retry_after.is_some()),
        (Repeat::Always | Repeat::IfUnprocessed, _) => false,
    }
}
