//! `cluster::`: objects of a cluster.

mod annotate;
mod apply;
pub mod applying;
mod config_map;
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
mod registry_secret;
mod scale;
mod secret;
mod secret_data;
mod taint;
mod target;
mod tls_secret;
mod whole;

use windlass_runtime::Package;
use windlass_runtime::primitive::Primitive;

pub use target::{OnCluster, Target};

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        annotate::primitive(),
        apply::primitive(),
        config_map::primitive(),
        delete::primitive(),
        exists::primitive(),
        get::primitive(),
        label::primitive(),
        list::primitive(),
        namespace::primitive(),
        patch::primitive(),
        registry_secret::primitive(),
        scale::primitive(),
        secret::primitive(),
        taint::primitive(),
        tls_secret::primitive(),
    ]
}

/// Adds the handlers of this module's changes.
pub(crate) fn with_handlers(package: Package) -> Package {
    package.handler(objects::Objects)
}
