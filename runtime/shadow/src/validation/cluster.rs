//! Namespaces, nodes, quotas, limits, roles, disruption budgets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::causes::Causes;
use super::{names, pod, selector, service, workload};
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text};
use crate::quantity::Quantity;

const RBAC: &str = "rbac.authorization.k8s.io";

pub(super) fn namespace(object: &Json, causes: &mut Causes) {
    for finalizer in items(get(object, "spec"), "finalizers").iter().filter_map(Json::as_str) {
        causes.each("spec.finalizers", finalizer, names::qualified(finalizer));
        if !finalizer.contains('/') && !matches!(finalizer, "kubernetes" | "orphan" | "foregroundDeletion") {
            let words = "name is neither a standard finalizer name nor is it fully qualified";
            causes.invalid("spec.finalizers", finalizer, words);
        }
    }
}

pub(super) fn node(object: &Json, causes: &mut Causes) {
    taints(object, causes);
    for (at, network) in items(get(object, "spec"), "podCIDRs").iter().filter_map(Json::as_str).enumerate() {
        service::check_range(network, &format!("spec.podCIDRs[{at}]"), causes);
    }
}

fn taints(node: &Json, causes: &mut Causes) {
    let mut taken = BTreeSet::new();
    for (at, taint) in items(get(node, "spec"), "taints").iter().enumerate() {
        let path = format!("metadata.taints[{at}]");
        let (key, value, effect) = (text(taint, "key"), text(taint, "value"), text(taint, "effect"));
        causes.each(&format!("{path}.key"), key, names::qualified(key));
        let words = names::label_value(value);
        if !words.is_empty() {
            causes.invalid(&format!("{path}.value"), value, &words.join(";"));
        }
        if effect.is_empty() {
            causes.required(&format!("{path}.effect"), "");
        } else {
            pod::check_effect(effect, &format!("{path}.effect"), causes);
        }
        if !taken.insert((effect, key)) {
            let time = get(taint, "timeAdded");
            let value = json!({"Key": key, "Value": value, "Effect": effect, "TimeAdded": time});
            causes.duplicate_as(&path, value, "taints must be unique by key and effect pair");
        }
    }
}

pub(super) fn update_node(object: &Json, old: &Json, causes: &mut Causes) {
    // A changed node is judged as a new one, and then beside the old one.
    node(object, causes);
    let (spec, before) = (get(object, "spec"), get(old, "spec"));
    if !items(before, "podCIDRs").is_empty() && items(before, "podCIDRs") != items(spec, "podCIDRs") {
        let words = "node updates may not change podCIDR except from \"\" to valid";
        causes.forbidden("spec.podCIDRs", words);
    }
    if !text(before, "providerID").is_empty() && text(before, "providerID") != text(spec, "providerID") {
        let words = "node updates may not change providerID except from \"\" to valid";
        causes.forbidden("spec.providerID", words);
    }
    if text(before, "externalID") != text(spec, "externalID") {
        causes.forbidden("spec.externalID", "may not be updated");
    }
    taints(object, causes);
}

pub(super) fn resource_quota(object: &Json, causes: &mut Causes) {
    quota_spec(object, causes);
}

/// The name of what a quota is about.
pub(super) fn quota_resource(name: &str, field: &str, causes: &mut Causes) {
    pod::check_any_name(name, field, causes);
    if !name.contains('/') && (name == "storage" || !pod::is_standard(name)) {
        causes.invalid(field, name, "must be a standard resource for quota");
    }
}

const SCOPES: [&str; 7] = [
    "Terminating",
    "NotTerminating",
    "BestEffort",
    "NotBestEffort",
    "PriorityClass",
    "CrossNamespacePodAffinity",
    "VolumeAttributesClass",
];

