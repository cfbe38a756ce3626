//! A Kubernetes API in process: a simulated cluster that kubectl, Helm and kube's client talk to as to any other.
//!
//! It knows nothing of Windlass, and can be used alone, as a test double.

mod admission;
pub mod api;
mod apply;
mod catalog;
mod census;
pub mod clock;
pub mod container;
mod controllers;
mod crd;
mod cron;
mod defaults;
mod error;
pub mod fault;
mod go;
#[cfg(feature = "listen")]
pub mod listen;
mod object;
mod patch;
mod quantity;
pub mod recording;
mod scheduler;
pub mod schema;
mod shadow;
mod store;
mod table;
#[cfg(test)]
mod testing;
pub mod topology;
mod unvalidated;
mod validation;
mod world;

pub use census::Counted;
pub use error::ApiError;
pub use shadow::{Builder, Service, Shadow};
pub use unvalidated::{UNVALIDATED, Unvalidated};

/// Any object, or a part of one.
pub type Json = serde_json::Value;
