//! How far a write reaches into an object: what it cannot change is what it was.

use serde_json::Map;

use super::{Target, meta, strategy};
use crate::Json;
use crate::apply::Reset;
use crate::catalog::ResourceType;

/// The status of a new object is not its client's.
pub(super) fn create(kind: &ResourceType, object: &mut Json) {
    if kind.subresource("status").is_some() && !strategy::brings_status(&kind.name) {
        keep(object, &Json::Null, "status");
    }
}

/// Gives a changed object back what its part (its status, for example) cannot change.
pub(super) fn update(target: &Target<'_>, object: &mut Json, live: &Json) {
    let custom = target.kind.definition.is_some();
    match target.subresource {
        "" if target.kind.subresource("status").is_some() => keep(object, live, "status"),
        "status" if custom => {
            let status = object.get("status").cloned();
            keep_metadata(object, live);
            let metadata = object.get("metadata").cloned();
            *object = live.clone();
            for (key, value) in [("status", status), ("metadata", metadata)] {
                keep(object, &Json::from_iter(value.map(|value| (key, value))), key);
            }
        }
        "status" => {
            keep(object, live, "spec");
            if Reset::status_keeps_metadata(&target.kind.name) {
                keep_metadata(object, live);
            }
            for field in strategy::status_keeps(&target.kind.name) {
                meta::put(object, field, live.pointer(&format!("/metadata/{field}")).cloned());
            }
        }
        "finalize" => keep(object, live, "status"),
        "ephemeralcontainers" => {
            let containers = object.pointer("/spec/ephemeralContainers").cloned();
            keep_all_but_spec(object, live);
            keep(object, live, "spec");
            put_in_spec(object, "ephemeralContainers", containers);
        }
        "resize" => resize(object, live),
        _ => {}
    }
}

/// A resize changes the resources of containers, which stay as they are otherwise; where they do not, validation will say so.
fn resize(object: &mut Json, live: &Json) {
    let lists = ["containers", "initContainers"].map(|list| (list, resized(object, live, list)));
    let same = |list: &str| items(object, list).len() == items(live, list).len();
    if !same("containers") || !same("initContainers") {
        return;
    }
    let whole = object.pointer("/spec/resources").cloned();
    keep_all_but_spec(object, live);
    keep(object, live, "spec");
    put_in_spec(object, "resources", whole);
    for (list, containers) in lists {
        put_in_spec(object, list, containers);
    }
}

fn resized(object: &Json, live: &Json, list: &str) -> Option<Json> {
    let (new, old) = (items(object, list), items(live, list));
    let mut merged = old.to_vec();
    for (container, given) in merged.iter_mut().zip(new) {
        if container.get("name") != given.get("name") {
            return Some(new.into());
        }
        keep(container, given, "resources");
        keep(container, given, "resizePolicy");
    }
    (!merged.is_empty()).then(|| merged.into())
}

fn items<'a>(object: &'a Json, list: &str) -> &'a [Json] {
    object.pointer(&format!("/spec/{list}")).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

fn put_in_spec(object: &mut Json, key: &str, value: Option<Json>) {
    if let Some(Json::Object(spec)) = object.get_mut("spec") {
        match value {
            Some(value) => drop(spec.insert(key.to_owned(), value)),
            None => drop(spec.shift_remove(key)),
        }
    }
}

fn keep_all_but_spec(object: &mut Json, live: &Json) {
    keep(object, live, "status");
    keep_metadata(object, live);
}

/// All that a client may write in the metadata.
fn keep_metadata(object: &mut Json, live: &Json) {
    let empty = Map::new();
    let live = live.get("metadata").and_then(Json::as_object).unwrap_or(&empty);
    for field in ["deletionTimestamp", "labels", "annotations", "finalizers", "ownerReferences"] {
        meta::put(object, field, live.get(field).cloned());
    }
}

fn keep(object: &mut Json, live: &Json, key: &str) {
    let Some(fields) = object.as_object_mut() else { return };
    match live.get(key) {
        Some(value) => drop(fields.insert(key.to_owned(), value.clone())),
        None => drop(fields.shift_remove(key)),
    }
}
