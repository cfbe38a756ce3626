//! The host of Windlass: engine, boundary, session, steps, journal, events, targets, values, secrets, errors, docs.

pub mod clock;
pub mod duration;
pub mod error;
pub mod suggest;
pub mod values;
pub mod yaml;

pub use clock::{BoxFuture, Clock, Moment, RealClock};
pub use error::{Error, Kind, Place, Result};
