//! The scheduler: which pod runs on which node, or why on none.
//!
//! The filters stand in the order of the real scheduler's plugins and give its words; scores are like its own.

mod affinity;
mod cycle;
mod node;
mod score;
mod spread;
#[cfg(test)]
mod tests;
mod volumes;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::Json;
use crate::controllers::fields::{condition, place_condition, put, stamp, take, text};
use crate::controllers::view::Pod;
use crate::controllers::{Context, Controller, Next, Seen, View, is_gone, writer};
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;
use cycle::{Cycle, Outcome};
pub(crate) use volumes::suits;

const MANAGER: &str = "kube-scheduler";
const NAME: &str = "default-scheduler";
/// What the scheduler writes on a claim to have its volume made for a node.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// How often it looks again for a volume that is being made.
const LOOK_AGAIN: Duration = Duration::from_secs(300);

/// The scheduler.
#[derive(Default)]
pub(crate) struct Scheduler {
    /// Pods that fit nowhere, with their priority and age: the order in which they are looked at again.
    waiting: BTreeMap<(String, String), (i64, jiff::Timestamp)>,
    /// What mattered of the nodes when they were last seen.
    nodes: BTreeMap<String, Json>,
}

impl Controller for Scheduler {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &["pods", "nodes", "persistentvolumeclaims", "persistentvolumes", "storageclasses.storage.k8s.io"]
    }

    fn keys(&mut self, _: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        match &*change.key.resource {
            "pods" => self.pod_changed(view, change),
            "nodes" => {
                let name = change.key.name.to_string();
                if change.gone() {
                    self.nodes.remove(&name);
                    return Vec::new();
                }
                let object = &change.object;
                let matters = json!([object["metadata"]["labels"], object["spec"], object["status"]["allocatable"]]);
                let before = self.nodes.insert(name, matters.clone());
                if before.as_ref() == Some(&matters) { Vec::new() } else { self.wake() }
            }
            _ => self.wake(),
        }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let place = (key.namespace.to_string(), key.name.to_string());
        let Some(pod) = cx.view.pod(&key.namespace, &key.name).cloned() else {
            self.waiting.remove(&place);
            return Ok(Next::Wait);
        };
        let Some(object) = cx.world.get("pods", &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let ours = matches!(text(&object["spec"]["schedulerName"]), "" | "default-scheduler");
        if !pod.node.is_empty() || pod.deleting || pod.finished() || !ours {
            self.waiting.remove(&place);
            return Ok(Next::Wait);
        }
        // Why it waits stands in its conditions from the start.
        if pod.gated {
            return Ok(Next::Wait);
        }
        let outcome = Cycle::new(cx, &pod, &object).run();
        match outcome {
            Outcome::Fits(node) => {
                if !volumes::assume(cx, &pod, &node)? {
                    nominate(cx, &object, &node)?;
                    self.waiting.insert(place, (pod.priority, pod.created));
                    return Ok(Next::Weakly(LOOK_AGAIN));
                }
                self.waiting.remove(&place);
                bind(cx, &object, &node)?;
                let message = format!("Successfully assigned {}/{} to {node}", pod.namespace, pod.name);
                cx.world.event(NAME, &object, "Normal", "Scheduled", &message);
            }
            Outcome::Nowhere(message) => {
                self.waiting.insert(place, (pod.priority, pod.created));
                volumes::forget(cx, &pod)?;
                // Said once: the real one says it at each attempt, as often as it tries.
                if refuse(cx, &object, &message)? {
                    cx.world.event(NAME, &object, "Warning", "FailedScheduling", &message);
                }
            }
        }
        Ok(Next::Wait)
    }
}

impl Scheduler {
    fn pod_changed(&mut self, view: &View, change: &Seen) -> Vec<Key> {
        let before = change.pod_before.as_ref();
        let now = if change.gone() { None } else { view.pod(&change.key.namespace, &change.key.name) };
        let mut keys = Vec::new();
        // Room was made, or a pod has come to stand where others want to be near it.
        let stood = |pod: Option<&Arc<Pod>>| pod.is_some_and(|pod| !pod.node.is_empty() && !pod.finished());
        let labels_changed = matches!((before, now), (Some(a), Some(b)) if a.labels != b.labels);
        if stood(before) != stood(now) || (stood(now) && labels_changed) {
            keys = self.wake();
        }
        let place = (change.key.namespace.to_string(), change.key.name.to_string());
        match now {
            None => {
                self.waiting.remove(&place);
            }
            Some(pod) if pod.node.is_empty() && !pod.deleting => {
                // A change of its status alone, such as our own refusal, is no reason to try again.
                let same = before.is_some_and(|before| {
                    before.spec == pod.spec
                        && before.labels == pod.labels
                        && before.gated == pod.gated
                        && before.requests == pod.requests
                });
                if !same {
                    keys.push(change.key.clone());
                }
            }
            Some(_) => {}
        }
        keys
    }

    /// The pods that fitted nowhere, in the order of the real one's queue.
    fn wake(&self) -> Vec<Key> {
        let mut order: Vec<_> = self.waiting.iter().collect();
        order.sort_by(|(a, (pa, ta)), (b, (pb, tb))| pb.cmp(pa).then(ta.cmp(tb)).then_with(|| a.cmp(b)));
        order.into_iter().map(|((namespace, name), _)| Key::new("pods", namespace, name)).collect()
    }
}

/// Says in the pod's conditions why it is not scheduled; whether that is new.
fn refuse(cx: &mut Context<'_>, pod: &Json, message: &str) -> Result<bool, ApiError> {
    let mut status = if pod["status"].is_object() { pod["status"].clone() } else { json!({}) };
    let mut new = json!({
        "type": "PodScheduled", "status": "False", "lastProbeTime": null,
        "lastTransitionTime": stamp(cx.world.wall()), "reason": "Unschedulable", "message": message,
    });
    if !pod["metadata"]["generation"].is_null() {
        put(&mut new, &["observedGeneration"], pod["metadata"]["generation"].clone());
    }
    let new_words = condition(&status, "PodScheduled").is_none_or(|c| c["message"] != message);
    place_condition(&mut status, new);
    if status["phase"].is_null() {
        put(&mut status, &["phase"], "Pending");
    }
    take(&mut status, &["nominatedNodeName"]);
    cx.set_status(MANAGER, "pods", pod, status)?;
    Ok(new_words)
}

/// Notes the node that a pod will go to when its volumes are there.
fn nominate(cx: &mut Context<'_>, pod: &Json, node: &str) -> Result<(), ApiError> {
    let mut status = if pod["status"].is_object() { pod["status"].clone() } else { json!({}) };
    put(&mut status, &["nominatedNodeName"], node);
    cx.set_status(MANAGER, "pods", pod, status).map(drop)
}

/// Gives a pod to a node: by the subresource `binding`.
fn bind(cx: &mut Context<'_>, pod: &Json, node: &str) -> Result<(), ApiError> {
    let binding = json!({
        "apiVersion": "v1", "kind": "Binding",
        "metadata": {
            "name": object::name(pod), "namespace": object::namespace(pod), "uid": object::uid(pod),
        },
        "target": {"kind": "Node", "name": node},
    });
    match cx.world.create(&writer(MANAGER), "pods/binding", binding) {
        Err(error) if is_gone(&error) && cx.world.get("pods", object::namespace(pod), object::name(pod)).is_none() => {
            Ok(())
        }
        other => other.map(drop),
    }
}
