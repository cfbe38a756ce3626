//! Cases of definitions and objects, right and wrong, with what the real API server said to them (`cases/*.json`, recorded
//! by the test in `live.rs`).

mod recorded;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::types::resource_types;
use super::{Version, format_warnings, prepare, validate};
use crate::error::{ApiError, Cause};
use crate::schema::Schemas;
use crate::{Json, object};

/// A definition, and objects of it.
#[derive(Debug, Deserialize)]
pub(super) struct Case {
    /// What is tried, in a word: the key of its answers.
    pub(super) name: String,
    pub(super) definition: Json,
    #[serde(default)]
    pub(super) objects: Vec<Tried>,
}

/// An object that is created, or that replaces another.
#[derive(Debug, Deserialize)]
pub(super) struct Tried {
    pub(super) name: String,
    #[serde(default)]
    pub(super) old: Option<Json>,
    pub(super) object: Json,
    /// `status`, where that is written.
    #[serde(default)]
    pub(super) subresource: String,
    /// Whether there are rules about it that this crate cannot judge, and that the real server can.
    #[serde(default)]
    pub(super) unvalidated: bool,
}

/// All cases, by file.
pub(super) fn cases() -> Vec<(&'static str, Vec<Case>)> {
    let files = [
        ("definitions", include_str!("cases/definitions.yaml")),
        ("objects", include_str!("cases/objects.yaml")),
        ("rules", include_str!("cases/rules.yaml")),
    ];
    files.map(|(file, text)| (file, serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{file}: {e}")))).into()
}

/// A definition with what it always needs: `names` and `group` may be left out.
pub(super) fn complete(case: &Case) -> Json {
    let mut definition = case.definition.clone();
    let plural = format!("{}s", case.name.replace('-', ""));
    let kind = case.name.split('-').map(|p| p[..1].to_uppercase() + &p[1..]).collect::<String>();
    let top = definition.as_object_mut().unwrap();
    let spec = top.entry("spec").or_insert_with(|| json!({})).as_object_mut().unwrap();
    spec.entry("group").or_insert_with(|| "cases.example.com".into());
    spec.entry("scope").or_insert_with(|| "Cluster".into());
    spec.entry("names").or_insert_with(|| json!({"plural": plural, "kind": kind}));
    if let Some(schema) = spec.remove("schema") {
        spec.insert(
            "versions".into(),
            json!([{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]),
        );
    }
    let name = format!("{}.{}", spec["names"]["plural"].as_str().unwrap_or_default(), spec["group"].as_str().unwrap());
    top.entry("metadata").or_insert_with(|| json!({"name": name}));
    top.insert("kind".into(), "CustomResourceDefinition".into());
    top.insert("apiVersion".into(), "apiextensions.k8s.io/v1".into());
    definition
}

/// An object with its type and a name.
pub(super) fn complete_object(definition: &Json, tried: &Json) -> Json {
    let mut object = json!({
        "apiVersion": format!("{}/{}", object::text(definition, "/spec/group").unwrap(), object::text(definition, "/spec/versions/0/name").unwrap()),
        "kind": object::text(definition, "/spec/names/kind").unwrap(),
        "metadata": {"name": "it"},
    });
    object.as_object_mut().unwrap().extend(tried.as_object().unwrap().clone());
    object
}

/// What this crate answers to a definition.
pub(super) fn define(definition: &Json) -> Json {
    let mut definition = match decoded(definition) {
        Ok(definition) => definition,
        Err(error) => return json!({"message": error.message}),
    };
    prepare(&mut definition, None);
    let mut causes = crate::validation::custom_metadata(&definition, false);
    causes.extend(validate(&definition, None, ""));
    if !causes.is_empty() {
        return refused(&causes);
    }
    let warnings = format_warnings(&definition, None);
    let mut done = definition.clone();
    let now = "2030-01-01T00:00:00Z".parse().unwrap();
    while let Some(next) = super::status::next_status(&done, std::iter::empty(), now) {
        done = next;
    }
    accepted(&done, warnings)
}

/// As it comes in: in its one form, with defaults.
fn decoded(definition: &Json) -> Result<Json, ApiError> {
    let (group, kind) = ("apiextensions.k8s.io", "CustomResourceDefinition");
    let mut definition = definition.clone();
    let builtin = crate::schema::builtin();
    let (schemas, id) = builtin.catalog.get(group, "v1", "customresourcedefinitions").unwrap().schema.as_ref().unwrap();
    crate::schema::check_fields(schemas, *id, &mut definition).unwrap();
    crate::defaults::apply(group, "v1", kind, &mut definition);
    Ok(definition)
}

/// The version of an established definition.
pub(super) fn version(definition: &Json) -> std::sync::Arc<Version> {
    let mut definition = decoded(definition).unwrap();
    prepare(&mut definition, None);
    let now = "2030-01-01T00:00:00Z".parse().unwrap();
    while let Some(next) = super::status::next_status(&definition, std::iter::empty(), now) {
        definition = next;
    }
    resource_types(&definition, &Schemas::default(), 0).remove(0).0.definition.unwrap()
}

/// What this crate answers to an object, or to one that replaces another.
pub(super) fn write(version: &Version, object: &Json, old: Option<&Json>, subresource: &str) -> Json {
    let ready = |object: &Json| {
        let mut object = object.clone();
        let unknown = version.prune(&mut object);
        version.fill(&mut object);
        (object, unknown)
    };
    let has_status = version.definition.pointer("/spec/versions/0/subresources/status").is_some();
    let (mut object, unknown) = ready(object);
    let old = old.map(|old| {
        let mut old = ready(old).0;
        if has_status && subresource.is_empty() {
            old.as_object_mut().unwrap().remove("status");
        }
        old
    });
    // What the registry keeps: a status is written by itself, and nothing else with it.
    if has_status {
        let fields = object.as_object_mut().unwrap();
        match (subresource, &old) {
            ("status", Some(old)) => {
                let status = fields.get("status").cloned();
                *fields = old.as_object().unwrap().clone();
                fields.insert("status".into(), status.unwrap_or_default());
            }
            _ => {
                fields.remove("status");
            }
        }
    }
    let verdict = version.validate(&object, old.as_ref(), subresource);
    if !verdict.unvalidated.is_empty() {
        return json!({"unvalidated": verdict.unvalidated, "causes": verdict.causes.len()});
    }
    if !verdict.causes.is_empty() {
        return refused(&verdict.causes);
    }
    let mut warnings: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    warnings.extend(verdict.warnings);
    accepted(&object, warnings)
}

fn refused(causes: &[Cause]) -> Json {
    let mut said: Vec<Json> = causes.iter().map(|c| json!([c.field, c.reason, c.message])).collect();
    said.sort_by_key(Json::to_string);
    json!({"causes": said})
}

/// An object as it is compared: without metadata and times.
pub(super) fn accepted(object: &Json, mut warnings: Vec<String>) -> Json {
    let mut shown = object.clone();
    let fields = shown.as_object_mut().unwrap();
    for key in ["metadata", "kind", "apiVersion"] {
        fields.remove(key);
    }
    for condition in shown.pointer_mut("/status/conditions").and_then(Json::as_array_mut).into_iter().flatten() {
        condition.as_object_mut().unwrap().remove("lastTransitionTime");
    }
    warnings.sort();
    json!({"object": sorted(&shown), "warnings": warnings})
}

/// The same with all keys in order.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            fields.into_iter().collect()
        }
        Json::Array(items) => items.iter().map(sorted).collect(),
        value => value.clone(),
    }
}

/// The answers that the real server gave: by case, and in it by object (the definition's own under an empty name).
pub(super) type Answers = BTreeMap<String, BTreeMap<String, Json>>;

/// Compares answers; gives what differs.
pub(super) fn differences(case: &Case, answers: &BTreeMap<String, Json>) -> Vec<String> {
    let definition = complete(case);
    let mut differ = Vec::new();
    let mut compare = |name: &str, unvalidated: bool, ours: Json| {
        let theirs = answers.get(name).unwrap_or(&Json::Null);
        let equal = if unvalidated { ours.get("unvalidated").is_some() } else { ours == *theirs };
        if !equal {
            differ.push(format!("{}/{name}:\n  ours   {ours}\n  theirs {theirs}", case.name));
        }
    };
    compare("", false, define(&definition));
    if case.objects.is_empty() {
        return differ;
    }
    let version = version(&definition);
    for tried in &case.objects {
        let old = tried.old.as_ref().map(|old| complete_object(&definition, old));
        compare(
            &tried.name,
            tried.unvalidated,
            write(&version, &complete_object(&definition, &tried.object), old.as_ref(), &tried.subresource),
        );
    }
    differ
}
