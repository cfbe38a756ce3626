//! Kubernetes' own types and resources.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::assets::{self, Kind, Resource, Structure};
use super::go::GoTypes;
use super::{Id, Schemas};
use crate::Json;
use crate::catalog::{Catalog, ResourceType, Subresource};

/// What Kubernetes has by itself.
#[derive(Debug)]
pub(crate) struct Builtin {
    /// What `/version` says.
    pub(crate) version: Json,
    /// The groups in the order of discovery, the core group (without a name) first.
    pub(crate) groups: Vec<String>,
    pub(crate) schemas: Arc<Schemas>,
    /// The types by `apps/v1/Deployment`.
    pub(super) kinds: HashMap<String, Id>,
    /// All built-in resources.
    pub(crate) catalog: Catalog,
}

/// Kubernetes' own types and resources, decoded once.
pub(crate) fn builtin() -> &'static Builtin {
    static BUILTIN: OnceLock<Builtin> = OnceLock::new();
    BUILTIN.get_or_init(|| read(&assets::structure()))
}

#[expect(clippy::expect_used, reason = "the assets are part of the program")]
fn read(text: &str) -> Builtin {
    let structure: Structure<'_> = serde_json::from_str(text).expect("the asset is what the generator writes");
    let Structure { version, groups, storage, mut columns, types, schemas: documents } = structure;
    let mut schemas = Schemas::default();
    schemas.add_builtin(documents.iter().map(|(name, schema)| (name.as_str(), schema)));
    schemas.go = GoTypes::read(types.into_iter().collect());
    let go = documents.keys().filter_map(|name| Some((schemas.named(name)?, schemas.go.named(name)?)));
    schemas.go_ids = go.collect();
    let kinds = kinds(&schemas, documents.iter());
    let schemas = Arc::new(schemas);

    let mut catalog = Catalog::default();
    for group in &groups {
        for version in &group.versions {
            for resource in &version.resources {
                let own = group_version(&group.metadata.name, &version.version);
                let place = format!("{own}/{}", resource.resource);
                let schema = kinds.get(&format!("{own}/{}", resource.response_kind.kind)).copied();
                catalog.insert(ResourceType {
                    schema: schema.map(|id| (Arc::clone(&schemas), id)),
                    columns: columns.remove(&place).unwrap_or_default(),
                    ..resource_type(
                        resource,
                        &group.metadata.name,
                        &version.version,
                        storage.get(&place).cloned().unwrap_or(own),
                    )
                });
            }
        }
    }
    let groups = groups.into_iter().map(|group| group.metadata.name).collect();
    Builtin { version, groups, schemas, kinds, catalog }
}

/// `apps/v1`; `v1` in the core group.
pub(crate) fn group_version(group: &str, version: &str) -> String {
    if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") }
}

/// The types by `apps/v1/Deployment`.
fn kinds<'a>(schemas: &Schemas, documents: impl Iterator<Item = (&'a String, &'a Json)>) -> HashMap<String, Id> {
    let mut kinds = HashMap::new();
    for (name, document) in documents {
        // Types with many kinds, such as DeleteOptions, are no resources.
        if let Some([Json::Object(kind)]) =
            document.get("x-kubernetes-group-version-kind").and_then(Json::as_array).map(Vec::as_slice)
            && let Some(id) = schemas.named(name)
        {
            let part = |key: &str| kind.get(key).and_then(Json::as_str).unwrap_or_default();
            kinds.insert(format!("{}/{}", group_version(part("group"), part("version")), part("kind")), id);
        }
    }
    kinds
}

fn resource_type(resource: &Resource, group: &str, version: &str, storage_version: String) -> ResourceType {
    let storage_group = storage_version.split_once('/').map_or("", |(group, _)| group);
    let dot = if storage_group.is_empty() { "" } else { "." };
    let or = |own: &str, text: &str| if text.is_empty() { own.to_owned() } else { text.to_owned() };
    let subresources = resource.subresources.iter().map(|subresource| {
        let unnamed = Kind::default();
        let kind = subresource.response_kind.as_ref().unwrap_or(&unnamed);
        let own = kind.group.is_empty() && kind.version.is_empty();
        Subresource {
            name: subresource.subresource.clone(),
            group: if own { group.to_owned() } else { kind.group.clone() },
            version: or(version, &kind.version),
            kind: kind.kind.clone(),
            verbs: subresource.verbs.clone(),
        }
    });
    ResourceType {
        // Events of both groups are the same objects.
        name: format!("{}{dot}{storage_group}", resource.resource).into(),
        group: group.to_owned(),
        version: version.to_owned(),
        kind: resource.response_kind.kind.clone(),
        plural: resource.resource.clone(),
        singular: resource.singular_resource.clone(),
        short_names: resource.short_names.clone(),
        categories: resource.categories.clone(),
        namespaced: resource.scope == "Namespaced",
        verbs: resource.verbs.clone(),
        subresources: subresources.collect(),
        schema: None,
        columns: Vec::new(),
        definition: None,
        storage_version,
    }
}

#[cfg(test)]
mod tests;
