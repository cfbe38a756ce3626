//! Writing a CustomResourceDefinition: what the server keeps in it, and what may be wrong with it.

mod columns;
mod conversion;
mod defaults;
mod names;
mod schema;
mod spec;
mod structural;

use serde::Deserialize;
use serde_json::json;

use super::formats;
use super::spec::Definition;
use crate::Json;
use crate::error::Cause;

/// Sets what the server keeps by itself: a new definition has no status but its stored versions, an old one keeps its
/// status; a new storage version is remembered.
pub(crate) fn prepare(definition: &mut Json, old: Option<&Json>) {
    let storage = definition.pointer("/spec/versions").and_then(Json::as_array).into_iter().flatten();
    let storage = storage.filter(|v| v.get("storage") == Some(&Json::Bool(true))).find_map(|v| v.get("name")).cloned();
    let Some(fields) = definition.as_object_mut() else { return };
    let new = json!({"conditions": null, "acceptedNames": {"plural": "", "kind": ""}, "storedVersions": null});
    let mut status = old.and_then(|old| old.get("status")).cloned().unwrap_or(new);
    if let (Some(storage), Some(status)) = (storage, status.as_object_mut()) {
        let stored = status.entry("storedVersions").or_insert(Json::Null);
        if stored.is_null() {
            *stored = json!([]);
        }
        if let Some(stored) = stored.as_array_mut().filter(|stored| !stored.contains(&storage)) {
            stored.push(storage);
        }
    }
    fields.insert("status".into(), status);
}

/// What is wrong with a definition that is to replace `old`, or to be created. Its metadata is left to others, but for the
/// name, which the spec demands.
pub(crate) fn validate(definition: &Json, old: Option<&Json>, subresource: &str) -> Vec<Cause> {
    let mut wrong = Vec::new();
    if subresource.is_empty() {
        let Ok(Definition { spec }) = Definition::deserialize(definition) else { return wrong };
        if old.is_none() {
            spec::name(definition, &spec, &mut wrong);
        }
        spec::check(&spec, definition, &mut wrong);
        if let Some(old) = old {
            spec::unchanged(&spec, old, &mut wrong);
        }
    }
    names::check_accepted(definition, &mut wrong);
    if subresource.is_empty() {
        spec::stored_versions(definition, &mut wrong);
        spec::approval(definition, old, &mut wrong);
        spec::keeps_unknown(definition, old, &mut wrong);
    }
    wrong
}

/// Warnings: formats that are not checked, in the order of the schemas; those that `old` has as well are not repeated.
pub(crate) fn format_warnings(definition: &Json, old: Option<&Json>) -> Vec<String> {
    let known = old.map(unchecked_formats).unwrap_or_default();
    let new = unchecked_formats(definition).into_iter().filter(|format| !known.contains(format));
    new.map(|format| format!("unrecognized format {}", crate::go::quote(&format))).collect()
}

fn unchecked_formats(definition: &Json) -> Vec<String> {
    let Ok(Definition { spec }) = Definition::deserialize(definition) else { return Vec::new() };
    let schemas = spec::schemas(&spec).into_iter().flat_map(|(_, schema, _)| schema.all());
    let unchecked = schemas.filter(|s| !s.format.is_empty()).filter(|s| match s.kind.as_str() {
        "" | "string" => !formats::is_known(&s.format),
        "integer" => !matches!(s.format.as_str(), "int32" | "int64"),
        "number" => !matches!(s.format.as_str(), "float" | "double"),
        _ => true,
    });
    unchecked.map(|s| s.format.clone()).collect()
}
