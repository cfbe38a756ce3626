//! Warnings about pods and their templates.

use std::collections::{BTreeMap, BTreeSet};

use super::{fraction, keys};
use crate::Json;
use crate::defaults::fields::{get, items, number, text};

/// `at` is the path of the pod or template, with a dot at its end; empty for a pod.
pub(super) fn warn(at: &str, spec: &Json, metadata: &Json, all: &mut Vec<String>) {
    let spec_at = format!("{at}spec");
    nodes(&spec_at, spec, all);
    annotations(at, metadata, all);
    for (place, volume) in items(spec, "volumes").iter().enumerate() {
        former_volumes(volume, &format!("{spec_at}.volumes[{place}]"), all);
    }
    twice(&spec_at, "hostAliases", "ip", spec, all);
    twice(&spec_at, "imagePullSecrets", "name", spec, all);
    for (place, secret) in items(spec, "imagePullSecrets").iter().enumerate() {
        if text(secret, "name").is_empty() {
            all.push(format!("{spec_at}.imagePullSecrets[{place}].name: invalid empty name \"\""));
        }
    }
    let containers = containers(spec, &spec_at);
    for (at, container) in &containers {
        for list in ["limits", "requests"] {
            for name in ["memory", "ephemeral-storage"] {
                if let Some(value) = fraction(get(get(container, "resources"), list), name) {
                    all.push(format!(
                        "{at}.resources.{list}[{name}]: fractional byte value {value:?} is invalid, must be an integer"
                    ));
                }
            }
        }
        variables(at, container, all);
    }
    ports(&containers, all);
    if number(spec, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        all.push(format!(
            "{spec_at}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"
        ));
    }
    selectors(&spec_at, spec, all);
}

fn containers<'a>(spec: &'a Json, at: &str) -> Vec<(String, &'a Json)> {
    let lists = ["initContainers", "containers", "ephemeralContainers"].into_iter();
    let in_list = |list: &'static str| {
        items(spec, list).iter().enumerate().map(move |(place, container)| (format!("{at}.{list}[{place}]"), container))
    };
    lists.flat_map(in_list).collect()
}

/// What is said of a label of nodes that is no longer the right one.
pub(super) fn former_label(key: &str) -> Option<&'static str> {
    Some(match key {
        "beta.kubernetes.io/arch" => "deprecated since v1.14; use \"kubernetes.io/arch\" instead",
        "beta.kubernetes.io/os" => "deprecated since v1.14; use \"kubernetes.io/os\" instead",
        "failure-domain.beta.kubernetes.io/region" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/region\" instead"
        }
        "failure-domain.beta.kubernetes.io/zone" => {
            "deprecated since v1.17; use \"topology.kubernetes.io/zone\" instead"
        }
        "beta.kubernetes.io/instance-type" => {
            "deprecated since v1.17; use \"node.kubernetes.io/instance-type\" instead"
        }
        "app.kubernetes.io/created-by" => "deprecated since v1.9",
        "scheduler.alpha.kubernetes.io/preferAvoidPods" => "deprecated since v1.22; use Taints and Tolerations instead",
        "node-role.kubernetes.io/master" => "use \"node-role.kubernetes.io/control-plane\" instead",
        _ => return None,
    })
}

fn nodes(at: &str, spec: &Json, all: &mut Vec<String>) {
    for key in keys(spec, "nodeSelector") {
        if let Some(instead) = former_label(key) {
            all.push(format!("{at}.nodeSelector[{key}]: {instead}"));
        }
    }
    let affinity = get(get(spec, "affinity"), "nodeAffinity");
    let (required, preferred) =
        ("requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution");
    for (place, term) in items(get(affinity, required), "nodeSelectorTerms").iter().enumerate() {
        node_term(term, false, &format!("{at}.affinity.nodeAffinity.{required}.nodeSelectorTerms[{place}]"), all);
    }
    for (place, term) in items(affinity, preferred).iter().enumerate() {
        let at = format!("{at}.affinity.nodeAffinity.{preferred}[{place}].preference");
        node_term(get(term, "preference"), true, &at, all);
    }
    for (place, spread) in items(spec, "topologySpreadConstraints").iter().enumerate() {
        let at = format!("{at}.topologySpreadConstraints[{place}]");
        let key = text(spread, "topologyKey");
        if let Some(instead) = former_label(key) {
            all.push(format!("{at}.topologyKey: {key} is {instead}"));
        }
        if spread.get("labelSelector").is_none() {
            all.push(format!("{at}.labelSelector: a null labelSelector results in matching no pod"));
        }
    }
}

/// A term of a node selector. One without expressions says nothing, which is fit for a requirement only.
pub(super) fn node_term(term: &Json, weighted: bool, at: &str, all: &mut Vec<String>) {
    let (expressions, fields) = (items(term, "matchExpressions"), items(term, "matchFields"));
    if weighted && expressions.is_empty() && fields.is_empty() {
        return;
    }
    for (place, expression) in expressions.iter().enumerate() {
        let key = text(expression, "key");
        if let Some(instead) = former_label(key) {
            all.push(format!("{at}.matchExpressions[{place}].key: {key} is {instead}"));
        }
    }
}

