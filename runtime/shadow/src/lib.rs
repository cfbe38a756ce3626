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
pub mod fault;
mod object;
mod patch;
mod scheduler;
pub mod schema;
mod store;
pub mod topology;
mod world;

pub use error::ApiError;

/// Any object, or a part of one.
pub type Json = serde_json::Value;
