//! Pods and the templates of pods.

mod container;
mod dns;
mod environment;
mod mount;
mod part;
mod probe;
pub(super) mod resources;
mod scheduling;
mod security;
mod update;
mod volume;

use std::collections::BTreeMap;

pub(super) use container::check_port;
pub(super) use dns::check_address;
pub(super) use part::{ephemeral, resize};
pub(super) use resources::{check_any_name, check_quantity, is_standard};
pub(super) use scheduling::{check_effect, check_node_selector, check_tolerations};
pub(super) use update::update;
pub(super) use volume::check_shared as check_shared_volume;

use super::causes::Causes;
use super::metadata;
use super::names;
use crate::Json;
use crate::defaults::fields::{get, items, number, text, truth};

/// The volumes of a pod, by name.
pub(super) type Volumes<'a> = BTreeMap<&'a str, &'a Json>;

/// A new pod.
pub(super) fn create(pod: &Json, causes: &mut Causes) {
    check(pod, causes);
    let spec = get(pod, "spec");
    if !items(spec, "ephemeralContainers").is_empty() {
        causes.forbidden("spec.ephemeralContainers", "cannot be set on create");
    }
    if !text(spec, "nodeName").is_empty() && !items(spec, "schedulingGates").is_empty() {
        causes.forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared");
    }
}

/// What new and changed pods have in common.
fn check(pod: &Json, causes: &mut Causes) {
    let spec = get(pod, "spec");
    check_spec(spec, "spec", &[], true, causes);
    for list in ["containers", "initContainers"] {
        trimmed_images(spec, list, causes);
    }
}

fn trimmed_images(spec: &Json, list: &str, causes: &mut Causes) {
    for (at, container) in items(spec, list).iter().enumerate() {
        let image = text(container, "image");
        if image.trim() != image {
            let words = "must not have leading or trailing whitespace";
            causes.invalid(&format!("spec.{list}[{at}].image"), image, words);
        }
    }
}

/// A template of pods; `claims` are the templates of a StatefulSet's volumes.
pub(super) fn check_template(template: &Json, field: &str, claims: &[Json], causes: &mut Causes) {
    let own = get(template, "metadata");
    metadata::labels(get(own, "labels"), &format!("{field}.labels"), causes);
    metadata::annotations(get(own, "annotations"), &format!("{field}.annotations"), causes);
    let spec = get(template, "spec");
    check_spec(spec, &format!("{field}.spec"), claims, false, causes);
    if !items(spec, "ephemeralContainers").is_empty() {
        let words = "ephemeral containers not allowed in pod template";
        causes.forbidden(&format!("{field}.spec.ephemeralContainers"), words);
    }
}

fn check_spec(spec: &Json, field: &str, claims: &[Json], is_pod: bool, causes: &mut Causes) {
    let mut volumes: Volumes<'_> = claims.iter().map(|claim| (crate::object::name(claim), claim)).collect();
    volume::check(spec, &format!("{field}.volumes"), &mut volumes, causes);
    resources::check_claims(spec, field, causes);
    container::check_all(spec, field, &volumes, causes);
    host_network(spec, field, is_pod, causes);
    let policy = text(spec, "restartPolicy");
    causes.one_of(&format!("{field}.restartPolicy"), policy, &["Always", "OnFailure", "Never"]);
    let policies = ["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"];
    causes.one_of(&format!("{field}.dnsPolicy"), text(spec, "dnsPolicy"), &policies);
    metadata::labels(get(spec, "nodeSelector"), &format!("{field}.nodeSelector"), causes);
    security::check_pod(spec, field, causes);
    scheduling::check_affinity(get(spec, "affinity"), &format!("{field}.affinity"), causes);
    dns::check(spec, field, causes);
    gates(spec, field, causes);
    scheduling::check_spread(spec, &format!("{field}.topologySpreadConstraints"), causes);
    short_names(spec, field, causes);
    if let Some(seconds) = number(spec, "activeDeadlineSeconds").filter(|s| !(1..=i64::from(i32::MAX)).contains(s)) {
        let words = format!("must be between 1 and {}, inclusive", i32::MAX);
        causes.invalid(&format!("{field}.activeDeadlineSeconds"), seconds, &words);
    }
    for name in ["hostname", "subdomain"] {
        let value = text(spec, name);
        if !value.is_empty() {
            causes.each(&format!("{field}.{name}"), value, names::dns_label(value));
        }
    }
    dns::check_host_name(spec, field, causes);
    check_tolerations(spec, &format!("{field}.tolerations"), causes);
    dns::check_host_aliases(spec, field, causes);
    for name in ["priorityClassName", "runtimeClassName"] {
        let value = text(spec, name);
        if spec.get(name).is_some() && (name == "runtimeClassName" || !value.is_empty()) {
            causes.each(&format!("{field}.{name}"), value, names::dns_subdomain(value));
        }
    }
    if let Some(policy) = get(spec, "preemptionPolicy").as_str() {
        causes.one_of(&format!("{field}.preemptionPolicy"), policy, &["PreemptLowerPriority", "Never"]);
    }
    resources::check_overhead(spec, field, causes);
    if let Some(os) = spec.get("os") {
        causes.one_of(&format!("{field}.os"), text(os, "name"), &["linux", "windows"]);
    }
}

fn short_names(spec: &Json, field: &str, causes: &mut Causes) {
    for name in ["serviceAccountName", "nodeName"] {
        let value = text(spec, name);
        if !value.is_empty() {
            causes.each(&format!("{field}.{name}"), value, names::dns_subdomain(value));
        }
    }
}

fn host_network(spec: &Json, field: &str, is_pod: bool, causes: &mut Causes) {
    if !truth(spec, "hostNetwork") {
        return;
    }
    for (at, container) in items(spec, "containers").iter().enumerate() {
        for (port_at, port) in items(container, "ports").iter().enumerate() {
            let host = number(port, "hostPort").unwrap_or_default();
            if (is_pod || host != 0) && Some(host) != number(port, "containerPort") {
                let words = "must match `containerPort` when `hostNetwork` is true";
                causes.invalid(&format!("{field}.containers[{at}].ports[{port_at}].hostPort"), host, words);
            }
        }
    }
}

fn gates(spec: &Json, field: &str, causes: &mut Causes) {
    for (at, gate) in items(spec, "readinessGates").iter().enumerate() {
        let condition = text(gate, "conditionType");
        let field = format!("{field}.readinessGates[{at}].conditionType");
        causes.each(&field, condition, names::qualified(condition));
    }
    let mut seen = vec![];
    for (at, gate) in items(spec, "schedulingGates").iter().enumerate() {
        let name = text(gate, "name");
        let field = format!("{field}.schedulingGates[{at}]");
        causes.each(&field, name, names::qualified(name));
        if seen.contains(&name) {
            causes.duplicate(&field, name);
        }
        seen.push(name);
    }
}
