//! From a recording to the base of a store.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Recording;
use crate::catalog::Catalog;
use crate::crd;
use crate::store::{Base, Recorded};
use crate::world::{DEFINITIONS, convert};
use crate::{Json, object, schema};

/// What a recording is, as far as it is known here.
pub(crate) struct Loaded {
    pub(crate) base: Arc<dyn Base>,
    /// With the resources that its CustomResourceDefinitions make.
    pub(crate) catalog: Catalog,
}

impl Recording {
    /// The base that it makes.
    pub(crate) fn load(&self, catalog: Catalog) -> Loaded {
        let catalog = self.define(catalog);
        let objects = self.objects.iter().filter_map(|recorded| {
            let kind = catalog.stored(&recorded.resource)?;
            let object: Json = serde_json::from_slice(&recorded.object).ok()?;
            Some((recorded.resource.clone(), convert(object, kind)))
        });
        let base = Arc::new(Recorded::new(objects));
        Loaded { base, catalog }
    }

    /// The resources that are in it, but not known here, and how many objects there are of each: they are left out.
    #[must_use]
    pub fn unknown(&self) -> BTreeMap<String, usize> {
        let catalog = self.define(Catalog::builtin());
        let mut unknown = BTreeMap::new();
        for recorded in self.objects.iter().filter(|recorded| catalog.stored(&recorded.resource).is_none()) {
            *unknown.entry(recorded.resource.to_string()).or_default() += 1;
        }
        unknown
    }

    /// The names of its nodes, sorted.
    #[must_use]
    pub fn nodes(&self) -> Vec<String> {
        let nodes = self.objects.iter().filter(|recorded| &*recorded.resource == "nodes");
        let nodes = nodes.filter_map(|recorded| serde_json::from_slice::<Json>(&recorded.object).ok());
        let mut names: Vec<String> = nodes.map(|node| object::name(&node).to_owned()).collect();
        names.sort();
        names
    }

    fn define(&self, mut catalog: Catalog) -> Catalog {
        for recorded in self.objects.iter().filter(|recorded| &*recorded.resource == DEFINITIONS) {
            if let Ok(definition) = serde_json::from_slice(&recorded.object) {
                crd::define(&mut catalog, &definition, 0);
            }
        }
        catalog
    }
}

/// The `apiVersion` in which a built-in resource (`deployments.apps`) is best recorded: the one that it is kept in here.
/// Nothing for a resource that is not known.
#[must_use]
pub fn kept_in(resource: &str) -> Option<String> {
    Some(schema::builtin().catalog.stored(resource)?.api_version())
}
