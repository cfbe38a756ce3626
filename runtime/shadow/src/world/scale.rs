//! Where the replicas of a kind stand, and its objects as `Scale`s.

use std::sync::Arc;

use serde_json::json;

use super::{Edit, Writer, meta};
use crate::Json;
use crate::apply::element::Element;
use crate::apply::{self, Manager, OneVersion, ReplicaPaths, Reset, Types, scale_to_parent, to_scale};
use crate::catalog::{Catalog, ResourceType};
use crate::error::ApiError;
use crate::object::text;
use crate::schema::{Id, Schemas, builtin};

/// How a kind is scaled.
#[derive(Debug)]
pub(crate) struct Scaled {
    api_version: String,
    spec: Vec<String>,
    status: Vec<String>,
    selector: Vec<String>,
    /// In each version of the kind.
    paths: ReplicaPaths,
}

const SCALE: &str = "autoscaling/v1";

impl Scaled {
    /// By the kind's definition, or where all built-in kinds have it.
    pub(crate) fn of(catalog: &Catalog, kind: &ResourceType) -> Self {
        let versions = catalog.all().filter(|version| version.name == kind.name);
        let paths = versions.map(|version| {
            let [path, ..] = places(version);
            let path: Vec<Element> = path.iter().map(|part| Element::field(part)).collect();
            (version.api_version(), (!path.is_empty()).then_some(path))
        });
        let paths = paths.collect();
        let [spec, status, selector] = places(kind);
        Self { api_version: kind.api_version(), spec, status, selector, paths }
    }

    /// The types of a `Scale`.
    pub(crate) fn schema() -> Option<(&'static Arc<Schemas>, Id)> {
        let schemas = &builtin().schemas;
        Some((schemas, schemas.named("io.k8s.api.autoscaling.v1.Scale")?))
    }

    /// The object's `Scale`, as clients see it: without owners.
    ///
    /// # Errors
    /// 500 where a custom object has no replicas.
    pub(crate) fn read(&self, object: &Json) -> Result<Json, ApiError> {
        let at = |path: &[String]| path.iter().try_fold(object, |value, part| value.get(part));
        let replicas = at(&self.spec).and_then(Json::as_i64).ok_or_else(|| {
            let path: String = self.spec.iter().map(|part| format!(".{part}")).collect();
            let why = format!("Internal error occurred: the spec replicas field {path:?} does not exist");
            ApiError::new(500, "InternalError", why)
        })?;
        let mut metadata = json!({});
        for key in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            if let Some(value) = object.get("metadata").and_then(|m| m.get(key)) {
                metadata[key] = value.clone();
            }
        }
        let mut spec = json!({});
        if replicas != 0 {
            spec["replicas"] = replicas.into();
        }
        let mut status = json!({"replicas": at(&self.status).and_then(Json::as_i64).unwrap_or_default()});
        let selector = if self.selector.is_empty() { None } else { at(&self.selector).map(selector_text) };
        if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
            status["selector"] = selector.into();
        }
        Ok(json!({"kind": "Scale", "apiVersion": SCALE, "metadata": metadata, "spec": spec, "status": status}))
    }

    /// The object's `Scale`, with the owners of its replicas.
    ///
    /// # Errors
    /// What is wrong with owners in the object.
    pub(crate) fn with_owners(&self, object: &Json) -> Result<Json, ApiError> {
        let mut scale = self.read(object)?;
        let owners = to_scale(object, &self.paths).map_err(broken)?;
        meta::put(&mut scale, "managedFields", owners);
        Ok(scale)
    }

    /// The `Scale` that an intent makes of an object's.
    ///
    /// # Errors
    /// Conflicts, and what the intent cannot be.
    pub(crate) fn apply(
        &self,
        object: &Json,
        intent: &Json,
        writer: &Writer,
        force: bool,
        now: jiff::Timestamp,
    ) -> Result<Json, ApiError> {
        let before = self.with_owners(object)?;
        apply::apply(&versions()?, Some(&before), intent, &manager(writer), force, now)
    }

    /// The edit of an object that replaces its `Scale`.
    pub(super) fn edit(self, scale: Json, writer: Writer, now: jiff::Timestamp) -> Edit<'static> {
        Edit::Made(Box::new(move |live| self.write(live, scale, false, &writer, now)))
    }

    /// The object with the replicas of a `Scale`, whose owners are still to be found unless it was applied.
    ///
    /// # Errors
    /// What is wrong with owners in the object.
    pub(crate) fn write(
        &self,
        object: &Json,
        mut scale: Json,
        applied: bool,
        writer: &Writer,
        now: jiff::Timestamp,
    ) -> Result<Json, ApiError> {
        if !applied {
            let before = self.with_owners(object)?;
            scale = apply::track(&versions()?, Some(&before), scale, &manager(writer), now);
        }
        let owners = scale_to_parent(object, &scale, &self.api_version, &self.paths).map_err(broken)?;
        let mut object = object.clone();
        let replicas = scale.pointer("/spec/replicas").and_then(Json::as_i64).unwrap_or_default();
        put_at(&mut object, &self.spec, replicas);
        meta::put(&mut object, "managedFields", owners);
        for key in ["resourceVersion", "uid"] {
            if let Some(given) = text(&scale, &format!("/metadata/{key}")).filter(|given| !given.is_empty()) {
                meta::set(&mut object, key, given.into());
            }
        }
        Ok(object)
    }
}

