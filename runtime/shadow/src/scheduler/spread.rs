//! Topology spread constraints.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::cycle::Refusal;
use crate::Json;
use crate::controllers::View;
use crate::controllers::fields::{int, items, text};
use crate::controllers::selector::{node_fits, selects, selects_map, untolerated};
use crate::controllers::view::{Node, Pod};
use crate::world::Objects;

/// One constraint, counted out.
pub(super) struct Constraint {
    pub(super) key: String,
    max_skew: i64,
    min_domains: i64,
    /// Whether the pod counts itself.
    own: i64,
    /// Pods by domain, over the nodes that count.
    pub(super) counts: BTreeMap<String, i64>,
}

impl Constraint {
    /// How many pods there are at least in every domain.
    fn least(&self) -> i64 {
        if i64::try_from(self.counts.len()).unwrap_or(i64::MAX) < self.min_domains {
            return 0;
        }
        self.counts.values().copied().min().unwrap_or(0)
    }

    /// The weight of one domain's pods, and of the constraint.
    pub(super) fn weigh(&self, domain: &str) -> f64 {
        let count = self.counts.get(domain).copied().unwrap_or(0);
        let weight = ((self.counts.len() + 2) as f64).ln();
        count as f64 * weight + (self.max_skew - 1) as f64
    }
}

/// A pod's constraints.
pub(super) struct Spread {
    hard: Vec<Constraint>,
    pub(super) soft: Vec<Constraint>,
}

impl Spread {
    pub(super) fn of(world: &dyn Objects, view: &View, pod: &Pod) -> Self {
        let said = items(&pod.spec["topologySpreadConstraints"]);
        if said.is_empty() {
            return Self { hard: Vec::new(), soft: by_default(world, view, pod) };
        }
        let (hard, soft): (Vec<&Json>, Vec<&Json>) =
            said.iter().partition(|c| c["whenUnsatisfiable"] != "ScheduleAnyway");
        let count = |list: Vec<&Json>| {
            let keys: Vec<&str> = list.iter().map(|c| text(&c["topologyKey"])).collect();
            list.iter().map(|c| counted(view, pod, c, &keys)).collect()
        };
        Self { hard: count(hard), soft: count(soft) }
    }

    pub(super) fn refusal(&self, node: &Node) -> Option<Refusal> {
        for constraint in &self.hard {
            let Some(domain) = node.labels.get(&constraint.key) else {
                let reason = "node(s) didn't match pod topology spread constraints (missing required label)";
                return Some(Refusal::lasting(reason));
            };
            let here = constraint.counts.get(domain).copied().unwrap_or(0);
            if here + constraint.own - constraint.least() > constraint.max_skew {
                return Some(Refusal::passing("node(s) didn't match pod topology spread constraints"));
            }
        }
        None
    }
}

fn counted(view: &View, pod: &Pod, constraint: &Json, keys: &[&str]) -> Constraint {
    let selector = &constraint["labelSelector"];
    let alike: Vec<&str> = items(&constraint["matchLabelKeys"]).iter().map(text).collect();
    let fits = |other: &Pod| {
        selects(selector, &other.labels)
            && alike.iter().all(|key| pod.labels.get(*key).is_none_or(|value| other.labels.get(*key) == Some(value)))
    };
    let counts_node = |node: &Node| {
        keys.iter().all(|key| node.labels.contains_key(*key))
            && (constraint["nodeAffinityPolicy"] == "Ignore" || node_fits(&pod.spec, &node.name, &node.labels))
            && (constraint["nodeTaintsPolicy"] != "Honor"
                || untolerated(&node.taints, items(&pod.spec["tolerations"]), &["NoSchedule", "NoExecute"]).is_none())
    };
    let key = text(&constraint["topologyKey"]);
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    let mut domain_of: BTreeMap<&str, &str> = BTreeMap::new();
    for node in view.nodes().filter(|node| counts_node(node)) {
        if let Some(domain) = node.labels.get(key) {
            counts.entry(domain.clone()).or_default();
            domain_of.insert(&node.name, domain);
        }
    }
    for other in view.in_namespace(&pod.namespace).filter(|other| !other.deleting && !other.finished()) {
        if let Some(domain) = domain_of.get(other.node.as_str())
            && fits(other)
            && let Some(count) = counts.get_mut(*domain)
        {
            *count += 1;
        }
    }
    Constraint {
        key: key.to_owned(),
        max_skew: int(&constraint["maxSkew"]).max(1),
        min_domains: int(&constraint["minDomains"]),
        own: i64::from(fits(pod)),
        counts,
    }
}

/// What the scheduler does for pods that say nothing: pods of one Service, ReplicaSet or StatefulSet go to different nodes
/// and zones, if possible.
fn by_default(world: &dyn Objects, view: &View, pod: &Pod) -> Vec<Constraint> {
    let Some(placed) = placed_like(world, view, pod) else { return Vec::new() };
    let one = |key: &str, max_skew: i64| {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for node in view.nodes() {
            if let Some(domain) = node.labels.get(key) {
                let here = placed.get(&node.name).copied().unwrap_or(0);
                *counts.entry(domain.clone()).or_default() += i64::try_from(here).unwrap_or(i64::MAX);
            }
        }
        Constraint { key: key.to_owned(), max_skew, min_domains: 0, own: 0, counts }
    };
    let both = [one("kubernetes.io/hostname", 3), one("topology.kubernetes.io/zone", 5)];
    both.into_iter().filter(|constraint| !constraint.counts.is_empty()).collect()
}

/// How many pods that belong together with this one each node has; nothing for a pod that belongs to nothing.
fn placed_like<'v>(world: &dyn Objects, view: &'v View, pod: &Pod) -> Option<Cow<'v, BTreeMap<String, usize>>> {
    let sets = ["ReplicaSet", "ReplicationController", "StatefulSet"];
    // What a Service selects is at least what the set has that the pod is of.
    if let Some(owner) = pod.owner.as_ref().filter(|owner| sets.contains(&owner.kind.as_str())) {
        return Some(view.spread(&owner.uid).map_or_else(|| Cow::Owned(BTreeMap::new()), Cow::Borrowed));
    }
    let services = world.list("services", Some(&pod.namespace));
    let selectors: Vec<&Json> = services
        .iter()
        .map(|service| &service["spec"]["selector"])
        .filter(|selector| {
            selector.as_object().is_some_and(|map| !map.is_empty()) && selects_map(selector, &pod.labels)
        })
        .collect();
    if selectors.is_empty() {
        return None;
    }
    let mut placed = BTreeMap::new();
    let alike = view.in_namespace(&pod.namespace).filter(|other| other.active() && !other.node.is_empty());
    for other in alike.filter(|other| selectors.iter().all(|selector| selects_map(selector, &other.labels))) {
        *placed.entry(other.node.clone()).or_default() += 1;
    }
    Some(Cow::Owned(placed))
}
