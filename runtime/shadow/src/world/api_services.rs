//! The APIServices by which an API server says which of its groups it serves itself.

use serde_json::json;

use super::{Objects, World, Writer};

/// A group with its priority, and those of its versions.
type Priority = (&'static str, i64, &'static [(&'static str, i64)]);

/// The group's place among groups, and the version's within its group; the higher, the earlier.
const PRIORITIES: &[Priority] = &[
    ("", 18000, &[("v1", 1)]),
    ("admissionregistration.k8s.io", 16700, &[("v1", 15), ("v1beta1", 12), ("v1alpha1", 9)]),
    ("apiextensions.k8s.io", 16700, &[("v1", 15)]),
    ("apps", 17800, &[("v1", 15)]),
    ("authentication.k8s.io", 17700, &[("v1", 15), ("v1beta1", 9), ("v1alpha1", 1)]),
    ("authorization.k8s.io", 17600, &[("v1", 15)]),
    ("autoscaling", 17500, &[("v2", 30), ("v1", 15)]),
    ("batch", 17400, &[("v1", 15)]),
    ("certificates.k8s.io", 17300, &[("v1", 15), ("v1beta1", 9), ("v1alpha1", 1)]),
    ("coordination.k8s.io", 16500, &[("v1", 15), ("v1beta1", 13), ("v1alpha2", 12)]),
    ("discovery.k8s.io", 16200, &[("v1", 15)]),
    ("events.k8s.io", 17750, &[("v1", 15)]),
    ("flowcontrol.apiserver.k8s.io", 16100, &[("v1", 21)]),
    ("internal.apiserver.k8s.io", 16000, &[("v1alpha1", 9)]),
    ("networking.k8s.io", 17200, &[("v1", 15), ("v1beta1", 9)]),
    ("node.k8s.io", 16300, &[("v1", 15)]),
    ("policy", 17100, &[("v1", 15)]),
    ("rbac.authorization.k8s.io", 17000, &[("v1", 15)]),
    ("resource.k8s.io", 16200, &[("v1", 21), ("v1beta2", 15), ("v1beta1", 9), ("v1alpha3", 1)]),
    ("scheduling.k8s.io", 16600, &[("v1", 15), ("v1alpha2", 2)]),
    ("storage.k8s.io", 16800, &[("v1", 15), ("v1beta1", 9), ("v1alpha1", 1)]),
    ("storagemigration.k8s.io", 15800, &[("v1beta1", 9)]),
];

impl World {
    /// Makes the APIService of each version of each group that is built in.
    pub(super) fn register_groups(&mut self, writer: &Writer) {
        for (group, group_priority, versions) in PRIORITIES {
            for (version, version_priority) in *versions {
                if !self.catalog.all().any(|kind| kind.group == *group && kind.version == *version) {
                    continue;
                }
                let service = json!({
                    "kind": "APIService", "apiVersion": "apiregistration.k8s.io/v1",
                    "metadata": {
                        "name": format!("{version}.{group}"),
                        "labels": {"kube-aggregator.kubernetes.io/automanaged": "onstart"},
                    },
                    "spec": {
                        "group": group, "version": version,
                        "groupPriorityMinimum": group_priority, "versionPriority": version_priority,
                    },
                });
                // Where the kind is not known there is nothing to say.
                let Ok(made) = self.create(writer, "apiservices.apiregistration.k8s.io", service) else { return };
                let mut made = crate::Json::clone(&made);
                let since = made["metadata"]["creationTimestamp"].clone();
                let available = json!({"conditions": [{
                    "lastTransitionTime": since, "message": "Local APIServices are always available",
                    "reason": "Local", "status": "True", "type": "Available",
                }]});
                crate::controllers::fields::put(&mut made, &["status"], available);
                drop(self.update_status(writer, "apiservices.apiregistration.k8s.io", made));
            }
        }
    }
}
