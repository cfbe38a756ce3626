//! What a fresh cluster has from the start.

use serde_json::json;

use super::{Objects, World, Writer};
use crate::controllers::endpointslice::NAME_LABEL;
use crate::error::ApiError;

/// The priority classes that every cluster has.
const PRIORITIES: [(&str, i64, &str); 2] = [
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
];

/// Where pods would find the API server.
const ADDRESS: &str = "192.168.0.1";
const PORT: u16 = 6443;

/// The metadata of what stands for the API server.
fn named(labels: crate::Json) -> crate::Json {
    json!({"name": "kubernetes", "namespace": "default", "labels": labels})
}

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
        for (name, value, description) in PRIORITIES {
            let class = json!({
                "kind": "PriorityClass", "apiVersion": "scheduling.k8s.io/v1", "metadata": {"name": name},
                "value": value, "description": description, "preemptionPolicy": "PreemptLowerPriority",
            });
            drop(self.create(&writer, "priorityclasses.scheduling.k8s.io", class));
        }
        let ports = json!([{"name": "https", "port": PORT, "protocol": "TCP"}]);
        for (resource, object) in [
            (
                "services",
                json!({
                    "kind": "Service", "apiVersion": "v1",
                    "metadata": named(json!({"component": "apiserver", "provider": "kubernetes"})),
                    "spec": {
                        "clusterIP": "10.96.0.1", "type": "ClusterIP",
                        "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": PORT}],
                    },
                }),
            ),
            (
                "endpoints",
                json!({
                    "kind": "Endpoints", "apiVersion": "v1",
                    "metadata": named(json!({"endpointslice.kubernetes.io/skip-mirror": "true"})),
                    "subsets": [{"addresses": [{"ip": ADDRESS}], "ports": ports}],
                }),
            ),
            (
                "endpointslices.discovery.k8s.io",
                json!({
                    "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
                    "metadata": named(json!({NAME_LABEL: "kubernetes"})),
                    "addressType": "IPv4", "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": true}}],
                    "ports": ports,
                }),
            ),
        ] {
            drop(self.create(&writer, resource, object));
        }
        self.register_groups(&writer);
    }

    /// Takes a machine in: its Node, with the status that the kubelet reports.
    ///
    /// # Errors
    /// What the API says of the Node or its status.
    pub(crate) fn join(&mut self, node: crate::Json) -> Result<(), ApiError> {
        let writer = Writer { manager: "kubelet".into(), ..Writer::default() };
        let status = node["status"].clone();
        let mut made = crate::Json::clone(&*self.create(&writer, "nodes", node)?);
        crate::controllers::fields::put(&mut made, &["status"], status);
        self.update_status(&writer, "nodes", made).map(drop)
    }
}
