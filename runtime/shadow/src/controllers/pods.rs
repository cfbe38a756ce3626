//! What the controllers of pods share: making them out of a template, adopting, deleting, counting.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::fields::{controller_reference, int, items, list_at, put, take};
use super::view::Pod;
use super::{Context, Next, View, is_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects};

/// A pod out of a template, with its controller; its name is left to the API.
pub(crate) fn from_template(template: &Json, owner: &Json) -> Json {
    let mut meta = json!({"generateName": format!("{}-", object::name(owner)), "namespace": object::namespace(owner)});
    for field in ["labels", "annotations", "finalizers"] {
        if !template["metadata"][field].is_null() {
            put(&mut meta, &[field], template["metadata"][field].clone());
        }
    }
    put(&mut meta, &["ownerReferences"], json!([controller_reference(owner)]));
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]})
}

/// Whether the API refused because the namespace is being deleted: nothing to tell anybody.
pub(crate) fn namespace_ends(error: &ApiError) -> bool {
    let causes = error.details.as_ref().map_or(&[][..], |details| items(&details["causes"]));
    causes.iter().any(|cause| cause["reason"] == "NamespaceTerminating")
}

/// Creates a pod, and says so in an event.
pub(crate) fn create(
    cx: &mut Context<'_>,
    manager: &str,
    component: &str,
    owner: &Json,
    pod: Json,
) -> Result<Arc<Json>, ApiError> {
    match cx.world.create(&writer(manager), "pods", pod) {
        Ok(made) => {
            let message = format!("Created pod: {}", object::name(&made));
            cx.world.event(component, owner, "Normal", "SuccessfulCreate", &message);
            Ok(made)
        }
        Err(error) => {
            if !namespace_ends(&error) {
                let message = format!("Error creating: {}", error.message);
                cx.world.event(component, owner, "Warning", "FailedCreate", &message);
            }
            Err(error)
        }
    }
}

/// Deletes a pod, and says so in an event. That it is gone already is fine.
pub(crate) fn delete(
    cx: &mut Context<'_>,
    manager: &str,
    component: &str,
    owner: &Json,
    name: &str,
) -> Result<(), ApiError> {
    match cx.world.delete(&writer(manager), "pods", object::namespace(owner), name, &Deletion::default()) {
        Ok(()) => {
            cx.world.event(component, owner, "Normal", "SuccessfulDelete", &format!("Deleted pod: {name}"));
            Ok(())
        }
        Err(error) if is_gone(&error) => Ok(()),
        Err(error) => {
            let message = format!("Error deleting: {}", error.message);
            cx.world.event(component, owner, "Warning", "FailedDelete", &message);
            Err(error)
        }
    }
}

/// The pods of a controller: those it has, adopting what nobody controls and releasing what no longer fits. Pods that were
/// adopted or released just now count accordingly.
pub(crate) fn claim(
    cx: &mut Context<'_>,
    manager: &str,
    owner: &Json,
    fits: impl Fn(&Pod) -> bool,
) -> Result<Vec<Arc<Pod>>, ApiError> {
    let uid = object::uid(owner);
    let mut claimed = Vec::new();
    let mut strangers = Vec::new();
    for pod in cx.view.owned(uid) {
        if fits(pod) || object::is_deleting(owner) { claimed.push(pod.clone()) } else { strangers.push(pod.clone()) }
    }
    for pod in strangers {
        release(cx.world, manager, "pods", &pod.namespace, &pod.name, uid)?;
    }
    if object::is_deleting(owner) {
        return Ok(claimed);
    }
    let orphans: Vec<Arc<Pod>> =
        cx.view.orphans(object::namespace(owner)).filter(|p| p.active() && fits(p)).cloned().collect();
    for pod in orphans {
        if adopt(cx.world, manager, "pods", owner, &pod.namespace, &pod.name)? {
            claimed.push(pod);
        }
    }
    Ok(claimed)
}

