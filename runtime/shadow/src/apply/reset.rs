//! Which fields a writer cannot set, since the API server puts back their former values: it does not come to own them.

use super::set::Set;

/// What a writer does not come to own.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reset {
    /// It owns all it sets.
    Nothing,
    /// These and all below.
    Trees(Set),
}

/// Resources whose status is written by its subresource only, which leaves `metadata` and `spec` alone.
const STATUS_KEEPS_METADATA: [&str; 13] = [
    "apiservices.apiregistration.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io",
    "devicetaintrules.resource.k8s.io",
    "flowschemas.flowcontrol.apiserver.k8s.io",
    "podgroups.scheduling.k8s.io",
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
    "resourceclaims.resource.k8s.io",
    "resourcepoolstatusrequests.resource.k8s.io",
    "servicecidrs.networking.k8s.io",
    "storageversionmigrations.storagemigration.k8s.io",
    "storageversions.internal.apiserver.k8s.io",
    "validatingadmissionpolicies.admissionregistration.k8s.io",
    "volumeattachments.storage.k8s.io",
];

/// Resources whose status is written by its subresource only, which leaves `spec` alone but not `metadata`.
const WITH_STATUS: [&str; 17] = [
    "cronjobs.batch",
    "daemonsets.apps",
    "deployments.apps",
    "horizontalpodautoscalers.autoscaling",
    "ingresses.networking.k8s.io",
    "jobs.batch",
    "namespaces",
    "nodes",
    "persistentvolumeclaims",
    "persistentvolumes",
    "poddisruptionbudgets.policy",
    "pods",
    "replicasets.apps",
    "replicationcontrollers",
    "resourcequotas",
    "services",
    "statefulsets.apps",
];

impl Reset {
    /// What writes to a built-in resource (`deployments.apps`) or its subresource (empty for none) leave alone.
    pub(crate) fn built_in(resource: &str, subresource: &str) -> Self {
        match (resource, subresource) {
            ("certificatesigningrequests.certificates.k8s.io", "") => trees(&[&["spec"], &["status"]]),
            ("certificatesigningrequests.certificates.k8s.io", "status") => {
                trees(&[&["spec"], &["status", "conditions"]])
            }
            ("certificatesigningrequests.certificates.k8s.io", "approval") => {
                trees(&[&["spec"], &["status", "certificate"]])
            }
            ("podcertificaterequests.certificates.k8s.io", "status") => trees(&[&["spec"]]),
            ("deployments.apps", "status") => trees(&[&["spec"], &["metadata", "labels"]]),
            ("pods", "status") => {
                trees(&[&["spec"], &["metadata", "deletionTimestamp"], &["metadata", "ownerReferences"]])
            }
            ("namespaces", "finalize") => trees(&[&["status"]]),
            (name, _) if STATUS_KEEPS_METADATA.contains(&name) => Self::custom(subresource, true),
            (name, "") if WITH_STATUS.contains(&name) => trees(&[&["status"]]),
            (name, "status") if WITH_STATUS.contains(&name) => trees(&[&["spec"]]),
            _ => Self::Nothing,
        }
    }

    /// Whether writes to the status of a built-in resource leave its metadata alone. (For definitions, the API server means
    /// to, and does not: their finalizers go that way.)
    pub(crate) fn status_keeps_metadata(resource: &str) -> bool {
        STATUS_KEEPS_METADATA.contains(&resource) && resource != "customresourcedefinitions.apiextensions.k8s.io"
    }

    /// What writes to a custom resource leave alone, where it has a status subresource.
    pub(crate) fn custom(subresource: &str, has_status: bool) -> Self {
        match subresource {
            "" if has_status => trees(&[&["status"]]),
            "status" => trees(&[&["metadata"], &["spec"]]),
            _ => Self::Nothing,
        }
    }

    /// What a writer comes to own of a set.
    pub(crate) fn keep(&self, set: Set) -> Set {
        match self {
            Self::Nothing => set,
            Self::Trees(trees) => set.without_trees(trees),
        }
    }
}

fn trees(paths: &[&[&str]]) -> Reset {
    Reset::Trees(Set::of(paths))
}