fn scope_selector(selector: &Json, causes: &mut Causes) {
    const FIELD: &str = "spec.scopeSelector.matchExpressions";
    for rule in items(selector, "matchExpressions") {
        let (scope, operator, values) = (text(rule, "scopeName"), text(rule, "operator"), items(rule, "values"));
        if !SCOPES.contains(&scope) {
            causes.invalid(&format!("{FIELD}.scopeName"), scope, "unsupported scope");
        }
        if SCOPES.contains(&scope)
            && !matches!(scope, "PriorityClass" | "VolumeAttributesClass")
            && operator != "Exists"
        {
            let words = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, \
                         ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, \
                         ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
            causes.invalid(&format!("{FIELD}.operator"), operator, words);
        }
        match operator {
            "In" | "NotIn" if values.is_empty() => {
                let words = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                causes.required(&format!("{FIELD}.values"), words);
            }
            "Exists" | "DoesNotExist" if !values.is_empty() => {
                let words = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                causes.invalid(&format!("{FIELD}.values"), get(rule, "values").clone(), words);
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => causes.invalid(&format!("{FIELD}.operator"), other, "not a valid selector operator"),
        }
    }
}

/// What still keeps a namespace.
pub(super) fn finalizers(object: &Json, causes: &mut Causes) {
    for (at, name) in items(get(object, "spec"), "finalizers").iter().filter_map(Json::as_str).enumerate() {
        let field = format!("spec.finalizers[{at}]");
        causes.each(&field, name, names::qualified(name));
        if !name.contains('/') && !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
            let words = "name is neither a standard finalizer name nor is it fully qualified";
            causes.invalid(&field, name, words);
        }
    }
}

fn quota_spec(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    for (name, quantity) in entries(spec, "hard") {
        let field = format!("spec.hard[{name}]");
        quota_resource(name, &field, causes);
        pod::check_quantity(name, quantity, &field, causes);
    }
    scope_selector(get(spec, "scopeSelector"), causes);
    let scopes: Vec<&str> = items(spec, "scopes").iter().filter_map(Json::as_str).collect();
    let value = || get(spec, "scopes").clone();
    for scope in &scopes {
        if !SCOPES.contains(scope) {
            causes.invalid("spec.scopes", value(), "unsupported scope");
        }
        let hard = entries(spec, "hard").filter(|(name, _)| pod::is_standard(name));
        for (name, _) in hard {
            let fits = match *scope {
                "BestEffort" => name == "pods",
                "VolumeAttributesClass" => matches!(name.as_str(), "persistentvolumeclaims" | "requests.storage"),
                "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => {
                    let base = name.rsplit('.').next().unwrap_or_default();
                    matches!(base, "pods" | "cpu" | "memory") || base.starts_with("hugepages-")
                }
                _ => true,
            };
            if !fits {
                causes.invalid("spec.scopes", value(), "unsupported scope applied to resource");
            }
        }
    }
    for (one, other) in [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")] {
        if scopes.contains(&one) && scopes.contains(&other) {
            causes.invalid("spec.scopes", value(), "conflicting scopes");
        }
    }
}

pub(super) fn update_resource_quota(object: &Json, old: &Json, causes: &mut Causes) {
    quota_spec(object, causes);
    let scopes = |object: &Json| {
        let list = items(get(object, "spec"), "scopes").iter().filter_map(Json::as_str);
        list.map(str::to_owned).collect::<BTreeSet<_>>()
    };
    if scopes(object) != scopes(old) {
        causes.invalid("spec.scopes", get(get(object, "spec"), "scopes").clone(), "field is immutable");
    }
}

