//! Tests that cross the crates, in one binary: one control plane serves them all.

mod yaml_as_kubectl;
