//! `manifest::`: Kubernetes objects as data: read from files, and changed before they are applied.
//!
//! Everything but `load` takes manifests and gives new ones back. Objects that a function is not about are left as they are.

mod affinity;
mod anti_affinity;
mod drop_init_containers;
pub mod load;
mod manifests;
mod node_affinity;
mod recreate;
mod remove;
mod replace_text;
mod set;
mod with_replicas;
mod workload;

use windlass_runtime::primitive::Primitive;

pub use manifests::{Manifests, Only};

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        load::primitive(),
        replace_text::primitive(),
        set::primitive(),
        remove::primitive(),
        node_affinity::primitive(),
        anti_affinity::primitive(),
        drop_init_containers::primitive(),
        with_replicas::primitive(),
        recreate::primitive(),
    ]
}

#[cfg(test)]
mod tests;
