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
        self.register_groups(&writer);
    }

    /// Takes a machine in: its Node, with the status that the kubelet reports.
    pub(crate) fn join(&mut self, node: crate::Json) {
        let writer = Writer { manager: "kubelet".into(), ..Writer::default() };
        let status = node["status"].clone();
        // Where the kind is not known there is nothing to join.
        if let Ok(made) = self.create(&writer, "nodes", node) {
            let mut made = crate::Json::clone(&made);
            crate::controllers::fields::put(&mut made, &["status"], status);
            drop(self.update_status(&writer, "nodes", made));
        }
    }
}
