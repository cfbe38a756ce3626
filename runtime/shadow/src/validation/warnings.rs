//! What the API server says of an object that it takes nevertheless: fields that do nothing, that hide each other, that are
//! deprecated.

mod pod;
mod tls;

use super::names;
use super::short;
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text};
use crate::quantity::Quantity;

/// The warnings about a new or changed object of a built-in kind.
pub(crate) fn warnings(group: &str, kind: &str, object: &Json, old: Option<&Json>) -> Vec<String> {
    let spec = get(object, "spec");
    let mut said = Vec::new();
    let all = &mut said;
    let generation = |object: &Json| number(get(object, "metadata"), "generation");
    // Templates are looked at when they may have changed.
    let anew = old.is_none_or(|old| generation(old) != generation(object));
    match (short(group), kind) {
        ("core", "Pod") => pod::warn("", spec, get(object, "metadata"), all),
        ("core", "Service") => service(object, all),
        ("core", "Secret") if text(object, "type") == "kubernetes.io/tls" => all.extend(tls::warn(get(object, "data"))),
        ("core", "PersistentVolume") => volume(object, all),
        ("core", "PersistentVolumeClaim") => {
            deprecated_annotations(object, all);
            claim(spec, "spec", all);
        }
        ("core", "ResourceQuota") if old.is_none() => quota(get(spec, "hard"), all),
        ("core", "ReplicationController") | ("apps", "Deployment") => {
            if old.is_none() {
                name(object, all);
            }
            if anew {
                template(spec, "spec.template.", all);
            }
        }
        ("apps", "ReplicaSet" | "DaemonSet") if anew => {
            if kind == "ReplicaSet" && old.is_none() {
                name(object, all);
            }
            template(spec, "spec.template.", all);
        }
        ("apps", "StatefulSet") => {
            if anew {
                template(spec, "spec.template.", all);
            }
            let below = if old.is_some() { ".Spec" } else { "" };
            for (at, template) in items(spec, "volumeClaimTemplates").iter().enumerate() {
                claim(get(template, "spec"), &format!("spec.volumeClaimTemplates[{at}]{below}"), all);
            }
            if number(spec, "revisionHistoryLimit").is_some_and(|limit| limit < 0) {
                let what = "a negative value retains all historical revisions; a value >= 0 is recommended";
                all.push(format!("spec.revisionHistoryLimit: {what}"));
            }
        }
        ("batch", "Job") => {
            if old.is_none() {
                name(object, all);
            }
            if anew {
                template(spec, "spec.template.", all);
            }
        }
        ("batch", "CronJob") => {
            if old.is_none() {
                name(object, all);
            }
            if anew {
                template(get(get(spec, "jobTemplate"), "spec"), "spec.jobTemplate.spec.template.", all);
            }
            if old.is_some() && text(spec, "schedule").contains("TZ") {
                all.push(
                    "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
                     https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
                        .into(),
                );
            }
        }
        ("networking", "Ingress") if old.is_none() => {
            let class = "kubernetes.io/ingress.class";
            if crate::object::annotation(object, class).is_some() && spec.get("ingressClassName").is_none() {
                all.push(format!("annotation {class:?} is deprecated, please use 'spec.ingressClassName' instead"));
            }
        }
        ("storage", "StorageClass") => topologies(object, all),
        _ => {}
    }
    said
}

fn template(spec: &Json, at: &str, all: &mut Vec<String>) {
    let template = get(spec, "template");
    pod::warn(at, get(template, "spec"), get(template, "metadata"), all);
}

/// Names that pods take over should be labels of DNS.
fn name(object: &Json, all: &mut Vec<String>) {
    let wrong = names::dns_label(crate::object::name(object));
    if !wrong.is_empty() {
        all.push(format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label \
             is recommended: [{}]",
            wrong.join(" ")
        ));
    }
}

