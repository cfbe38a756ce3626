//! Nodes: their addresses, whether they are heard of, and the taints that say so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::fields::{between, condition, items, later, list_at, place_condition, put, stamp, take, text, time};
use super::{Context, Controller, MANAGER, Next, Seen, View, writer};
use crate::Json;
use crate::error::ApiError;
use crate::store::Key;
use crate::topology;
use crate::world::Objects;

const NAME: &str = "node-controller";
const RESOURCE: &str = "nodes";
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

/// The controller, and the part of the kubelets that reports how a node is.
#[derive(Default)]
pub(super) struct Nodes {
    /// Since when a machine is silent.
    silent: BTreeMap<String, Duration>,
    /// The order in which nodes were first seen.
    places: BTreeMap<String, usize>,
}

impl Controller for Nodes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE]
    }

    fn keys(&mut self, _: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        if change.gone() {
            self.silent.remove(&*change.key.name);
            self.places.remove(&*change.key.name);
            return Vec::new();
        }
        vec![change.key.clone()]
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(mut node) = cx.world.get(RESOURCE, "", &key.name) else { return Ok(Next::Wait) };
        if text(&node["spec"]["podCIDR"]).is_empty() {
            let range = self.range(cx);
            let mut new = Json::clone(&node);
            put(&mut new, &["spec", "podCIDR"], range.as_str());
            put(&mut new, &["spec", "podCIDRs"], json!([range]));
            node = cx.world.update(&writer(MANAGER), RESOURCE, new)?;
        }
        let next = if cx.scene.node_is_down(&key.name) {
            self.note_silence(cx, &key.name, &node)?
        } else {
            self.report(cx, &key.name, &node)?;
            Next::Wait
        };
        let Some(node) = cx.world.get(RESOURCE, "", &key.name) else { return Ok(Next::Wait) };
        taint(cx, &node)?;
        mark_pods(cx, &node)?;
        Ok(next)
    }
}

impl Nodes {
    /// A range of addresses that no other node has.
    fn range(&mut self, cx: &Context<'_>) -> String {
        let taken: Vec<String> =
            cx.world.list(RESOURCE, None).iter().map(|node| text(&node["spec"]["podCIDR"]).to_owned()).collect();
        let mut free = (0..65_536).map(topology::pod_range).filter(|range| !taken.contains(range));
        free.next().unwrap_or_default()
    }

    /// The kubelet's report: all is well.
    fn report(&mut self, cx: &mut Context<'_>, name: &str, node: &Json) -> Result<(), ApiError> {
        self.silent.remove(name);
        let now = cx.world.wall();
        let mut status = node["status"].clone();
        if !status["nodeInfo"].is_object() || !status["capacity"].is_object() {
            let place = self.places.len();
            let place = *self.places.entry(name.to_owned()).or_insert(place);
            // What was given when the node was created counts.
            let fresh = topology::status(name, &BTreeMap::new(), place + 1000, now);
            for (field, value) in fresh.as_object().into_iter().flatten() {
                if status[field].is_null() || items(&status[field]).is_empty() && status[field].is_array() {
                    put(&mut status, &[field], value.clone());
                }
            }
        }
        let lost = condition(&status, "Ready").is_none_or(|c| c["status"] == "Unknown");
        if lost {
            for fresh in items(&topology::conditions(now)) {
                place_condition(&mut status, fresh.clone());
            }
        }
        cx.set_status("kubelet", RESOURCE, node, status).map(drop)
    }

    /// A machine that is off says nothing; after a while that is noticed.
    fn note_silence(&mut self, cx: &mut Context<'_>, name: &str, node: &Json) -> Result<Next, ApiError> {
        let now = cx.world.now();
        let since = *self.silent.entry(name.to_owned()).or_insert(now);
        let noticed = since + cx.scene.node_grace;
        if now < noticed {
            return Ok(Next::After(noticed - now));
        }
        let mut status = node["status"].clone();
        if condition(&status, "Ready").is_some_and(|c| c["status"] == "Unknown") {
            return Ok(Next::Wait);
        }
        let wall = cx.world.wall();
        for kind in ["MemoryPressure", "DiskPressure", "PIDPressure", "Ready"] {
            let heartbeat = condition(&status, kind).map_or(Json::Null, |c| c["lastHeartbeatTime"].clone());
            place_condition(
                &mut status,
                json!({
                    "type": kind, "status": "Unknown", "lastHeartbeatTime": heartbeat, "lastTransitionTime": stamp(wall),
                    "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status.",
                }),
            );
        }
        cx.set_status(MANAGER, RESOURCE, node, status)?;
        cx.world.event(NAME, node, "Normal", "NodeNotReady", &format!("Node {name} status is now: NodeNotReady"));
        Ok(Next::Wait)
    }
}

