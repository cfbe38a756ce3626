//! Waiting for what nobody can watch: it is tried, again and again, until it is as it should be.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::json;
use windlass_runtime::{Call, Clock, Error, Kind, Moment, Options, Result, duration};

/// The shortest pause between two attempts.
const SHORTEST: Duration = Duration::from_millis(10);
/// So long one attempt may take.
const LONGEST: Duration = Duration::from_secs(10);

/// The options of a wait that tries.
#[derive(Debug, Clone, Options)]
pub struct Attempts {
    /// How long to wait.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
    /// How long to pause between two attempts. One attempt may take 10 seconds.
    #[option(default = "\"1s\"")]
    pub every: Duration,
    /// How long it must stay so before the wait ends; without it, the first time is enough.
    pub stable_for: Option<Duration>,
}

impl Attempts {
    /// Tries until it succeeds. An error of kind `usage` ends it at once: no further attempt mends that.
    ///
    /// # Errors
    /// `timeout` with what was in the way last.
    pub(super) fn until<T, F>(
        &self,
        call: &Call<'_>,
        subject: &str,
        attempt: impl FnMut() -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (clock, tell) = (call.clock(), call.teller());
        let (subject, terms) = (subject.to_owned(), self.clone());
        call.wait(async move { terms.repeat(&clock, |text| tell(&subject, text), &subject, attempt).await })
    }

    async fn repeat<T, F: Future<Output = Result<T>> + Send>(
        &self,
        clock: &Arc<dyn Clock>,
        tell: impl Fn(&str),
        subject: &str,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T> {
        let deadline = clock.now() + self.timeout;
        let mut since: Option<Moment> = None;
        let mut told: Option<(Moment, String)> = None;
        let mut heard: Option<Error> = None;
        loop {
            let longest = clock.now() + LONGEST;
            let ends = longest.min(deadline.max(clock.now() + SHORTEST));
            let last = match select(Box::pin(attempt()), clock.give_up_at(ends)).await {
                Either::Left((Ok(found), _)) => {
                    let from = *since.get_or_insert(clock.now());
                    let stable = self.stable_for.unwrap_or_default();
                    if clock.now().since(from) >= stable {
                        return Ok(found);
                    }
                    let (so_far, stable) = (duration::display(clock.now().since(from)), duration::display(stable));
                    Error::new(Kind::Timeout, format!("it is so for {so_far} of {stable}"))
                }
                Either::Left((Err(error), _)) if error.kind() == Kind::Usage => return Err(error),
                Either::Left((Err(error), _)) => {
                    since = None;
                    error
                }
                Either::Right(_) => {
                    since = None;
                    // What was given too little time at the end says less than what was heard before.
                    let heard = heard.take().filter(|_| ends < longest);
                    heard.unwrap_or_else(|| Error::new(Kind::Unavailable, "it does not answer"))
                }
            };
            heard = Some(last.clone());
            // What lies below says more than that nobody answers: refused, no route, no such name.
            let status = [vec![last.to_string()], last.causes()].concat().join(": ");
            let now = clock.now();
            if now >= deadline {
                return Err(self.over(subject, last, &status));
            }
            let is_news =
                told.as_ref().is_none_or(|(at, text)| *text != status || now.since(*at) >= Duration::from_secs(1));
            if is_news {
                tell(&status);
                told = Some((now, status));
            }
            clock.sleep_until((now + self.every.max(SHORTEST)).min(deadline)).await;
        }
    }

    fn over(&self, subject: &str, last: Error, status: &str) -> Error {
        let error =
            Error::new(Kind::Timeout, format!("{subject}: not within {} ({last})", duration::display(self.timeout)));
        let hint = last.hint_text().unwrap_or("is it only slow? Then give it more time with `timeout`").to_owned();
        error.hint(hint).resource(subject).details(json!({ "object": subject, "status": status })).source(last)
    }
}
