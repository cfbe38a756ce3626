//! PodDisruptionBudgets: how many pods may be evicted now.

use serde_json::json;

use super::fields::{items, later, place_condition, put, share, stamp, text, time};
use super::pods::number;
use super::selector::selects;
use super::view::Pod;
use super::{Context, Controller, MANAGER, Next, Seen, View};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;

const NAME: &str = "controllermanager";
const RESOURCE: &str = "poddisruptionbudgets.policy";
/// For how long an eviction that was allowed keeps counting, although its pod stays.
const PATIENCE: i64 = 120;

/// The controller.
pub(super) struct Budgets;

impl Controller for Budgets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE, "pods", "deployments.apps", "statefulsets.apps", "replicasets.apps", "replicationcontrollers"]
    }

    fn keys(&mut self, world: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        let namespace = &change.key.namespace;
        if change.of(RESOURCE) {
            return vec![change.key.clone()];
        }
        let budgets = world.list(RESOURCE, Some(namespace));
        if budgets.is_empty() {
            return Vec::new();
        }
        let key = |budget: &Json| Key::new(RESOURCE, namespace, object::name(budget));
        if !change.of("pods") {
            return budgets.iter().map(|budget| key(budget)).collect();
        }
        let now = if change.gone() { None } else { view.pod(namespace, &change.key.name) };
        let concerns = |budget: &Json| {
            let both = [change.pod_before.as_ref(), now];
            both.into_iter().flatten().any(|pod| selects(&budget["spec"]["selector"], &pod.labels))
        };
        budgets.iter().filter(|budget| concerns(budget)).map(|budget| key(budget)).collect()
    }

    fn acts_below(&self) -> bool {
        true
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(budget) = cx.world.get(RESOURCE, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let selector = &budget["spec"]["selector"];
        let pods: Vec<_> =
            cx.view.in_namespace(&key.namespace).filter(|pod| selects(selector, &pod.labels)).cloned().collect();
        if pods.is_empty() {
            cx.world.event(NAME, &budget, "Normal", "NoPods", "No matching pods found");
        }
        let now = cx.world.wall();
        // Evictions that were allowed, and whose pods are still there.
        let mut disrupted = serde_json::Map::new();
        for (name, since) in budget["status"]["disruptedPods"].as_object().into_iter().flatten() {
            let stays = pods.iter().any(|pod| pod.name == *name && !pod.deleting);
            if stays && time(since).is_some_and(|since| later(since, PATIENCE) > now) {
                disrupted.insert(name.clone(), since.clone());
            }
        }
        let healthy =
            pods.iter().filter(|pod| pod.ready && !pod.deleting && !disrupted.contains_key(&pod.name)).count();
        let healthy = i64::try_from(healthy).unwrap_or(i64::MAX);
        let (expected, desired) = expected(cx, &budget, &pods);
        let allowed = if expected <= 0 { 0 } else { (healthy - desired).max(0) };
        let mut status = json!({});
        if !items(&budget["status"]["conditions"]).is_empty() {
            put(&mut status, &["conditions"], budget["status"]["conditions"].clone());
        }
        let (value, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
        let mut condition = json!({
            "type": "DisruptionAllowed", "status": value, "lastTransitionTime": stamp(now), "reason": reason, "message": "",
        });
        if !budget["metadata"]["generation"].is_null() {
            put(&mut condition, &["observedGeneration"], budget["metadata"]["generation"].clone());
            put(&mut status, &["observedGeneration"], budget["metadata"]["generation"].clone());
        }
        place_condition(&mut status, condition);
        put(&mut status, &["currentHealthy"], healthy);
        put(&mut status, &["desiredHealthy"], desired);
        put(&mut status, &["disruptionsAllowed"], allowed);
        put(&mut status, &["expectedPods"], expected);
        if !disrupted.is_empty() {
            put(&mut status, &["disruptedPods"], Json::Object(disrupted));
        }
        cx.set_status(MANAGER, RESOURCE, &budget, status)?;
        Ok(Next::Wait)
    }
}

/// How many pods there should be, and how many of them must be healthy.
fn expected(cx: &Context<'_>, budget: &Json, pods: &[std::sync::Arc<Pod>]) -> (i64, i64) {
    let (least, most) = (&budget["spec"]["minAvailable"], &budget["spec"]["maxUnavailable"]);
    let there = i64::try_from(pods.len()).unwrap_or(i64::MAX);
    if !most.is_null() {
        let expected = scale(cx, pods);
        return (expected, (expected - share(most, expected, true)).max(0));
    }
    if least.is_string() {
        let expected = scale(cx, pods);
        return (expected, share(least, expected, true));
    }
    (there, number(least, 0))
}

/// The sizes that the pods' controllers ask for, taken together.
fn scale(cx: &Context<'_>, pods: &[std::sync::Arc<Pod>]) -> i64 {
    let mut sizes: std::collections::BTreeMap<String, i64> = std::collections::BTreeMap::new();
    for pod in pods {
        let Some(owner) = &pod.owner else { continue };
        if sizes.contains_key(&owner.uid) {
            continue;
        }
        let size = match owner.kind.as_str() {
            "ReplicaSet" => {
                let set = cx.world.get("replicasets.apps", &pod.namespace, &owner.name);
                let above =
                    set.as_deref().and_then(object::controller_of).filter(|o| o["kind"] == "Deployment").cloned();
                match above {
                    Some(above) => {
                        let found = cx.world.get("deployments.apps", &pod.namespace, text(&above["name"]));
                        sizes.insert(
                            text(&above["uid"]).to_owned(),
                            found.map_or(0, |found| number(&found["spec"]["replicas"], 1)),
                        );
                        0
                    }
                    None => set.map_or(0, |set| number(&set["spec"]["replicas"], 1)),
                }
            }
            "StatefulSet" => size_of(cx, "statefulsets.apps", pod, &owner.name),
            "ReplicationController" => size_of(cx, "replicationcontrollers", pod, &owner.name),
            _ => 0,
        };
        sizes.insert(owner.uid.clone(), size);
    }
    sizes.values().sum()
}

fn size_of(cx: &Context<'_>, resource: &str, pod: &Pod, name: &str) -> i64 {
    cx.world.get(resource, &pod.namespace, name).map_or(0, |found| number(&found["spec"]["replicas"], 1))
}
