//! What the API server accepts, and warns of.

mod addresses;
mod overlaps;
mod pod;

use addresses::{warn_of_address, warn_of_range};

use super::names::dns_label;
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text};
use crate::quantity::{Quantity, milli};

/// What there is to say of a new object of a built-in kind, or of a changed one.
pub(crate) fn of(group: &str, kind: &str, object: &Json, old: Option<&Json>) -> Vec<String> {
    let mut said = Vec::new();
    let all = &mut said;
    let spec = get(object, "spec");
    let generation = |object: &Json| object.pointer("/metadata/generation").cloned();
    let same = old.is_some_and(|old| generation(old) == generation(object));
    match (group, kind) {
        ("", "Pod") if old.is_none() => {
            name(object, "the Pod's hostname", all);
            pod::warn("", object, all);
        }
        ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") | ("", "ReplicationController") => {
            if old.is_none() && !matches!(kind, "StatefulSet" | "DaemonSet") {
                name(object, "Pod names and hostnames", all);
            }
            let unchanged = old.is_some_and(|old| get(get(old, "spec"), "template") == get(spec, "template"));
            let looked_at = kind == "DaemonSet" && unchanged;
            if !same && !looked_at {
                pod::warn("spec.template.", get(spec, "template"), all);
            }
            if kind == "StatefulSet" {
                stateful_set(spec, old.is_some(), all);
            }
        }
        ("", "PodTemplate") if !same => pod::warn("template.", get(object, "template"), all),
        ("batch", "Job" | "CronJob") => {
            if old.is_none() {
                name(object, "Pod names and hostnames", all);
            }
            let (path, job) = match kind {
                "Job" => ("spec", spec),
                _ => ("spec.jobTemplate.spec", get(get(spec, "jobTemplate"), "spec")),
            };
            if !same {
                job_spec(path, job, all);
            }
            if kind == "CronJob" && old.is_some() && text(spec, "schedule").contains("TZ") {
                all.push(
                    "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
                     https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
                        .to_owned(),
                );
            }
        }
        ("", "Service") => service(object, all),
        ("", "Endpoints") => {
            for (i, subset) in items(object, "subsets").iter().enumerate() {
                for list in ["addresses", "notReadyAddresses"] {
                    for (j, address) in items(subset, list).iter().enumerate() {
                        warn_of_address(&format!("subsets[{i}].{list}[{j}].ip"), text(address, "ip"), all);
                    }
                }
            }
        }
        ("", "Secret") if get(object, "type") == "kubernetes.io/tls" => tls(object, all),
        ("", "PersistentVolume") => persistent_volume(object, all),
        ("", "PersistentVolumeClaim") => {
            const CLASS: &str = "volume.beta.kubernetes.io/storage-class";
            if crate::object::annotation(object, CLASS).is_some() {
                let instead = "deprecated since v1.8; use \"storageClassName\" attribute instead";
                all.push(format!("metadata.annotations[{CLASS}]: {instead}"));
            }
            claim("spec", spec, all);
        }
        ("", "ResourceQuota") if old.is_none() => quota(spec, all),
        ("storage.k8s.io", "CSIDriver") => {
            let tokens = get(spec, "tokenRequests");
            let changed = old.is_none_or(|old| get(get(old, "spec"), "tokenRequests") != tokens);
            let any = tokens.as_array().is_some_and(|list| !list.is_empty());
            if any && changed && spec.get("serviceAccountTokenInSecrets").is_none() {
                all.push(
                    "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent \
                     possible logging of tokens in volume attributes"
                        .to_owned(),
                );
            }
        }
        ("storage.k8s.io", "StorageClass") => {
            for (i, topology) in items(object, "allowedTopologies").iter().enumerate() {
                for (j, rule) in items(topology, "matchLabelExpressions").iter().enumerate() {
                    if let Some(why) = deprecated_label(text(rule, "key")) {
                        all.push(format!("allowedTopologies[{i}].matchLabelExpressions[{j}].key: {why}"));
                    }
                }
            }
        }
        ("node.k8s.io", "RuntimeClass") => {
            for (key, _) in entries(get(object, "scheduling"), "nodeSelector") {
                all.extend(deprecated_label(key).map(|why| format!("scheduling.nodeSelector: {why}")));
            }
        }
        ("networking.k8s.io", "Ingress") if old.is_none() => {
            const CLASS: &str = "kubernetes.io/ingress.class";
            if crate::object::annotation(object, CLASS).is_some() && spec.get("ingressClassName").is_none() {
                all.push(format!("annotation \"{CLASS}\" is deprecated, please use 'spec.ingressClassName' instead"));
            }
        }
        ("networking.k8s.io", "NetworkPolicy") => network_policy(spec, all),
        _ => {}
    }
    said
}

