//! A Kubernetes API in process: a simulated cluster that kubectl, Helm and kube's client talk to as to any other.
//!
//! It knows nothing of Windlass, and can be used alone, as a test double.

pub mod api;
mod apply;
mod catalog;
pub mod clock;
mod controllers;
mod defaults;
mod error;
#[cfg(feature = "listen")]
pub mod listen;
mod object;
mod patch;
mod scheduler;
pub mod schema;
mod shadow;
mod store;
#[cfg(test)]
mod testing;
mod world;

pub use error::ApiError;
pub use shadow::{Builder, Service, Shadow};

/// Any object, or a part of one.
pub type Json = serde_json::Value;
