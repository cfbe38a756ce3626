//! What kubectl's client-side apply leaves behind: the annotation with the whole last intent.

use super::compare::compare;
use super::conflict::{Conflict, fields};
use super::fields::fields_of;
use super::set::Set;
use super::types::Types;
use super::validate::validate;
use super::{printed, unmanaged};
use crate::Json;
use crate::object::annotation;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What all annotations of an object may hold, names included, in bytes.
const MOST_BYTES: usize = 256 * 1024;

/// The conflicts that are not with kubectl itself: fields that the annotation names with the value they have are its own.
pub(super) fn not_allowed(types: Types<'_>, live: &Json, api_version: &str, conflicts: Vec<Conflict>) -> Vec<Conflict> {
    let Some(own) = own_fields(types, live, api_version) else { return conflicts };
    if fields(&conflicts).difference(&own).is_empty() {
        return Vec::new();
    }
    conflicts.into_iter().filter(|conflict| !own.has(&conflict.path)).collect()
}

fn own_fields(types: Types<'_>, live: &Json, api_version: &str) -> Option<Set> {
    let last: Json = serde_json::from_str(annotation(live, ANNOTATION).filter(|text| !text.is_empty())?).ok()?;
    if last.get("apiVersion").and_then(Json::as_str) != Some(api_version) {
        return None;
    }
    validate(types, live, false).ok()?;
    validate(types, &last, false).ok()?;
    let changed = compare(types, &last, live);
    let own = fields_of(types, &last);
    Some(own.difference(&changed.modified).difference(&changed.added).difference(&changed.removed))
}

/// Brings the annotation, where there is one, in line with what kubectl has applied on the server's side.
pub(super) fn refresh(object: &mut Json, intent: &Json) {
    if annotation(object, ANNOTATION).is_none_or(str::is_empty) {
        return;
    }
    let mut last = unmanaged(intent);
    if let Some(Json::Object(annotations)) = last.pointer_mut("/metadata/annotations") {
        annotations.shift_remove(ANNOTATION);
    }
    let Some(Json::Object(annotations)) = object.pointer_mut("/metadata/annotations") else { return };
    annotations.insert(ANNOTATION.into(), format!("{}\n", printed::json(&last)).into());
    let bytes: usize = annotations.iter().map(|(key, value)| key.len() + value.as_str().map_or(0, str::len)).sum();
    if bytes > MOST_BYTES {
        annotations.shift_remove(ANNOTATION);
    }
}