/// What there is to say of a status that was written.
pub(crate) fn of_status(group: &str, kind: &str, object: &Json) -> Vec<String> {
    let mut said = Vec::new();
    let status = get(object, "status");
    match (group, kind) {
        ("", "Pod") => {
            for list in ["podIPs", "hostIPs"] {
                for (i, address) in items(status, list).iter().enumerate() {
                    warn_of_address(&format!("status.{list}[{i}].ip"), text(address, "ip"), &mut said);
                }
            }
        }
        ("", "Service") | ("networking.k8s.io", "Ingress") => {
            for (i, place) in items(get(status, "loadBalancer"), "ingress").iter().enumerate() {
                let address = text(place, "ip");
                if !address.is_empty() {
                    warn_of_address(&format!("status.loadBalancer.ingress[{i}]"), address, &mut said);
                }
            }
        }
        _ => {}
    }
    said
}

/// Names that are no DNS label, where they get into hostnames.
fn name(object: &Json, place: &str, said: &mut Vec<String>) {
    let wrong = dns_label(crate::object::name(object));
    if !wrong.is_empty() {
        said.push(format!(
            "metadata.name: this is used in {place}, which can result in surprising behavior; a DNS label is recommended: \
             [{}]",
            wrong.join(" ")
        ));
    }
}

/// Labels of nodes that were once used.
fn deprecated_label(key: &str) -> Option<&'static str> {
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

/// A term of a node selector; `values` says whether its values are looked at as well.
fn node_selector_term(path: &str, term: &Json, values: bool, said: &mut Vec<String>) {
    for (i, rule) in items(term, "matchExpressions").iter().enumerate() {
        let key = text(rule, "key");
        if let Some(why) = deprecated_label(key) {
            said.push(format!("{path}.matchExpressions[{i}].key: {key} is {why}"));
        }
        for (j, value) in items(rule, "values").iter().filter_map(Json::as_str).enumerate().filter(|_| values) {
            for wrong in super::names::label_value(value) {
                said.push(format!("{path}.matchExpressions[{i}].values[{j}]: {value} is invalid, {wrong}"));
            }
        }
    }
}

/// An amount of bytes that is no whole number.
fn fraction(path: &str, amounts: &Json, resource: &str, said: &mut Vec<String>) {
    let Some(amount) = amounts.get(resource) else { return };
    if milli(amount).is_some_and(|milli| milli % 1000 != 0) {
        said.push(format!("{path}[{resource}]: fractional byte value {amount} is invalid, must be an integer"));
    }
}

fn claim(path: &str, spec: &Json, said: &mut Vec<String>) {
    for list in ["requests", "limits"] {
        fraction(&format!("{path}.resources.{list}"), get(get(spec, "resources"), list), "storage", said);
    }
}

fn stateful_set(spec: &Json, updated: bool, said: &mut Vec<String>) {
    let part = if updated { ".Spec" } else { "" };
    for (i, template) in items(spec, "volumeClaimTemplates").iter().enumerate() {
        claim(&format!("spec.volumeClaimTemplates[{i}]{part}"), get(template, "spec"), said);
    }
    if number(spec, "revisionHistoryLimit").is_some_and(|limit| limit < 0) {
        said.push(
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"
                .to_owned(),
        );
    }
}

fn job_spec(path: &str, spec: &Json, said: &mut Vec<String>) {
    let of = |field: &str| number(spec, field).unwrap_or_default();
    if text(spec, "completionMode") == "Indexed" && of("completions") > 100_000 && of("parallelism") > 10_000 {
        said.push(format!(
            "{path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, \
             Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
        ));
    }
    pod::warn(&format!("{path}.template."), get(spec, "template"), said);
}

