//! A real control plane with simulated nodes, for tests.
//!
//! [`Testbed::builder`] starts etcd, the Kubernetes API server, controller manager and scheduler on loopback ports, and
//! kwok, which plays the nodes: pods get scheduled, become ready within a fraction of a second and have addresses;
//! volume claims are provisioned. All of it is built from Go modules once ([`Binaries`]) and kept under the target folder.
//!
//! The product under test comes as a user of its own ([`TESTER`]), so that [`Testbed::audit`] tells what it did.
//!
//! ```no_run
//! # fn main() -> Result<(), windlass_testbed::Error> {
//! let testbed = windlass_testbed::Testbed::builder().nodes(3).start()?;
//! let mark = testbed.audit_mark()?;
//! testbed.kubectl(&["create", "configmap", "settings"])?;
//! assert_eq!(testbed.audit_since(mark)?.mutating_by(windlass_testbed::TESTER).len(), 1);
//! # Ok(())
//! # }
//! ```

mod api;
mod audit;
mod binaries;
mod builder;
mod config;
mod error;
mod helm;
mod install;
mod nodes;
mod pause;
mod pki;
mod ports;
mod process;
mod real_node;
mod run_dir;
mod skip;
mod testbed;

pub use api::Answer;
pub use audit::{Audit, AuditMark, Event, ObjectRef};
pub use binaries::{Binaries, cache_dir};
pub use builder::Builder;
pub use error::{Error, Missing};
pub use helm::{Helm, helms};
pub use process::Output;
pub use real_node::REAL_NODE;
pub use skip::{ASKED, asked, ci, shared, shared_with_real_node, skip_or_fail, skipped};
pub use testbed::Testbed;

/// The user of [`Testbed::kubeconfig`]: a cluster administrator that no component of the test bed uses.
pub const TESTER: &str = "tester";
/// Another cluster administrator, for what is done beside the product under test.
pub const OTHER: &str = "other";
/// A user who may read what Kubernetes' cluster role `view` lets be read, and write nothing.
pub const VIEWER: &str = "viewer";
/// A user without any rights.
pub const NOBODY: &str = "nobody";
/// The annotation of a pod that says what shall go wrong with it: `image-not-found`, `crash-loop` or `never-ready`.
pub const FAULT: &str = "windlass.test/fault";

/// The version of Kubernetes that the test bed runs.
pub const KUBERNETES_VERSION: &str = "1.36.3";
