//! The one bridge from scripts, which block, to the asynchronous world.
//!
//! A script thread hands over an owned future and waits for its result. The bridge ends the wait when the call's cancel
//! token is stopped or its deadline passes; the future is then dropped, which closes its connections.
//!
//! On a simulated target, futures run where its clock is, and the threads that run scripts take turns (`turns.rs`).

mod turns;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::FutureExt;
use tokio::runtime::{Builder, Handle, Runtime};
use windlass_shadow::clock::Simulation;

use crate::cancel::Cancel;
use crate::clock::{Clock, Elapsing, RealClock};
use crate::{Error, Kind, Result};

pub use turns::{Branches, Ticket, Working};

/// How long a request that changes something may still run after a cancel, so that its result is known.
pub const CHANGE_GRACE: Duration = Duration::from_millis(1500);

/// The asynchronous side of a runtime: worker threads for everything that waits; and of a session, whose target may be
/// simulated.
#[derive(Clone)]
pub struct Bridge {
    handle: Handle,
    owned: Option<Arc<Owned>>,
    simulation: Option<Simulation>,
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
        Ok(Self { handle: runtime.handle().clone(), owned: Some(Arc::new(Owned(Some(runtime)))), simulation: None })
    }

    /// A bridge onto a runtime of the embedder's.
    #[must_use]
    pub fn onto(handle: Handle) -> Self {
        Self { handle, owned: None, simulation: None }
    }

    /// The same bridge for a session on a target that is simulated, or not.
    #[must_use]
    pub fn for_target(&self, simulation: Option<Simulation>) -> Self {
        Self { simulation, ..self.clone() }
    }

    /// Where futures run that go by the target's clock, to spawn what lives longer than one call.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        self.simulation.as_ref().map_or(&self.handle, Simulation::handle)
    }

    /// Whether the worker threads are this bridge's own.
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.owned.is_some()
    }

    /// Runs a future to its end and gives its result; ends early when `cancel` is stopped or its deadline passes, or when
    /// the target is simulated and nothing can happen in it any more.
    ///
    /// # Errors
    /// The future's own, the cancel's reason, the deadline's, [`Kind::Hopeless`] where nothing can happen any more, or
    /// [`Kind::Internal`] for a panic inside.
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
        not_over(cancel, clock)?;
        // What programs need to end in order passes as the machine's time does; a simulated clock may jump over it.
        let is_outside = self.simulation.is_some() && grace > CHANGE_GRACE;
        let (handle, simulated) = (self.handle.clone(), clock.clone());
        let rest = async move {
            if is_outside {
                // Timers of the machine's are in a runtime of their own.
                drop(handle.spawn(RealClock::new().sleep(grace)).await);
            } else if !grace.is_zero() {
                simulated.sleep(grace).await;
            }
        };
        let future = until_stopped(cancel.clone(), clock.clone(), rest, future);
        match &self.simulation {
            None => wait_on(&self.handle, future),
            Some(simulation) => {
                let future = guarded(turns::until_nothing_is_left(simulation.clock().clone(), future));
                turns::with_turn(simulation, |turn| simulation.wait(turn, future))?
            }
        }
    }

    /// Waits for what a person does whom somebody else asks. It watches the cancel token by itself. On a simulated target others go
    /// on meanwhile; where nothing can happen any more in it, it goes on waiting, because the person can do something.
    ///
    /// # Errors
    /// The future's own, or [`Kind::Internal`] for a panic inside.
    pub(crate) fn wait_for_person<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        match &self.simulation {
            None => wait_on(&self.handle, future),
            Some(simulation) => turns::with_turn(simulation, |turn| simulation.wait(turn, guarded(future)))?,
        }
    }

    /// Waits for something that happens outside of any target, such as a child process. It watches the cancel token and
    /// the deadline by itself, because it must be able to end in order; it is given the clock for that, whose time goes on
    /// meanwhile as the machine's does.
    ///
    /// # Errors
    /// As [`Bridge::wait`].
    pub fn wait_outside<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        &self,
        cancel: &Cancel,
        clock: &Arc<dyn Clock>,
        begin: impl FnOnce(Arc<dyn Clock>) -> F,
    ) -> Result<T> {
        not_over(cancel, clock)?;
        match &self.simulation {
            None => wait_on(&self.handle, begin(clock.clone())),
            Some(simulation) => {
                let future = begin(Arc::new(Elapsing::from(clock)));
                turns::with_turn(simulation, |turn| simulation.outside(turn, || wait_on(&self.handle, future)))?
            }
        }
    }

    /// Runs something where sockets and processes are, for a future that is waited for already. As with
    /// [`Bridge::wait_outside`], it is given a clock whose time goes on as the machine's does.
    ///
    /// # Errors
    /// The future's own, or [`Kind::Internal`] for a panic inside.
    pub(crate) async fn beside<T: Send + 'static, F: Future<Output = Result<T>> + Send + 'static>(
        &self,
        clock: &Arc<dyn Clock>,
        begin: impl FnOnce(Arc<dyn Clock>) -> F,
    ) -> Result<T> {
        let _outside = self.simulation.as_ref().map(|simulation| simulation.clock().outside());
        let clock = if self.simulation.is_some() { Arc::new(Elapsing::from(clock)) } else { clock.clone() };
        // Dropped with this future, and the work with it.
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn_on(guarded(begin(clock)), &self.handle);
        match tasks.join_next().await {
            Some(Ok(result)) => result,
            _ => Err(Error::internal("the worker threads ended before the call did")),
        }
    }

    /// Runs something that computes for longer than a moment on a thread of its own, and gives its result. When `cancel` is
    /// stopped, the wait ends at once; the computation goes on to its end, and its result is dropped. On a simulated target
    /// it takes no time.
    ///
    /// # Errors
    /// As [`Bridge::wait`].
    pub fn compute<T: Send + 'static>(
        &self,
        cancel: &Cancel,
        clock: &Arc<dyn Clock>,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        not_over(cancel, clock)?;
        let _still = self.simulation.as_ref().map(|simulation| simulation.clock().hold());
        let handle = self.handle.clone();
        let computed = async move { on_its_own_thread(&handle, work).await };
        wait_on(&self.handle, until_stopped(cancel.clone(), clock.clone(), std::future::ready(()), computed))
    }

    /// As [`Bridge::compute`], for a future that is waited for already: what it does with files must not hold up others.
    pub(crate) async fn compute_beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let _still = self.simulation.as_ref().map(|simulation| simulation.clock().hold());
        on_its_own_thread(&self.handle, work).await
    }

    /// Says that the current thread runs scripts from here on, until the result is dropped. On a simulated target it waits
    /// for its turn.
    ///
    /// # Errors
    /// [`Kind::Internal`] if the simulation has ended.
    pub fn work(&self) -> Result<Working> {
        Working::begin(self.simulation.as_ref())
    }

    /// Places for threads that are to run scripts side by side, below the current one.
    #[must_use]
    pub fn branches(&self, count: usize) -> (Branches, Vec<Ticket>) {
        Branches::new(self.simulation.as_ref(), count)
    }
}