pub(super) fn limit_range(object: &Json, causes: &mut Causes) {
    let mut seen = BTreeSet::new();
    for (at, limit) in items(get(object, "spec"), "limits").iter().enumerate() {
        let path = format!("spec.limits[{at}]");
        let kind = text(limit, "type");
        let field = format!("{path}.type");
        let words = names::qualified(kind);
        if words.is_empty() && !kind.contains('/') && !matches!(kind, "Pod" | "Container" | "PersistentVolumeClaim") {
            causes.invalid(&field, kind, "must be a standard limit type or fully qualified");
        }
        causes.each(&field, kind, words);
        if !seen.insert(kind) {
            causes.duplicate(&field, kind);
        }
        if kind == "Pod" {
            for name in ["default", "defaultRequest"].into_iter().filter(|name| entries(limit, name).next().is_some()) {
                causes.forbidden(&format!("{path}.{name}"), "may not be specified when `type` is 'Pod'");
            }
        }
        for list in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
            if kind == "Pod" && list.starts_with("default") {
                continue;
            }
            for (name, _) in entries(limit, list) {
                let field = format!("{path}.{list}[{name}]");
                if matches!(kind, "Pod" | "Container") {
                    pod::resources::check_name(name, &field, causes);
                } else {
                    pod::check_any_name(name, &field, causes);
                }
            }
        }
        let has = |name: &str| get(limit, name).get("storage").is_some();
        if kind == "PersistentVolumeClaim" && !has("min") && !has("max") {
            let words = "either minimum or maximum storage value is required, but neither was provided";
            causes.required(&format!("{path}.limits"), words);
        }
        limit_values(limit, &path, causes);
    }
}

/// The bounds and defaults of a limit have to agree.
fn limit_values(limit: &Json, path: &str, causes: &mut Causes) {
    let read = |name: &str| -> BTreeMap<String, Quantity> {
        let list = entries(limit, name).filter_map(|(k, v)| Some((k.clone(), Quantity::parse(v.as_str()?).ok()?)));
        list.collect()
    };
    let (min, max) = (read("min"), read("max"));
    let (default, request, ratio) = (read("default"), read("defaultRequest"), read("maxLimitRequestRatio"));
    let keys: BTreeSet<&String> =
        [&min, &max, &default, &request, &ratio].into_iter().flat_map(BTreeMap::keys).collect();
    for key in keys {
        let (least, most) = (min.get(key), max.get(key));
        let (given, asked) = (default.get(key), request.get(key));
        let mut above = |list: &str,
                         shown: Option<&Quantity>,
                         high: Option<&Quantity>,
                         low: Option<&Quantity>,
                         words: [&str; 2]| {
            if let (Some(shown), Some(high), Some(low)) = (shown, high, low)
                && high > low
            {
                let said = format!("{} value {high} is greater than {} value {low}", words[0], words[1]);
                causes.invalid(&format!("{path}.{list}[{key}]"), shown.to_string(), &said);
            }
        };
        above("min", least, least, most, ["min", "max"]);
        above("defaultRequest", asked, least, asked, ["min", "default request"]);
        above("defaultRequest", asked, asked, most, ["default request", "max"]);
        above("defaultRequest", asked, asked, given, ["default request", "default limit"]);
        above("default", least, least, given, ["min", "default"]);
        above("default", most, given, most, ["default", "max"]);
        if let Some(ratio) = ratio.get(key).filter(|ratio| **ratio < Quantity::whole(1)) {
            let field = format!("{path}.maxLimitRequestRatio[{key}]");
            causes.invalid(&field, ratio.to_string(), &format!("ratio {ratio} is less than 1"));
        }
    }
}

pub(super) fn role(object: &Json, namespaced: bool, causes: &mut Causes) {
    for (at, rule) in items(object, "rules").iter().enumerate() {
        let path = format!("rules[{at}]");
        if items(rule, "verbs").is_empty() {
            causes.required(&format!("{path}.verbs"), "verbs must contain at least one value");
        }
        let field = format!("{path}.nonResourceURLs");
        if !items(rule, "nonResourceURLs").is_empty() {
            let value = || get(rule, "nonResourceURLs").clone();
            if namespaced {
                causes.invalid(&field, value(), "namespaced rules cannot apply to non-resource URLs");
            }
            if ["apiGroups", "resources", "resourceNames"].iter().any(|name| !items(rule, name).is_empty()) {
                let words = "rules cannot apply to both regular resources and non-resource URLs";
                causes.invalid(&field, value(), words);
            }
            continue;
        }
        if items(rule, "apiGroups").is_empty() {
            causes.required(&format!("{path}.apiGroups"), "resource rules must supply at least one api group");
        }
        if items(rule, "resources").is_empty() {
            causes.required(&format!("{path}.resources"), "resource rules must supply at least one resource");
        }
    }
    if let Some(aggregation) = object.get("aggregationRule") {
        let field = "aggregationRule.clusterRoleSelectors";
        let selectors = items(aggregation, "clusterRoleSelectors");
        if selectors.is_empty() {
            causes.required(field, "at least one clusterRoleSelector required if aggregationRule is non-nil");
        }
        for (at, of) in selectors.iter().enumerate() {
            selector::check(of, &format!("{field}[{at}]"), causes);
        }
    }
}

