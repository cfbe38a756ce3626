//! The stock playbooks, their shared steps, their schemas and the component blueprint, built in.

use windlass_runtime::files::Tree;

static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The files, by their paths from this crate's folder: `single-node/playbook.rhai`, `steps/solution.rhai`.
#[must_use]
pub fn tree() -> Tree {
    Tree(FILES)
}

/// The names of the stock playbooks, sorted.
#[must_use]
pub fn names() -> Vec<&'static str> {
    tree().playbooks()
}
