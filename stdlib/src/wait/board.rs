//! What the watches of one wait have told so far. Each kind and namespace stands on it once, whoever asks.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_runtime::Error;
use windlass_runtime::cluster::{Collection, Listing, Selector, WatchEvent};

/// The number of a source on the board.
pub(crate) type SourceId = usize;

/// Objects that are followed, and where they come from.
#[derive(Debug, Default)]
pub(crate) struct Board {
    sources: Vec<Source>,
    known: HashMap<(Collection, Selector), SourceId>,
    fresh: Vec<SourceId>,
}

#[derive(Debug)]
pub(crate) struct Source {
    pub of: Collection,
    pub selector: Selector,
    /// By name; none before the first list.
    objects: Option<BTreeMap<String, Arc<Json>>>,
    /// Why it cannot be followed.
    pub error: Option<Error>,
    /// Why the connection is lost, while it is.
    pub lost: Option<String>,
}

impl Board {
    /// The source of these objects; a new one is followed from now on.
    pub fn source(&mut self, of: &Collection, selector: &Selector) -> SourceId {
        let topic = (of.clone(), selector.clone());
        *self.known.entry(topic).or_insert_with(|| {
            let (of, selector) = (of.clone(), selector.clone());
            self.sources.push(Source { of, selector, objects: None, error: None, lost: None });
            self.fresh.push(self.sources.len() - 1);
            self.sources.len() - 1
        })
    }

    /// The sources that nobody follows yet.
    pub fn take_fresh(&mut self) -> Vec<SourceId> {
        std::mem::take(&mut self.fresh)
    }

    pub fn get(&self, source: SourceId) -> &Source {
        &self.sources[source]
    }

    /// Takes in what a watch tells.
    pub fn observe(&mut self, source: SourceId, told: Result<WatchEvent, Error>) {
        let source = &mut self.sources[source];
        match told {
            Ok(WatchEvent::Snapshot(objects)) => {
                let named = |o: Json| (crate::fields::name(&o).to_owned(), Arc::new(o));
                source.objects = Some(objects.into_iter().map(named).collect());
            }
            Ok(WatchEvent::Applied(object)) => {
                let name = crate::fields::name(&object).to_owned();
                source.objects.get_or_insert_default().insert(name, Arc::new(object));
            }
            Ok(WatchEvent::Deleted(object)) => {
                source.objects.get_or_insert_default().remove(crate::fields::name(&object));
            }
            Ok(WatchEvent::Disconnected(reason)) => source.lost = Some(reason),
            Ok(WatchEvent::Reconnected) => source.lost = None,
            // Events of later versions of the runtime that say nothing about objects.
            Ok(_) => {}
            Err(error) => source.error = Some(error),
        }
    }

    /// Takes in what a list has read. A watch may have told something newer by now, which stays.
    pub fn refresh(&mut self, source: SourceId, listing: Listing) {
        let Some(objects) = &mut self.sources[source].objects else { return };
        let listed = number(&listing.resource_version);
        let there: HashSet<String> = listing.items.iter().map(|o| crate::fields::name(o).to_owned()).collect();
        objects
            .retain(|name, object| there.contains(name) || listed.is_none_or(|listed| version(object) > Some(listed)));
        for object in listing.items {
            let name = crate::fields::name(&object).to_owned();
            if objects.get(&name).is_none_or(|known| version(&object) > version(known)) {
                objects.insert(name, Arc::new(object));
            }
        }
    }

    /// Whether any connection is lost at the moment.
    pub fn is_cut_off(&self) -> bool {
        self.sources.iter().any(Source::is_cut_off)
    }

    /// Whether any connection to this cluster is lost at the moment.
    pub fn is_cut_off_from(&self, cluster: &str) -> bool {
        self.sources.iter().any(|s| s.is_cut_off() && s.of.cluster == cluster)
    }
}

/// The version of an object as a number: a later one is greater.
fn version(object: &Json) -> Option<u64> {
    number(object.pointer("/metadata/resourceVersion")?.as_str()?)
}

fn number(version: &str) -> Option<u64> {
    version.parse().ok()
}

impl Source {
    fn is_cut_off(&self) -> bool {
        self.lost.is_some() && self.error.is_none()
    }

    /// Whether it is known what there is, or that it cannot be known.
    pub fn is_settled(&self) -> bool {
        self.objects.is_some() || self.error.is_some()
    }

    /// Whether it is known what there is.
    pub fn is_known(&self) -> bool {
        self.objects.is_some()
    }

    /// The object of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<Json>> {
        self.objects.as_ref()?.get(name)
    }

    /// All objects; none where they may not be read, or are not known yet.
    pub fn all(&self) -> Option<impl Iterator<Item = &Json>> {
        self.objects.as_ref().filter(|_| self.error.is_none()).map(|objects| objects.values().map(Arc::as_ref))
    }
}
