//! Pods and templates of pods.

use std::collections::BTreeMap;

use super::addresses::warn_of_address;
use super::{claim, deprecated_label, fraction, node_selector_term, overlaps};
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text};
use crate::object::annotation;

const NO_SELECTOR: &str = "a null labelSelector results in matching no pod";

/// What there is to say of a pod; `path` is empty for a pod itself, and ends with a dot for a template.
pub(super) fn warn(path: &str, pod: &Json, said: &mut Vec<String>) {
    let (spec, at) = (get(pod, "spec"), format!("{path}spec"));
    for (key, _) in entries(spec, "nodeSelector") {
        said.extend(deprecated_label(key).map(|why| format!("{at}.nodeSelector[{key}]: {why}")));
    }
    let affinity = get(spec, "affinity");
    node_affinity(&format!("{at}.affinity.nodeAffinity"), get(affinity, "nodeAffinity"), said);
    for (i, constraint) in items(spec, "topologySpreadConstraints").iter().enumerate() {
        let (at, key) = (format!("{at}.topologySpreadConstraints[{i}]"), text(constraint, "topologyKey"));
        said.extend(deprecated_label(key).map(|why| format!("{at}.topologyKey: {key} is {why}")));
        if constraint.get("labelSelector").is_none() {
            said.push(format!("{at}.labelSelector: {NO_SELECTOR}"));
        }
    }
    for (key, why) in [
        ("scheduler.alpha.kubernetes.io/critical-pod", "v1.16+; use the \"priorityClassName\" field instead"),
        ("security.alpha.kubernetes.io/sysctls", "v1.11+; use the \"sysctls\" field instead"),
        ("security.alpha.kubernetes.io/unsafe-sysctls", "v1.11+; use the \"sysctls\" field instead"),
    ] {
        if annotation(pod, key).is_some() {
            said.push(format!("{path}metadata.annotations[{key}]: non-functional in {why}"));
        }
    }
    volumes(&format!("{at}.volumes"), items(spec, "volumes"), said);
    overlaps::warn(items(spec, "volumes"), said);
    lists(&at, spec, said);
    for resource in ["memory", "ephemeral-storage"] {
        fraction(&format!("{at}.overhead"), get(spec, "overhead"), resource, said);
    }
    let seccomp = "seccomp.security.alpha.kubernetes.io/pod";
    if get(spec, "securityContext").get("seccompProfile").is_none() && annotation(pod, seccomp).is_some() {
        said.push(without_seccomp(path, seccomp));
    }
    for (at, container) in containers(&at, spec) {
        of_container(path, pod, &at, container, said);
    }
    ports(&at, spec, said);
    if number(spec, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0) {
        let why = "must be >= 0; negative values are invalid and will be treated as 1";
        said.push(format!("{at}.terminationGracePeriodSeconds: {why}"));
    }
    for field in ["podAffinity", "podAntiAffinity"] {
        pod_affinity(&format!("{at}.affinity.{field}"), get(affinity, field), said);
    }
    for (i, server) in items(get(spec, "dnsConfig"), "nameservers").iter().filter_map(Json::as_str).enumerate() {
        warn_of_address(&format!("{at}.dnsConfig.nameservers[{i}]"), server, said);
    }
    for (i, alias) in items(spec, "hostAliases").iter().enumerate() {
        warn_of_address(&format!("{at}.hostAliases[{i}].ip"), text(alias, "ip"), said);
    }
}

/// The containers of every kind, with their paths.
fn containers<'a>(at: &str, spec: &'a Json) -> Vec<(String, &'a Json)> {
    let lists = ["initContainers", "containers", "ephemeralContainers"].into_iter();
    let all = lists.flat_map(|list| items(spec, list).iter().enumerate().map(move |(i, c)| (list, i, c)));
    all.map(|(list, i, container)| (format!("{at}.{list}[{i}]"), container)).collect()
}

