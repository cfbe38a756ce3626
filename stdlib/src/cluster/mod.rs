//! `cluster::`: objects of a cluster.

mod apply;
pub mod applying;
mod get;
mod secret_data;
mod target;

use windlass_runtime::Package;
use windlass_runtime::primitive::Primitive;

pub use target::{OnCluster, Target};

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![apply::primitive(), get::primitive()]
}

/// Adds the handlers of this module's changes.
pub(crate) fn with_handlers(package: Package) -> Package {
    package
}
