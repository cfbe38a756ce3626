//! The documents of custom resources: the real ones of a sample, with its names replaced.

use std::sync::Arc;

use serde_json::{Map, json};

use super::written;
use crate::Json;
use crate::catalog::ResourceType;

const SELECTABLE: &str = "x-kubernetes-selectable-fields";
const OBJECT_META: &str = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The document of a group's version.
pub(super) fn document(resources: &[Arc<ResourceType>]) -> Json {
    let mut document = Json::Null;
    for resource in resources {
        let own = of_one(resource);
        if document.is_null() {
            document = own;
            continue;
        }
        for pointer in ["/paths", "/components/schemas"] {
            let more = own.pointer(pointer).and_then(Json::as_object).cloned().unwrap_or_default();
            if let Some(Json::Object(all)) = document.pointer_mut(pointer) {
                all.extend(more);
                all.sort_keys();
            }
        }
    }
    document
}

fn of_one(resource: &ResourceType) -> Json {
    let (sample, scope) = if resource.namespaced { ("namespaced", "Namespaced") } else { ("cluster", "Cluster") };
    let place = format!("apis/{sample}.sample/v7alpha7");
    let text = written().samples.get(&place).map(|part| written().expand(part)).unwrap_or_default();
    let operation = identifier(resource.group.strip_suffix(".k8s.io").unwrap_or(&resource.group), true);
    let tag = identifier(resource.group.strip_suffix(".k8s.io").unwrap_or(&resource.group), false);
    let names = [
        (format!("sample.{sample}.v7alpha7.Xsample"), model_name(resource)),
        (format!("{scope}SampleV7alpha7"), format!("{operation}{}", identifier(&resource.version, true))),
        (format!("{sample}Sample_v7alpha7"), format!("{tag}_{}", identifier(&resource.version, false))),
        (format!("{sample}.sample"), resource.group.clone()),
        ("XsampleCollection".into(), list_kind(resource)),
        ("Xsample".into(), resource.kind.clone()),
        ("xsamples".into(), resource.plural.clone()),
        ("v7alpha7".into(), resource.version.clone()),
    ];
    // The list's type is named by its kind too, which may not begin with the kind.
    let list_name = named_model(resource, &list_kind(resource));
    let list = (format!("sample.{sample}.v7alpha7.XsampleCollection"), list_name.clone());
    let text = [list].iter().chain(&names).fold(text, |text, (from, to)| text.replace(from.as_str(), to));
    let mut document: Json = serde_json::from_str(&text).unwrap_or_default();
    if let Some(Json::Object(paths)) = document.get_mut("paths") {
        let missing = |name: &str| resource.subresources.iter().all(|sub| sub.name != name);
        let gone: Vec<String> =
            ["status", "scale"].into_iter().filter(|name| missing(name)).map(|name| format!("}}/{name}")).collect();
        paths.retain(|path, _| !gone.iter().any(|end| path.ends_with(end.as_str())));
    }
    if let Some(Json::Object(schemas)) = document.pointer_mut("/components/schemas") {
        if resource.subresources.iter().all(|sub| sub.name != "scale") {
            schemas.retain(|name, _| !name.starts_with("io.k8s.api.autoscaling.v1.Scale"));
        }
        schemas.insert(model_name(resource), schema(resource));
        if let (Some(Json::Object(list)), Some(fields)) = (schemas.get_mut(&list_name), selectable_fields(resource)) {
            list.insert(SELECTABLE.into(), fields);
        }
    }
    document
}

/// `com.example.v1.Widget`.
fn model_name(resource: &ResourceType) -> String {
    named_model(resource, &resource.kind)
}

fn named_model(resource: &ResourceType, kind: &str) -> String {
    let mut group: Vec<&str> = resource.group.split('.').collect();
    group.reverse();
    format!("{}.{}.{kind}", group.join("."), resource.version)
}

fn list_kind(resource: &ResourceType) -> String {
    let definition = resource.definition.as_deref();
    let name =
        definition.and_then(|definition| definition.definition.pointer("/spec/names/listKind")).and_then(Json::as_str);
    name.map_or_else(|| format!("{}List", resource.kind), str::to_owned)
}

