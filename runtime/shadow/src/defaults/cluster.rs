//! What is filled into the kinds of the cluster itself: namespaces, nodes, limits, roles, webhooks, definitions.

use serde_json::json;

use super::fields::{each_resource_list, entries, fill, get, items, items_mut, map, object, set, text};
use super::service::reference;
use crate::Json;

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn namespace(of: &mut Json) {
    let name = crate::object::name(of).to_owned();
    if !name.is_empty()
        && let Some(labels) = object(of, "metadata").and_then(|metadata| map(metadata, "labels"))
    {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.into());
        labels.sort_keys();
    }
    if let Some(status) = object(of, "status") {
        fill(status, "phase", "Active");
    }
}

pub(super) fn node(of: &mut Json) {
    if let Some(spec) = of.get_mut("spec") {
        let range = text(spec, "podCIDR").to_owned();
        if !range.is_empty() && items(spec, "podCIDRs").first().and_then(Json::as_str) != Some(&range) {
            set(spec, "podCIDRs", json!([range]));
        }
    }
    let Some(status) = of.get_mut("status") else { return };
    if let Some(capacity) = status.get("capacity").cloned() {
        fill(status, "allocatable", capacity);
    }
    each_resource_list(status, "capacity");
    each_resource_list(status, "allocatable");
}

pub(super) fn resource_quota(of: &mut Json) {
    for (part, list) in [("spec", "hard"), ("status", "hard"), ("status", "used")] {
        if let Some(part) = of.get_mut(part) {
            each_resource_list(part, list);
        }
    }
}

pub(super) fn limit_range(of: &mut Json) {
    let Some(spec) = of.get_mut("spec") else { return };
    for limit in items_mut(spec, "limits") {
        if text(limit, "type") == "Container" {
            for (to, from) in [("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")] {
                let values: Vec<_> = entries(limit, from).map(|(k, v)| (k.clone(), v.clone())).collect();
                if let (false, Some(target)) = (values.is_empty(), map(limit, to)) {
                    for (name, value) in values {
                        target.entry(name).or_insert(value);
                    }
                    target.sort_keys();
                }
            }
        }
        for list in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
            each_resource_list(limit, list);
        }
    }
}

pub(super) fn binding(of: &mut Json) {
    if let Some(role) = of.get_mut("roleRef")
        && text(role, "apiGroup").is_empty()
    {
        set(role, "apiGroup", RBAC);
    }
    for subject in items_mut(of, "subjects") {
        if matches!(text(subject, "kind"), "User" | "Group") {
            fill(subject, "apiGroup", RBAC);
        }
    }
}

pub(super) fn webhooks(of: &mut Json, mutating: bool) {
    for hook in items_mut(of, "webhooks") {
        fill(hook, "failurePolicy", "Fail");
        match_resources(hook);
        fill(hook, "timeoutSeconds", 10);
        if mutating {
            fill(hook, "reinvocationPolicy", "Never");
        }
        items_mut(hook, "rules").for_each(|rule| fill(rule, "scope", "*"));
        if let Some(client) = hook.get_mut("clientConfig") {
            reference(client);
        }
    }
}

fn match_resources(of: &mut Json) {
    fill(of, "matchPolicy", "Equivalent");
    fill(of, "namespaceSelector", json!({}));
    fill(of, "objectSelector", json!({}));
    for rules in ["resourceRules", "excludeResourceRules"] {
        items_mut(of, rules).for_each(|rule| fill(rule, "scope", "*"));
    }
}

pub(super) fn admission_policy(of: &mut Json) {
    let Some(spec) = of.get_mut("spec") else { return };
    fill(spec, "failurePolicy", "Fail");
    if let Some(constraints) = spec.get_mut("matchConstraints") {
        match_resources(constraints);
    }
}

pub(super) fn admission_policy_binding(of: &mut Json) {
    if let Some(matches) = of.pointer_mut("/spec/matchResources") {
        match_resources(matches);
    }
}

pub(super) fn priority_class(of: &mut Json) {
    fill(of, "preemptionPolicy", "PreemptLowerPriority");
}

pub(super) fn custom_resource_definition(of: &mut Json) {
    let Some(spec) = of.get_mut("spec") else { return };
    let storage =
        items(spec, "versions").iter().find(|v| get(v, "storage") == true).map(|v| text(v, "name").to_owned());
    if let Some(names) = object(spec, "names") {
        let kind = text(names, "kind").to_owned();
        fill(names, "singular", kind.to_lowercase());
        if text(names, "listKind").is_empty() && !kind.is_empty() {
            set(names, "listKind", format!("{kind}List"));
        }
    }
    fill(spec, "conversion", json!({"strategy": "None"}));
    if let Some(client) = spec.pointer_mut("/conversion/webhook/clientConfig") {
        reference(client);
    }
    if let (Some(storage), Some(status)) = (storage, object(of, "status"))
        && items(status, "storedVersions").is_empty()
    {
        set(status, "storedVersions", json!([storage]));
    }
}

pub(super) fn flow_schema(of: &mut Json) {
    if let Some(spec) = of.get_mut("spec")
        && get(spec, "matchingPrecedence").as_i64().unwrap_or_default() == 0
    {
        set(spec, "matchingPrecedence", 1000);
    }
}

pub(super) fn priority_level(of: &mut Json) {
    let Some(spec) = of.get_mut("spec") else { return };
    for (name, shares) in [("exempt", 0), ("limited", 30)] {
        if let Some(part) = spec.get_mut(name) {
            fill(part, "nominalConcurrencyShares", shares);
            fill(part, "lendablePercent", 0);
        }
    }
    if let Some(queuing) = spec.pointer_mut("/limited/limitResponse/queuing") {
        for (name, value) in [("handSize", 8), ("queues", 64), ("queueLengthLimit", 50)] {
            if get(queuing, name).as_i64().unwrap_or_default() == 0 {
                set(queuing, name, value);
            }
        }
    }
}

/// How many of each device a claim is for.
pub(super) fn resource_claim(of: &mut Json) {
    let Some(devices) = of.pointer_mut("/spec/devices") else { return };
    for request in items_mut(devices, "requests") {
        items_mut(request, "firstAvailable").for_each(device_count);
        if let Some(exactly) = request.get_mut("exactly") {
            device_count(exactly);
        }
    }
}

fn device_count(request: &mut Json) {
    if text(request, "allocationMode").is_empty() {
        set(request, "allocationMode", "ExactCount");
    }
    if text(request, "allocationMode") == "ExactCount" && get(request, "count").as_i64().unwrap_or_default() == 0 {
        set(request, "count", 1);
    }
}
