//! Pods get their nodes.

use std::sync::Arc;

use serde_json::json;

use super::{Edit, Objects, Target, World, Writer, meta};
use crate::Json;
use crate::error::ApiError;
use crate::object::{is_deleting, name, namespace, text, uid};

impl World {
    /// Gives a pod to a node, as the subresource `binding` does.
    pub(crate) fn bind(&mut self, writer: &Writer, binding: &Json) -> Result<Arc<Json>, ApiError> {
        let kind = self.stored_type("pods")?;
        let target = Target { kind: &kind, namespace: namespace(binding), name: name(binding), subresource: "binding" };
        let now = meta::time(self.wall());
        let change = move |pod: &Json| bound(pod, binding, now);
        Ok(Arc::new(self.write(&target, writer, Edit::Made(Box::new(change)))?.object.json()))
    }
}

/// The pod with its node, and the condition that says so.
fn bound(pod: &Json, binding: &Json, now: Json) -> Result<Json, ApiError> {
    let conflict = |why: String| Err(ApiError::conflict("", "pods/binding", name(pod), &why));
    let (wanted, there) = (uid(binding), uid(pod));
    if !wanted.is_empty() && wanted != there {
        return conflict(format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {there}"));
    }
    if is_deleting(pod) {
        return conflict(format!("pod {} is being deleted, cannot be assigned to a host", name(pod)));
    }
    if let Some(there) = text(pod, "/spec/nodeName").filter(|there| !there.is_empty()) {
        return conflict(format!("pod {} is already assigned to node {there:?}", name(pod)));
    }
    if pod.pointer("/spec/schedulingGates").and_then(Json::as_array).is_some_and(|gates| !gates.is_empty()) {
        return conflict(format!("pod {} has non-empty .spec.schedulingGates", name(pod)));
    }
    let mut pod = pod.clone();
    let scheduled = json!({"type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now});
    if let Some(spec) = pod.get_mut("spec").and_then(Json::as_object_mut) {
        spec.insert("nodeName".into(), text(binding, "/target/name").unwrap_or_default().into());
    }
    for part in ["annotations", "labels"] {
        let added = binding.pointer(&format!("/metadata/{part}")).and_then(Json::as_object);
        if let (Some(added), Some(metadata)) = (added, pod.get_mut("metadata").and_then(Json::as_object_mut))
            && let Some(there) = metadata.entry(part).or_insert_with(|| json!({})).as_object_mut()
        {
            there.extend(added.clone());
        }
    }
    if let Some(status) = pod.get_mut("status").and_then(Json::as_object_mut) {
        status.remove("nominatedNodeName");
    }
    crate::controllers::fields::place_condition(&mut pod["status"], scheduled);
    Ok(pod)
}
