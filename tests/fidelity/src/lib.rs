//! How close the shadow's answers are to those of a real API server.
//!
//! The same requests ([`Case`]s, from files and from a generator) are sent to both, what cannot be equal (uids,
//! times, versions, allocated addresses) is [masked](mask), and the answers are [compared](compare). What is known to differ
//! stands in `known.yaml`, with its reason.

#![allow(clippy::disallowed_methods, reason = "real servers are waited for, and nothing of the product is asked to")]

pub mod case;
pub mod cluster;
pub mod compare;
pub mod generate;
pub mod kinds;
pub mod known;
pub mod life;
pub mod mask;
pub mod mirror;
pub mod report;
pub mod run;
pub mod settled;

pub use case::Case;
pub use cluster::Cluster;
pub use report::Report;

/// Any JSON.
pub type Json = serde_json::Value;

/// What goes wrong before anything could be compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read, or is no file of cases.
    #[error("{path}: {what}")]
    File {
        /// Which one.
        path: String,
        /// What is wrong with it.
        what: String,
    },
    /// A request could not be sent, or its answer not read.
    #[error("{request}: {what}")]
    Request {
        /// Method and path.
        request: String,
        /// Why.
        what: String,
    },
}
