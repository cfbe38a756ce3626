//! The host of Windlass: engine, boundary, session, steps, journal, events, targets, values, secrets, errors, docs.

pub mod access;
mod analysis;
pub mod branch;
pub mod bridge;
pub mod call;
pub mod cancel;
pub mod change;
pub mod check;
pub mod child;
pub mod clock;
pub mod closure;
pub mod cluster;
pub mod customer;
pub mod docs;
pub mod duration;
mod engine;
pub mod error;
pub mod event;
pub mod files;
pub mod hosts;
pub mod journal;
pub mod lock;
pub mod options;
pub mod playbook;
pub mod primitive;
pub mod report;
mod runtime;
mod scope;
mod script_error;
pub mod secret;
pub mod session;
pub mod state_folder;
pub mod suggest;
mod sync;
pub mod target;
mod tokens;
pub mod undo;
pub mod value;
pub mod values;
pub mod who;
pub mod yaml;

pub use call::{Call, Computer};
pub use clock::{BoxFuture, Clock, Moment, RealClock};
pub use error::{Error, Kind, Place, Result};
pub use runtime::{Package, RegisterType, Runtime, RuntimeBuilder};
/// Values for a session, without a dependency of one's own.
pub use serde_json::json;
pub use session::{Session, SessionBuilder};
pub use tokens::TokenSort;
pub use undo::undo;
pub use value::{IntoValue, Value};
pub use windlass_macros::{Options, primitive};

pub use engine::STACK;
pub(crate) use engine::place_of;

// The macros name this crate as others do.
extern crate self as windlass_runtime;
