//! The objects of one resource in the upper layer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Stored;

/// What the upper layer says of a name.
#[derive(Debug, Clone)]
pub(crate) enum Slot {
    Object(Arc<Stored>),
    /// Deleted here, whatever the base says.
    Tombstone,
}

/// Where a namespace's objects stand in the order: the real one sorts by paths in which a slash ends the namespace.
pub(super) fn place(namespace: &str) -> String {
    format!("{namespace}/")
}

type Place = Arc<str>;
type Name = Arc<str>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    slots: BTreeMap<Place, BTreeMap<Name, Slot>>,
    /// By the uid of an owner.
    owned: BTreeMap<Box<str>, BTreeSet<(Place, Name)>>,
}

impl Table {
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<&Slot> {
        self.slots.get(&*place(namespace))?.get(name)
    }

    /// In order.
    pub(crate) fn objects(&self, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Stored>> {
        let one = namespace.map(|namespace| self.slots.get(&*place(namespace)).into_iter());
        let all = namespace.is_none().then(|| self.slots.values());
        one.into_iter().flatten().chain(all.into_iter().flatten()).flat_map(BTreeMap::values).filter_map(object)
    }

    pub(crate) fn owned_by(&self, namespace: &str, uid: &str) -> impl Iterator<Item = &Arc<Stored>> {
        self.dependents(uid).filter(move |stored| stored.namespace() == namespace)
    }

    pub(crate) fn dependents(&self, uid: &str) -> impl Iterator<Item = &Arc<Stored>> {
        let places = self.owned.get(uid).into_iter().flatten();
        places.filter_map(|(place, name)| object(self.slots.get(place)?.get(name)?))
    }

    pub(crate) fn put(&mut self, stored: Arc<Stored>) {
        self.disown(stored.namespace(), stored.name());
        let place: Place = place(stored.namespace()).into();
        for owner in &stored.index.owners {
            self.owned.entry(owner.clone()).or_default().insert((place.clone(), stored.index.name.clone()));
        }
        self.slots.entry(place).or_default().insert(stored.index.name.clone(), Slot::Object(stored));
    }

    /// Removes an object; leaves a tombstone if the base has one of this name.
    pub(crate) fn remove(&mut self, namespace: &str, name: &str, in_base: bool) {
        self.disown(namespace, name);
        let place = place(namespace);
        if in_base {
            self.slots.entry(place.into()).or_default().insert(name.into(), Slot::Tombstone);
        } else if let Some(names) = self.slots.get_mut(&*place) {
            names.remove(name);
            if names.is_empty() {
                self.slots.remove(&*place);
            }
        }
    }

    fn disown(&mut self, namespace: &str, name: &str) {
        let Some(Slot::Object(stored)) = self.get(namespace, name) else { return };
        let (owners, place) = (stored.index.owners.clone(), place(namespace));
        for owner in owners {
            if let Some(owned) = self.owned.get_mut(&owner) {
                owned.retain(|(p, n)| **p != *place || **n != *name);
                if owned.is_empty() {
                    self.owned.remove(&owner);
                }
            }
        }
    }
}

fn object(slot: &Slot) -> Option<&Arc<Stored>> {
    match slot {
        Slot::Object(stored) => Some(stored),
        Slot::Tombstone => None,
    }
}
