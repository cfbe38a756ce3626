//! What may be written to the status of built-in kinds.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::causes::Causes;
use super::{names, pod};
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text};
use crate::quantity::Quantity;

/// What is wrong with a status that was written.
pub(super) fn check(group: &str, kind: &str, object: &Json, old: &Json, causes: &mut Causes) {
    let (status, before) = (get(object, "status"), get(old, "status"));
    match (group, kind) {
        ("core", "Pod") => of_pod(status, before, get(old, "spec"), causes),
        ("core", "Node") => {
            for list in ["capacity", "allocatable"] {
                for (name, quantity) in entries(status, list) {
                    pod::check_quantity(name, quantity, &format!("status.{list}.{name}"), causes);
                }
            }
        }
        ("core", "Namespace") => {
            let deleting = crate::object::is_deleting(object);
            let (phase, when) = if deleting { ("Terminating", "not empty") } else { ("Active", "empty") };
            if text(status, "phase") != phase {
                let words = format!("may only be '{phase}' if `deletionTimestamp` is {when}");
                causes.invalid("status.Phase", text(status, "phase"), &words);
            }
        }
        ("core", "ResourceQuota") => {
            for list in ["hard", "used"] {
                for (name, quantity) in entries(status, list) {
                    let field = format!("status.{list}[{name}]");
                    super::cluster::quota_resource(name, &field, causes);
                    pod::check_quantity(name, quantity, &field, causes);
                }
            }
        }
        ("core", "Service") => {
            let places = items(get(status, "loadBalancer"), "ingress");
            if text(get(object, "spec"), "type") != "LoadBalancer" && !places.is_empty() {
                let words = "may only be used when `spec.type` is 'LoadBalancer'";
                return causes.forbidden("status.loadBalancer.ingress", words);
            }
            balanced(places, true, causes);
        }
        ("networking", "Ingress") => balanced(items(get(status, "loadBalancer"), "ingress"), false, causes),
        ("core", "ReplicationController") => {
            let counts =
                ["replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas", "observedGeneration"];
            not_negative(status, &counts, causes);
            not_above(status, &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"], causes);
            available(status, "readyReplicas", causes);
        }
        ("apps", _) => of_workload(kind, status, before, causes),
        ("batch", "Job") => super::batch::job_status(object, old, causes),
        ("core", "PersistentVolumeClaim") => {
            for (name, quantity) in entries(status, "capacity") {
                let held = quantity.as_str().and_then(|held| Quantity::parse(held).ok()).unwrap_or(Quantity::ZERO);
                if held.is_negative() {
                    let field = format!("status.capacity[{name}]");
                    causes.invalid(&field, held.value(), "must be a valid resource quantity");
                }
            }
        }
        ("autoscaling", "HorizontalPodAutoscaler") => {
            not_negative(status, &["currentReplicas", "desiredReplicas"], causes);
        }
        ("policy", "PodDisruptionBudget") => {
            let counts = ["disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"];
            not_negative(status, &counts, causes);
        }
        _ => {}
    }
}

fn not_negative(status: &Json, fields: &[&str], causes: &mut Causes) {
    for field in fields {
        causes.not_negative(&format!("status.{field}"), number(status, field));
    }
}

/// No part is more than all.
fn not_above(status: &Json, fields: &[&str], causes: &mut Causes) {
    let of = |field: &str| number(status, field).unwrap_or_default();
    for field in fields.iter().filter(|field| of(field) > of("replicas")) {
        causes.invalid(&format!("status.{field}"), of(field), "cannot be greater than status.replicas");
    }
}

fn available(status: &Json, ready: &str, causes: &mut Causes) {
    let of = |field: &str| number(status, field).unwrap_or_default();
    if of("availableReplicas") > of("readyReplicas") {
        let words = format!("cannot be greater than {ready}");
        causes.invalid("status.availableReplicas", of("availableReplicas"), &words);
    }
}

fn of_workload(kind: &str, status: &Json, before: &Json, causes: &mut Causes) {
    let collisions = |status: &Json| number(status, "collisionCount");
    match kind {
        "Deployment" => {
            let counts = [
                "observedGeneration",
                "replicas",
                "updatedReplicas",
                "readyReplicas",
                "availableReplicas",
                "unavailableReplicas",
                "terminatingReplicas",
                "collisionCount",
            ];
            not_negative(status, &counts, causes);
            not_above(status, &["updatedReplicas", "readyReplicas", "availableReplicas"], causes);
            available(status, "readyReplicas", causes);
        }
        "ReplicaSet" => {
            let counts = [
                "replicas",
                "fullyLabeledReplicas",
                "readyReplicas",
                "availableReplicas",
                "observedGeneration",
                "terminatingReplicas",
            ];
            not_negative(status, &counts, causes);
            not_above(status, &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"], causes);
            return available(status, "readyReplicas", causes);
        }
        "StatefulSet" => {
            let counts = [
                "replicas",
                "readyReplicas",
                "currentReplicas",
                "updatedReplicas",
                "availableReplicas",
                "observedGeneration",
                "collisionCount",
            ];
            not_negative(status, &counts, causes);
            let parts = ["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"];
            not_above(status, &parts, causes);
            available(status, "status.readyReplicas", causes);
        }
        "DaemonSet" => {
            let counts = [
                "currentNumberScheduled",
                "numberMisscheduled",
                "desiredNumberScheduled",
                "numberReady",
                "observedGeneration",
                "updatedNumberScheduled",
                "numberAvailable",
                "numberUnavailable",
                "collisionCount",
            ];
            not_negative(status, &counts, causes);
        }
        _ => return,
    }
    if collisions(status) < collisions(before) {
        let now = collisions(status).unwrap_or_default();
        causes.invalid("status.collisionCount", now, "cannot be decremented");
    }
}

/// Where a load balancer is; one of a Service says how its addresses are used.
fn balanced(places: &[Json], of_service: bool, causes: &mut Causes) {
    for (at, place) in places.iter().enumerate() {
        let path = format!("status.loadBalancer.ingress[{at}]");
        let (address, host) = (text(place, "ip"), text(place, "hostname"));
        if !address.is_empty() {
            pod::check_address(get(place, "ip"), &format!("{path}.ip"), causes);
        }
        let mode = get(place, "ipMode").as_str();
        match mode.filter(|_| of_service) {
            None if of_service && !address.is_empty() => {
                causes.required(&format!("{path}.ipMode"), "must be specified when `ip` is set");
            }
            Some(_) if address.is_empty() => {
                causes.forbidden(&format!("{path}.ipMode"), "may not be specified when `ip` is not set");
            }
            Some(mode) => drop(causes.one_of(&format!("{path}.ipMode"), mode, &["Proxy", "VIP"])),
            None => {}
        }
        if !host.is_empty() {
            causes.each(&format!("{path}.hostname"), host, names::dns_subdomain(host));
            if host.parse::<IpAddr>().is_ok() {
                causes.invalid(&format!("{path}.hostname"), host, "must be a DNS name, not an IP address");
            }
        }
    }
}

fn of_pod(status: &Json, before: &Json, spec: &Json, causes: &mut Causes) {
    for (at, condition) in items(status, "conditions").iter().enumerate() {
        let path = format!("status.conditions[{at}]");
        if let Some(seen) = number(condition, "observedGeneration").filter(|seen| *seen < 0) {
            causes.invalid(&format!("{path}.observedGeneration"), seen, "must be a non-negative integer");
        }
        let kind = text(condition, "type");
        if !matches!(kind, "PodScheduled" | "Ready" | "Initialized") {
            causes.each(&format!("{path}.Type"), kind, names::qualified(kind));
        }
    }
    let nominated = text(status, "nominatedNodeName");
    if nominated != text(before, "nominatedNodeName") && !nominated.is_empty() {
        causes.each("status.nominatedNodeName", nominated, names::dns_subdomain(nominated));
        if !text(spec, "nodeName").is_empty() {
            let words = "may not be set on pods that are already bound to a node";
            causes.forbidden("status.nominatedNodeName", words);
        }
    }
    if let Some(seen) = number(status, "observedGeneration").filter(|seen| *seen < 0) {
        causes.invalid("status.observedGeneration", seen, "must be a non-negative integer");
    }
    causes.immutable("status.qosClass", get(status, "qosClass"), get(before, "qosClass"));
    stay_ended(status, before, spec, causes);
    for list in ["podIPs", "hostIPs"] {
        addresses(status, list, causes);
    }
}

/// What has ended stays so, unless the pod restarts it.
fn stay_ended(status: &Json, before: &Json, spec: &Json, causes: &mut Causes) {
    let restart = text(spec, "restartPolicy");
    let ended = |status: &Json| get(get(status, "state"), "terminated").is_object();
    for list in ["containerStatuses", "ephemeralContainerStatuses"] {
        for (at, old) in items(before, list).iter().enumerate().filter(|(_, old)| ended(old)) {
            let failed = number(get(get(old, "state"), "terminated"), "exitCode") != Some(0);
            let again = list == "containerStatuses" && (restart == "Always" || restart == "OnFailure" && failed);
            let new = items(status, list).iter().find(|new| text(new, "name") == text(old, "name"));
            if !again && new.is_some_and(|new| !ended(new)) {
                let words = "may not be transitioned to non-terminated state";
                causes.forbidden(&format!("status.{list}[{at}].state"), words);
            }
        }
    }
}

fn addresses(status: &Json, list: &str, causes: &mut Causes) {
    let field = format!("status.{list}");
    let given: Vec<&str> = items(status, list).iter().map(|address| text(address, "ip")).collect();
    if list == "hostIPs"
        && let Some(first) = given.first().filter(|first| **first != text(status, "hostIP"))
    {
        causes.invalid(&format!("{field}[0].ip"), *first, "must be equal to `hostIP`");
    }
    for (at, address) in given.iter().enumerate() {
        pod::check_address(&Json::from(*address), &format!("{field}[{at}]"), causes);
    }
    let families: BTreeSet<bool> = given.iter().map(|address| address.contains(':')).collect();
    if given.len() > 1 && (families.len() != 2 || given.len() > 2) {
        let shown: Vec<Json> = given.iter().map(|address| serde_json::json!({"IP": address})).collect();
        causes.invalid(&field, shown, "may specify no more than one IP for each IP family");
    }
}
