//! One attempt to place one pod.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::affinity::Affinity;
use super::spread::Spread;
use super::volumes::Volumes;
use super::{node, score};
use crate::Json;
use crate::controllers::fields::{items, text};
use crate::controllers::view::{Node, Pod};
use crate::controllers::{Context, View};
use crate::world::Objects;

/// Why a node is none for a pod.
pub(super) struct Refusal {
    pub(super) reasons: Vec<String>,
    /// Whether it would help if other pods went away.
    pub(super) resolvable: bool,
}

impl Refusal {
    pub(super) fn lasting(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: false }
    }

    pub(super) fn passing(reason: impl Into<String>) -> Self {
        Self { reasons: vec![reason.into()], resolvable: true }
    }
}

/// What an attempt has come to.
pub(super) enum Outcome {
    Fits(String),
    /// The real scheduler's whole message.
    Nowhere(String),
}

/// One attempt.
pub(super) struct Cycle<'a> {
    world: &'a dyn Objects,
    view: &'a View,
    pod: &'a Arc<Pod>,
    object: &'a Json,
}

impl<'a> Cycle<'a> {
    pub(super) fn new(cx: &'a Context<'_>, pod: &'a Arc<Pod>, object: &'a Json) -> Self {
        Self { world: &*cx.world, view: cx.view, pod, object }
    }

    pub(super) fn run(&self) -> Outcome {
        let view = self.view;
        let total = view.node_count();
        if total == 0 {
            return Outcome::Nowhere("no nodes available to schedule pods".into());
        }
        let volumes = match Volumes::of(self.world, view, self.pod) {
            Ok(volumes) => volumes,
            // What comes before the plugin for dynamic resources leaves that without the state it looks for.
            Err(reason) => return Outcome::Nowhere(format!("0/{total} nodes are available: {reason}. not found")),
        };
        let spread = Spread::of(self.world, view, self.pod);
        let affinity = Affinity::of(self.world, view, self.pod);
        let named = self.named_nodes();
        let (mut fitting, mut refusals) = (Vec::new(), Vec::new());
        for node in view.nodes() {
            if named.as_ref().is_some_and(|named| !named.contains(node.name.as_str())) {
                refusals.push(Refusal::lasting("node(s) didn't satisfy plugin(s) [NodeAffinity]"));
                continue;
            }
            match self.refusal(node, &volumes, &spread, &affinity) {
                Some(refusal) => refusals.push(refusal),
                None => fitting.push(node),
            }
        }
        if fitting.is_empty() {
            return self.say(total, &refusals);
        }
        let scores = score::scores(self.pod, &fitting, &spread, &affinity, view);
        let best = scores.iter().copied().max().unwrap_or_default();
        let equal = fitting.iter().zip(&scores).filter(|(_, score)| **score == best).map(|(node, _)| *node);
        let luck = |node: &&Node| self.world.chance(&["node of", &self.pod.uid, &node.name]);
        let chosen = equal.max_by_key(luck).map(|node| node.name.clone());
        Outcome::Fits(chosen.unwrap_or_default())
    }

    /// The filters, in the order of the real one's plugins; the first that refuses counts.
    fn refusal(&self, node: &Node, volumes: &Volumes, spread: &Spread, affinity: &Affinity) -> Option<Refusal> {
        node::unschedulable(self.pod, node)
            .or_else(|| node::taints(self.pod, node))
            .or_else(|| node::affinity(self.pod, node))
            .or_else(|| node::ports(self.pod, node))
            .or_else(|| node::resources(self.pod, node))
            .or_else(|| volumes.refusal(node))
            .or_else(|| spread.refusal(node))
            .or_else(|| affinity.refusal(node))
    }

    /// The nodes that the pod's affinity names (a daemon's pod does): no others are looked at.
    fn named_nodes(&self) -> Option<BTreeSet<&str>> {
        let required = &self.pod.spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        let terms = items(&required["nodeSelectorTerms"]);
        if terms.is_empty() {
            return None;
        }
        let mut named = BTreeSet::new();
        for term in terms {
            let mut rules = items(&term["matchFields"]).iter();
            let rule = rules.find(|rule| rule["key"] == "metadata.name" && rule["operator"] == "In")?;
            named.extend(items(&rule["values"]).iter().map(text));
        }
        Some(named)
    }

    fn say(&self, total: usize, refusals: &[Refusal]) -> Outcome {
        let reasons = refusals.iter().flat_map(|refusal| refusal.reasons.iter().map(String::as_str));
        let message = format!("0/{total} nodes are available: {}.", counted(reasons));
        let hopeless = |refusal: &Refusal| {
            if refusal.resolvable {
                "No preemption victims found for incoming pod"
            } else {
                "Preemption is not helpful for scheduling"
            }
        };
        let preemption = counted(refusals.iter().map(hopeless));
        self.nowhere(message, &format!("0/{total} nodes are available: {preemption}."))
    }

    fn nowhere(&self, message: String, preemption: &str) -> Outcome {
        let preemption = if self.object["spec"]["preemptionPolicy"] == "Never" {
            "not eligible due to preemptionPolicy=Never."
        } else {
            preemption
        };
        // The first part is what the plugin for dynamic resources says of a pod without claims.
        Outcome::Nowhere(format!("{message} no new claims to deallocate, preemption: {preemption}"))
    }
}

/// Reasons with their numbers, sorted as texts.
fn counted<'a>(reasons: impl Iterator<Item = &'a str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in reasons {
        *counts.entry(reason).or_default() += 1;
    }
    let mut said: Vec<String> = counts.iter().map(|(reason, count)| format!("{count} {reason}")).collect();
    said.sort();
    said.join(", ")
}