fn node_affinity(at: &str, affinity: &Json, said: &mut Vec<String>) {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    for (i, term) in items(get(affinity, required), "nodeSelectorTerms").iter().enumerate() {
        node_selector_term(&format!("{at}.{required}.nodeSelectorTerms[{i}]"), term, false, said);
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    for (i, term) in items(affinity, preferred).iter().enumerate() {
        node_selector_term(&format!("{at}.{preferred}[{i}].preference"), get(term, "preference"), true, said);
    }
}

fn pod_affinity(at: &str, affinity: &Json, said: &mut Vec<String>) {
    for (list, part) in [
        ("requiredDuringSchedulingIgnoredDuringExecution", ""),
        ("preferredDuringSchedulingIgnoredDuringExecution", ".podAffinityTerm"),
    ] {
        for (i, term) in items(affinity, list).iter().enumerate() {
            let inner = if part.is_empty() { term } else { get(term, "podAffinityTerm") };
            if inner.get("labelSelector").is_none() {
                said.push(format!("{at}.{list}[{i}]{part}.labelSelector: {NO_SELECTOR}"));
            }
        }
    }
}

fn volumes(at: &str, volumes: &[Json], said: &mut Vec<String>) {
    for (i, volume) in volumes.iter().enumerate() {
        let template = volume.pointer("/ephemeral/volumeClaimTemplate/spec");
        for (field, name, since) in [
            ("photonPersistentDisk", "photonPersistentDisk", "v1.11, non-functional in v1.16+"),
            ("gitRepo", "gitRepo", "v1.11, and disabled by default in v1.33+"),
            ("scaleIO", "scaleIO", "v1.16, non-functional in v1.22+"),
            ("flocker", "flocker", "v1.22, non-functional in v1.25+"),
            ("storageos", "storageOS", "v1.22, non-functional in v1.25+"),
            ("quobyte", "quobyte", "v1.22, non-functional in v1.25+"),
            ("glusterfs", "glusterfs", "v1.25, non-functional in v1.26+"),
            ("cephfs", "cephfs", "v1.28, non-functional in v1.31+"),
            ("rbd", "rbd", "v1.28, non-functional in v1.31+"),
        ] {
            said.extend(volume.get(field).map(|_| format!("{at}[{i}].{name}: deprecated in {since}")));
        }
        if let Some(spec) = template {
            claim(&format!("{at}[{i}].ephemeral.volumeClaimTemplate.spec"), spec, said);
        }
    }
}

/// What stands twice in lists that name things.
fn lists(at: &str, spec: &Json, said: &mut Vec<String>) {
    for (list, field) in [("hostAliases", "ip"), ("imagePullSecrets", "name")] {
        let values: Vec<&str> = items(spec, list).iter().map(|item| text(item, field)).collect();
        for (i, value) in values.iter().enumerate() {
            if values.iter().take(i).any(|before| before == value) {
                said.push(format!("{at}.{list}[{i}].{field}: duplicate {field} {value:?}"));
            }
        }
    }
    for (i, _) in items(spec, "imagePullSecrets").iter().enumerate().filter(|(_, item)| text(item, "name").is_empty()) {
        said.push(format!("{at}.imagePullSecrets[{i}].name: invalid empty name \"\""));
    }
}

fn without_seccomp(path: &str, key: &str) -> String {
    format!("{path}metadata.annotations[{key}]: non-functional in v1.27+; use the \"seccompProfile\" field instead")
}

fn of_container(path: &str, pod: &Json, at: &str, container: &Json, said: &mut Vec<String>) {
    let name = text(container, "name");
    let context = get(container, "securityContext");
    let seccomp = format!("container.seccomp.security.alpha.kubernetes.io/{name}");
    if context.get("seccompProfile").is_none() && annotation(pod, &seccomp).is_some() {
        said.push(without_seccomp(path, &seccomp));
    }
    let armor = format!("container.apparmor.security.beta.kubernetes.io/{name}");
    let of_pod = pod.pointer("/spec/securityContext/appArmorProfile");
    if let Some(profile) = annotation(pod, &armor).filter(|_| !path.is_empty())
        && context.get("appArmorProfile").is_none()
        && (of_pod.is_none() || of_pod != app_armor(profile).as_ref())
    {
        let why = "deprecated since v1.30; use the \"appArmorProfile\" field instead";
        said.push(format!("{path}metadata.annotations[{armor}]: {why}"));
    }
    for resource in ["memory", "ephemeral-storage"] {
        for list in ["limits", "requests"] {
            fraction(&format!("{at}.resources.{list}"), get(get(container, "resources"), list), resource, said);
        }
    }
    let variables = items(container, "env");
    for (i, variable) in variables.iter().enumerate() {
        let name = text(variable, "name");
        let again = variables.iter().take(i).any(|before| text(before, "name") == name);
        let (value, reference) = (text(variable, "value"), format!("$({name})"));
        let hides = variable.get("valueFrom").is_some() || value == reference || !value.contains(&reference);
        if again && hides {
            said.push(format!(
                "{at}.env[{i}]: hides previous definition of {name:?}, which may be dropped when using apply"
            ));
        }
    }
}

/// The profile that an annotation means.
fn app_armor(annotation: &str) -> Option<Json> {
    match annotation {
        "unconfined" => Some(serde_json::json!({"type": "Unconfined"})),
        "runtime/default" => Some(serde_json::json!({"type": "RuntimeDefault"})),
        other => {
            let profile = other.strip_prefix("localhost/").filter(|profile| !profile.is_empty())?;
            Some(serde_json::json!({"type": "Localhost", "localhostProfile": profile}))
        }
    }
}

fn ports(at: &str, spec: &Json, said: &mut Vec<String>) {
    let all: Vec<(String, &Json)> = containers(at, spec)
        .into_iter()
        .flat_map(|(at, container)| {
            items(container, "ports").iter().enumerate().map(move |(i, port)| (format!("{at}.ports[{i}]"), port))
        })
        .collect();
    let host = |port: &Json| number(port, "hostPort").unwrap_or_default();
    for (place, (path, port)) in all.iter().enumerate() {
        if !text(port, "hostIP").is_empty() && host(port) == 0 {
            said.push(format!(
                "{path}: hostIP set without hostPort: {{Name:{} HostPort:0 ContainerPort:{} Protocol:{} HostIP:{}}}",
                text(port, "name"),
                number(port, "containerPort").unwrap_or_default(),
                text(port, "protocol"),
                text(port, "hostIP")
            ));
        }
        let same = |other: &Json| {
            get(other, "containerPort") == get(port, "containerPort") && get(other, "protocol") == get(port, "protocol")
        };
        for (other_path, other) in all.iter().take(place).filter(|(_, other)| same(other)) {
            let same_address = text(port, "hostIP") == text(other, "hostIP");
            let how = if same_address && host(port) == host(other) {
                "duplicate"
            } else if host(port) == 0 || host(other) == 0 {
                "overlapping"
            } else if host(port) == host(other) && text(port, "hostIP").is_empty() != text(other, "hostIP").is_empty() {
                "dangerously ambiguous"
            } else {
                continue;
            };
            said.push(format!("{path}: {how} port definition with {other_path}"));
        }
    }
    let mut names = BTreeMap::new();
    for (path, port) in &all {
        let name = text(port, "name");
        if name.is_empty() {
            continue;
        }
        match names.get(name) {
            Some(other) => said.push(format!(
                "{path}: duplicate port name {name:?} with {other}, services and probes that select ports by name will use \
                 {other}"
            )),
            None => drop(names.insert(name, path)),
        }
    }
}