/// Camel case without anything but letters, digits and `_`.
fn identifier(text: &str, capital: bool) -> String {
    let mut identifier = String::new();
    let mut capital = capital;
    for (place, c) in text.chars().enumerate() {
        if c.is_alphabetic() || c == '_' || place > 0 && c.is_numeric() {
            if capital {
                identifier.extend(c.to_uppercase());
            } else {
                identifier.push(c);
            }
            capital = false;
        } else {
            capital = true;
        }
    }
    identifier
}

/// The version's part of the CustomResourceDefinition.
fn version(resource: &ResourceType) -> Option<&Json> {
    let versions = resource.definition.as_deref()?.definition.pointer("/spec/versions")?.as_array()?;
    versions.iter().find(|version| version["name"] == resource.version.as_str())
}

fn selectable_fields(resource: &ResourceType) -> Option<Json> {
    let fields = version(resource)?.get("selectableFields")?.as_array()?;
    let paths = fields.iter().filter_map(|field| field.get("jsonPath")?.as_str());
    Some(paths.map(|path| json!({"fieldPath": path.trim_start_matches('.')})).collect())
}

/// The schema of the CustomResourceDefinition, with what every object has.
fn schema(resource: &ResourceType) -> Json {
    let written = version(resource).and_then(|version| version.pointer("/schema/openAPIV3Schema"));
    let mut schema = written.cloned().unwrap_or_else(|| json!({"type": "object"}));
    with_embedded(&mut schema);
    let Json::Object(map) = &mut schema else { return schema };
    if written.is_some() {
        add_properties(map, "APIVersion", "Kind");
    }
    let kind = json!({"group": resource.group, "kind": resource.kind, "version": resource.version});
    map.insert("x-kubernetes-group-version-kind".into(), json!([kind]));
    if let Some(fields) = selectable_fields(resource) {
        map.insert(SELECTABLE.into(), fields);
    }
    schema
}

/// `apiVersion`, `kind` and `metadata`; the real server names the first two in other words in an embedded object.
fn add_properties(schema: &mut Map<String, Json>, api_version: &str, kind: &str) {
    const MORE: &str =
        "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#";
    let own = kind == "Kind";
    let servers = |text: &'static str| if own { text } else { "" };
    let version_text = format!(
        "{api_version} defines the versioned schema of this representation of an object. {}{MORE}resources",
        servers(
            "Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. "
        )
    );
    let kind_text = format!(
        "{kind} is a string value representing the {} this object{}. {}In CamelCase. {MORE}types-kinds",
        if own { "REST resource" } else { "type of" },
        servers(" represents"),
        servers("Servers may infer this from the endpoint the client submits requests to. Cannot be updated. ")
    );
    let metadata = format!("Standard object's metadata. {MORE}metadata");
    let properties = schema.entry("properties").or_insert_with(|| json!({}));
    if let Json::Object(properties) = properties {
        properties.insert("apiVersion".into(), json!({"description": version_text, "type": "string"}));
        properties.insert("kind".into(), json!({"description": kind_text, "type": "string"}));
        properties.insert("metadata".into(), json!({"description": metadata, "allOf": [{"$ref": OBJECT_META}]}));
        properties.sort_keys();
    }
}

/// Adds to embedded objects what every object has.
fn with_embedded(schema: &mut Json) {
    let Json::Object(map) = schema else { return };
    if let Some(Json::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(with_embedded);
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key) {
            with_embedded(inner);
        }
    }
    let is = |map: &Map<String, Json>, key: &str| map.get(key) == Some(&Json::Bool(true));
    if is(map, "x-kubernetes-int-or-string") && !map.contains_key("anyOf") && !map.contains_key("allOf") {
        map.insert("anyOf".into(), json!([{"type": "integer"}, {"type": "string"}]));
    }
    if is(map, "x-kubernetes-embedded-resource") {
        add_properties(map, "apiVersion", "kind");
        if let Json::Array(required) = map.entry("required").or_insert_with(|| json!([])) {
            for name in ["kind", "apiVersion"] {
                if required.iter().all(|known| known != name) {
                    required.push(name.into());
                }
            }
        }
    }
}
