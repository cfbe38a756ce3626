//! Tests that cross the crates, in one binary: one control plane serves them all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod canary;
mod children;
mod disk;
mod mortal;
mod ownership;
mod recorded;
mod rehearsal;
mod single_node;
mod support;
mod undone;
mod warnings;
mod yaml_as_kubectl;
