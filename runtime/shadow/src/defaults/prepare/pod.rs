//! New pods.

use std::collections::BTreeMap;

use serde_json::json;

use crate::Json;
use crate::defaults::fields::{entries, get, items, items_mut, object, set};
use crate::quantity::Quantity;

pub(super) fn create(pod: &mut Json, now: &str) {
    let mut status = json!({"phase": "Pending", "qosClass": qos_class(pod)});
    let gated = pod.get("spec").is_some_and(|spec| !items(spec, "schedulingGates").is_empty());
    if gated {
        let condition = json!({
            "type": "PodScheduled", "status": "False", "lastProbeTime": null, "lastTransitionTime": now,
            "reason": "SchedulingGated", "message": "Scheduling is blocked due to non-empty scheduling gates",
        });
        set(&mut status, "conditions", json!([condition]));
    }
    set(pod, "status", status);
    let labels = object(pod, "metadata").and_then(|m| m.get("labels")).cloned().unwrap_or_default();
    let Some(spec) = object(pod, "spec") else { return };
    for affinity in ["podAffinity", "podAntiAffinity"] {
        let Some(affinity) = spec.get_mut("affinity").and_then(|a| a.get_mut(affinity)) else { continue };
        let required = "requiredDuringSchedulingIgnoredDuringExecution";
        items_mut(affinity, required).for_each(|term| select_by_own_labels(term, &labels));
        let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
        for term in items_mut(affinity, preferred).filter_map(|p| p.get_mut("podAffinityTerm")) {
            select_by_own_labels(term, &labels);
        }
    }
    items_mut(spec, "topologySpreadConstraints").for_each(|constraint| select_by_own_labels(constraint, &labels));
}

/// `matchLabelKeys` becomes part of the selector, with the pod's own values.
fn select_by_own_labels(term: &mut Json, labels: &Json) {
    if term.get("labelSelector").is_none() {
        return;
    }
    let mut wanted = vec![];
    for (keys, operator) in [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")] {
        for key in items(term, keys) {
            if let Some(value) = key.as_str().and_then(|key| labels.get(key)) {
                wanted.push(json!({"key": key, "operator": operator, "values": [value]}));
            }
        }
    }
    if wanted.is_empty() {
        return;
    }
    if let Some(selector) = object(term, "labelSelector") {
        let mut all = items(selector, "matchExpressions").to_vec();
        all.extend(wanted);
        set(selector, "matchExpressions", all);
    }
}

/// The pod's class of service: `Guaranteed`, `Burstable` or `BestEffort`.
pub(crate) fn qos_class(pod: &Json) -> &'static str {
    let spec = get(pod, "spec");
    let whole = get(spec, "resources");
    let parts: Vec<&Json> = if whole.is_object() {
        vec![whole]
    } else {
        let containers = items(spec, "containers").iter().chain(items(spec, "initContainers"));
        containers.map(|container| get(container, "resources")).collect()
    };
    let (mut requests, mut limits) = (BTreeMap::new(), BTreeMap::new());
    let mut guaranteed = true;
    for part in parts {
        let limited = add(&mut limits, part, "limits");
        add(&mut requests, part, "requests");
        guaranteed &= limited == 2;
    }
    if requests.is_empty() && limits.is_empty() {
        "BestEffort"
    } else if guaranteed && requests == limits {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

/// Adds CPU and memory up, and says how many of the two there are.
fn add(to: &mut BTreeMap<String, Quantity>, resources: &Json, list: &str) -> usize {
    let mut found = 0;
    for (name, quantity) in entries(resources, list) {
        let Some(Ok(quantity)) = quantity.as_str().map(Quantity::parse) else { continue };
        if matches!(name.as_str(), "cpu" | "memory") && quantity > Quantity::ZERO {
            let sum = to.entry(name.clone()).or_insert(Quantity::ZERO);
            *sum = sum.plus(quantity);
            found += 1;
        }
    }
    found
}
