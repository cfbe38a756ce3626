//! Whether an object is ready: a pure function of each kind, of the object and of what its readiness depends on.
//!
//! Nothing here asks a cluster or knows what time it is. What is blocked, and for how long, is [`super::trouble`]'s.

mod api_service;
mod custom;
mod custom_resource_definition;
mod daemon_set;
mod deployment;
mod horizontal_pod_autoscaler;
mod job;
mod namespace;
mod node;
mod persistent_volume_claim;
mod placement;
mod pod;
mod replica_set;
mod service;
mod stateful_set;

use serde_json::Value as Json;

use crate::fields::{int, is_going, kind};

/// How far an object is. Each word about it is fit to follow the object's name: `2 of 3 replicas available`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// It is ready.
    Ready(String),
    /// It may become ready by itself.
    NotYet(String),
    /// It will not become ready by itself.
    Hopeless(String),
}

impl Readiness {
    pub fn ready(words: impl Into<String>) -> Self {
        Self::Ready(words.into())
    }

    pub fn not_yet(words: impl Into<String>) -> Self {
        Self::NotYet(words.into())
    }

    pub fn hopeless(words: impl Into<String>) -> Self {
        Self::Hopeless(words.into())
    }

    pub fn words(&self) -> &str {
        match self {
            Self::Ready(words) | Self::NotYet(words) | Self::Hopeless(words) => words,
        }
    }

    #[cfg(test)]
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready(_))
    }
}

/// What the readiness of some kinds depends on besides the object. `None` where it may not be read.
#[derive(Debug, Default)]
pub(crate) struct Related<'a> {
    /// The EndpointSlices of a Service.
    pub endpoint_slices: Option<Vec<&'a Json>>,
    /// The nodes.
    pub nodes: Option<Vec<&'a Json>>,
    /// The pods of the object's namespace.
    pub pods: Option<Vec<&'a Json>>,
    /// The storage classes.
    pub storage_classes: Option<Vec<&'a Json>>,
}

/// What has to be looked at besides the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    EndpointSlices,
    Nodes,
    Pods,
    StorageClasses,
}

/// What [`of`] needs to know of besides this object.
pub(crate) fn wants(object: &Json) -> &'static [Want] {
    match kind(object) {
        ("Service", "") if service::needs_endpoints(object) => &[Want::EndpointSlices],
        ("DaemonSet", "apps") if daemon_set::needs_nodes(object) => &[Want::Nodes],
        ("PersistentVolumeClaim", "") if persistent_volume_claim::is_pending(object) => {
            &[Want::StorageClasses, Want::Pods]
        }
        _ => &[],
    }
}

/// Whether the object is ready.
pub(crate) fn of(object: &Json, related: &Related<'_>) -> Readiness {
    if is_going(object) {
        return Readiness::not_yet("it is being deleted");
    }
    match kind(object) {
        ("Deployment", "apps") => deployment::readiness(object),
        ("StatefulSet", "apps") => stateful_set::readiness(object),
        ("DaemonSet", "apps") => daemon_set::readiness(object, related),
        ("ReplicaSet", "apps") | ("ReplicationController", "") => replica_set::readiness(object),
        ("Pod", "") => pod::readiness(object),
        ("Job", "batch") => job::readiness(object),
        ("Service", "") => service::readiness(object, related),
        ("PersistentVolumeClaim", "") => persistent_volume_claim::readiness(object, related),
        ("Node", "") => node::readiness(object),
        ("Namespace", "") => namespace::readiness(object),
        ("CustomResourceDefinition", "apiextensions.k8s.io") => custom_resource_definition::readiness(object),
        ("APIService", "apiregistration.k8s.io") => api_service::readiness(object),
        ("HorizontalPodAutoscaler", "autoscaling") => horizontal_pod_autoscaler::readiness(object),
        ("PersistentVolume", "") => custom::readiness(object),
        (_, group) if is_plain(group) => Readiness::ready("it exists"),
        _ => custom::readiness(object),
    }
}

/// Whether the new revision of a workload is rolled out in full; none for kinds that have no revisions.
pub(crate) fn rollout(object: &Json, related: &Related<'_>) -> Option<Readiness> {
    let of_kind = match kind(object) {
        ("Deployment", "apps") => deployment::rollout(object),
        ("StatefulSet", "apps") => stateful_set::rollout(object),
        ("DaemonSet", "apps") => daemon_set::rollout(object, related),
        _ => return None,
    };
    Some(if is_going(object) { Readiness::not_yet("it is being deleted") } else { of_kind })
}

/// Kubernetes' own groups, whose kinds are listed above where there is more to them than to exist: CronJob, Ingress,
/// StorageClass, ConfigMap, Secret and so on.
fn is_plain(group: &str) -> bool {
    matches!(
        group,
        "" | "apps"
            | "batch"
            | "networking.k8s.io"
            | "storage.k8s.io"
            | "rbac.authorization.k8s.io"
            | "scheduling.k8s.io"
            | "node.k8s.io"
            | "coordination.k8s.io"
            | "discovery.k8s.io"
            | "events.k8s.io"
            | "admissionregistration.k8s.io"
    )
}

/// Not yet, while the controller has not seen the object as it is now. For kinds whose controllers always say what they
/// have seen.
fn unobserved(object: &Json) -> Option<Readiness> {
    let (now, seen) = (int(object, "/metadata/generation"), int(object, "/status/observedGeneration"));
    (seen.unwrap_or(0) < now.unwrap_or(0))
        .then(|| Readiness::not_yet("its controller has not seen its latest change yet"))
}

/// The number at a pointer of the status; controllers leave zeros out.
fn count(object: &Json, pointer: &str) -> i64 {
    int(object, pointer).unwrap_or(0)
}

/// How many replicas are asked for.
fn replicas(object: &Json) -> i64 {
    int(object, "/spec/replicas").unwrap_or(1)
}

#[cfg(test)]
mod tests;