/// Keeps the taints that say how the node is.
fn taint(cx: &mut Context<'_>, node: &Json) -> Result<(), ApiError> {
    let ready = condition(&node["status"], "Ready").map_or("Unknown", |c| text(&c["status"]));
    let key = match ready {
        "True" => "",
        "False" => NOT_READY,
        _ => UNREACHABLE,
    };
    let mut wanted: Vec<(&str, &str)> = Vec::new();
    if !key.is_empty() {
        wanted.extend([(key, "NoSchedule"), (key, "NoExecute")]);
    }
    for (kind, key) in [
        ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
        ("DiskPressure", "node.kubernetes.io/disk-pressure"),
        ("PIDPressure", "node.kubernetes.io/pid-pressure"),
        ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
    ] {
        if condition(&node["status"], kind).is_some_and(|c| c["status"] == "True") {
            wanted.push((key, "NoSchedule"));
        }
    }
    if node["spec"]["unschedulable"] == true {
        wanted.push(("node.kubernetes.io/unschedulable", "NoSchedule"));
    }
    let ours = [
        NOT_READY,
        UNREACHABLE,
        "node.kubernetes.io/memory-pressure",
        "node.kubernetes.io/disk-pressure",
        "node.kubernetes.io/pid-pressure",
        "node.kubernetes.io/network-unavailable",
        "node.kubernetes.io/unschedulable",
    ];
    let old = items(&node["spec"]["taints"]);
    let is = |taint: &Json, (key, effect): (&str, &str)| taint["key"] == key && taint["effect"] == effect;
    let stays = |taint: &&Json| !ours.contains(&text(&taint["key"])) || wanted.iter().any(|w| is(taint, *w));
    let mut taints: Vec<Json> = old.iter().filter(stays).cloned().collect();
    for (key, effect) in wanted {
        if !old.iter().any(|taint| is(taint, (key, effect))) {
            taints.push(json!({"key": key, "effect": effect, "timeAdded": stamp(cx.world.wall())}));
        }
    }
    if taints == old {
        return Ok(());
    }
    let mut new = node.clone();
    if taints.is_empty() {
        take(&mut new, &["spec", "taints"]);
    } else {
        put(&mut new, &["spec", "taints"], taints);
    }
    cx.world.update(&writer(MANAGER), RESOURCE, new).map(drop)
}

/// Pods of a node that is not heard of do not count as ready.
fn mark_pods(cx: &mut Context<'_>, node: &Json) -> Result<(), ApiError> {
    if condition(&node["status"], "Ready").is_some_and(|c| c["status"] == "True") {
        return Ok(());
    }
    let since = condition(&node["status"], "Ready").and_then(|c| time(&c["lastTransitionTime"]));
    debug_assert!(since.is_none_or(|since| between(since, later(since, 0)).is_zero()));
    let ready: Vec<_> = cx.view.on_node(crate::object::name(node)).filter(|pod| pod.ready).cloned().collect();
    for pod in ready {
        let Some(object) = cx.world.get("pods", &pod.namespace, &pod.name) else { continue };
        let mut status = object["status"].clone();
        if let Some(ready) =
            list_at(&mut status, &["conditions"]).and_then(|l| l.iter_mut().find(|c| c["type"] == "Ready"))
        {
            put(ready, &["status"], "False");
            put(ready, &["lastTransitionTime"], stamp(cx.world.wall()));
        }
        cx.set_status(MANAGER, "pods", &object, status)?;
        cx.world.event(NAME, &object, "Warning", "NodeNotReady", "Node is not ready");
    }
    Ok(())
}
