//! What lies below the upper layer: nothing, a recorded cluster, a live one.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use super::table::{Slot, Table};
use super::{Key, Stored};
use crate::Json;
use crate::catalog::ResourceName;

/// A cluster to read from. Its objects have resourceVersions of this store's own, up to [`version`](Base::version).
pub(crate) trait Base: Debug + Send + Sync {
    /// The highest version among its objects.
    fn version(&self) -> u64;
    /// The resources of which it has objects, sorted.
    fn resources(&self) -> Vec<ResourceName>;
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Stored>>;
    /// In the order of the store's lists.
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Stored>>;
    fn owned_by(&self, resource: &str, namespace: &str, uid: &str) -> Vec<Arc<Stored>>;
    /// In all namespaces.
    fn dependents(&self, resource: &str, uid: &str) -> Vec<Arc<Stored>>;
    /// Which object has this uid.
    fn with_uid(&self, uid: &str) -> Option<Key>;
}

/// A cluster as it was once.
#[derive(Debug, Default)]
pub(crate) struct Recorded {
    tables: BTreeMap<ResourceName, Table>,
    uids: BTreeMap<Box<str>, Key>,
    version: u64,
}

impl Recorded {
    /// Of objects in their storage versions, each with its resource. They get versions in this order.
    pub(crate) fn new(objects: impl IntoIterator<Item = (ResourceName, Json)>) -> Self {
        let mut recorded = Self::default();
        for (resource, mut object) in objects {
            recorded.version += 1;
            if let Some(meta) = object.get_mut("metadata").and_then(Json::as_object_mut) {
                meta.insert("resourceVersion".into(), recorded.version.to_string().into());
            }
            let stored = Arc::new(Stored::encode(&resource, &object));
            recorded.uids.insert(stored.uid().into(), stored.key(&resource));
            recorded.tables.entry(resource).or_default().put(stored);
        }
        recorded
    }
}

impl Base for Recorded {
    fn version(&self) -> u64 {
        self.version
    }

    fn resources(&self) -> Vec<ResourceName> {
        self.tables.keys().cloned().collect()
    }

    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        match self.tables.get(resource)?.get(namespace, name)? {
            Slot::Object(stored) => Some(stored.clone()),
            Slot::Tombstone => None,
        }
    }

    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Stored>> {
        self.tables.get(resource).into_iter().flat_map(|table| table.objects(namespace)).cloned().collect()
    }

    fn owned_by(&self, resource: &str, namespace: &str, uid: &str) -> Vec<Arc<Stored>> {
        self.tables.get(resource).into_iter().flat_map(|table| table.owned_by(namespace, uid)).cloned().collect()
    }

    fn dependents(&self, resource: &str, uid: &str) -> Vec<Arc<Stored>> {
        self.tables.get(resource).into_iter().flat_map(|table| table.dependents(uid)).cloned().collect()
    }

    fn with_uid(&self, uid: &str) -> Option<Key> {
        self.uids.get(uid).cloned()
    }
}