fn service(object: &Json, all: &mut Vec<String>) {
    let spec = get(object, "spec");
    let mut say = |what: &str| all.push(what.to_owned());
    if crate::object::annotation(object, "service.kubernetes.io/topology-aware-hints").is_some() {
        say("annotation service.kubernetes.io/topology-aware-hints is deprecated, please use \
             service.kubernetes.io/topology-mode instead");
    }
    let kind = text(spec, "type");
    let headless = kind == "ClusterIP" && text(spec, "clusterIP") == "None";
    let external = !items(spec, "externalIPs").is_empty();
    if headless {
        if !text(spec, "loadBalancerIP").is_empty() {
            say("spec.loadBalancerIP is ignored for headless services");
        }
        if external {
            say("spec.externalIPs is ignored for headless services");
        }
        if text(spec, "sessionAffinity") != "None" {
            say("spec.SessionAffinity is ignored for headless services");
        }
    }
    if external && !headless && kind != "ExternalName" {
        say("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
    }
    if kind == "ExternalName" && external {
        say("spec.externalIPs is ignored when spec.type is \"ExternalName\"");
    }
    if kind != "ExternalName" && !text(spec, "externalName").is_empty() {
        say("spec.externalName is ignored when spec.type is not \"ExternalName\"");
    }
    if text(spec, "trafficDistribution") == "PreferClose" {
        say("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"");
    }
}

fn deprecated_annotations(object: &Json, all: &mut Vec<String>) {
    for (key, instead) in [
        (
            "volume.beta.kubernetes.io/storage-class",
            "deprecated since v1.8; use \"storageClassName\" attribute instead",
        ),
        ("volume.beta.kubernetes.io/mount-options", "deprecated since v1.31; use \"mountOptions\" attribute instead"),
    ] {
        let claims = crate::object::text(object, "/kind") == Some("PersistentVolumeClaim");
        if crate::object::annotation(object, key).is_some() && !(claims && key.ends_with("mount-options")) {
            all.push(format!("metadata.annotations[{key}]: {instead}"));
        }
    }
}

fn volume(object: &Json, all: &mut Vec<String>) {
    let spec = get(object, "spec");
    deprecated_annotations(object, all);
    if text(spec, "persistentVolumeReclaimPolicy") == "Recycle" {
        all.push(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended \
             approach is to use dynamic provisioning."
                .into(),
        );
    }
    let required = get(get(spec, "nodeAffinity"), "required");
    for (at, term) in items(required, "nodeSelectorTerms").iter().enumerate() {
        let at = format!("spec.nodeAffinity.required.nodeSelectorTerms[{at}]");
        pod::node_term(term, false, &at, all);
    }
    pod::former_volumes(spec, "spec", all);
}

/// Storage in parts of a byte.
fn claim(spec: &Json, at: &str, all: &mut Vec<String>) {
    for list in ["requests", "limits"] {
        if let Some(value) = fraction(get(get(spec, "resources"), list), "storage") {
            all.push(format!(
                "{at}.resources.{list}[storage]: fractional byte value {value:?} is invalid, must be an integer"
            ));
        }
    }
}

/// A quantity that is no whole number.
fn fraction(list: &Json, name: &str) -> Option<String> {
    let value = list.get(name)?.as_str()?;
    Quantity::parse(value).is_ok_and(|quantity| !quantity.is_whole()).then(|| value.to_owned())
}

fn quota(hard: &Json, all: &mut Vec<String>) {
    for name in ["cpu", "memory", "ephemeral-storage"] {
        let given = |name: String| hard.get(&name).and_then(Json::as_str).map(|value| (name, value));
        let bare = || (name != "ephemeral-storage").then(|| given(name.to_owned())).flatten();
        let request = given(format!("requests.{name}")).or_else(bare);
        if let (Some((request, asked)), Some((limit, most))) = (request, given(format!("limits.{name}")))
            && let (Ok(more), Ok(less)) = (Quantity::parse(asked), Quantity::parse(most))
            && more > less
        {
            all.push(format!("ResourceQuota {request} ({asked}) should be less than {limit} ({most})"));
        }
    }
}

fn topologies(object: &Json, all: &mut Vec<String>) {
    for (at, topology) in items(object, "allowedTopologies").iter().enumerate() {
        for (place, expression) in items(topology, "matchLabelExpressions").iter().enumerate() {
            if let Some(instead) = pod::former_label(text(expression, "key")) {
                all.push(format!("allowedTopologies[{at}].matchLabelExpressions[{place}].key: {instead}"));
            }
        }
    }
}

/// The keys of a map, in order.
fn keys<'a>(of: &'a Json, name: &str) -> Vec<&'a str> {
    let mut keys: Vec<&str> = entries(of, name).map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    keys
}
