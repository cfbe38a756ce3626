//! `cluster::`: objects of a cluster.

mod apply;
pub mod applying;
mod config_map;
mod get;
mod registry_secret;
mod secret;
mod secret_data;
mod target;
mod whole;

use windlass_runtime::Package;
use windlass_runtime::primitive::Primitive;

pub use target::{OnCluster, Target};

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        apply::primitive(),
        config_map::primitive(),
        get::primitive(),
        registry_secret::primitive(),
        secret::primitive(),
    ]
}

/// Adds the handlers of this module's changes.
pub(crate) fn with_handlers(package: Package) -> Package {
    package
}
