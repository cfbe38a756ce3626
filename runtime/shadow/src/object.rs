//! Looking into objects.

use crate::Json;

/// The text at `pointer` (RFC 6901), or nothing.
pub(crate) fn text<'a>(object: &'a Json, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Json::as_str)
}

/// How deep maps and lists may stand in each other in an object: less than what can be read again.
pub(crate) const DEEPEST: usize = 100;

/// Whether more than `most` maps and lists stand in each other.
pub(crate) fn is_deeper(value: &Json, most: usize) -> bool {
    let below = |value: &Json| most == 0 || is_deeper(value, most - 1);
    match value {
        Json::Object(fields) => most == 0 || fields.values().any(below),
        Json::Array(items) => most == 0 || items.iter().any(below),
        _ => false,
    }
}

/// `metadata.name`, or nothing.
pub(crate) fn name(object: &Json) -> &str {
    text(object, "/metadata/name").unwrap_or_default()
}

/// `metadata.namespace`; empty for what is cluster-wide.
pub(crate) fn namespace(object: &Json) -> &str {
    text(object, "/metadata/namespace").unwrap_or_default()
}

/// `metadata.uid`.
pub(crate) fn uid(object: &Json) -> &str {
    text(object, "/metadata/uid").unwrap_or_default()
}

/// The value of a label.
pub(crate) fn label<'a>(object: &'a Json, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("labels")?.get(key)?.as_str()
}

/// The value of an annotation.
pub(crate) fn annotation<'a>(object: &'a Json, key: &str) -> Option<&'a str> {
    object.get("metadata")?.get("annotations")?.get(key)?.as_str()
}

/// Whether it is being deleted.
pub(crate) fn is_deleting(object: &Json) -> bool {
    text(object, "/metadata/deletionTimestamp").is_some()
}

/// The owner reference with `controller: true`.
pub(crate) fn controller_of(object: &Json) -> Option<&Json> {
    let owners = object.get("metadata")?.get("ownerReferences")?.as_array()?;
    owners.iter().find(|owner| owner.get("controller").and_then(Json::as_bool) == Some(true))
}

/// The metadata of an object where it is shown without the rest of it.
pub(crate) fn metadata(object: &Json) -> Json {
    let mut metadata = object.get("metadata").cloned().unwrap_or_else(|| Json::Object(serde_json::Map::new()));
    // The real one keeps this elsewhere, and writes it as an annotation of whole objects only.
    let annotations = metadata.get_mut("annotations").and_then(Json::as_object_mut);
    if let Some(annotations) = annotations.filter(|_| object.get("kind").is_some_and(|kind| kind == "DaemonSet"))
        && annotations.shift_remove("deprecated.daemonset.template.generation").is_some()
        && annotations.is_empty()
        && let Some(metadata) = metadata.as_object_mut()
    {
        metadata.shift_remove("annotations");
    }
    metadata
}