fn put_at(value: &mut Json, path: &[String], replicas: i64) {
    let Some((first, rest)) = path.split_first() else {
        *value = replicas.into();
        return;
    };
    if !value.is_object() {
        *value = json!({});
    }
    if let Some(fields) = value.as_object_mut() {
        put_at(fields.entry(first.as_str()).or_insert(Json::Null), rest, replicas);
    }
}

fn versions() -> Result<OneVersion<'static>, ApiError> {
    let (schemas, id) = Scaled::schema().ok_or_else(|| broken("there are no types of Scale".into()))?;
    Ok(OneVersion { api_version: SCALE, types: Types::built_in(schemas, id) })
}

fn manager(writer: &Writer) -> Manager<'_> {
    Manager { name: &writer.manager, api_version: SCALE, kind: "Scale", subresource: "scale", reset: &Reset::Nothing }
}

fn broken(why: String) -> ApiError {
    ApiError::new(500, "", why)
}

/// Where a kind has its replicas, those there are, and its selector; empty where it has no such field.
fn places(kind: &ResourceType) -> [Vec<String>; 3] {
    let scale = kind.definition.as_ref().map(|definition| definition.scale.clone().unwrap_or_default());
    let texts = match &scale {
        None => [".spec.replicas", ".status.replicas", ".spec.selector"],
        Some(scale) => {
            let selector = scale.label_selector_path.as_deref().unwrap_or_default();
            [&*scale.spec_replicas_path, &*scale.status_replicas_path, selector]
        }
    };
    texts.map(|path| path.split('.').filter(|part| !part.is_empty()).map(str::to_owned).collect())
}

/// A selector as a text: a custom object has one, others have a map or a `LabelSelector`.
fn selector_text(selector: &Json) -> String {
    let Some(fields) = selector.as_object() else { return selector.as_str().unwrap_or_default().to_owned() };
    let is_selector = fields.contains_key("matchLabels") || fields.contains_key("matchExpressions");
    let equal = if is_selector { selector.get("matchLabels") } else { Some(selector) };
    let mut parts: Vec<(&str, String)> = Vec::new();
    for (key, value) in equal.and_then(Json::as_object).into_iter().flatten() {
        parts.push((key, format!("{key}={}", value.as_str().unwrap_or_default())));
    }
    for rule in selector.get("matchExpressions").and_then(Json::as_array).into_iter().flatten() {
        let key = text(rule, "/key").unwrap_or_default();
        let values = rule.get("values").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        let mut values: Vec<&str> = values.collect();
        values.sort_unstable();
        let values = values.join(",");
        parts.push((
            key,
            match text(rule, "/operator").unwrap_or_default() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "DoesNotExist" => format!("!{key}"),
                _ => key.to_owned(),
            },
        ));
    }
    parts.sort_by(|a, b| a.0.cmp(b.0));
    parts.into_iter().map(|(_, part)| part).collect::<Vec<_>>().join(",")
}
