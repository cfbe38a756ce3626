//! The one thread on which everything runs that goes by a virtual clock.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::jumping::{Shared, VirtualClock};
use super::turns::{Branches, Ticket, Turn};

/// The simulation has ended: its thread is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the simulation has ended")]
pub struct Ended;

/// A thread with a single-threaded runtime, whose clock jumps when nothing can run on it.
///
/// The runtime has no timers and no sockets of its own: what needs those belongs elsewhere, under a
/// [`Hold`](super::Hold) or [`Outside`](super::Outside). Clones are the same simulation; it ends with the last one, and what
/// still runs on it is dropped.
#[derive(Clone)]
pub struct Simulation(Arc<Inner>);

struct Inner {
    clock: VirtualClock,
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl Simulation {
    /// Starts it, at this time of day.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn start(origin: jiff::Timestamp) -> std::io::Result<Self> {
        Self::with_clock(VirtualClock::new(origin))
    }

    /// Another one, whose clock begins where this one's stands: what happens in one no longer moves the time of the other.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn fork(&self) -> std::io::Result<Self> {
        Self::with_clock(self.0.clock.fork())
    }

    fn with_clock(clock: VirtualClock) -> std::io::Result<Self> {
        let shared = Arc::downgrade(&clock.0);
        let parked = move || {
            if let Some(shared) = shared.upgrade() {
                Shared::parked(&shared);
            }
        };
        let runtime = Builder::new_current_thread().on_thread_park(parked).build()?;
        let handle = runtime.handle().clone();
        clock.runs_on(handle.clone());
        let (end, ended) = oneshot::channel::<()>();
        std::thread::Builder::new().name("shadow".to_owned()).spawn(move || {
            #[expect(clippy::disallowed_methods, reason = "the thread is there for nothing else")]
            let _ = runtime.block_on(ended);
            runtime.shutdown_background();
        })?;
        Ok(Self(Arc::new(Inner { clock, handle, _end: end })))
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &VirtualClock {
        &self.0.clock
    }

    /// Its runtime: what is spawned here goes by its clock.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.0.handle
    }

    /// Whether this is a turn in this simulation.
    #[must_use]
    pub fn gave(&self, turn: &Turn) -> bool {
        turn.is_of(&self.0.clock.0)
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`Ended`] if the simulation has.
    pub fn enter(&self) -> Result<Turn, Ended> {
        let (sender, receiver) = sync_channel(1);
        self.queue(sender);
        receiver.recv().map_err(|_| Ended)
    }

    fn queue(&self, sender: std::sync::mpsc::SyncSender<Turn>) {
        self.0.clock.0.lock().ready.push_back(Box::new(move |turn| {
            let _ = sender.send(turn);
        }));
        self.0.clock.0.wake();
    }

    /// Runs a future to its end and waits for it. The turn is given up meanwhile, and taken back when everything that
    /// followed has settled.
    ///
    /// # Errors
    /// [`Ended`] if the simulation has, or the future has panicked.
    pub fn wait<T: Send + 'static>(
        &self,
        turn: Turn,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<(Turn, T), Ended> {
        let (sender, receiver) = sync_channel(1);
        let shared = self.0.clock.0.clone();
        self.handle().spawn(async move {
            turn.give_up(|state| state.waiting += 1);
            let waiting = Waiting(shared.clone());
            let result = future.await;
            shared.lock().ready.push_back(Box::new(move |turn| {
                drop(waiting);
                let _ = sender.send((turn, result));
            }));
        });
        receiver.recv().map_err(|_| Ended)
    }

    /// Runs something on this thread that belongs outside, such as waiting for a child process. The turn is given up
    /// meanwhile, and only events of the cluster happen: see [`VirtualClock::outside`].
    ///
    /// # Errors
    /// [`Ended`] if the simulation has.
    pub fn outside<T>(&self, turn: Turn, work: impl FnOnce() -> T) -> Result<(Turn, T), Ended> {
        let outside = self.0.clock.outside();
        drop(turn);
        let result = work();
        let (sender, receiver) = sync_channel(1);
        self.0.clock.0.lock().ready.push_back(Box::new(move |turn| {
            let _ = sender.send((turn, outside));
        }));
        self.0.clock.0.wake();
        let (turn, outside) = receiver.recv().map_err(|_| Ended)?;
        // It has the turn by now, which holds the clock.
        drop(outside);
        Ok((turn, result))
    }

    /// So many threads that are to work side by side below the one that has the turn.
    #[must_use]
    pub fn branches(&self, count: usize) -> (Branches, Vec<Ticket>) {
        Branches::new(&self.0.clock.0, count)
    }
}

/// A future that is waited for.
struct Waiting(Arc<Shared>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.lock().waiting -= 1;
    }
}

impl std::fmt::Debug for Simulation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Simulation at {:?}", self.0.clock.now())
    }
}
