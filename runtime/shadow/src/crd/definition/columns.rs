//! What may be wrong with subresources, columns and selectable fields: whatever points into objects.

use std::collections::BTreeSet;

use super::super::fault::{self, Path};
use super::super::props::Props;
use super::super::spec::VersionSpec;
use crate::Json;
use crate::error::Cause;

const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];
const FORMATS: [&str; 8] = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];
const MAX_SELECTABLE: usize = 8;

pub(super) fn subresources(version: &VersionSpec, at: &Path, wrong: &mut Vec<Cause>) {
    let Some(scale) = version.subresources.as_ref().and_then(|s| s.scale.as_ref()) else { return };
    let at = at.child("subresources");
    let mut path = |field: &str, path: &str, needed: bool, below: &[&str], detail: &str| {
        let at = at.child(&format!("scale.{field}"));
        if path.is_empty() {
            if needed {
                wrong.push(fault::required(&at, ""));
            }
        } else if !path.starts_with('.') {
            wrong.push(fault::invalid(&at, &path.into(), "must be a simple json path starting with ."));
        } else if !below.iter().any(|prefix| path.starts_with(prefix)) {
            wrong.push(fault::invalid(&at, &path.into(), detail));
        }
    };
    path("specReplicasPath", &scale.spec_replicas_path, true, &[".spec."], "should be a json path under .spec");
    path("statusReplicasPath", &scale.status_replicas_path, true, &[".status."], "should be a json path under .status");
    let selector = scale.label_selector_path.as_deref().unwrap_or_default();
    let detail = "should be a json path under either .spec or .status";
    path("labelSelectorPath", selector, false, &[".spec.", ".status."], detail);
}

pub(super) fn check(version: &VersionSpec, at: &Path, wrong: &mut Vec<Cause>) {
    for (index, column) in version.additional_printer_columns.iter().enumerate() {
        let at = at.child("additionalPrinterColumns").index(index);
        let text = |key: &str| column.get(key).and_then(Json::as_str).unwrap_or_default();
        if text("name").is_empty() {
            wrong.push(fault::required(&at.child("name"), ""));
        }
        let (kind, format, path) = (text("type"), text("format"), text("jsonPath"));
        let one_of = |names: &[&str]| format!("must be one of {}", names.join(","));
        if kind.is_empty() {
            wrong.push(fault::required(&at.child("type"), &one_of(&TYPES)));
        } else if !TYPES.contains(&kind) {
            wrong.push(fault::invalid(&at.child("type"), &kind.into(), &one_of(&TYPES)));
        }
        if !format.is_empty() && !FORMATS.contains(&format) {
            wrong.push(fault::invalid(&at.child("format"), &format.into(), &one_of(&FORMATS)));
        }
        if path.is_empty() {
            wrong.push(fault::required(&at.child("JSONPath"), ""));
        } else if !path.starts_with('.') {
            let detail = "must be a simple json path starting with .";
            wrong.push(fault::invalid(&at.child("JSONPath"), &path.into(), detail));
        }
    }
}

pub(super) fn selectable(version: &VersionSpec, at: &Path, wrong: &mut Vec<Cause>) {
    let fields = &version.selectable_fields;
    let Some(schema) = version.props() else {
        if !fields.is_empty() {
            let detail = "may only be set when `version.schema.openAPIV3Schema` is not included";
            wrong.push(fault::invalid(&at.child("selectableFields"), &"".into(), detail));
        }
        return;
    };
    let at = at.child("selectableFields");
    let mut known = BTreeSet::new();
    for (index, field) in fields.iter().enumerate() {
        let at = at.index(index).child("jsonPath");
        let path = &field.json_path;
        if path.is_empty() {
            wrong.push(fault::required(&at, ""));
            continue;
        }
        let found = match follow(path, schema) {
            Ok(found) => found,
            Err(why) => {
                wrong.push(fault::invalid(&at, &path.as_str().into(), &format!("is an invalid path: {why}")));
                continue;
            }
        };
        if path.starts_with(".metadata") {
            wrong.push(fault::invalid(&at, &path.as_str().into(), "must not point to fields in metadata"));
        }
        if !matches!(found.kind.as_str(), "string" | "boolean" | "integer") {
            let detail = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            wrong.push(fault::invalid(&at, &path.as_str().into(), detail));
        }
        if !known.insert(path.as_str()) {
            wrong.push(fault::duplicate(&at, &path.as_str().into()));
        }
    }
    if known.len() > MAX_SELECTABLE {
        wrong.push(fault::too_many(&at, known.len() as i64, MAX_SELECTABLE as i64));
    }
}

/// The schema of a field below, by a path in dots.
fn follow<'a>(path: &str, schema: &'a Props) -> Result<&'a Props, String> {
    let missing = || "does not refer to a valid field".to_owned();
    let Some(rest) = path.strip_prefix('.') else {
        let token = path.split(['.', '[', ']']).next().unwrap_or_default();
        return Err(format!("expected [ or . but got: {token}"));
    };
    rest.split('.').try_fold(schema, |schema, name| {
        if name.contains('[') {
            return Err("array notation is not allowed".to_owned());
        }
        if schema.properties.is_empty() {
            return schema.value().ok_or_else(missing);
        }
        schema.properties.get(name).ok_or_else(missing)
    })
}
