//! Custom resources, all the way through the API: from a definition to its end. The words are those of the real API server;
//! `tests/fidelity` and `src/crd/live.rs` compare them.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod asking;
mod life;
mod objects;
mod versions;

use serde_json::{Value, json};

/// A definition with most of what a version can have.
fn boats() -> Value {
    serde_yaml::from_str(include_str!("boats.yaml")).unwrap()
}

fn boat(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Boat", "metadata": {"name": name}, "spec": spec})
}
