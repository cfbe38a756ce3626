//! `cluster::`: objects of a cluster.

mod annotate;
mod delete;
mod delta;
pub mod edit;
mod exists;
mod get;
mod label;
mod labels;
mod list;
mod namespace;
pub mod objects;
mod patch;
mod scale;
mod secret_data;
mod taint;
mod target;

use windlass_runtime::Package;
use windlass_runtime::primitive::Primitive;

pub use target::{OnCluster, Target};

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        annotate::primitive(),
        delete::primitive(),
        exists::primitive(),
        get::primitive(),
        label::primitive(),
        list::primitive(),
        namespace::primitive(),
        patch::primitive(),
        scale::primitive(),
        taint::primitive(),
    ]
}

/// Adds the handlers of this module's changes.
pub(crate) fn with_handlers(package: Package) -> Package {
    package.handler(objects::Objects)
}
