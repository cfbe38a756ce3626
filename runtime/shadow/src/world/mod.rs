//! The cluster as those inside it see it: controllers, the scheduler, the API's handlers.
//!
//! All of it is synchronous and stands behind one lock. Writes go one way (`write.rs`), whoever asks: defaults, admission,
//! validation, managed fields, the store, the history.

mod api_services;
mod binding;
mod deletion;
mod events;
mod genesis;
mod ip_addresses;
mod meta;
mod parts;
mod reach;
mod scale;
mod strategy;
mod versions;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::Json;
use crate::catalog::{Catalog, ResourceName, ResourceType};
use crate::clock::Clock;
use crate::container::Insides;
use crate::error::ApiError;
use crate::schema::documents::Documents;
use crate::store::{Base, Key, Store, Stored};

pub(crate) use deletion::Deleted;
pub(crate) use meta::{same_name, time};
pub(crate) use parts::{DEFINITIONS, convert, decode, deprecation, is_outdated, refreshed};
pub(crate) use scale::Scaled;
pub(crate) use strategy::returns_deleted;
pub(crate) use write::{Edit, Making, Target, Written};

/// Who writes, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer {
    /// The manager in `managedFields`.
    pub(crate) manager: String,
    /// Looks only.
    pub(crate) dry_run: bool,
    pub(crate) field_validation: FieldValidation,
}

/// What becomes of unknown and duplicate fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// How dependents are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// How something is deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletion {
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) grace_seconds: Option<i64>,
}

/// What controllers need of the world; `World` gives it, a test may give less.
///
/// `resource` is `pods`, `deployments.apps`, …; `namespace` is empty for what is cluster-wide. Objects are in their storage
/// version.
pub(crate) trait Objects {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Json>>;
    /// In the order of namespace and name.
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Json>>;
    /// Whose `ownerReferences` name this uid.
    fn owned_by(&self, resource: &str, namespace: &str, uid: &str) -> Vec<Arc<Json>>;
    /// `resource` may be `pods/binding` besides: the object is a `Binding`.
    fn create(&mut self, writer: &Writer, resource: &str, object: Json) -> Result<Arc<Json>, ApiError>;
    /// Replaces the object. Refused where the resourceVersion in it is outdated. `resource` may be
    /// `namespaces/finalize`, or such as `deployments.apps/scale`: the object is a `Scale`.
    fn update(&mut self, writer: &Writer, resource: &str, object: Json) -> Result<Arc<Json>, ApiError>;
    fn update_status(&mut self, writer: &Writer, resource: &str, object: Json) -> Result<Arc<Json>, ApiError>;
    fn delete(
        &mut self,
        writer: &Writer,
        resource: &str,
        namespace: &str,
        name: &str,
        deletion: &Deletion,
    ) -> Result<(), ApiError>;
    /// Records an Event about an object, or counts it up: `kind` is `Normal` or `Warning`.
    fn event(&mut self, component: &str, about: &Json, kind: &str, reason: &str, message: &str);
    /// The time of day, as objects carry it.
    fn wall(&self) -> jiff::Timestamp;
    /// The time since the shadow's start.
    fn now(&self) -> std::time::Duration;
    /// A number that depends on the seed and on these words only, never on the order in which things happen.
    fn chance(&self, of: &[&str]) -> u64;
}

/// The cluster.
pub(crate) struct World {
    pub(crate) store: Store,
    pub(crate) catalog: Catalog,
    /// The OpenAPI documents of the catalog.
    pub(crate) documents: Arc<Documents>,
    clock: Arc<dyn Clock>,
    seed: u64,
    /// How often an object of this key has been deleted: the next one of that name gets another uid.
    graves: BTreeMap<Key, u32>,
    /// How many objects have been made for nothing but to look at them.
    dry_runs: u64,
    /// How many names have been made of each `generateName`, by resource, namespace and prefix.
    generated: BTreeMap<Key, u32>,
    /// What the Events say.
    said: events::Said,
    /// What could not be judged about objects that are there.
    pub(crate) unvalidated: BTreeMap<Key, Vec<String>>,
    /// What is in containers.
    pub(crate) insides: Insides,
}

impl World {
    /// Over a base; without one, nothing is in it.
    pub(crate) fn new(seed: u64, clock: Arc<dyn Clock>, catalog: Catalog, base: Option<Arc<dyn Base>>) -> Self {
        let (graves, generated) = (BTreeMap::new(), BTreeMap::new());
        let (documents, unvalidated) = (Arc::default(), BTreeMap::new());
        let (store, said) = (Store::new(base), events::Said::default());
        Self {
            store,
            catalog,
            documents,
            clock,
            seed,
            graves,
            dry_runs: 0,
            generated,
            said,
            unvalidated,
            insides: Insides::new(),
        }
    }