fn service(object: &Json, said: &mut Vec<String>) {
    let spec = get(object, "spec");
    let (kind, external) = (text(spec, "type"), items(spec, "externalIPs"));
    let headless = kind == "ClusterIP" && text(spec, "clusterIP") == "None";
    if crate::object::annotation(object, "service.kubernetes.io/topology-aware-hints").is_some() {
        said.push(
            "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use \
             service.kubernetes.io/topology-mode instead"
                .to_owned(),
        );
    }
    let addresses = |list: &str, said: &mut Vec<String>| {
        for (i, address) in items(spec, list).iter().filter_map(Json::as_str).enumerate() {
            if address != "None" {
                warn_of_address(&format!("spec.{list}[{i}]"), address, said);
            }
        }
    };
    addresses("clusterIPs", said);
    if headless {
        let mut ignored = |field: &str, set: bool| {
            if set {
                said.push(format!("spec.{field} is ignored for headless services"));
            }
        };
        ignored("loadBalancerIP", !text(spec, "loadBalancerIP").is_empty());
        ignored("externalIPs", !external.is_empty());
        ignored("SessionAffinity", text(spec, "sessionAffinity") != "None");
    }
    addresses("externalIPs", said);
    if !external.is_empty() && !headless && kind != "ExternalName" {
        said.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_owned());
    }
    let balancer = text(spec, "loadBalancerIP");
    if !balancer.is_empty() {
        warn_of_address("spec.loadBalancerIP", balancer, said);
    }
    for (i, range) in items(spec, "loadBalancerSourceRanges").iter().filter_map(Json::as_str).enumerate() {
        warn_of_range(&format!("spec.loadBalancerSourceRanges[{i}]"), range, said);
    }
    if kind == "ExternalName" && !external.is_empty() {
        said.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    }
    if kind != "ExternalName" && !text(spec, "externalName").is_empty() {
        said.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if text(spec, "trafficDistribution") == "PreferClose" {
        said.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".to_owned());
    }
}

/// A pair of certificate and key in which there is none of either; what they hold is not looked at.
fn tls(secret: &Json, said: &mut Vec<String>) {
    use base64::Engine;
    let holds = |field: &str| {
        let bytes = base64::engine::general_purpose::STANDARD.decode(text(get(secret, "data"), field));
        bytes.is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains("-----BEGIN "))
    };
    if let Some((_, part)) = [("tls.crt", "certificate"), ("tls.key", "key")].iter().find(|(field, _)| !holds(field)) {
        said.push(format!("tls: failed to find any PEM data in {part} input"));
    }
}

fn persistent_volume(object: &Json, said: &mut Vec<String>) {
    for (key, why) in [
        ("storage-class", "deprecated since v1.8; use \"storageClassName\" attribute instead"),
        ("mount-options", "deprecated since v1.31; use \"mountOptions\" attribute instead"),
    ] {
        let key = format!("volume.beta.kubernetes.io/{key}");
        if crate::object::annotation(object, &key).is_some() {
            said.push(format!("metadata.annotations[{key}]: {why}"));
        }
    }
    let spec = get(object, "spec");
    if text(spec, "persistentVolumeReclaimPolicy") == "Recycle" {
        said.push(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended \
             approach is to use dynamic provisioning."
                .to_owned(),
        );
    }
    let terms = items(get(get(spec, "nodeAffinity"), "required"), "nodeSelectorTerms");
    for (i, term) in terms.iter().enumerate() {
        node_selector_term(&format!("spec.nodeAffinity.required.nodeSelectorTerms[{i}]"), term, false, said);
    }
    for (field, since) in [
        ("cephfs", "v1.28, non-functional in v1.31+"),
        ("photonPersistentDisk", "v1.11, non-functional in v1.16+"),
        ("scaleIO", "v1.16, non-functional in v1.22+"),
        ("storageOS", "v1.22, non-functional in v1.25+"),
        ("glusterfs", "v1.25, non-functional in v1.26+"),
        ("rbd", "v1.28, non-functional in v1.31+"),
    ] {
        let there = spec.get(if field == "storageOS" { "storageos" } else { field });
        said.extend(there.map(|_| format!("spec.{field}: deprecated in {since}")));
    }
}

fn quota(spec: &Json, said: &mut Vec<String>) {
    let hard = get(spec, "hard");
    let read = |name: &str| Some((name.to_owned(), Quantity::parse(get(hard, name).as_str()?).ok()?));
    for resource in ["cpu", "memory", "ephemeral-storage"] {
        let request = read(&format!("requests.{resource}"));
        let request = request.or_else(|| read(resource).filter(|_| resource != "ephemeral-storage"));
        if let (Some((asked, request)), Some((limited, limit))) = (request, read(&format!("limits.{resource}")))
            && request > limit
        {
            said.push(format!("ResourceQuota {asked} ({request}) should be less than {limited} ({limit})"));
        }
    }
}

fn network_policy(spec: &Json, said: &mut Vec<String>) {
    for (way, peers) in [("ingress", "from"), ("egress", "to")] {
        for (i, rule) in items(spec, way).iter().enumerate() {
            for (j, peer) in items(rule, peers).iter().enumerate() {
                let Some(block) = peer.get("ipBlock") else { continue };
                let path = format!("spec.{way}[{i}].{peers}[{j}].ipBlock");
                warn_of_range(&format!("{path}.cidr"), text(block, "cidr"), said);
                for (k, except) in items(block, "except").iter().filter_map(Json::as_str).enumerate() {
                    warn_of_range(&format!("{path}.except[{k}]"), except, said);
                }
            }
        }
    }
}
