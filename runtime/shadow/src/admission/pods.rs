//! What is done to new pods: service account, priority, tolerations, runtime class. And new nodes, which are not ready.

use std::sync::Arc;

use serde_json::{Map, json};

use super::Request;
use crate::defaults::fields::{drop, entries, get, items, items_mut, map, number, object, set, text, truth};
use crate::go::quote;
use crate::world::Objects;
use crate::{ApiError, Json};

const TOKENS: &str = "/var/run/secrets/kubernetes.io/serviceaccount";
const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";

pub(super) fn create(request: &Request<'_>, pod: &mut Json, objects: &dyn Objects) -> Result<(), ApiError> {
    service_account(request, pod, objects)?;
    priority(request, pod, objects)?;
    tolerate_lost_nodes(pod);
    runtime_class(request, pod, objects)
}

/// What a client leaves out of an update stays as it was filled in.
pub(super) fn update(request: &Request<'_>, old: &Json, pod: &mut Json) {
    if !request.is("", "pods") {
        return;
    }
    let before = get(old, "spec");
    if let Some(spec) = pod.get_mut("spec") {
        for name in ["priority", "preemptionPolicy"] {
            if let (None, Some(value)) = (spec.get(name), before.get(name)) {
                set(spec, name, value.clone());
            }
        }
    }
}

fn service_account(request: &Request<'_>, pod: &mut Json, objects: &dyn Objects) -> Result<(), ApiError> {
    if crate::object::annotation(pod, "kubernetes.io/config.mirror").is_some() {
        return Ok(());
    }
    let given = pod.pointer("/spec/serviceAccountName").and_then(Json::as_str).unwrap_or_default();
    let name = if given.is_empty() { "default".to_owned() } else { given.to_owned() };
    let Some(account) = objects.get("serviceaccounts", request.namespace, &name) else {
        let at = format!("{}/{name}", request.namespace);
        let wrong = crate::validation::names::path_segment(&name);
        let why = if wrong.is_empty() {
            format!("serviceaccount {} not found", quote(&name))
        } else {
            format!("invalid resource name {}: [{}]", quote(&name), wrong.join(" "))
        };
        let why = format!("error looking up service account {at}: {why}");
        return request.forbid(pod, why);
    };
    let pod_name = crate::object::name(pod).to_owned();
    let Some(spec) = pod.get_mut("spec") else { return Ok(()) };
    set(spec, "serviceAccountName", name.clone());
    set(spec, "serviceAccount", name);
    let automount = get(spec, "automountServiceAccountToken").as_bool();
    let automount = automount.or_else(|| get(&account, "automountServiceAccountToken").as_bool()).unwrap_or(true);
    if automount {
        let chance = objects.chance(&["token-volume", request.namespace, &pod_name]);
        mount_token(spec, &suffix(chance));
    }
    if items(spec, "imagePullSecrets").is_empty() && !items(&account, "imagePullSecrets").is_empty() {
        set(spec, "imagePullSecrets", get(&account, "imagePullSecrets").clone());
    }
    Ok(())
}

/// Five letters, as generated names end.
fn suffix(mut chance: u64) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut letters = String::new();
    for _ in 0..5 {
        let at = usize::try_from(chance % 27).unwrap_or_default();
        letters.push(LETTERS.get(at).map_or('x', |letter| char::from(*letter)));
        chance /= 27;
    }
    letters
}