fn annotations(at: &str, metadata: &Json, all: &mut Vec<String>) {
    let annotations = get(metadata, "annotations");
    for (key, instead) in [
        (
            "scheduler.alpha.kubernetes.io/critical-pod",
            "non-functional in v1.16+; use the \"priorityClassName\" field instead",
        ),
        ("security.alpha.kubernetes.io/sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
        ("security.alpha.kubernetes.io/unsafe-sysctls", "non-functional in v1.11+; use the \"sysctls\" field instead"),
        (
            "seccomp.security.alpha.kubernetes.io/pod",
            "non-functional in v1.27+; use the \"seccompProfile\" field instead",
        ),
    ] {
        if annotations.get(key).is_some() {
            all.push(format!("{at}metadata.annotations[{key}]: {instead}"));
        }
    }
}

/// Volumes that Kubernetes itself no longer has a driver for.
pub(super) fn former_volumes(volume: &Json, at: &str, all: &mut Vec<String>) {
    for (kind, since) in [
        ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
        ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
        ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
        ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
        ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
        ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
        ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
        ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
        ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
    ] {
        if volume.get(kind).is_some() {
            let kind = if kind == "storageos" { "storageOS" } else { kind };
            all.push(format!("{at}.{kind}: {since}"));
        }
    }
}

/// Items of a list that say the same.
fn twice(at: &str, list: &str, key: &str, spec: &Json, all: &mut Vec<String>) {
    let mut known = BTreeSet::new();
    for (place, item) in items(spec, list).iter().enumerate() {
        let value = text(item, key);
        if !known.insert(value) {
            all.push(format!("{at}.{list}[{place}].{key}: duplicate {key} {value:?}"));
        }
    }
}

fn variables(at: &str, container: &Json, all: &mut Vec<String>) {
    let mut known = BTreeSet::new();
    for (place, variable) in items(container, "env").iter().enumerate() {
        let (name, value) = (text(variable, "name"), text(variable, "value"));
        let own = format!("$({name})");
        let hides = variable.get("valueFrom").is_some() || value == own || !value.contains(&own);
        if !known.insert(name) && hides {
            all.push(format!(
                "{at}.env[{place}]: hides previous definition of {name:?}, which may be dropped when using apply"
            ));
        }
    }
}

fn ports(containers: &[(String, &Json)], all: &mut Vec<String>) {
    let ports = || {
        containers.iter().flat_map(|(at, container)| {
            items(container, "ports")
                .iter()
                .enumerate()
                .map(move |(place, port)| (format!("{at}.ports[{place}]"), port))
        })
    };
    let mut known: BTreeMap<(Option<i64>, &str), Vec<(String, &Json)>> = BTreeMap::new();
    for (at, port) in ports() {
        let others = known.entry((number(port, "containerPort"), text(port, "protocol"))).or_default();
        let host = |port: &Json| number(port, "hostPort").unwrap_or_default();
        for (other_at, other) in others.iter() {
            let (ip, other_ip) = (text(port, "hostIP"), text(other, "hostIP"));
            let how = if ip == other_ip && host(port) == host(other) {
                "duplicate"
            } else if host(port) == 0 || host(other) == 0 {
                "overlapping"
            } else if host(port) == host(other) && (ip.is_empty() != other_ip.is_empty()) {
                "dangerously ambiguous"
            } else {
                continue;
            };
            all.push(format!("{at}: {how} port definition with {other_at}"));
        }
        others.push((at, port));
    }
    let mut names: BTreeMap<&str, String> = BTreeMap::new();
    for (at, port) in ports().filter(|(_, port)| !text(port, "name").is_empty()) {
        let name = text(port, "name");
        match names.get(name) {
            Some(other) => all.push(format!(
                "{at}: duplicate port name {name:?} with {other}, services and probes that select ports by name will use \
                 {other}"
            )),
            None => drop(names.insert(name, at)),
        }
    }
}

/// Terms that select no pod.
fn selectors(at: &str, spec: &Json, all: &mut Vec<String>) {
    for kind in ["podAffinity", "podAntiAffinity"] {
        let affinity = get(get(spec, "affinity"), kind);
        for (list, below) in [
            ("requiredDuringSchedulingIgnoredDuringExecution", ""),
            ("preferredDuringSchedulingIgnoredDuringExecution", ".podAffinityTerm"),
        ] {
            for (place, term) in items(affinity, list).iter().enumerate() {
                let term = if below.is_empty() { term } else { get(term, "podAffinityTerm") };
                if term.get("labelSelector").is_none() {
                    all.push(format!(
                        "{at}.affinity.{kind}.{list}[{place}]{below}.labelSelector: a null labelSelector results in \
                         matching no pod"
                    ));
                }
            }
        }
    }
}
