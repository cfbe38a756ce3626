//! The one bridge from scripts, which block, to the asynchronous world.
//!
//! A script thread hands over an owned future and waits for its result. The bridge ends the wait when the call's cancel
//! token is stopped or its deadline passes; the future is then dropped, which closes its connections.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::{Error, Kind, Result};

/// How long a request that changes something may still run after a cancel, so that its result is known.
pub const CHANGE_GRACE: Duration = Duration::from_millis(1500);

/// The asynchronous side of a runtime: worker threads for everything that waits.
#[derive(Clone)]
pub struct Bridge {
    handle: Handle,
    owned: Option<Arc<Owned>>,
}

struct Owned(Option<Runtime>);

impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

impl Bridge {
    /// A bridge with two worker threads of its own.
    ///
    /// # Errors
    /// [`Kind::System`] where threads cannot be started.
    pub fn new() -> Result<Self> {
        let runtime =
            Builder::new_multi_thread().worker_threads(2).thread_name("windlass-io").enable_all().build().map_err(
                |e| {
                    Error::new(Kind::System, "the worker threads cannot be started")
                        .hint("look at the limits of this machine: ulimit -u")
                        .source(e)
                },
            )?;
        Ok(Self { handle: runtime.handle().clone(), owned: Some(Arc::new(Owned(Some(runtime)))) })
    }

    /// A bridge onto a runtime of the embedder's.
    #[must_use]
    pub fn onto(handle: Handle) -> Self {
        Self { handle, owned: None }
    }

    /// The runtime's handle, to spawn what lives longer than one call.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether the worker threads are this bridge's own.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.owned.is_some()
    }

    /// Runs a future to its end and gives its result; ends early when `cancel` is stopped or its deadline passes.
    ///
    /// # Errors
    /// The future's own, the cancel's reason, the deadline's, or [`Kind::Internal`] for a panic inside.
    pub fn wait<T: Send + 'static>(
        &self,
        cancel: &Cancel,
        clock: &Arc<dyn Clock>,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.wait_with_grace(cancel, clock, Duration::ZERO, future)
    }

    /// As [`Bridge::wait`], but a stopped future may go on for `grace` before it is dropped.
    ///
    /// # Errors
    /// As [`Bridge::wait`].
    pub fn wait_with_grace<T: Send + 'static>(
        &self,
        cancel: &Cancel,
        clock: &Arc<dyn Clock>,
        grace: Duration,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        if let Some(reason) = cancel.reason().or_else(|| cancel.check_deadline(&**clock)) {
            return Err(reason);
        }
        self.spawn_and_wait(until_stopped(cancel.clone(), clock.clone(), grace, future))
    }

    /// As [`Bridge::wait`], for a future that watches the cancel token and the deadline by itself, because it must be able
    /// to end in order.
    ///
    /// # Errors
    /// As [`Bridge::wait`].
    pub fn wait_to_end<T: Send + 'static>(
        &self,
        cancel: &Cancel,
        clock: &Arc<dyn Clock>,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        match cancel.reason().or_else(|| cancel.check_deadline(&**clock)) {
            Some(reason) => Err(reason),
            None => self.spawn_and_wait(future),
        }
    }

    /// Runs something that computes for longer than a moment on a thread of its own, and gives its result. When `cancel` is
    /// stopped, the wait ends at once; the computation goes on to its end, and its result is dropped.
    ///
    /// # Errors
    /// As [`Bridge::wait`].
    pub fn compute<T: Send + 'static>(
        &self,
        cancel: &Cancel,
        clock: &Arc<dyn Clock>,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let handle = self.handle.clone();
        self.wait(cancel, clock, async move {
            match handle.spawn_blocking(work).await {
                Ok(result) => result,
                Err(failed) => match failed.try_into_panic() {
                    Ok(panic) => Err(panicked(panic.as_ref())),
                    Err(_) => Err(Error::internal("the worker threads ended before the computation did")),
                },
            }
        })
    }

    fn spawn_and_wait<T: Send + 'static>(&self, future: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.handle.spawn(async move {
            let guarded = AssertUnwindSafe(future).catch_unwind();
            let result = guarded.await.unwrap_or_else(|panic| Err(panicked(panic.as_ref())));
            let _ = sender.send(result);
        });
        receiver.recv().unwrap_or_else(|_| Err(Error::internal("the worker threads ended before the call did")))
    }
}

