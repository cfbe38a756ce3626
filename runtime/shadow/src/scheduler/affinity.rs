//! Affinity and anti-affinity between pods.

use std::collections::{BTreeMap, BTreeSet};

use super::cycle::Refusal;
use crate::Json;
use crate::controllers::View;
use crate::controllers::fields::{int, items, labels, text};
use crate::controllers::selector::selects;
use crate::controllers::view::{Node, Pod};
use crate::object;
use crate::world::Objects;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

/// A term, with the namespaces that it means.
struct Term<'a> {
    key: &'a str,
    selector: &'a Json,
    namespaces: BTreeSet<String>,
}

impl<'a> Term<'a> {
    fn of(world: &dyn Objects, of: &Pod, term: &'a Json) -> Self {
        let mut namespaces: BTreeSet<String> = items(&term["namespaces"]).iter().map(|n| text(n).to_owned()).collect();
        let chosen = &term["namespaceSelector"];
        if chosen.is_object() {
            let all = world.list("namespaces", None);
            let fitting = all.iter().filter(|n| selects(chosen, &labels(&n["metadata"]["labels"])));
            namespaces.extend(fitting.map(|n| object::name(n).to_owned()));
        } else if namespaces.is_empty() {
            namespaces.insert(of.namespace.clone());
        }
        Self { key: text(&term["topologyKey"]), selector: &term["labelSelector"], namespaces }
    }

    fn fits(&self, pod: &Pod) -> bool {
        self.namespaces.contains(&pod.namespace) && selects(self.selector, &pod.labels)
    }

    /// The pods that it selects and that stand somewhere.
    fn pods<'v>(&'v self, view: &'v View) -> impl Iterator<Item = (&'v Node, &'v Pod)> {
        let pods = self.namespaces.iter().flat_map(|namespace| view.in_namespace(namespace));
        let fitting = pods.filter(|pod| !pod.node.is_empty() && !pod.finished() && self.fits(pod));
        fitting.filter_map(|pod| view.node_named(&pod.node).map(|node| (node, &**pod)))
    }
}

fn terms<'a>(world: &dyn Objects, pod: &'a Pod, kind: &str) -> Vec<Term<'a>> {
    items(&pod.spec["affinity"][kind][REQUIRED]).iter().map(|term| Term::of(world, pod, term)).collect()
}

/// A label's key and value: a domain.
type Domain = (String, String);

/// What a pod wants to be near to, and what it wants to be away from, as domains.
pub(super) struct Affinity {
    /// The keys that a node needs, and the domains in which all the pods wanted are.
    near_keys: Vec<String>,
    near: BTreeSet<Domain>,
    /// Nobody is there to be near to, but the pod itself is of that kind: the first one may go anywhere.
    first_of_its_kind: bool,
    away: BTreeSet<Domain>,
    /// Domains that pods there keep this one out of.
    kept_out: BTreeSet<Domain>,
    /// Preferences, as weights of domains.
    pub(super) weights: BTreeMap<Domain, i64>,
}

impl Affinity {
    pub(super) fn of(world: &dyn Objects, view: &View, pod: &Pod) -> Self {
        let near_terms = terms(world, pod, "podAffinity");
        let mut near = BTreeSet::new();
        if let Some(first) = near_terms.first() {
            for (node, other) in first.pods(view) {
                if near_terms.iter().all(|term| term.fits(other)) {
                    near.extend(near_terms.iter().filter_map(|term| domain(node, term.key)));
                }
            }
        }
        let mut away = BTreeSet::new();
        for term in terms(world, pod, "podAntiAffinity") {
            away.extend(term.pods(view).filter_map(|(node, _)| domain(node, term.key)));
        }
        let mut kept_out = BTreeSet::new();
        for other in view.repelling().filter(|other| !other.finished()) {
            let Some(node) = view.node_named(&other.node) else { continue };
            for term in terms(world, other, "podAntiAffinity") {
                if term.fits(pod) {
                    kept_out.extend(domain(node, term.key));
                }
            }
        }
        let first_of_its_kind = near.is_empty() && near_terms.iter().all(|term| term.fits(pod));
        let near_keys = near_terms.iter().map(|term| term.key.to_owned()).collect();
        let weights = weights(world, view, pod);
        Self { near_keys, near, first_of_its_kind, away, kept_out, weights }
    }

    pub(super) fn refusal(&self, node: &Node) -> Option<Refusal> {
        for key in &self.near_keys {
            let there = domain(node, key);
            let near = there.as_ref().is_some_and(|domain| self.near.contains(domain) || self.first_of_its_kind);
            if !near {
                return Some(Refusal::lasting("node(s) didn't match pod affinity rules"));
            }
        }
        let within =
            |domains: &BTreeSet<Domain>| domains.iter().any(|(key, value)| node.labels.get(key) == Some(value));
        if within(&self.away) {
            return Some(Refusal::passing("node(s) didn't match pod anti-affinity rules"));
        }
        within(&self.kept_out).then(|| Refusal::passing("node(s) didn't satisfy existing pods anti-affinity rules"))
    }

    /// What the preferences say of a node.
    pub(super) fn weight(&self, node: &Node) -> i64 {
        let here = self.weights.iter().filter(|((key, value), _)| node.labels.get(key) == Some(value));
        here.map(|(_, weight)| weight).sum()
    }
}

fn domain(node: &Node, key: &str) -> Option<Domain> {
    node.labels.get(key).map(|value| (key.to_owned(), value.clone()))
}

/// The pod's own preferences. (Those of other pods towards it are left out: they rarely decide.)
fn weights(world: &dyn Objects, view: &View, pod: &Pod) -> BTreeMap<Domain, i64> {
    let mut weights = BTreeMap::new();
    for (kind, sign) in [("podAffinity", 1), ("podAntiAffinity", -1)] {
        for preferred in items(&pod.spec["affinity"][kind][PREFERRED]) {
            let term = Term::of(world, pod, &preferred["podAffinityTerm"]);
            for (node, _) in term.pods(view) {
                if let Some(domain) = domain(node, term.key) {
                    *weights.entry(domain).or_default() += sign * int(&preferred["weight"]);
                }
            }
        }
    }
    weights
}
