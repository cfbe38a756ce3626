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
pub(crate) mod labels;
mod list;
pub(crate) mod namespace;
pub mod objects;
mod patch;
mod registry_secret;
mod scale;
mod secret;
pub(crate) mod secret_data;
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

#[cfg(test)]
mod tests {
    use crate::testing::{Bed, Scripting as _, bare, on};

    /// The examples of what edits and reads; those that need files or packages of their own run beside their primitives.
    #[on(shadow, live)]
    fn examples_run_as_they_stand(bed: Bed) {
        bed.create("", bare("Namespace", "expertflow"));
        let names = ["annotate", "delete", "exists", "get", "label", "list", "namespace", "patch", "scale", "taint"];
        for name in names {
            let primitive = super::primitives().into_iter().find(|p| p.name == name).unwrap();
            let examples: Vec<&str> = primitive.doc.split("```rhai\n").skip(1).collect();
            assert!(!examples.is_empty(), "{name} has no example");
            for example in examples {
                let ran = bed.run(example.split("```").next().unwrap());
                assert_eq!(ran.report.steps[0].error, None, "{name}: {example}");
            }
        }
    }
}
