//! From a CustomResourceDefinition to the resources it makes.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;

use super::spec::{Definition, Names, VersionSpec};
use super::status;
use super::version::Version;
use super::{cel, schemas};
use crate::Json;
use crate::catalog::discovery::version_rank;
use crate::catalog::{Catalog, ResourceType, Subresource};
use crate::schema::{Schemas, builtin};
use crate::table::JsonPath;

/// The resources of an established definition, one for each version, under its accepted names; and whether the version is
/// served. None before it is established, and none of a definition that cannot be read.
///
/// `built_in` gives the type of `metadata`; objects that were stored before `since` were stored under another schema.
pub(super) fn resource_types(definition: &Json, built_in: &Schemas, since: u64) -> Vec<(ResourceType, bool)> {
    if !status::is_true(definition, "Established") {
        return Vec::new();
    }
    let Ok(Definition { spec }) = Definition::deserialize(definition) else { return Vec::new() };
    let names = definition.pointer("/status/acceptedNames").and_then(|names| Names::deserialize(names).ok());
    let names = names.unwrap_or_default();
    let terminating = status::is_true(definition, "Terminating");
    let stored = spec.versions.iter().find(|v| v.storage).map_or("", |v| v.name.as_str());
    let stored = format!("{}/{stored}", spec.group);
    let definition = Arc::new(definition.clone());
    let newer: Vec<Option<String>> =
        spec.versions.iter().map(|version| newest(&spec.versions, &version.name)).collect();
    let versions = spec.versions.into_iter().zip(newer);
    versions
        .map(|(version, newer)| {
            let columns = columns(&version.additional_printer_columns);
            let subresources = subresources(&spec.group, &names.kind, &version);
            let (name, served) = (version.name.clone(), version.served);
            let deprecation = deprecation(&version, &spec.group, &spec.names.kind, newer.as_deref());
            let mut version = compile(version, spec.preserve_unknown_fields, &definition);
            (version.since, version.deprecation) = (since, deprecation);
            let title = openapi_name(&spec.group, &name, &names.kind);
            let schema = version.schema.as_ref().map(|schema| {
                let (schemas, id) = schemas::convert(schema, &title, built_in);
                (Arc::new(schemas), id)
            });
            let resource = ResourceType {
                name: format!("{}.{}", names.plural, spec.group).into(),
                group: spec.group.clone(),
                version: name,
                kind: names.kind.clone(),
                plural: names.plural.clone(),
                singular: names.singular.clone(),
                short_names: names.short_names.clone(),
                categories: names.categories.clone(),
                namespaced: spec.scope == "Namespaced",
                verbs: verbs(terminating),
                subresources,
                schema,
                columns,
                definition: Some(Arc::new(version)),
                storage_version: stored.clone(),
            };
            (resource, served)
        })
        .collect()
}

/// Puts the resources of a definition into a catalog; see [`resource_types`] for `since`.
pub(crate) fn define(catalog: &mut Catalog, definition: &Json, since: u64) {
    for (resource, served) in resource_types(definition, &builtin().schemas, since) {
        if served {
            catalog.insert(resource);
        } else {
            catalog.insert_unserved(resource);
        }
    }
}

/// The newest version above another that is served and not deprecated.
fn newest(versions: &[VersionSpec], than: &str) -> Option<String> {
    let good = versions.iter().filter(|version| version.served && !version.deprecated);
    let newer = good.filter(|version| version_rank(&version.name) > version_rank(than));
    newer.max_by_key(|version| version_rank(&version.name)).map(|version| version.name.clone())
}

/// What clients of a deprecated version are told.
fn deprecation(version: &VersionSpec, group: &str, kind: &str, newer: Option<&str>) -> Option<String> {
    let own = version.deprecation_warning.clone();
    let instead = newer.map(|newer| format!("; use {group}/{newer} {kind}")).unwrap_or_default();
    version.deprecated.then(|| own.unwrap_or_else(|| format!("{group}/{} {kind} is deprecated{instead}", version.name)))
}

fn compile(version: VersionSpec, keeps_unknown: bool, definition: &Arc<Json>) -> Version {
    let scale = version.subresources.and_then(|subresources| subresources.scale);
    let schema = version.schema.and_then(|s| s.schema);
    let selectable = version.selectable_fields.into_iter().map(|field| {
        let path = field.json_path;
        (path.strip_prefix('.').unwrap_or(&path).to_owned(), JsonPath::parse(&path))
    });
    Version {
        definition: Arc::clone(definition),
        rules: cel::Rules::of(schema.as_ref()),
        schema,
        scale,
        since: 0,
        selectable: selectable.collect(),
        keeps_unknown,
        deprecation: None,
    }
}

/// What can be done with the objects; those of a definition that is being deleted can only be read and deleted.
fn verbs(terminating: bool) -> Vec<String> {
    let all = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];
    let left = ["delete", "deletecollection", "get", "list", "watch"];
    let verbs: &[&str] = if terminating { &left } else { &all };
    verbs.iter().map(|verb| (*verb).to_owned()).collect()
}

fn subresources(group: &str, kind: &str, version: &VersionSpec) -> Vec<Subresource> {
    let make = |name: &str, (group, version, kind): (&str, &str, &str)| Subresource {
        name: name.to_owned(),
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        verbs: ["get", "patch", "update"].map(str::to_owned).to_vec(),
    };
    let Some(there) = &version.subresources else { return Vec::new() };
    let status = there.status.as_ref().map(|_| make("status", (group, &version.name, kind)));
    let scale = there.scale.as_ref().map(|_| make("scale", ("autoscaling", "v1", "Scale")));
    status.into_iter().chain(scale).collect()
}

/// The columns of a table: the name, then those of the definition, or the age.
fn columns(additional: &[Json]) -> Vec<Json> {
    let [mut name, mut created] = crate::table::metadata_columns();
    let mut columns = Vec::with_capacity(additional.len() + 2);
    if additional.is_empty() {
        if let (Json::Object(name), Json::Object(created)) = (&mut name, &mut created) {
            name.insert("jsonPath".into(), ".metadata.name".into());
            created.insert("name".into(), "Age".into());
            created.insert("jsonPath".into(), ".metadata.creationTimestamp".into());
        }
        return vec![name, created];
    }
    columns.push(name);
    for column in additional {
        let text = |key: &str| column.get(key).and_then(Json::as_str).unwrap_or_default();
        let path = text("jsonPath");
        let description = match text("description") {
            "" => format!("Custom resource definition column (in JSONPath format): {path}"),
            description => description.to_owned(),
        };
        columns.push(json!({
            "name": text("name"), "type": text("type"), "format": text("format"), "description": description,
            "priority": column.get("priority").and_then(Json::as_i64).unwrap_or_default(), "jsonPath": path,
        }));
    }
    columns
}

/// The name of the type in OpenAPI documents: `com.example.stable.v1.CronTab`.
fn openapi_name(group: &str, version: &str, kind: &str) -> String {
    let group: Vec<&str> = group.rsplit('.').collect();
    format!("{}.{version}.{kind}", group.join("."))
}