pub(super) fn binding(object: &Json, namespaced: bool, causes: &mut Causes) {
    let role = get(object, "roleRef");
    causes.one_of("roleRef.apiGroup", text(role, "apiGroup"), &[RBAC]);
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    causes.one_of("roleRef.kind", text(role, "kind"), kinds);
    match text(role, "name") {
        "" => causes.required("roleRef.name", ""),
        name => causes.each("roleRef.name", name, names::path_segment(name)),
    }
    for (at, subject) in items(object, "subjects").iter().enumerate() {
        let path = format!("subjects[{at}]");
        let (name, group) = (text(subject, "name"), text(subject, "apiGroup"));
        if name.is_empty() {
            causes.required(&format!("{path}.name"), "");
        }
        match text(subject, "kind") {
            "ServiceAccount" => {
                if !name.is_empty() {
                    causes.each(&format!("{path}.name"), name, names::dns_subdomain(name));
                }
                if !group.is_empty() {
                    causes.unsupported(&format!("{path}.apiGroup"), group, &[""]);
                }
                if !namespaced && text(subject, "namespace").is_empty() {
                    causes.required(&format!("{path}.namespace"), "");
                }
            }
            "User" | "Group" => {
                causes.one_of(&format!("{path}.apiGroup"), group, &[RBAC]);
            }
            other => causes.unsupported(&format!("{path}.kind"), other, &["ServiceAccount", "User", "Group"]),
        }
    }
}

pub(super) fn update_binding(object: &Json, old: &Json, namespaced: bool, causes: &mut Causes) {
    binding(object, namespaced, causes);
    let role = get(object, "roleRef");
    if role != get(old, "roleRef") {
        let value = json!({"APIGroup": text(role, "apiGroup"), "Kind": text(role, "kind"), "Name": text(role, "name")});
        causes.invalid("roleRef", value, "cannot change roleRef");
    }
}

pub(super) fn disruption_budget(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    let (least, most) = (spec.get("minAvailable"), spec.get("maxUnavailable"));
    if least.is_some() && most.is_some() {
        let value = json!({
            "MinAvailable": least, "Selector": get(spec, "selector"), "MaxUnavailable": most,
            "UnhealthyPodEvictionPolicy": get(spec, "unhealthyPodEvictionPolicy"),
        });
        causes.invalid("spec", value, "minAvailable and maxUnavailable cannot be both set");
    }
    for (name, value) in [("minAvailable", least), ("maxUnavailable", most)] {
        if let Some(value) = value {
            workload::int_or_percent(value, &format!("spec.{name}"), causes);
            workload::not_above_all(value, &format!("spec.{name}"), causes);
        }
    }
    selector::check(get(spec, "selector"), "spec.selector", causes);
    if let Some(policy) = get(spec, "unhealthyPodEvictionPolicy").as_str() {
        causes.one_of("spec.unhealthyPodEvictionPolicy", policy, &["AlwaysAllow", "IfHealthyBudget"]);
    }
}

/// A count that is told by its field's own name.
pub(super) fn lease(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    if let Some(seconds) = number(spec, "leaseDurationSeconds").filter(|seconds| *seconds <= 0) {
        causes.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0");
    }
    causes.not_negative("spec.leaseTransitions", number(spec, "leaseTransitions"));
}
