//! Turns: of the threads that work in a simulation, one runs at a time, and the next gets its turn when nothing is left to
//! run in the simulation. So their order does not depend on the machine, and nobody sees a cluster that has not settled.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::jumping::{Shared, State};
use super::simulation::Ended;

/// The turn of a thread: while it lives, time stands still and no other thread has one.
#[must_use]
pub struct Turn(Option<Arc<Shared>>);

impl Turn {
    pub(super) fn of(shared: Arc<Shared>) -> Self {
        Self(Some(shared))
    }

    /// Whether it is a turn in the simulation of this clock.
    pub(super) fn is_of(&self, shared: &Arc<Shared>) -> bool {
        self.0.as_ref().is_some_and(|own| Arc::ptr_eq(own, shared))
    }

    /// Gives it up, and something else in the same moment.
    pub(super) fn give_up(mut self, also: impl FnOnce(&mut State)) {
        if let Some(shared) = self.0.take() {
            let mut state = shared.lock();
            state.running = false;
            also(&mut state);
            drop(state);
            shared.wake();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.0.is_some() {
            Turn(self.0.take()).give_up(|_| ());
        }
    }
}

/// Threads that are to work side by side, below one that waits for them. They get their turns in order.
pub struct Branches {
    shared: Arc<Shared>,
    group: Arc<Group>,
    starts: Vec<SyncSender<Turn>>,
    rejoined: Receiver<Turn>,
}

/// The place of a branch in the order.
pub struct Ticket {
    start: Receiver<Turn>,
    seat: Seat,
}

/// A branch that works: dropped on its thread when it is done.
#[must_use]
pub struct Branch {
    seat: Seat,
    turn: Option<Turn>,
}

/// Those who wait for a group, and how many of it are still at work.
struct Group {
    left: AtomicUsize,
    rejoin: Mutex<Option<SyncSender<Turn>>>,
    begun: std::sync::atomic::AtomicBool,
}

struct Seat {
    shared: Arc<Shared>,
    group: Arc<Group>,
    ended: bool,
}

impl Group {
    /// Gives the turn to who waits, if nobody is left. Under the state's lock.
    fn look(&self, state: &mut State) {
        if self.left.load(Ordering::Acquire) > 0 || !self.begun.load(Ordering::Acquire) {
            return;
        }
        if let Some(rejoin) = self.rejoin.lock().unwrap_or_else(PoisonError::into_inner).take() {
            state.ready.push_back(Box::new(move |turn| {
                let _ = rejoin.send(turn);
            }));
        }
    }
}

impl Seat {
    fn end(&mut self, state: &mut State) {
        if !std::mem::replace(&mut self.ended, true) {
            self.group.left.fetch_sub(1, Ordering::AcqRel);
            self.group.look(state);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if !self.ended {
            let shared = self.shared.clone();
            self.end(&mut shared.lock());
            shared.wake();
        }
    }
}

impl Branches {
    pub(super) fn new(shared: &Arc<Shared>, count: usize) -> (Self, Vec<Ticket>) {
        let (rejoin, rejoined) = sync_channel(1);
        let group = Group {
            left: AtomicUsize::new(count),
            rejoin: Mutex::new(Some(rejoin)),
            begun: std::sync::atomic::AtomicBool::new(false),
        };
        let group = Arc::new(group);
        let (mut starts, mut tickets) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let (sender, start) = sync_channel(1);
            starts.push(sender);
            let seat = Seat { shared: shared.clone(), group: group.clone(), ended: false };
            tickets.push(Ticket { start, seat });
        }
        (Self { shared: shared.clone(), group, starts, rejoined }, tickets)
    }

    /// Gives the turn to the branches, one after the other. To be called when their threads have been started.
    pub fn begin(&mut self, turn: Turn) {
        let starts = std::mem::take(&mut self.starts);
        let group = self.group.clone();
        turn.give_up(|state| {
            for start in starts {
                state.ready.push_back(Box::new(move |turn| {
                    let _ = start.send(turn);
                }));
            }
            group.begun.store(true, Ordering::Release);
            group.look(state);
        });
    }

    /// Waits for the end of all, and takes the turn back.
    ///
    /// # Errors
    /// [`Ended`] if the simulation has.
    pub fn rejoin(self) -> Result<Turn, Ended> {
        self.shared.wake();
        self.rejoined.recv().map_err(|_| Ended)
    }
}

impl Ticket {
    /// Waits for this branch's first turn.
    ///
    /// # Errors
    /// [`Ended`] if the simulation has.
    pub fn start(self) -> Result<(Branch, Turn), Ended> {
        let turn = self.start.recv().map_err(|_| Ended)?;
        Ok((Branch { seat: self.seat, turn: None }, turn))
    }
}

impl Branch {
    /// The end of the branch, with its turn.
    pub fn end(mut self, turn: Turn) {
        self.turn = Some(turn);
    }
}

impl Drop for Branch {
    fn drop(&mut self) {
        if let Some(turn) = self.turn.take() {
            let seat = &mut self.seat;
            // In one moment, or the clock could jump between the last branch and who waits for it.
            turn.give_up(|state| seat.end(state));
        }
    }
}
