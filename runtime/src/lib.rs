//! The host of Windlass: engine, boundary, session, steps, journal, events, targets, values, secrets, errors, docs.

pub mod clock;
pub mod error;
pub mod secret;
pub mod state_folder;

pub use clock::{BoxFuture, Clock, Moment, RealClock};
pub use error::{Error, Kind, Place, Result};
