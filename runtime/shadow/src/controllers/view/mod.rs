//! What controllers and the scheduler look at again and again, kept small and by index: pods and nodes.
//!
//! The store holds bytes; reading 5,000 pods at each of 5,000 changes would be far too slow.

mod node;
mod pod;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use node::Node;
pub(crate) use pod::{Amounts, HostPort, Phase, Pod, add};

use super::Seen;
use super::fields::items;
use super::index::Index;

type PodKey = (String, String);

/// Pods and nodes by what they are looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pods: BTreeMap<PodKey, Arc<Pod>>,
    by_owner: BTreeMap<String, BTreeSet<PodKey>>,
    by_node: BTreeMap<String, BTreeSet<PodKey>>,
    by_claim: BTreeMap<PodKey, BTreeSet<PodKey>>,
    orphans: BTreeSet<PodKey>,
    /// Pods with required anti-affinity: others have to respect it.
    repelling: BTreeSet<PodKey>,
    /// How many pods of an owner a node has.
    spread: BTreeMap<String, BTreeMap<String, usize>>,
    nodes: BTreeMap<String, Node>,
    /// All objects, with their owners.
    pub(crate) index: Index,
}

impl View {
    /// Takes a change in; gives what was known of the pod before.
    pub(crate) fn take(&mut self, change: &Seen) -> Option<Arc<Pod>> {
        self.index.take(change);
        match &*change.key.resource {
            "pods" => {
                let key = (change.key.namespace.to_string(), change.key.name.to_string());
                let before = self.remove(&key);
                if !change.gone() {
                    self.insert(key, Pod::read(&change.object));
                }
                before
            }
            "nodes" => {
                self.node(change);
                None
            }
            _ => None,
        }
    }

    fn node(&mut self, change: &Seen) {
        let name = change.key.name.to_string();
        if change.gone() {
            self.nodes.remove(&name);
            return;
        }
        let mut node = Node::read(&change.object);
        match self.nodes.get_mut(&name) {
            Some(old) => {
                node.pods = old.pods;
                node.requested = std::mem::take(&mut old.requested);
                node.host_ports = std::mem::take(&mut old.host_ports);
            }
            None => {
                let here: Vec<Arc<Pod>> = self.on_node(&name).filter(|pod| !pod.finished()).cloned().collect();
                here.iter().for_each(|pod| node.take(pod));
            }
        }
        self.nodes.insert(name, node);
    }

    fn insert(&mut self, key: PodKey, pod: Pod) {
        match &pod.owner {
            Some(owner) => {
                self.by_owner.entry(owner.uid.clone()).or_default().insert(key.clone());
                if !pod.node.is_empty() && pod.active() {
                    *self.spread.entry(owner.uid.clone()).or_default().entry(pod.node.clone()).or_default() += 1;
                }
            }
            None => {
                self.orphans.insert(key.clone());
            }
        }
        for claim in &pod.claims {
            self.by_claim.entry((key.0.clone(), claim.clone())).or_default().insert(key.clone());
        }
        if !pod.node.is_empty() {
            self.by_node.entry(pod.node.clone()).or_default().insert(key.clone());
            if !pod.finished()
                && let Some(node) = self.nodes.get_mut(&pod.node)
            {
                node.take(&pod);
            }
        }
        let anti = &pod.spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        if !items(anti).is_empty() {
            self.repelling.insert(key.clone());
        }
        self.pods.insert(key, Arc::new(pod));
    }

    fn remove(&mut self, key: &PodKey) -> Option<Arc<Pod>> {
        let pod = self.pods.remove(key)?;
        if let Some(owner) = &pod.owner {
            unlink(&mut self.by_owner, &owner.uid, key);
            if !pod.node.is_empty()
                && pod.active()
                && let Some(nodes) = self.spread.get_mut(&owner.uid)
            {
                if let Some(count) = nodes.get_mut(&pod.node) {
                    *count = count.saturating_sub(1);
                }
                nodes.retain(|_, count| *count > 0);
                if nodes.is_empty() {
                    self.spread.remove(&owner.uid);
                }
            }
        }
        self.orphans.remove(key);
        self.repelling.remove(key);
        for claim in &pod.claims {
            unlink(&mut self.by_claim, &(key.0.clone(), claim.clone()), key);
        }
        if !pod.node.is_empty() {
            unlink(&mut self.by_node, &pod.node, key);
            if !pod.finished()
                && let Some(node) = self.nodes.get_mut(&pod.node)
            {
                node.give_back(&pod);
            }
        }
        Some(pod)
    }

    /// One pod.
    pub(crate) fn pod(&self, namespace: &str, name: &str) -> Option<&Arc<Pod>> {
        self.pods.get(&(namespace.to_owned(), name.to_owned()))
    }

    fn named<'a>(&'a self, keys: Option<&'a BTreeSet<PodKey>>) -> impl Iterator<Item = &'a Arc<Pod>> {
        keys.into_iter().flatten().filter_map(|key| self.pods.get(key))
    }

    /// The pods that an object controls, by name.
    pub(crate) fn owned(&self, uid: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.named(self.by_owner.get(uid))
    }

    /// The pods of a node.
    pub(crate) fn on_node(&self, node: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.named(self.by_node.get(node))
    }

    /// The pods that use a claim.
    pub(crate) fn using(&self, namespace: &str, claim: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.named(self.by_claim.get(&(namespace.to_owned(), claim.to_owned())))
    }

    /// The pods of a namespace that nothing controls.
    pub(crate) fn orphans(&self, namespace: &str) -> impl Iterator<Item = &Arc<Pod>> {
        let from = (namespace.to_owned(), String::new());
        let keys = self.orphans.range(from..).take_while(move |key| key.0 == namespace);
        keys.filter_map(|key| self.pods.get(key))
    }

    /// The pods of a namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<Pod>> {
        let from = (namespace.to_owned(), String::new());
        self.pods.range(from..).take_while(move |(key, _)| key.0 == namespace).map(|(_, pod)| pod)
    }

    /// The pods whose required anti-affinity others have to respect.
    pub(crate) fn repelling(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.named(Some(&self.repelling))
    }

    /// How many active pods of an owner each node has.
    pub(crate) fn spread(&self, owner: &str) -> Option<&BTreeMap<String, usize>> {
        self.spread.get(owner)
    }

    /// All nodes, by name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// How many nodes there are.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// One node.
    pub(crate) fn node_named(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }
}

fn unlink<K: Ord>(index: &mut BTreeMap<K, BTreeSet<PodKey>>, at: &K, key: &PodKey) {
    if let Some(set) = index.get_mut(at) {
        set.remove(key);
        if set.is_empty() {
            index.remove(at);
        }
    }
}
