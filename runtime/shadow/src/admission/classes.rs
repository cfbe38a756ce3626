//! Storage and ingress: the classes that are taken where none is named, the finalizers of what may be in use, and whether a
//! claim may grow.

use std::sync::Arc;

use super::Request;
use crate::defaults::fields::{get, items, object, set, text};
use crate::quantity::Quantity;
use crate::world::Objects;
use crate::{ApiError, Json};

pub(super) fn mutate(request: &Request<'_>, of: &mut Json, objects: &dyn Objects) -> Result<(), ApiError> {
    match (request.group, request.resource) {
        ("", "persistentvolumeclaims") => {
            let former = crate::object::annotation(of, "volume.beta.kubernetes.io/storage-class").is_some();
            let named = former || get(get(of, "spec"), "storageClassName").is_string();
            let marks =
                ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
            if !named
                && let Some(class) = default_class(objects, "storageclasses.storage.k8s.io", &marks)
                && let Some(spec) = object(of, "spec")
            {
                set(spec, "storageClassName", crate::object::name(&class));
            }
            protect(of, "kubernetes.io/pvc-protection");
        }
        ("", "persistentvolumes") => protect(of, "kubernetes.io/pv-protection"),
        ("storage.k8s.io", "volumeattributesclasses") => protect(of, "kubernetes.io/vac-protection"),
        ("networking.k8s.io", "ingresses") => {
            let former = crate::object::annotation(of, "kubernetes.io/ingress.class").is_some();
            let named = former || get(get(of, "spec"), "ingressClassName").is_string();
            let mark = ["ingressclass.kubernetes.io/is-default-class"];
            if !named
                && let Some(class) = default_class(objects, "ingressclasses.networking.k8s.io", &mark)
                && let Some(spec) = object(of, "spec")
            {
                set(spec, "ingressClassName", crate::object::name(&class));
            }
        }
        _ => {}
    }
    Ok(())
}

/// The newest class with the mark, by name where they are of one age.
fn default_class(objects: &dyn Objects, resource: &str, marks: &[&str]) -> Option<Arc<Json>> {
    let classes = objects.list(resource, None).into_iter();
    let mut marked: Vec<_> = classes
        .filter(|class| marks.iter().any(|mark| crate::object::annotation(class, mark) == Some("true")))
        .collect();
    let created = |class: &Json| text(get(class, "metadata"), "creationTimestamp").to_owned();
    marked.sort_by_key(|class| (std::cmp::Reverse(created(class)), crate::object::name(class).to_owned()));
    marked.into_iter().next()
}

fn protect(of: &mut Json, finalizer: &str) {
    let Some(metadata) = object(of, "metadata") else { return };
    let mut finalizers = items(metadata, "finalizers").to_vec();
    if !finalizers.iter().any(|f| f == finalizer) {
        finalizers.push(finalizer.into());
        set(metadata, "finalizers", finalizers);
    }
}

/// Whether a claim may grow.
pub(super) fn check(
    request: &Request<'_>,
    claim: &Json,
    old: Option<&Json>,
    objects: &dyn Objects,
) -> Result<(), ApiError> {
    let Some(old) = old.filter(|_| request.is("", "persistentvolumeclaims")) else { return Ok(()) };
    let size = |claim: &Json| {
        let text = claim.pointer("/spec/resources/requests/storage").and_then(Json::as_str).unwrap_or("0");
        Quantity::parse(text).unwrap_or(Quantity::ZERO)
    };
    if size(claim) <= size(old) {
        return Ok(());
    }
    if old.pointer("/status/phase").is_none_or(|phase| phase != "Bound") {
        return request.forbid(claim, "Only bound persistent volume claims can be expanded");
    }
    let class_of = |claim: &Json| {
        let former = crate::object::annotation(claim, "volume.beta.kubernetes.io/storage-class");
        former.unwrap_or_else(|| text(get(claim, "spec"), "storageClassName")).to_owned()
    };
    let name = class_of(claim);
    let class = objects.get("storageclasses.storage.k8s.io", "", &name);
    let grows = class.is_some_and(|class| get(&class, "allowVolumeExpansion") == true);
    if name.is_empty() || name != class_of(old) || !grows {
        let why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must \
                   support resize";
        return request.forbid(claim, why);
    }
    Ok(())
}