fn mount_token(spec: &mut Json, suffix: &str) {
    let existing = items(spec, "volumes").iter().map(|volume| text(volume, "name"));
    let existing = existing.into_iter().find(|name| name.starts_with("kube-api-access-")).map(str::to_owned);
    let name = existing.clone().unwrap_or_else(|| format!("kube-api-access-{suffix}"));
    let mut needed = false;
    for list in ["initContainers", "containers"] {
        for container in items_mut(spec, list) {
            let mut mounts = items(container, "volumeMounts").to_vec();
            if mounts.iter().any(|mount| text(mount, "mountPath") == TOKENS) {
                continue;
            }
            mounts.push(json!({"name": name, "readOnly": true, "mountPath": TOKENS}));
            set(container, "volumeMounts", mounts);
            needed = true;
        }
    }
    if existing.is_none() && needed {
        let mut volumes = items(spec, "volumes").to_vec();
        let namespace =
            json!({"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}});
        let authority = json!({"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]});
        let sources = json!([
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": authority},
            {"downwardAPI": {"items": [namespace]}},
        ]);
        volumes.push(json!({"name": name, "projected": {"sources": sources, "defaultMode": 0o644}}));
        set(spec, "volumes", volumes);
    }
}

/// The class that pods without one get.
fn default_class(objects: &dyn Objects) -> Option<Arc<Json>> {
    let classes = objects.list("priorityclasses.scheduling.k8s.io", None);
    let marked = classes.into_iter().filter(|class| truth(class, "globalDefault"));
    marked.min_by_key(|class| number(class, "value").unwrap_or_default())
}

fn priority(request: &Request<'_>, pod: &mut Json, objects: &dyn Objects) -> Result<(), ApiError> {
    let given = pod.pointer("/spec/priorityClassName").and_then(Json::as_str).unwrap_or_default().to_owned();
    let class = if given.is_empty() {
        default_class(objects)
    } else {
        match objects.get("priorityclasses.scheduling.k8s.io", "", &given) {
            Some(class) => Some(class),
            None => return request.forbid(pod, format!("no PriorityClass with name {given} was found")),
        }
    };
    let value = class.as_ref().and_then(|class| number(class, "value")).unwrap_or_default();
    let preemption = match &class {
        Some(class) => text(class, "preemptionPolicy").to_owned(),
        None => "PreemptLowerPriority".to_owned(),
    };
    if let Some(asked) = pod.pointer("/spec/priority").and_then(Json::as_i64).filter(|asked| *asked != value) {
        let why = format!(
            "the integer value of priority ({asked}) must not be provided in pod spec; \
             priority admission controller computed {value} from the given PriorityClass name"
        );
        return request.forbid(pod, why);
    }
    let asked = pod.pointer("/spec/preemptionPolicy").and_then(Json::as_str).unwrap_or_default();
    if !asked.is_empty() && !preemption.is_empty() && asked != preemption {
        let why = format!(
            "the string value of PreemptionPolicy ({asked}) must not be provided in pod spec; \
             priority admission controller computed {preemption} from the given PriorityClass name"
        );
        return request.forbid(pod, why);
    }
    let Some(spec) = pod.get_mut("spec") else { return Ok(()) };
    if let (true, Some(class)) = (given.is_empty(), class) {
        set(spec, "priorityClassName", crate::object::name(&class));
    }
    set(spec, "priority", value);
    if !preemption.is_empty() {
        set(spec, "preemptionPolicy", preemption);
    }
    Ok(())
}

/// Pods stay for five minutes on nodes that are lost, unless they say otherwise.
pub(super) fn tolerate_lost_nodes(pod: &mut Json) {
    let Some(spec) = pod.get_mut("spec") else { return };
    let mut tolerations = items(spec, "tolerations").to_vec();
    for key in [NOT_READY, UNREACHABLE] {
        let tolerated = items(spec, "tolerations").iter().any(|toleration| {
            matches!(text(toleration, "effect"), "" | "NoExecute") && [key, ""].contains(&text(toleration, "key"))
        });
        if !tolerated {
            let mut toleration = Map::new();
            toleration.insert("key".into(), key.into());
            toleration.insert("operator".into(), "Exists".into());
            toleration.insert("effect".into(), "NoExecute".into());
            toleration.insert("tolerationSeconds".into(), 300.into());
            tolerations.push(Json::Object(toleration));
        }
    }
    set(spec, "tolerations", tolerations);
}

fn runtime_class(request: &Request<'_>, pod: &mut Json, objects: &dyn Objects) -> Result<(), ApiError> {
    let Some(name) = pod.pointer("/spec/runtimeClassName").and_then(Json::as_str) else { return Ok(()) };
    let Some(class) = objects.get("runtimeclasses.node.k8s.io", "", name) else {
        return request.forbid(pod, format!("pod rejected: RuntimeClass {name:?} not found"));
    };
    if let Some(overhead) = class.pointer("/overhead/podFixed").filter(|fixed| fixed.is_object()) {
        let asked = get(get(pod, "spec"), "overhead");
        if asked.as_object().is_some_and(|list| !list.is_empty()) && asked != overhead {
            return request.forbid(pod, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
        }
        if let Some(spec) = object(pod, "spec") {
            set(spec, "overhead", overhead.clone());
        }
    }
    let scheduling = get(&class, "scheduling");
    for (key, value) in entries(scheduling, "nodeSelector") {
        let value = value.as_str().unwrap_or_default();
        let own = get(get(get(pod, "spec"), "nodeSelector"), key).as_str();
        if let Some(own) = own.filter(|own| *own != value) {
            let why = format!(
                "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own}"
            );
            return request.forbid(pod, why);
        }
    }
    let Some(spec) = pod.get_mut("spec") else { return Ok(()) };
    if entries(scheduling, "nodeSelector").next().is_some()
        && let Some(selector) = map(spec, "nodeSelector")
    {
        entries(scheduling, "nodeSelector").for_each(|(key, value)| {
            selector.insert(key.clone(), value.clone());
        });
        selector.sort_keys();
    }
    let mut tolerations = items(spec, "tolerations").to_vec();
    for toleration in items(scheduling, "tolerations") {
        if !tolerations.contains(toleration) {
            tolerations.push(toleration.clone());
        }
    }
    set(spec, "tolerations", tolerations);
    Ok(())
}

/// What is judged of pods, priority classes and so on once they are otherwise fine.
pub(super) fn check(
    request: &Request<'_>,
    object: &Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<(), ApiError> {
    match (request.group, request.resource) {
        ("", "pods") if old.is_none() => {
            let spec = get(object, "spec");
            let class = objects.get("runtimeclasses.node.k8s.io", "", text(spec, "runtimeClassName"));
            let fixed = class.is_some_and(|class| class.pointer("/overhead/podFixed").is_some());
            if spec.get("overhead").is_some() && !fixed {
                let why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead";
                return request.forbid(object, why);
            }
            Ok(())
        }
        ("scheduling.k8s.io", "priorityclasses") if truth(object, "globalDefault") => {
            match default_class(objects).map(|class| crate::object::name(&class).to_owned()) {
                Some(other) if old.is_none() || other != crate::object::name(object) => {
                    let why = format!("PriorityClass {other} is already marked as default. Only one default can exist");
                    request.forbid(object, why)
                }
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// A new node is not ready, whatever it says.
pub(super) fn taint_new_node(node: &mut Json) {
    let Some(spec) = object(node, "spec") else { return };
    let mut taints = items(spec, "taints").to_vec();
    let has = |taint: &Json| text(taint, "key") == NOT_READY && text(taint, "effect") == "NoSchedule";
    if !taints.iter().any(has) {
        taints.push(json!({"key": NOT_READY, "effect": "NoSchedule"}));
        set(spec, "taints", taints);
    }
    drop(spec, "configSource");
}
