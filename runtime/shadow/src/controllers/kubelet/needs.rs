//! What a pod needs before its containers can start: volumes, ConfigMaps and Secrets.

use super::super::Context;
use super::super::fields::{items, text};
use crate::Json;
use crate::object;

/// What is missing.
pub(super) enum Missing {
    /// A volume cannot be mounted; no container starts.
    Mount(String),
    /// A container's environment cannot be made.
    Config { container: String, message: String },
}

/// The first thing that is missing.
pub(super) fn missing(cx: &Context<'_>, pod: &Json) -> Option<Missing> {
    let namespace = object::namespace(pod);
    let there = |resource: &str, name: &str| cx.world.get(resource, namespace, name).is_some();
    for volume in items(&pod["spec"]["volumes"]) {
        let name = text(&volume["name"]);
        let (kind, resource, wanted) = if volume["configMap"].is_object() {
            ("configmap", "configmaps", &volume["configMap"]["name"])
        } else if volume["secret"].is_object() {
            ("secret", "secrets", &volume["secret"]["secretName"])
        } else {
            continue;
        };
        let optional = volume["configMap"]["optional"] == true || volume["secret"]["optional"] == true;
        let wanted = text(wanted);
        if !optional && !there(resource, wanted) {
            return Some(Missing::Mount(format!(
                "MountVolume.SetUp failed for volume \"{name}\" : {kind} \"{wanted}\" not found"
            )));
        }
    }
    let all = super::containers(pod, "initContainers").iter().chain(super::containers(pod, "containers"));
    for container in all {
        if let Some(message) = unset(cx, namespace, container) {
            return Some(Missing::Config { container: text(&container["name"]).to_owned(), message });
        }
    }
    None
}

/// What a container's environment refers to in vain.
fn unset(cx: &Context<'_>, namespace: &str, container: &Json) -> Option<String> {
    let of = |kind: &str| if kind == "configmap" { "configmaps" } else { "secrets" };
    for from in items(&container["envFrom"]) {
        for (kind, source) in [("configmap", &from["configMapRef"]), ("secret", &from["secretRef"])] {
            let name = text(&source["name"]);
            if source.is_object() && source["optional"] != true && cx.world.get(of(kind), namespace, name).is_none() {
                return Some(format!("{kind} \"{name}\" not found"));
            }
        }
    }
    for variable in items(&container["env"]) {
        let from = &variable["valueFrom"];
        for (kind, word, source) in
            [("configmap", "ConfigMap", &from["configMapKeyRef"]), ("secret", "Secret", &from["secretKeyRef"])]
        {
            if !source.is_object() || source["optional"] == true {
                continue;
            }
            let (name, key) = (text(&source["name"]), text(&source["key"]));
            match cx.world.get(of(kind), namespace, name) {
                None => return Some(format!("{kind} \"{name}\" not found")),
                Some(found) if found["data"][key].is_null() && found["binaryData"][key].is_null() => {
                    return Some(format!("couldn't find key {key} in {word} {namespace}/{name}"));
                }
                Some(_) => {}
            }
        }
    }
    None
}
