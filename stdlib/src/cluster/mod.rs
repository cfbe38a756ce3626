//! `cluster::`: objects of a cluster.

mod annotate;
mod apply;
pub mod applying;
mod config_map;
mod connect;
mod cordon;
mod delete;
mod delta;
mod drain;
pub mod edit;
mod events;
mod exists;
mod get;
mod kinds;
mod label;
pub(crate) mod labels;
mod list;
pub(crate) mod namespace;
mod node_name;
mod nodes;
pub mod objects;
mod patch;
mod registry_secret;
mod restart;
mod rollback;
mod scale;
mod secret;
pub(crate) mod secret_data;
mod taint;
mod target;
mod tls_secret;
mod uncordon;
mod untaint;
mod using;
mod version;
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
        connect::primitive(),
        cordon::primitive(),
        delete::primitive(),
        drain::primitive(),
        events::primitive(),
        exists::primitive(),
        get::primitive(),
        kinds::primitive(),
        label::primitive(),
        list::primitive(),
        namespace::primitive(),
        nodes::primitive(),
        patch::primitive(),
        registry_secret::primitive(),
        restart::primitive(),
        rollback::primitive(),
        scale::primitive(),
        secret::primitive(),
        taint::primitive(),
        tls_secret::primitive(),
        uncordon::primitive(),
        untaint::primitive(),
        using::primitive(),
        version::primitive(),
    ]
}

/// Adds the handlers of this module's changes.
pub(crate) fn with_handlers(package: Package) -> Package {
    package.handler(objects::Objects)
}
