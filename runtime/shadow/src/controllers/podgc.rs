//! Pods that nobody will end any more: their node is gone, or known to be off.

use std::collections::HashMap;
use std::time::Duration;

use super::fields::put;
use super::{Context, Controller, MANAGER, Next, Seen, View, taints, unless_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects};

/// How long a node must be gone.
const QUARANTINE: Duration = Duration::from_secs(40);
const OUT_OF_SERVICE: &str = "node.kubernetes.io/out-of-service";

/// The controller.
#[derive(Default)]
pub(super) struct PodGarbage {
    /// Since when a node is missing.
    missing: HashMap<String, Duration>,
}

impl Controller for PodGarbage {
    fn name(&self) -> &'static str {
        "pod-garbage-collector"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["nodes", "pods"]
    }

    fn keys(&mut self, world: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        if change.of("nodes") {
            if change.gone() {
                self.missing.insert(change.key.name.to_string(), world.now());
            } else {
                self.missing.remove(&*change.key.name);
            }
            let pods = view.on_node(&change.key.name);
            return pods.map(|pod| Key::new("pods", &pod.namespace, &pod.name)).collect();
        }
        let pod = view.pod(&change.key.namespace, &change.key.name).filter(|_| !change.gone());
        let concerned =
            pod.is_some_and(|pod| !pod.node.is_empty() && (pod.deleting || view.node_named(&pod.node).is_none()));
        if concerned { vec![change.key.clone()] } else { Vec::new() }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(pod) = cx.view.pod(&key.namespace, &key.name).cloned() else { return Ok(Next::Wait) };
        if pod.node.is_empty() {
            return Ok(Next::Wait);
        }
        let now = cx.world.now();
        match cx.view.node_named(&pod.node) {
            None => {
                let due = *self.missing.entry(pod.node.clone()).or_insert(now) + QUARANTINE;
                if now < due {
                    return Ok(Next::After(due - now));
                }
                end(cx, key, "PodGC: node no longer exists")?;
            }
            Some(node) => {
                let out = node.taints.iter().any(|taint| taint["key"] == OUT_OF_SERVICE);
                if out && !node.ready && pod.deleting {
                    end(cx, key, "PodGC: node has out-of-service taint")?;
                }
            }
        }
        Ok(Next::Wait)
    }
}

/// Marks the pod as failed, and takes it out of the API.
fn end(cx: &mut Context<'_>, key: &Key, why: &str) -> Result<(), ApiError> {
    let Some(pod) = cx.world.get("pods", &key.namespace, &key.name) else { return Ok(()) };
    if !matches!(super::fields::text(&pod["status"]["phase"]), "Succeeded" | "Failed") {
        let mut status: Json = pod["status"].clone();
        put(&mut status, &["phase"], "Failed");
        if !object::is_deleting(&pod) {
            taints::disrupt(&mut status, &pod, "DeletionByPodGC", why, cx.world.wall());
        }
        cx.set_status(MANAGER, "pods", &pod, status)?;
    }
    let deletion = Deletion { uid: Some(object::uid(&pod).to_owned()), grace_seconds: Some(0), ..Deletion::default() };
    unless_gone(cx.world.delete(&writer(MANAGER), "pods", &key.namespace, &key.name, &deletion))
}