async fn until_stopped<T>(
    cancel: Cancel,
    clock: Arc<dyn Clock>,
    grace: Duration,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut future = std::pin::pin!(future);
    let reason = tokio::select! {
        biased;
        result = &mut future => return result,
        reason = cancel.ended(&*clock) => reason,
    };
    if !grace.is_zero() {
        tokio::select! {
            biased;
            result = &mut future => return result,
            () = clock.sleep(grace) => {}
        }
    }
    Err(reason)
}

/// What a panic becomes: an error that says so.
#[must_use]
pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    Error::internal(format!("something panicked: {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cancel::Deadline;
    use crate::{Moment, RealClock};
    use std::time::Instant;

    fn clock() -> Arc<dyn Clock> {
        Arc::new(RealClock::new())
    }

    #[test]
    fn a_result_comes_back() {
        let bridge = Bridge::new().unwrap();
        assert_eq!(bridge.wait(&Cancel::root(), &clock(), async { Ok(7) }).unwrap(), 7);
    }

    #[test]
    fn a_panic_is_an_error() {
        let bridge = Bridge::new().unwrap();
        let error = bridge.wait::<()>(&Cancel::root(), &clock(), async { panic!("boom") }).unwrap_err();
        assert_eq!(error.kind(), Kind::Internal);
        assert!(error.to_string().contains("boom"));
    }

    #[test]
    fn a_computation_gives_its_result_its_panic_or_the_reason_of_a_stop() {
        let bridge = Bridge::new().unwrap();
        assert_eq!(bridge.compute(&Cancel::root(), &clock(), || Ok(7)).unwrap(), 7);
        let error = bridge.compute::<()>(&Cancel::root(), &clock(), || panic!("boom")).unwrap_err();
        assert!(error.to_string().contains("boom"));
        let (begun, cancel) = (Instant::now(), Cancel::root());
        let inner = cancel.clone();
        let work = move || {
            inner.stop(Error::new(Kind::Cancelled, "stopped by a person"));
            std::thread::park_timeout(Duration::from_secs(5));
            Ok(())
        };
        assert_eq!(bridge.compute(&cancel, &clock(), work).unwrap_err().kind(), Kind::Cancelled);
        assert!(begun.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn a_stop_ends_the_wait_and_drops_the_future() {
        let bridge = Bridge::new().unwrap();
        let cancel = Cancel::root();
        let other = cancel.clone();
        let stopper = std::thread::spawn(move || {
            std::thread::park_timeout(Duration::from_millis(50));
            other.stop(Error::new(Kind::Cancelled, "stopped by a person"));
        });
        let begun = Instant::now();
        let error = bridge.wait::<()>(&cancel, &clock(), std::future::pending()).unwrap_err();
        assert_eq!(error.kind(), Kind::Cancelled);
        assert!(begun.elapsed() < Duration::from_secs(2));
        stopper.join().unwrap();
    }

    #[test]
    fn a_deadline_ends_the_wait() {
        let bridge = Bridge::new().unwrap();
        let clock = clock();
        let limit = Duration::from_millis(30);
        let cancel = Cancel::root_until(Deadline { at: clock.now() + limit, limit, what: "step x".into() });
        let error = bridge.wait::<()>(&cancel, &clock, std::future::pending()).unwrap_err();
        assert_eq!(error.kind(), Kind::Deadline);
        let again = bridge.wait(&cancel, &clock, async { Ok(()) }).unwrap_err();
        assert_eq!(again.kind(), Kind::Deadline, "nothing starts after the deadline");
    }

    #[test]
    fn a_change_in_flight_gets_its_grace() {
        let bridge = Bridge::new().unwrap();
        let clock = clock();
        let limit = Duration::from_millis(10);
        let cancel = Cancel::root_until(Deadline { at: Moment(limit), limit, what: "x".into() });
        let inner = clock.clone();
        let answer = bridge.wait_with_grace(&cancel, &clock, Duration::from_secs(5), async move {
            inner.sleep(Duration::from_millis(60)).await;
            Ok("known")
        });
        // Started before its deadline, it may end after it; had it been late already, nothing would have started.
        assert!(matches!(answer, Ok("known")) || answer.is_err_and(|e| e.kind() == Kind::Deadline));
    }
}
