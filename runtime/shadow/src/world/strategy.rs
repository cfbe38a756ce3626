//! In what the kinds differ when they are written and deleted (the strategies of the real API server's registries).

use crate::catalog::ResourceType;
use crate::{Json, object};

/// Whether a PUT of a name that is not there creates it.
pub(super) fn creates_on_update(resource: &str) -> bool {
    matches!(
        resource,
        "runtimeclasses.node.k8s.io"
            | "rolebindings.rbac.authorization.k8s.io"
            | "clusterrolebindings.rbac.authorization.k8s.io"
            | "roles.rbac.authorization.k8s.io"
            | "clusterroles.rbac.authorization.k8s.io"
            | "leases.coordination.k8s.io"
            | "leasecandidates.coordination.k8s.io"
            | "limitranges"
            | "events"
            | "services"
            | "endpoints"
    )
}

/// Whether an update without a resourceVersion overwrites whatever is there.
pub(super) fn updates_unconditionally(kind: &ResourceType) -> bool {
    if kind.definition.is_some() {
        return false;
    }
    let group = kind.group.as_str();
    let never = matches!(
        &*kind.name,
        "runtimeclasses.node.k8s.io"
            | "poddisruptionbudgets.policy"
            | "csidrivers.storage.k8s.io"
            | "csinodes.storage.k8s.io"
            | "csistoragecapacities.storage.k8s.io"
            | "volumeattachments.storage.k8s.io"
            | "clustertrustbundles.certificates.k8s.io"
            | "podcertificaterequests.certificates.k8s.io"
            | "customresourcedefinitions.apiextensions.k8s.io"
    );
    let never_in_group = matches!(
        group,
        "coordination.k8s.io"
            | "admissionregistration.k8s.io"
            | "internal.apiserver.k8s.io"
            | "storagemigration.k8s.io"
            | "apiregistration.k8s.io"
    );
    !never && !never_in_group
}

/// Whether a new object has the status that its client gives it.
pub(super) fn brings_status(resource: &str) -> bool {
    resource == "nodes"
}

/// What writing the status leaves alone in the metadata.
pub(super) fn status_keeps(resource: &str) -> &'static [&'static str] {
    match resource {
        "deployments.apps" => &["labels"],
        "pods" => &["ownerReferences"],
        _ => &[],
    }
}

/// Whether the kind counts generations from the start.
pub(super) fn begins_with_generation(kind: &ResourceType) -> bool {
    if kind.definition.is_some() {
        return true;
    }
    match kind.group.as_str() {
        "admissionregistration.k8s.io" | "apps" | "flowcontrol.apiserver.k8s.io" | "networking.k8s.io" => {
            !matches!(kind.plural.as_str(), "controllerrevisions" | "ipaddresses" | "servicecidrs")
        }
        _ => matches!(
            &*kind.name,
            "pods"
                | "podtemplates"
                | "replicationcontrollers"
                | "cronjobs.batch"
                | "jobs.batch"
                | "endpointslices.discovery.k8s.io"
                | "poddisruptionbudgets.policy"
                | "priorityclasses.scheduling.k8s.io"
                | "deviceclasses.resource.k8s.io"
                | "devicetaintrules.resource.k8s.io"
                | "resourceslices.resource.k8s.io"
                | "customresourcedefinitions.apiextensions.k8s.io"
        ),
    }
}

/// Whether the change begins a new generation.
pub(super) fn moves_generation(kind: &ResourceType, old: &Json, new: &Json) -> bool {
    if !begins_with_generation(kind) && &*kind.name != "csidrivers.storage.k8s.io" {
        return false;
    }
    let differ = |pointer: &str| old.pointer(pointer) != new.pointer(pointer);
    let moved = match &*kind.name {
        "deployments.apps" => differ("/spec") || differ("/metadata/annotations"),
        "endpointslices.discovery.k8s.io" => content(old).ne(content(new)) || differ("/metadata/labels"),
        "priorityclasses.scheduling.k8s.io" => false,
        _ if kind.definition.is_some() && kind.subresource("status").is_none() => all(old).ne(all(new)),
        _ => content(old).ne(content(new)),
    };
    moved || (!object::is_deleting(old) && object::is_deleting(new))
}

fn all(object: &Json) -> impl Iterator<Item = (&String, &Json)> {
    sorted(object, &["metadata", "kind", "apiVersion"])
}

fn content(object: &Json) -> impl Iterator<Item = (&String, &Json)> {
    sorted(object, &["metadata", "kind", "apiVersion", "status"])
}

fn sorted<'a>(object: &'a Json, without: &[&str]) -> impl Iterator<Item = (&'a String, &'a Json)> + use<'a> {
    let mut fields: Vec<_> = object.as_object().into_iter().flatten().collect();
    fields.retain(|(key, _)| !without.contains(&key.as_str()));
    fields.sort_by_key(|(key, _)| *key);
    fields.into_iter()
}

/// Whether the garbage collector has nothing to do with it: no finalizer of its is ever set.
pub(super) fn is_never_collected(resource: &str) -> bool {
    matches!(resource, "events")
}

/// Whether the answer to its deletion is the object, rather than a `Status`.
pub(crate) fn returns_deleted(resource: &str) -> bool {
    matches!(
        resource,
        "pods"
            | "services"
            | "namespaces"
            | "persistentvolumes"
            | "persistentvolumeclaims"
            | "podtemplates"
            | "serviceaccounts"
            | "resourcequotas"
            | "storageclasses.storage.k8s.io"
            | "csidrivers.storage.k8s.io"
            | "csinodes.storage.k8s.io"
            | "volumeattachments.storage.k8s.io"
            | "volumeattributesclasses.storage.k8s.io"
            | "deviceclasses.resource.k8s.io"
            | "resourceclaims.resource.k8s.io"
            | "resourceclaimtemplates.resource.k8s.io"
            | "resourceslices.resource.k8s.io"
    )
}

/// Whether an object that is being deleted goes with the update that takes its last finalizer.
pub(super) fn ends_by_update(resource: &str, object: &Json) -> bool {
    // A namespace has finalizers of its own besides.
    resource != "namespaces" || object.pointer("/spec/finalizers").and_then(Json::as_array).is_none_or(Vec::is_empty)
}
