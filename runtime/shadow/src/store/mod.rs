//! What the cluster holds: layers of encoded objects, one history of changes.
//!
//! Reads look at the upper layer, which holds what was written, and fall through to the base where it holds nothing.
//! Objects are bytes with a small index beside them, and are parsed by whoever needs a field.

mod base;
mod entry;
mod fields;
mod history;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::catalog::ResourceName;
use crate::{Json, object};

pub(crate) use base::{Base, Recorded};
pub(crate) use entry::Stored;
pub(crate) use fields::selectable;
pub(crate) use history::{Record, Scope, Watcher};

use history::History;
use table::{Slot, Table};

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// `pods`, `deployments.apps`.
    pub(crate) resource: ResourceName,
    /// Empty for what is cluster-wide.
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Key {
    pub(crate) fn new(resource: &str, namespace: &str, name: &str) -> Self {
        Self { resource: resource.into(), namespace: namespace.into(), name: name.into() }
    }
}

/// What has happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One entry of the history.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) kind: ChangeKind,
    pub(crate) key: Key,
    /// The object as it is afterwards; as it was last, for a deletion (with the deletion's resourceVersion).
    pub(crate) object: Bytes,
}

/// The layers and the history.
#[derive(Debug)]
pub(crate) struct Store {
    base: Option<Arc<dyn Base>>,
    upper: BTreeMap<ResourceName, Arc<Table>>,
    history: History,
}

/// The version asked for is older than the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooOld {
    /// The oldest that is still known.
    pub(crate) oldest: u64,
}

impl Store {
    /// A store over a base, whose objects have versions up to `base.version()`.
    pub(crate) fn new(base: Option<Arc<dyn Base>>) -> Self {
        let version = base.as_ref().map_or(0, |base| base.version());
        Self { base, upper: BTreeMap::new(), history: History::new(version) }
    }

    /// Another store with the same content and history, without watchers. What neither writes to stays shared.
    pub(crate) fn fork(&self) -> Self {
        Self { base: self.base.clone(), upper: self.upper.clone(), history: self.history.fork() }
    }

    /// The version of the last change.
    pub(crate) fn version(&self) -> u64 {
        self.history.version()
    }

