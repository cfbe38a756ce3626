//! `always`.

use std::time::Duration;

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::cancel::{Cancel, Deadline};
use crate::clock::Moment;
use crate::closure::Closure;
use crate::event::{Level, What};
use crate::scope::Scope;
use crate::value::Value;

/// How long a cleanup may take.
const CLEANUP_LIMIT: Duration = Duration::from_secs(30);

/// Runs a closure, and then another one that cleans up, whatever became of the first.
///
/// The cleanup runs after success, after an error, after Ctrl-C and after a deadline. It may take 30 seconds. `always`
/// returns what the first closure returned, or fails with its error.
///
/// # Errors
/// The error of the first closure. If only the cleanup fails, its error.
///
/// # Example
/// ```rhai
/// let number = always(|| 42, || log::info("cleaned up"));
/// ```
#[primitive(module = "", effect = Control)]
pub fn always(call: &Call<'_>, work: Closure, cleanup: Closure) -> Result<Value> {
    let scope = &call.scope;
    let result = call.run(&work, Vec::new());
    let clock = scope.session.clock();
    let deadline = Deadline { at: clock.now() + CLEANUP_LIMIT, limit: CLEANUP_LIMIT, what: "the cleanup".to_owned() };
    let countdown = scope.cancel.is_stopped().then(|| Countdown::start(scope, deadline.at));
    let shielded = scope.under(Cancel::root_until(deadline));
    let cleaned = call.run_in(&shielded, &cleanup, Vec::new());
    drop(countdown);
    match (result, cleaned) {
        (Ok(value), Ok(_)) => Ok(value),
        (Err(error), Ok(_)) => Err(error),
        (Ok(_), Err(error)) => Err(error.context("the work was done, but its cleanup failed")),
        (Err(error), Err(cleanup)) => {
            scope.session.log(Some(&scope.step.key), Level::Error, format!("the cleanup failed too: {cleanup}"));
            Err(error)
        }
    }
}

/// Shows, each second, how long a cleanup after a stop may still take.
struct Countdown(tokio::task::AbortHandle);

impl Countdown {
    fn start(scope: &Scope, end: Moment) -> Self {
        let text = format!("stopped: cleaning up (at most {} s)", CLEANUP_LIMIT.as_secs());
        scope.session.log(Some(&scope.step.key), Level::Info, text);
        let (session, step) = (scope.session.clone(), scope.step.key.clone());
        let task = scope.session.bridge().handle().spawn(async move {
            let clock = session.clock().clone();
            loop {
                clock.sleep_weakly_until(clock.now() + Duration::from_secs(1)).await;
                let left = (end - clock.now()).as_secs();
                let (subject, text) = ("cleanup".to_owned(), format!("{left} s left"));
                session.tell(Some(&step), What::Progress { subject, text });
                if left == 0 {
                    return;
                }
            }
        });
        Self(task.abort_handle())
    }
}

impl Drop for Countdown {
    fn drop(&mut self) {
        self.0.abort();
    }
}