/// Makes an object the controller of another; false if that is gone or has one meanwhile.
pub(crate) fn adopt(
    world: &mut dyn Objects,
    manager: &str,
    resource: &str,
    owner: &Json,
    namespace: &str,
    name: &str,
) -> Result<bool, ApiError> {
    let Some(found) = world.get(resource, namespace, name) else { return Ok(false) };
    if object::controller_of(&found).is_some() || object::is_deleting(&found) {
        return Ok(false);
    }
    let mut new = Json::clone(&found);
    if let Some(owners) = list_at(&mut new, &["metadata", "ownerReferences"]) {
        owners.push(controller_reference(owner));
    }
    world.update(&writer(manager), resource, new)?;
    Ok(true)
}

/// Takes an owner away from an object.
pub(crate) fn release(
    world: &mut dyn Objects,
    manager: &str,
    resource: &str,
    namespace: &str,
    name: &str,
    uid: &str,
) -> Result<(), ApiError> {
    let Some(found) = world.get(resource, namespace, name) else { return Ok(()) };
    let mut new = Json::clone(&found);
    let left: Vec<Json> =
        items(&found["metadata"]["ownerReferences"]).iter().filter(|owner| owner["uid"] != uid).cloned().collect();
    if left.is_empty() {
        take(&mut new, &["metadata", "ownerReferences"]);
    } else {
        put(&mut new, &["metadata", "ownerReferences"], left);
    }
    world.update(&writer(manager), resource, new).map(drop)
}

/// The key of a pod's controller, if it is of this kind.
pub(crate) fn controller_key(pod: &Pod, kind: &str, resource: &str) -> Option<Key> {
    let owner = pod.owner.as_ref().filter(|owner| owner.kind == kind)?;
    Some(Key::new(resource, &pod.namespace, &owner.name))
}

/// The keys of a changed pod's controllers, before and after.
pub(crate) fn controller_keys(view: &View, change: &super::Seen, kind: &str, resource: &str) -> Vec<Key> {
    let after = if change.gone() { None } else { view.pod(&change.key.namespace, &change.key.name) };
    let both = [change.pod_before.as_ref(), after];
    let mut keys: Vec<Key> = both.into_iter().flatten().filter_map(|pod| controller_key(pod, kind, resource)).collect();
    keys.dedup();
    keys
}

/// Sets a count; Kubernetes leaves most counts out where they are 0.
pub(crate) fn count(status: &mut Json, field: &str, number: i64) {
    if number == 0 {
        take(status, &[field]);
    } else {
        put(status, &[field], number);
    }
}

/// When the next of these pods has been ready for long enough.
pub(crate) fn next_available<'a>(pods: impl Iterator<Item = &'a Arc<Pod>>, min_ready: i64, now: Timestamp) -> Next {
    let waiting = pods.filter(|pod| pod.ready && !pod.available(min_ready, now));
    let left = waiting.filter_map(|pod| pod.ready_since).map(|since| {
        let at = super::fields::later(since, min_ready);
        super::fields::between(now, at)
    });
    left.min().map_or(Next::Wait, Next::After)
}

/// A spec's number, or what Kubernetes takes without it.
pub(crate) fn number(value: &Json, otherwise: i64) -> i64 {
    if value.is_null() { otherwise } else { int(value) }
}

/// What a pod belongs to, by the name that people know: of a ReplicaSet, the Deployment's.
pub(crate) fn workload(pod: &Json) -> &str {
    let owners = pod["metadata"]["ownerReferences"].as_array();
    let Some(owner) = owners.into_iter().flatten().find(|owner| owner["controller"] == true) else {
        return object::name(pod);
    };
    let name = owner["name"].as_str().unwrap_or_default();
    let hash = pod["metadata"]["labels"]["pod-template-hash"].as_str();
    let deployment = hash.and_then(|hash| name.strip_suffix(hash)?.strip_suffix('-'));
    deployment.unwrap_or(name)
}