    /// The version that the next change will have: it stands in the object that it writes.
    pub(crate) fn next_version(&self) -> u64 {
        self.version() + 1
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Stored>> {
        self.find(&key.resource, &key.namespace, &key.name)
    }

    pub(crate) fn find(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        match self.upper.get(resource).and_then(|table| table.get(namespace, name)) {
            Some(Slot::Object(stored)) => Some(stored.clone()),
            Some(Slot::Tombstone) => None,
            None => self.base.as_ref()?.get(resource, namespace, name),
        }
    }

    /// Whether the object is the base's alone: then no controller looks after it.
    pub(crate) fn is_below(&self, key: &Key) -> bool {
        let written = self.upper.get(&key.resource).and_then(|table| table.get(&key.namespace, &key.name));
        let base = self.base.as_ref().filter(|_| written.is_none());
        base.is_some_and(|base| base.get(&key.resource, &key.namespace, &key.name).is_some())
    }

    /// All, or those of a namespace, in the order of their paths in the real one's etcd: by namespace, then by name.
    pub(crate) fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Stored>> {
        let below = self.base.as_ref().map(|base| base.list(resource, namespace)).unwrap_or_default();
        let Some(table) = self.upper.get(resource) else { return below };
        if below.is_empty() {
            return table.objects(namespace).cloned().collect();
        }
        let all: BTreeMap<(String, Arc<str>), Arc<Stored>> = below
            .into_iter()
            .filter(|stored| table.get(stored.namespace(), stored.name()).is_none())
            .chain(table.objects(namespace).cloned())
            .map(|stored| ((table::place(stored.namespace()), stored.index.name.clone()), stored))
            .collect();
        all.into_values().collect()
    }

    /// The list as it was after the change of this version: what has happened since is taken back.
    pub(crate) fn list_at(
        &self,
        resource: &str,
        namespace: Option<&str>,
        version: u64,
    ) -> Result<Vec<Arc<Stored>>, TooOld> {
        let now = self.list(resource, namespace);
        let mut since = self.changes_since(version)?.filter(|r| &*r.change.key.resource == resource).peekable();
        if since.peek().is_none() {
            return Ok(now);
        }
        let mut then: BTreeMap<(String, Arc<str>), Arc<Stored>> = now
            .into_iter()
            .map(|stored| ((table::place(stored.namespace()), stored.index.name.clone()), stored))
            .collect();
        // Newest first, so that the oldest change of an object has the last word.
        for record in since.rev() {
            let key = &record.change.key;
            if namespace.is_some_and(|namespace| *namespace != *key.namespace) {
                continue;
            }
            let place = (table::place(&key.namespace), key.name.clone());
            match &record.before {
                Some(before) => then.insert(place, before.clone()),
                None => then.remove(&place),
            };
        }
        Ok(then.into_values().collect())
    }

    /// Whose `ownerReferences` name this uid, in the order of `list`.
    pub(crate) fn owned_by(&self, resource: &str, namespace: &str, uid: &str) -> Vec<Arc<Stored>> {
        let below = self.base.as_ref().map(|base| base.owned_by(resource, namespace, uid)).unwrap_or_default();
        let Some(table) = self.upper.get(resource) else { return below };
        let mut all: Vec<_> =
            below.into_iter().filter(|stored| table.get(stored.namespace(), stored.name()).is_none()).collect();
        all.extend(table.owned_by(namespace, uid).cloned());
        all.sort_by(|a, b| a.index.name.cmp(&b.index.name));
        all
    }

    /// The resources of which there may be objects, sorted.
    pub(crate) fn resources(&self) -> Vec<ResourceName> {
        let mut all: Vec<ResourceName> = self.upper.keys().cloned().collect();
        all.extend(self.base.as_ref().map(|base| base.resources()).unwrap_or_default());
        all.sort();
        all.dedup();
        all
    }

    /// How many objects there are.
    pub(crate) fn count(&self, resource: &str, namespace: Option<&str>) -> usize {
        match (&self.base, self.upper.get(resource)) {
            (None, Some(table)) => table.objects(namespace).count(),
            (None, None) => 0,
            _ => self.list(resource, namespace).len(),
        }
    }

    /// Writes an object, whose `metadata.resourceVersion` has to be [`next_version`](Self::next_version).
    pub(crate) fn put(&mut self, key: &Key, object: &Json) -> Arc<Stored> {
        self.bring_up(key);
        let stored = Arc::new(Stored::encode(&key.resource, object));
        let before = self.get(key);
        self.table(&key.resource).put(stored.clone());
        let kind = if before.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        self.record(kind, key, stored.clone(), before);
        stored
    }

    /// Removes an object; `last` is how watchers see it for the last time, with the deletion's resourceVersion.
    pub(crate) fn remove(&mut self, key: &Key, last: &Json) {
        self.bring_up(key);
        let Some(before) = self.get(key) else { return };
        let in_base = self.base.as_ref().is_some_and(|b| b.get(&key.resource, &key.namespace, &key.name).is_some());
        self.table(&key.resource).remove(&key.namespace, &key.name, in_base);
        self.record(ChangeKind::Deleted, key, Arc::new(Stored::encode(&key.resource, last)), Some(before));
    }

    fn record(&mut self, kind: ChangeKind, key: &Key, object: Arc<Stored>, before: Option<Arc<Stored>>) {
        let change = Change { version: self.next_version(), kind, key: key.clone(), object: object.bytes.clone() };
        self.history.record(Record { change, object, before });
    }

    /// The changes after this version, oldest first.
    pub(crate) fn changes_since(&self, version: u64) -> Result<impl DoubleEndedIterator<Item = &Arc<Record>>, TooOld> {
        self.history.since(version)
    }

    /// From now on, what happens within a scope.
    pub(crate) fn watch(&mut self, scope: Scope) -> Watcher {
        self.history.watch(scope)
    }

    fn table(&mut self, resource: &ResourceName) -> &mut Table {
        Arc::make_mut(self.upper.entry(resource.clone()).or_default())
    }

    /// Copies a base object into the upper layer, with what belongs to it: the objects that its `ownerReferences` lead to, the
    /// one that controls it, and the pods of a node. Controllers look after the upper layer only: they would double what they
    /// do not see there, and not replace what is deleted in it.
    pub(crate) fn bring_up(&mut self, key: &Key) {
        let Some(base) = self.base.clone() else { return };
        let mut open = vec![key.clone()];
        while let Some(key) = open.pop() {
            if self.upper.get(&key.resource).is_some_and(|t| t.get(&key.namespace, &key.name).is_some()) {
                continue;
            }
            let Some(stored) = base.get(&key.resource, &key.namespace, &key.name) else { continue };
            for resource in base.resources() {
                let owned = base.dependents(&resource, stored.uid());
                open.extend(owned.iter().map(|dependent| dependent.key(&resource)));
            }
            let object = stored.json();
            let owner = object::controller_of(&object).and_then(|owner| owner.get("uid")?.as_str());
            open.extend(owner.and_then(|uid| base.with_uid(uid)));
            if &*key.resource == "nodes" {
                let pods = base.list("pods", None);
                let here = pods.iter().filter(|pod| pod.index.node() == Some(&*key.name));
                open.extend(here.map(|pod| pod.key(&"pods".into())));
            }
            self.table(&key.resource).put(stored);
        }
    }
}
