//! `cluster::`: objects of a cluster.

mod annotate;
mod apply;
pub mod applying;
mod config_map;
mod connect;
mod copy_from;
mod copy_to;
mod copying;
mod cordon;
mod delete;
mod delta;
mod drain;
pub mod edit;
mod events;
mod exec;
mod exists;
mod follow_events;
mod follow_logs;
mod get;
mod in_pod;
mod kinds;
mod label;
pub(crate) mod labels;
mod list;
mod logs;
pub(crate) mod namespace;
mod node_name;
pub(crate) mod nodes;
pub mod objects;
mod patch;
mod patience;
mod pods;
mod port_forward;
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

pub use list::Labels;
pub use target::{OnCluster, Target};

/// The primitives of this module.
#[must_use]
pub fn primitives() -> Vec<Primitive> {
    vec![
        annotate::primitive(),
        apply::primitive(),
        config_map::primitive(),
        connect::primitive(),
        copy_from::primitive(),
        copy_to::primitive(),
        cordon::primitive(),
        delete::primitive(),
        drain::primitive(),
        events::primitive(),
        exec::primitive(),
        exists::primitive(),
        get::primitive(),
        kinds::primitive(),
        label::primitive(),
        list::primitive(),
        follow_events::primitive(),
        follow_logs::primitive(),
        logs::primitive(),
        namespace::primitive(),
        nodes::primitive(),
        patch::primitive(),
        port_forward::primitive(),
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
    package.handler(objects::Objects).handler(in_pod::InPod)
}
