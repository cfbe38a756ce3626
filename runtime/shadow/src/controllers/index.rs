//! Which objects there are, where, and who owns them: what deletion of namespaces and garbage collection go by.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Seen;
use super::fields::{items, text};
use crate::object;
use crate::store::Key;

/// What is kept of any object.
#[derive(Debug, Clone, Default)]
struct Entry {
    uid: String,
    owners: Vec<String>,
}

/// All objects, by what they are looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    entries: HashMap<Key, Entry>,
    alive: HashMap<String, Key>,
    dependents: HashMap<String, BTreeSet<Key>>,
    content: BTreeMap<String, BTreeSet<Key>>,
}

impl Index {
    /// Takes a change in.
    pub(crate) fn take(&mut self, change: &Seen) {
        self.remove(&change.key);
        if !change.gone() {
            self.insert(change);
        }
    }

    fn insert(&mut self, change: &Seen) {
        let meta = &change.object["metadata"];
        let owners: Vec<String> = items(&meta["ownerReferences"]).iter().map(|o| text(&o["uid"]).to_owned()).collect();
        let uid = object::uid(&change.object).to_owned();
        for owner in &owners {
            self.dependents.entry(owner.clone()).or_default().insert(change.key.clone());
        }
        self.alive.insert(uid.clone(), change.key.clone());
        if !change.key.namespace.is_empty() {
            self.content.entry(change.key.namespace.to_string()).or_default().insert(change.key.clone());
        }
        self.entries.insert(change.key.clone(), Entry { uid, owners });
    }

    fn remove(&mut self, key: &Key) {
        let Some(entry) = self.entries.remove(key) else { return };
        for owner in entry.owners {
            if let Some(set) = self.dependents.get_mut(&owner) {
                set.remove(key);
                if set.is_empty() {
                    self.dependents.remove(&owner);
                }
            }
        }
        self.alive.remove(&entry.uid);
        if let Some(set) = self.content.get_mut(&*key.namespace) {
            set.remove(key);
            if set.is_empty() {
                self.content.remove(&*key.namespace);
            }
        }
    }

    /// Whether an object of this uid is there.
    pub(crate) fn alive(&self, uid: &str) -> Option<&Key> {
        self.alive.get(uid)
    }

    /// The objects that name this uid as an owner.
    pub(crate) fn dependents(&self, uid: &str) -> impl Iterator<Item = &Key> {
        self.dependents.get(uid).into_iter().flatten()
    }

    /// What is in a namespace, by resource and name.
    pub(crate) fn content(&self, namespace: &str) -> impl Iterator<Item = &Key> {
        self.content.get(namespace).into_iter().flatten()
    }
}
