//! Tests that need a cluster run on two: on the simulated one, everywhere and in no time, and on the real control plane of
//! the test bed, where it may be had. The code is the same; only the [`Bed`] that it is given differs.
//!
//! ```no_run
//! use windlass_support::{Bed, on};
//!
//! #[on(shadow, live)]
//! fn a_config_map_can_be_made(bed: Bed) {
//!     let namespace = bed.namespace();
//!     bed.create(&namespace, windlass_support::config_map("c", &serde_json::json!({"a": "1"})));
//!     assert_eq!(bed.get("cm/c", &namespace)["data"]["a"], "1");
//! }
//! ```
//!
//! Where containers have to run, it is `#[on(shadow, node)]`: pods are those of the real node then.
//!
//! The tests are `a_config_map_can_be_made::shadow` and `…::live`: `cargo test -- ::shadow` runs the one half. Time is the
//! bed's ([`Bed::now`], [`Other::sleep`]): on the shadow it jumps.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "this is how a test fails")]

mod bed;
mod door;
mod objects;
mod other;
mod process;
mod terminal;
mod through;

pub use bed::{Bed, Later, Mark};
pub use door::ApiServer;
pub use objects::{bare, config_map, deployment, merged, secret};
pub use other::Other;
pub use process::{ShadowProcess, on_a_terminal};
pub use terminal::{OnTerminal, Terminal};
pub use through::Through;
pub use windlass_support_macros::on;

/// Runs a test on a simulated cluster of its own, with three nodes.
pub fn shadow(test: impl FnOnce(Bed)) {
    test(Bed::shadow());
}

/// Runs a test on the real control plane that all tests of one program share; says `skipped` and why where it may not be
/// had, and fails then where nothing may be skipped.
pub fn live(test: impl FnOnce(Bed)) {
    if let Some(testbed) = windlass_testbed::shared() {
        test(Bed::live(testbed));
    }
}

/// The same on a real control plane with a real node, on which the pods of all the test's namespaces run.
pub fn node(test: impl FnOnce(Bed)) {
    if let Some(testbed) = windlass_testbed::shared_with_real_node() {
        test(Bed::live(testbed));
    }
}
