//! Which resources there are: built in, and by CustomResourceDefinitions.

pub(crate) mod discovery;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Json;
use crate::schema::{Id, Schemas};

/// A resource's name for this crate: `pods`, `deployments.apps`. One for all its versions.
pub(crate) type ResourceName = Arc<str>;

/// A resource in one version.
#[derive(Debug, Clone)]
pub(crate) struct ResourceType {
    /// `deployments.apps`.
    pub(crate) name: ResourceName,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) verbs: Vec<String>,
    /// Such as `status`, `scale`, `eviction`, each with the kind it takes (`group`, `version`, `kind`) and its verbs.
    pub(crate) subresources: Vec<Subresource>,
    /// The types, and the one of this kind; nothing where a CRD has no schema.
    pub(crate) schema: Option<(Arc<Schemas>, Id)>,
    /// The columns of a table, and for a custom resource their JSON paths: as in a `Table`'s `columnDefinitions`,
    /// with `jsonPath` besides.
    pub(crate) columns: Vec<Json>,
    /// What the CustomResourceDefinition it comes from says of this version, with its schema, rules and so on.
    pub(crate) definition: Option<Arc<crate::crd::Version>>,
    /// The version that objects are stored in (`apps/v1`): what the store holds.
    pub(crate) storage_version: String,
}

impl ResourceType {
    /// `apps/v1`; `v1` for the core.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The subresource of this name.
    pub(crate) fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|sub| sub.name == name)
    }
}

/// A subresource.
#[derive(Debug, Clone)]
pub(crate) struct Subresource {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) verbs: Vec<String>,
}

/// All resources, by group, version and plural name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Catalog {
    types: Types,
    /// Versions of custom resources that no request reaches, though objects may be stored in them.
    unserved: Types,
}

type Types = BTreeMap<(String, String, String), Arc<ResourceType>>;

impl Catalog {
    /// Kubernetes' own resources.
    pub(crate) fn builtin() -> Self {
        crate::schema::builtin().catalog.clone()
    }

    pub(crate) fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<ResourceType>> {
        self.types.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    /// The same, of versions that are not served as well.
    pub(crate) fn known(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<ResourceType>> {
        let key = (group.to_owned(), version.to_owned(), plural.to_owned());
        self.types.get(&key).or_else(|| self.unserved.get(&key))
    }

    /// All versions of a custom resource, also those that are not served. Nothing for Kubernetes' own.
    pub(crate) fn versions(&self, kind: &ResourceType) -> Vec<Arc<ResourceType>> {
        if kind.definition.is_none() {
            return Vec::new();
        }
        let all = self.types.values().chain(self.unserved.values());
        all.filter(|version| version.name == kind.name).cloned().collect()
    }

    pub(crate) fn insert(&mut self, resource: ResourceType) {
        self.types.insert(place(&resource), Arc::new(resource));
    }

    pub(crate) fn insert_unserved(&mut self, resource: ResourceType) {
        self.unserved.insert(place(&resource), Arc::new(resource));
    }

    pub(crate) fn remove(&mut self, group: &str, plural: &str) {
        for types in [&mut self.types, &mut self.unserved] {
            types.retain(|(g, _, p), _| g != group || p != plural);
        }
    }

    /// A resource, by its name, in the version that its objects are stored in.
    pub(crate) fn stored(&self, resource: &str) -> Option<&Arc<ResourceType>> {
        let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
        let from = (group.to_owned(), String::new(), String::new());
        let served = self.types.range(from.clone()..).take_while(|((g, _, _), _)| g == group);
        let unserved = self.unserved.range(from..).take_while(|((g, _, _), _)| g == group);
        let mut versions = served.chain(unserved).map(|(_, kind)| kind);
        versions.find(|kind| kind.plural == plural && kind.storage_version == kind.api_version())
    }

    /// All, sorted by group, version, plural name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<ResourceType>> {
        self.types.values()
    }
}

fn place(resource: &ResourceType) -> (String, String, String) {
    (resource.group.clone(), resource.version.clone(), resource.plural.clone())
}
