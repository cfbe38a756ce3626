//! What a fresh cluster has from the start.

use serde_json::json;

use super::{Objects, World, Writer};

impl World {
    /// Fills an empty cluster.
    pub(crate) fn begin(&mut self) {
        let writer = Writer { manager: "kube-apiserver".into(), ..Writer::default() };
        for name in ["default", "kube-node-lease", "kube-public", "kube-system"] {
            let namespace = json!({
                "kind": "Namespace", "apiVersion": "v1",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
            });
            // Where the kind is not known there is nothing to fill.
            drop(self.create(&writer, "namespaces", namespace));
        }
    }
}
