//! Where the pods are in what is judged.

use super::Request;
use crate::Json;
use crate::defaults::fields::{get, items, text};

/// The metadata and the spec of a pod, or of the pods that an object makes.
pub(super) fn template<'a>(request: &Request<'_>, object: &'a Json) -> Option<(&'a Json, &'a Json)> {
    let at = match (request.group, request.resource) {
        ("", "pods") => "",
        ("", "podtemplates") => "/template",
        ("", "replicationcontrollers")
        | ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets")
        | ("batch", "jobs") => "/spec/template",
        ("batch", "cronjobs") => "/spec/jobTemplate/spec/template",
        _ => return None,
    };
    let pod = object.pointer(at)?;
    Some((get(pod, "metadata"), get(pod, "spec")))
}

/// Whether a changed pod has other containers, or other images in them.
pub(super) fn runs_something_else(new: &Json, old: &Json) -> bool {
    let differs = |list: &str| {
        let (new, old) = (items(new, list), items(old, list));
        new.len() != old.len() || new.iter().zip(old).any(|(new, old)| get(new, "image") != get(old, "image"))
    };
    let added = items(new, "ephemeralContainers").iter().any(|container| {
        let same = |old: &&Json| text(old, "name") == text(container, "name");
        let before = items(old, "ephemeralContainers").iter().find(same);
        before.is_none_or(|before| get(before, "image") != get(container, "image"))
    });
    differs("containers") || differs("initContainers") || added
}
