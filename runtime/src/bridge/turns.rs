//! The threads that run scripts on a simulated target take turns: its time stands still while one of them works, and the
//! next goes on when the cluster has settled. On other targets, all this does nothing.

use std::cell::RefCell;
use std::future::Future;

use futures::future::{Either, select};
use windlass_shadow::clock::{self as shadow, Simulation, Turn, VirtualClock};

use crate::{Error, Kind, Result};

thread_local! {
    /// The turns that this thread has, each of another simulation.
    static TURNS: RefCell<Vec<Turn>> = const { RefCell::new(Vec::new()) };
}

fn take(simulation: &Simulation) -> Option<Turn> {
    TURNS.with(|turns| {
        let mut turns = turns.borrow_mut();
        let place = turns.iter().position(|turn| simulation.gave(turn))?;
        Some(turns.swap_remove(place))
    })
}

fn keep(turn: Turn) {
    TURNS.with(|turns| turns.borrow_mut().push(turn));
}

fn ended(error: shadow::Ended) -> Error {
    Error::internal("the simulated cluster ended before the call did").source(error)
}

/// Gives this thread's turn away for as long as something is waited for. A thread that has none is given one before, so that
/// what it begins does not meet what another thread is doing.
pub(super) fn with_turn<T>(
    simulation: &Simulation,
    wait: impl FnOnce(Turn) -> Result<(Turn, T), shadow::Ended>,
) -> Result<T> {
    match take(simulation) {
        Some(turn) => {
            let (turn, value) = wait(turn).map_err(ended)?;
            keep(turn);
            Ok(value)
        }
        None => {
            let turn = simulation.enter().map_err(ended)?;
            wait(turn).map(|(_, value)| value).map_err(ended)
        }
    }
}

/// Ends a wait in a simulation in which nothing can happen any more. Who can say what that means has been told before.
pub(super) async fn until_nothing_is_left<T>(
    clock: VirtualClock,
    future: impl Future<Output = Result<T>>,
) -> Result<T> {
    let nothing_left = clock.nothing_left(false);
    match select(std::pin::pin!(future), std::pin::pin!(nothing_left)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => {
            Err(Error::new(Kind::Hopeless, "nothing can happen any more: the simulated cluster has come to rest, and nobody does anything")
                .hint("what is waited for here would have to come from somebody else; on a real cluster, this would last until its timeout"))
        }
    }
}

/// A thread runs scripts as long as this lives.
#[must_use]
pub struct Working {
    simulation: Option<Simulation>,
    branch: Option<shadow::Branch>,
}

impl Working {
    pub(super) fn begin(simulation: Option<&Simulation>) -> Result<Self> {
        // A thread that works already goes on with the turn that it has.
        let own = simulation.and_then(|simulation| match take(simulation) {
            Some(turn) => {
                keep(turn);
                None
            }
            None => Some(simulation.clone()),
        });
        if let Some(simulation) = &own {
            keep(simulation.enter().map_err(ended)?);
        }
        Ok(Self { simulation: own, branch: None })
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let turn = self.simulation.as_ref().and_then(take);
        if let (Some(branch), Some(turn)) = (self.branch.take(), turn) {
            branch.end(turn);
        }
    }
}

/// Threads that are to run scripts side by side. They take turns in their order.
pub struct Branches(Option<Group>);

struct Group {
    simulation: Simulation,
    branches: shadow::Branches,
    /// Whether the thread that waits for them had a turn before.
    has_turn: bool,
}

/// The place of one of [`Branches`].
pub struct Ticket(Option<(Simulation, shadow::Ticket)>);

impl Branches {
    pub(super) fn new(simulation: Option<&Simulation>, count: usize) -> (Self, Vec<Ticket>) {
        match simulation {
            None => (Self(None), (0..count).map(|_| Ticket(None)).collect()),
            Some(simulation) => {
                let (branches, tickets) = simulation.branches(count);
                let tickets = tickets.into_iter().map(|ticket| Ticket(Some((simulation.clone(), ticket)))).collect();
                (Self(Some(Group { simulation: simulation.clone(), branches, has_turn: false })), tickets)
            }
        }
    }

    /// Lets them begin: all their threads have been started. The current thread stands aside until
    /// [`Branches::rejoin`].
    ///
    /// # Errors
    /// [`Kind::Internal`] if the simulation has ended.
    pub fn begin(&mut self) -> Result<()> {
        if let Some(Group { simulation, branches, has_turn }) = &mut self.0 {
            let own = take(simulation);
            *has_turn = own.is_some();
            branches.begin(own.map_or_else(|| simulation.enter().map_err(ended), Ok)?);
        }
        Ok(())
    }

    /// Goes on when all have ended.
    ///
    /// # Errors
    /// [`Kind::Internal`] if the simulation has ended.
    pub fn rejoin(self) -> Result<()> {
        if let Some(Group { branches, has_turn, .. }) = self.0 {
            let turn = branches.rejoin().map_err(ended)?;
            if has_turn {
                keep(turn);
            }
        }
        Ok(())
    }
}

impl Ticket {
    /// Waits for the turn of this branch; its thread runs scripts until the result is dropped.
    ///
    /// # Errors
    /// [`Kind::Internal`] if the simulation has ended.
    pub fn start(self) -> Result<Working> {
        let Some((simulation, ticket)) = self.0 else { return Ok(Working { simulation: None, branch: None }) };
        let (branch, turn) = ticket.start().map_err(ended)?;
        keep(turn);
        Ok(Working { simulation: Some(simulation), branch: Some(branch) })
    }
}
