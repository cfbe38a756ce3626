//! What is filled into Services, endpoints and the kinds that lead traffic to them.

use serde_json::json;

use super::fields::{drop, fill, get, items, items_mut, object, set, text};
use crate::Json;

pub(super) fn service(object: &mut Json) {
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "None" => {
            drop(spec, "sessionAffinityConfig");
        }
        "ClientIP" if spec.pointer("/sessionAffinityConfig/clientIP/timeoutSeconds").is_none() => {
            set(spec, "sessionAffinityConfig", json!({"clientIP": {"timeoutSeconds": 10800}}));
        }
        _ => {}
    }
    fill(spec, "type", "ClusterIP");
    for port in items_mut(spec, "ports") {
        fill(port, "protocol", "TCP");
        let target = get(port, "targetPort");
        if target.is_null() || *target == 0 || *target == "" {
            let same = get(port, "port").clone();
            set(port, "targetPort", same);
        }
    }
    let kind = text(spec, "type").to_owned();
    let balancer = kind == "LoadBalancer";
    if balancer || kind == "NodePort" || kind == "ClusterIP" && !items(spec, "externalIPs").is_empty() {
        fill(spec, "externalTrafficPolicy", "Cluster");
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
        fill(spec, "internalTrafficPolicy", "Cluster");
    }
    if balancer {
        fill(spec, "allocateLoadBalancerNodePorts", true);
        if let Some(status) = object.pointer_mut("/status/loadBalancer") {
            for ingress in items_mut(status, "ingress").filter(|i| !text(i, "ip").is_empty()) {
                fill(ingress, "ipMode", "VIP");
            }
        }
    }
}

pub(super) fn endpoints(object: &mut Json) {
    for port in items_mut(object, "subsets").flat_map(|subset| items_mut(subset, "ports")) {
        fill(port, "protocol", "TCP");
    }
}

pub(super) fn endpoint_slice(object: &mut Json) {
    for port in items_mut(object, "ports") {
        fill(port, "name", "");
        fill(port, "protocol", "TCP");
    }
}

pub(super) fn network_policy(object: &mut Json) {
    let Some(spec) = object.get_mut("spec") else { return };
    for rules in ["ingress", "egress"] {
        for port in items_mut(spec, rules).flat_map(|rule| items_mut(rule, "ports")) {
            fill(port, "protocol", "TCP");
        }
    }
    let kinds = if items(spec, "egress").is_empty() { json!(["Ingress"]) } else { json!(["Ingress", "Egress"]) };
    fill(spec, "policyTypes", kinds);
}

pub(super) fn ingress_class(object: &mut Json) {
    if let Some(parameters) = object.pointer_mut("/spec/parameters") {
        fill(parameters, "scope", "Cluster");
    }
}

/// References to a Service in webhooks, CRDs and APIServices.
pub(super) fn reference(holder: &mut Json) {
    if let Some(service) = holder.get_mut("service") {
        fill(service, "port", 443);
    }
}

pub(super) fn api_service(of: &mut Json) {
    if let Some(spec) = object(of, "spec") {
        reference(spec);
    }
}
