//! What is filled into pods and the templates of pods.

use serde_json::json;

use super::container;
use super::fields::{drop, each_resource_list, entries, fill, get, items, items_mut, map, set, text, truth};
use super::volume;
use crate::Json;
use crate::quantity::Quantity;

/// A pod's spec, in a pod or in a template.
pub(super) fn spec(spec: &mut Json) {
    fill(spec, "dnsPolicy", "ClusterFirst");
    fill(spec, "restartPolicy", "Always");
    fill(spec, "securityContext", json!({}));
    fill(spec, "terminationGracePeriodSeconds", 30);
    fill(spec, "schedulerName", "default-scheduler");
    items_mut(spec, "volumes").for_each(volume::apply);
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        items_mut(spec, list).for_each(container::apply);
    }
    each_resource_list(spec, "overhead");
    if let Some(resources) = spec.get_mut("resources") {
        container::round(resources);
    }
    // `serviceAccount` is the former name of the field, and is written beside the present one.
    if text(spec, "serviceAccountName").is_empty() && !text(spec, "serviceAccount").is_empty() {
        let former = text(spec, "serviceAccount").to_owned();
        set(spec, "serviceAccountName", former);
    }
    match text(spec, "serviceAccountName").to_owned() {
        name if name.is_empty() => drop(spec, "serviceAccount").unwrap_or_default(),
        name => {
            set(spec, "serviceAccount", name);
            Json::Null
        }
    };
}

/// A template's pod.
pub(super) fn template(of: &mut Json) {
    if let Some(template) = of.get_mut("template")
        && let Some(pod) = template.get_mut("spec")
    {
        spec(pod);
    }
}

/// A pod: more than what a template gets.
pub(super) fn apply(pod: &mut Json) {
    if let Some(status) = pod.get_mut("status") {
        let address = text(status, "podIP").to_owned();
        let first = items(status, "podIPs").first().map(|first| text(first, "ip").to_owned());
        if !address.is_empty() && first.is_none_or(|first| first != address) {
            set(status, "podIPs", json!([{"ip": address}]));
        }
    }
    let Some(of) = pod.get_mut("spec") else { return };
    for list in ["containers", "initContainers"] {
        items_mut(of, list).for_each(requests_from_limits);
    }
    pod_level_resources(of);
    fill(of, "enableServiceLinks", true);
    if truth(of, "hostNetwork") {
        for list in ["containers", "initContainers"] {
            for port in items_mut(of, list).flat_map(|c| items_mut(c, "ports")) {
                let port_number = get(port, "containerPort").clone();
                fill(port, "hostPort", port_number);
            }
        }
    }
    if get(of, "terminationGracePeriodSeconds").as_i64().is_some_and(|s| s < 0) {
        set(of, "terminationGracePeriodSeconds", 1);
    }
    spec(of);
}

fn requests_from_limits(container: &mut Json) {
    let Some(resources) = container.get_mut("resources") else { return };
    if let Some(limits) = get(resources, "limits").as_object().cloned()
        && let Some(requests) = map(resources, "requests")
    {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
        requests.sort_keys();
    }
}

/// Requests for the whole pod, where there are limits for the whole pod.
fn pod_level_resources(spec: &mut Json) {
    let has_limits = spec.pointer("/resources/limits").and_then(Json::as_object).is_some_and(|l| !l.is_empty());
    if !has_limits {
        return;
    }
    let total = container_requests(spec);
    let Some(resources) = spec.get_mut("resources") else { return };
    let limits: Vec<_> = entries(resources, "limits").map(|(k, v)| (k.clone(), v.clone())).collect();
    let Some(requests) = map(resources, "requests") else { return };
    for (name, sum) in total {
        if matches!(name.as_str(), "cpu" | "memory") {
            requests.entry(name).or_insert_with(|| sum.to_string().into());
        }
    }
    for (name, limit) in limits {
        if matches!(name.as_str(), "cpu" | "memory") || name.starts_with("hugepages-") {
            requests.entry(name).or_insert(limit);
        }
    }
    requests.sort_keys();
}

/// What the containers ask for together: the sum of those that run together, or what a step before them needs.
pub(crate) fn container_requests(spec: &Json) -> std::collections::BTreeMap<String, Quantity> {
    container_resources(spec, "requests")
}

/// The same for `requests` or `limits`.
pub(crate) fn container_resources(spec: &Json, what: &str) -> std::collections::BTreeMap<String, Quantity> {
    use std::collections::BTreeMap;
    fn of(container: &Json, what: &str) -> Vec<(String, Quantity)> {
        let list = entries(get(container, "resources"), what);
        list.filter_map(|(k, v)| Some((k.clone(), Quantity::parse(v.as_str()?).ok()?))).collect()
    }
    fn add(to: &mut BTreeMap<String, Quantity>, list: Vec<(String, Quantity)>) {
        for (name, quantity) in list {
            let sum = to.entry(name).or_insert(Quantity::ZERO);
            *sum = sum.plus(quantity);
        }
    }
    let mut total = BTreeMap::new();
    for container in items(spec, "containers") {
        add(&mut total, of(container, what));
    }
    let (mut sidecars, mut highest) = (BTreeMap::new(), BTreeMap::<String, Quantity>::new());
    for container in items(spec, "initContainers") {
        let mut now = sidecars.clone();
        add(&mut now, of(container, what));
        if text(container, "restartPolicy") == "Always" {
            add(&mut total, of(container, what));
            add(&mut sidecars, of(container, what));
        }
        for (name, quantity) in now {
            let most = highest.entry(name).or_insert(Quantity::ZERO);
            *most = (*most).max(quantity);
        }
    }
    for (name, quantity) in highest {
        let sum = total.entry(name).or_insert(Quantity::ZERO);
        *sum = (*sum).max(quantity);
    }
    total
}
