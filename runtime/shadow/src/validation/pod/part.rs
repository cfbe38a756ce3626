//! Parts of a pod that change by requests of their own: its ephemeral containers, the resources of its containers.

use super::super::causes::Causes;
use crate::Json;
use crate::defaults::fields::{drop, get, items, items_mut, object, set, text};
use crate::defaults::prepare::qos_class;

const MIRROR: &str = "kubernetes.io/config.mirror";

/// A pod with other ephemeral containers: more may come, none may go or change.
pub(in crate::validation) fn ephemeral(pod: &Json, old: &Json, causes: &mut Causes) {
    super::check(pod, causes);
    if crate::object::annotation(old, MIRROR).is_some() {
        causes.0.clear();
        return causes.forbidden("", "static pods do not support ephemeral containers");
    }
    const FIELD: &str = "spec.ephemeralContainers";
    let now = items(get(pod, "spec"), "ephemeralContainers");
    for before in items(get(old, "spec"), "ephemeralContainers") {
        let name = text(before, "name");
        match now.iter().find(|container| text(container, "name") == name) {
            None => {
                causes.forbidden(FIELD, &format!("existing ephemeral containers {name:?} may not be removed\n"));
            }
            Some(container) if container != before => {
                causes.forbidden(FIELD, &format!("existing ephemeral containers {name:?} may not be changed\n"));
            }
            Some(_) => {}
        }
    }
}

/// A pod whose containers are to have other resources.
pub(in crate::validation) fn resize(pod: &Json, old: &Json, causes: &mut Causes) {
    super::check(pod, causes);
    let (spec, before) = (get(pod, "spec"), get(old, "spec"));
    let refused = if crate::object::annotation(old, MIRROR).is_some() {
        Some("static pods cannot be resized")
    } else if text(get(before, "os"), "name") == "windows" {
        Some("windows pods cannot be resized")
    } else {
        None
    };
    if let Some(words) = refused {
        causes.0.clear();
        return causes.forbidden("", words);
    }
    let class = text(get(old, "status"), "qosClass");
    if class != qos_class(pod) {
        let words = "Pod QOS Class may not change as a result of resizing";
        causes.invalid("spec", text(get(pod, "status"), "qosClass"), words);
    }
    if is_reordered(spec, before, causes) {
        return;
    }
    for list in ["initContainers", "containers"] {
        for (at, (container, before)) in items(spec, list).iter().zip(items(before, list)).enumerate() {
            for kind in ["requests", "limits"] {
                let amounts = |container: &'_ Json| get(get(container, "resources"), kind).clone();
                let (new, had) = (amounts(container), amounts(before));
                if had.as_object().into_iter().flatten().any(|(name, _)| new.get(name).is_none()) {
                    let field = format!("spec.{list}[{at}].resources.{kind}");
                    causes.forbidden(&field, &format!("resource {kind} cannot be removed"));
                }
            }
        }
    }
    for (container, before) in items(spec, "containers").iter().zip(items(before, "containers")) {
        if fixed(container, before) != *before {
            causes.forbidden("spec", "only cpu and memory resources are mutable");
        }
    }
    for (at, (container, old)) in items(spec, "initContainers").iter().zip(items(before, "initContainers")).enumerate()
    {
        if fixed(container, old) != *old {
            let words = "only cpu and memory resources for init or sidecar containers are mutable";
            causes.forbidden(&format!("spec.initContainers[{at}]"), words);
        }
    }
    if causes.0.is_empty() && rest(spec) != rest(before) {
        causes.forbidden("spec", "only cpu and memory resources are mutable");
    }
}

fn is_reordered(spec: &Json, before: &Json, causes: &mut Causes) -> bool {
    let count = causes.0.len();
    for list in ["initContainers", "containers"] {
        let (new, old) = (items(spec, list), items(before, list));
        if new.len() != old.len() {
            causes.forbidden(&format!("spec.{list}"), "containers may not be added or removed on resize");
            continue;
        }
        for (at, _) in new.iter().zip(old).enumerate().filter(|(_, (new, old))| text(new, "name") != text(old, "name"))
        {
            let words = "containers may not be renamed or reordered on resize";
            causes.forbidden(&format!("spec.{list}[{at}].name"), words);
        }
    }
    causes.0.len() > count
}

/// The container with the CPU and memory that it had.
fn fixed(container: &Json, before: &Json) -> Json {
    let mut container = container.clone();
    if let Some(resources) = object(&mut container, "resources") {
        for list in ["limits", "requests"] {
            let had = get(get(before, "resources"), list);
            let mut amounts = get(resources, list).as_object().cloned().unwrap_or_default();
            for name in ["cpu", "memory"] {
                match had.get(name) {
                    Some(amount) => std::mem::drop(amounts.insert(name.to_owned(), amount.clone())),
                    None => std::mem::drop(amounts.shift_remove(name)),
                }
            }
            if amounts.is_empty() {
                drop(resources, list);
            } else {
                set(resources, list, Json::Object(amounts));
            }
        }
    }
    container
}

/// A spec without the resources of its containers.
fn rest(spec: &Json) -> Json {
    let mut spec = spec.clone();
    for list in ["containers", "initContainers"] {
        items_mut(&mut spec, list).for_each(|container| std::mem::drop(drop(container, "resources")));
    }
    spec
}
