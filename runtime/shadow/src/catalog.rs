//! Which resources there are: built in, and by CustomResourceDefinitions.

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
    types: BTreeMap<(String, String, String), Arc<ResourceType>>,
}

impl Catalog {
    pub(crate) fn get(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<ResourceType>> {
        self.types.get(&(group.to_owned(), version.to_owned(), plural.to_owned()))
    }

    pub(crate) fn insert(&mut self, resource: ResourceType) {
        let key = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
        self.types.insert(key, Arc::new(resource));
    }

    pub(crate) fn remove(&mut self, group: &str, plural: &str) {
        self.types.retain(|(g, _, p), _| g != group || p != plural);
    }

    /// All, sorted by group, version, plural name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<ResourceType>> {
        self.types.values()
    }
}