async fn on_its_own_thread<T: Send + 'static>(
    handle: &Handle,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match handle.spawn_blocking(work).await {
        Ok(result) => result,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => Err(panicked(panic.as_ref())),
            Err(_) => Err(Error::internal("the worker threads ended before the computation did")),
        },
    }
}

fn not_over(cancel: &Cancel, clock: &Arc<dyn Clock>) -> Result<()> {
    match cancel.reason().or_else(|| cancel.check_deadline(&**clock)) {
        Some(reason) => Err(reason),
        None => Ok(()),
    }
}

/// A panic is an error.
async fn guarded<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    AssertUnwindSafe(future).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(panic.as_ref())))
}

fn wait_on<T: Send + 'static>(handle: &Handle, future: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    handle.spawn(async move {
        let _ = sender.send(guarded(future).await);
    });
    receiver.recv().unwrap_or_else(|_| Err(Error::internal("the worker threads ended before the call did")))
}

async fn until_stopped<T>(
    cancel: Cancel,
    clock: Arc<dyn Clock>,
    rest: impl Future<Output = ()>,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut future = std::pin::pin!(future);
    let reason = tokio::select! {
        biased;
        result = &mut future => return result,
        reason = cancel.ended(&*clock) => reason,
    };
    tokio::select! {
        biased;
        result = &mut future => return result,
        () = rest => {}
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
mod tests;
