//! Taints with the effect NoExecute: pods that do not tolerate them for ever have to go.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::fields::{items, place_condition, put, stamp, take, text};
use super::selector::tolerates;
use super::{Context, Controller, MANAGER, Next, Seen, View, unless_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects};

const NAME: &str = "taint-eviction-controller";

/// The controller.
#[derive(Default)]
pub(super) struct Evictions {
    /// Since when a pod stands on a node with a taint that it does not tolerate for ever, by uid.
    since: HashMap<String, Duration>,
    /// The nodes' taints as they were last seen.
    taints: HashMap<String, Vec<Json>>,
}

impl Controller for Evictions {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &["nodes", "pods"]
    }

    fn keys(&mut self, _: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        if change.of("nodes") {
            let name = change.key.name.to_string();
            let strong = |t: &&Json| t["effect"] == "NoExecute";
            let taints: Vec<Json> = items(&change.object["spec"]["taints"]).iter().filter(strong).cloned().collect();
            let before = self.taints.insert(name, taints.clone()).unwrap_or_default();
            if before == taints {
                return Vec::new();
            }
            let pods = view.on_node(&change.key.name);
            return pods.map(|pod| Key::new("pods", &pod.namespace, &pod.name)).collect();
        }
        if change.gone() {
            self.since.remove(object::uid(&change.object));
            return Vec::new();
        }
        let node = text(&change.object["spec"]["nodeName"]);
        let tainted = self.taints.get(node).is_some_and(|taints| !taints.is_empty());
        if tainted { vec![change.key.clone()] } else { Vec::new() }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(pod) = cx.view.pod(&key.namespace, &key.name).cloned() else { return Ok(Next::Wait) };
        let taints: Vec<&Json> = cx
            .view
            .node_named(&pod.node)
            .map(|node| node.taints.iter().filter(|taint| taint["effect"] == "NoExecute").collect())
            .unwrap_or_default();
        if taints.is_empty() || pod.deleting {
            if self.since.remove(&pod.uid).is_some()
                && !pod.deleting
                && let Some(object) = cx.world.get("pods", &key.namespace, &key.name)
            {
                let message = format!("Cancelling deletion of Pod {}/{}", key.namespace, key.name);
                tell(cx, object, &message);
            }
            return Ok(Next::Wait);
        }
        let Some(patience) = patience(items(&pod.spec["tolerations"]), &taints) else {
            self.since.remove(&pod.uid);
            return Ok(Next::Wait);
        };
        let now = cx.world.now();
        let since = *self.since.entry(pod.uid.clone()).or_insert(now);
        let due = since + patience;
        if now < due {
            return Ok(Next::After(due - now));
        }
        evict(cx, key)?;
        Ok(Next::Wait)
    }
}

/// For how long a pod bears all of these taints: nothing for ever.
fn patience(tolerations: &[Json], taints: &[&Json]) -> Option<Duration> {
    let mut shortest: Option<i64> = None;
    for taint in taints {
        let fitting = tolerations.iter().filter(|toleration| tolerates(toleration, taint));
        let mut any = false;
        for toleration in fitting {
            any = true;
            if let Some(seconds) = toleration["tolerationSeconds"].as_i64() {
                let seconds = seconds.max(0);
                shortest = Some(shortest.map_or(seconds, |least| least.min(seconds)));
            }
        }
        if !any {
            return Some(Duration::ZERO);
        }
    }
    shortest.map(|seconds| Duration::from_secs(seconds.unsigned_abs()))
}

/// The controller knows the pod by its name alone.
fn tell(cx: &mut Context<'_>, pod: Arc<Json>, message: &str) {
    let mut pod = Arc::unwrap_or_clone(pod);
    for field in ["uid", "resourceVersion"] {
        take(&mut pod, &["metadata", field]);
    }
    cx.world.event(NAME, &pod, "Normal", "TaintManagerEviction", message);
}

fn evict(cx: &mut Context<'_>, key: &Key) -> Result<(), ApiError> {
    let Some(pod) = cx.world.get("pods", &key.namespace, &key.name) else { return Ok(()) };
    let message = format!("Marking for deletion Pod {}/{}", key.namespace, key.name);
    tell(cx, pod.clone(), &message);
    let mut status = pod["status"].clone();
    disrupt(
        &mut status,
        &pod,
        "DeletionByTaintManager",
        "Taint manager: deleting due to NoExecute taint",
        cx.world.wall(),
    );
    cx.set_status(MANAGER, "pods", &pod, status)?;
    let deletion = Deletion { uid: Some(object::uid(&pod).to_owned()), ..Deletion::default() };
    unless_gone(cx.world.delete(&writer(MANAGER), "pods", &key.namespace, &key.name, &deletion))
}

/// Sets the condition that says why a pod has to go.
pub(super) fn disrupt(status: &mut Json, pod: &Json, reason: &str, message: &str, now: jiff::Timestamp) {
    let mut new = json!({
        "type": "DisruptionTarget", "status": "True", "lastProbeTime": null, "lastTransitionTime": stamp(now),
        "reason": reason, "message": message,
    });
    if !pod["metadata"]["generation"].is_null() {
        put(&mut new, &["observedGeneration"], pod["metadata"]["generation"].clone());
    }
    place_condition(status, new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_patience_counts_and_none_at_all_is_at_once() {
        let a = json!({"key": "a", "effect": "NoExecute"});
        let b = json!({"key": "b", "effect": "NoExecute"});
        let bears =
            |key: &str, seconds: Option<i64>| json!({"key": key, "operator": "Exists", "tolerationSeconds": seconds});
        assert_eq!(patience(&[bears("a", Some(9)), bears("b", Some(5))], &[&a, &b]), Some(Duration::from_secs(5)));
        assert_eq!(patience(&[bears("a", None)], &[&a]), None);
        assert_eq!(patience(&[bears("a", None)], &[&a, &b]), Some(Duration::ZERO));
        assert_eq!(patience(&[bears("a", Some(-1))], &[&a]), Some(Duration::ZERO));
    }
}