    /// The same once more, by this clock: what happens in one no longer shows in the other.
    pub(crate) fn fork(&self, clock: Arc<dyn Clock>) -> Self {
        Self {
            store: self.store.fork(),
            catalog: self.catalog.clone(),
            documents: self.documents.clone(),
            clock,
            seed: self.seed,
            graves: self.graves.clone(),
            dry_runs: self.dry_runs,
            generated: self.generated.clone(),
            said: self.said.clone(),
            unvalidated: self.unvalidated.clone(),
            insides: self.insides.clone(),
        }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A resource in the version that its objects are stored in.
    pub(crate) fn stored_type(&self, resource: &str) -> Result<Arc<ResourceType>, ApiError> {
        let stored = self.catalog.stored(resource).cloned();
        stored.ok_or_else(|| ApiError::new(404, "NotFound", "the server could not find the requested resource"))
    }

    /// A new object that is not kept, with its owners.
    pub(crate) fn tracked(&self, target: &Target<'_>, writer: &Writer, object: Json) -> Json {
        parts::track(self, target, None, object, writer, self.clock().wall())
    }

    fn read(&self, resource: &str, stored: &Stored) -> Arc<Json> {
        Arc::new(match self.catalog.stored(resource) {
            Some(kind) if is_outdated(stored, kind) => refreshed(&self.catalog.versions(kind), stored, kind),
            _ => stored.json(),
        })
    }

    /// Words of its own from [`chance`](Objects::chance), as a uid.
    fn new_uid(&mut self, key: &Key, dry_run: bool) -> String {
        let mut life = self.graves.get(key).copied().unwrap_or_default().to_string();
        if dry_run {
            // Each is of an object that there will never be.
            self.dry_runs += 1;
            life = format!("never {}", self.dry_runs);
        }
        let words = ["uid", &*key.resource, &*key.namespace, &*key.name, &life];
        let (a, b) =
            (self.chance(&words), self.chance(&["uid again", &*key.resource, &*key.namespace, &*key.name, &life]));
        let bytes = (u128::from(a) << 64) | u128::from(b);
        // Version 4, variant 1, as those of the real one.
        let bytes = (bytes & !(0xf000_u128 << 64) & !(0xc000_u128 << 48)) | (0x4000_u128 << 64) | (0x8000_u128 << 48);
        let hex = format!("{bytes:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default().to_owned();
        [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
    }

    /// The name that `generateName` becomes: one that nothing has and nothing had.
    fn new_name(&mut self, resource: &ResourceName, namespace: &str, prefix: &str, dry_run: bool) -> String {
        // Longer ones are cut, so that the name stays within 63 characters.
        let kept = prefix.char_indices().nth(58).map_or(prefix, |(end, _)| prefix.get(..end).unwrap_or(prefix));
        let counter = Key { resource: resource.clone(), namespace: namespace.into(), name: kept.into() };
        let mut count = self.generated.get(&counter).copied().unwrap_or_default();
        loop {
            count += 1;
            let mut chance = self.chance(&["name", resource, namespace, kept, &count.to_string()]);
            let mut name = kept.to_owned();
            for _ in 0..5 {
                let at = (chance % NAME_LETTERS.len() as u64) as usize;
                name.extend(NAME_LETTERS.get(at).map(|letter| char::from(*letter)));
                chance /= NAME_LETTERS.len() as u64;
            }
            let key = Key { name: name.as_str().into(), ..counter.clone() };
            if self.store.get(&key).is_none() && !self.graves.contains_key(&key) {
                if !dry_run {
                    self.generated.insert(counter, count);
                }
                return name;
            }
        }
    }
}

/// The letters that Kubernetes makes names of: no vowels, so no words.
const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Objects for World {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Json>> {
        self.store.find(resource, namespace, name).map(|stored| self.read(resource, &stored))
    }

    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Json>> {
        self.store.list(resource, namespace).iter().map(|stored| self.read(resource, stored)).collect()
    }

    fn owned_by(&self, resource: &str, namespace: &str, uid: &str) -> Vec<Arc<Json>> {
        self.store.owned_by(resource, namespace, uid).iter().map(|stored| self.read(resource, stored)).collect()
    }

    fn create(&mut self, writer: &Writer, resource: &str, object: Json) -> Result<Arc<Json>, ApiError> {
        if resource == "pods/binding" {
            return self.bind(writer, &object);
        }
        let kind = self.stored_type(resource)?;
        let namespace = crate::object::namespace(&object).to_owned();
        let target = Target { kind: &kind, namespace: &namespace, name: "", subresource: "" };
        Ok(Arc::new(self.write(&target, writer, Edit::Create(object))?.object.json()))
    }

    fn update(&mut self, writer: &Writer, resource: &str, object: Json) -> Result<Arc<Json>, ApiError> {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        self.replace(writer, resource, subresource, object)
    }

    fn update_status(&mut self, writer: &Writer, resource: &str, object: Json) -> Result<Arc<Json>, ApiError> {
        self.replace(writer, resource, "status", object)
    }

    fn delete(
        &mut self,
        writer: &Writer,
        resource: &str,
        namespace: &str,
        name: &str,
        deletion: &Deletion,
    ) -> Result<(), ApiError> {
        let kind = self.stored_type(resource)?;
        let target = Target { kind: &kind, namespace, name, subresource: "" };
        self.remove(&target, writer, deletion).map(drop)
    }

    fn event(&mut self, component: &str, about: &Json, kind: &str, reason: &str, message: &str) {
        self.record_event(component, about, kind, reason, message);
    }

    fn wall(&self) -> jiff::Timestamp {
        self.clock.wall()
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn chance(&self, of: &[&str]) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_be_bytes());
        for word in of {
            hash.update((word.len() as u64).to_be_bytes());
            hash.update(word);
        }
        hash.finalize().iter().take(8).fold(0, |number, byte| (number << 8) | u64::from(*byte))
    }
}

impl World {
    fn replace(
        &mut self,
        writer: &Writer,
        resource: &str,
        subresource: &str,
        object: Json,
    ) -> Result<Arc<Json>, ApiError> {
        let kind = self.stored_type(resource)?;
        let (namespace, name) = (crate::object::namespace(&object).to_owned(), crate::object::name(&object).to_owned());
        let target = Target { kind: &kind, namespace: &namespace, name: &name, subresource };
        let edit = match subresource {
            "scale" => Scaled::of(&self.catalog, &kind).edit(object, writer.clone(), self.clock.wall()),
            _ => Edit::Replace(object),
        };
        Ok(Arc::new(self.write(&target, writer, edit)?.object.json()))
    }
}
