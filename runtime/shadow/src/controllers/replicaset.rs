//! ReplicaSets and ReplicationControllers: so many pods, no matter which.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::fields::{drop_condition, int, labels, put, set_condition};
use super::pods::{self, count, number};
use super::selector::{selects, selects_map};
use super::view::Pod;
use super::{Context, Controller, MANAGER, Next, Seen, View};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;

/// How many pods it makes or deletes in one go.
const BURST: usize = 500;

/// The controller of ReplicaSets, or of ReplicationControllers.
pub(super) struct ReplicaSets {
    name: &'static str,
    kind: &'static str,
    watches: &'static [&'static str],
}

impl ReplicaSets {
    pub(super) fn of_sets() -> Self {
        Self { name: "replicaset-controller", kind: "ReplicaSet", watches: &["replicasets.apps", "pods"] }
    }

    pub(super) fn of_controllers() -> Self {
        Self {
            name: "replication-controller",
            kind: "ReplicationController",
            watches: &["replicationcontrollers", "pods"],
        }
    }

    fn resource(&self) -> &'static str {
        self.watches[0]
    }

    fn selects(&self, set: &Json, pod: &Pod) -> bool {
        let selector = &set["spec"]["selector"];
        if self.kind == "ReplicaSet" { selects(selector, &pod.labels) } else { selects_map(selector, &pod.labels) }
    }

    /// Makes or deletes pods until there are as many as asked for. The first refusal ends it.
    fn manage(&self, cx: &mut Context<'_>, set: &Json, active: &[Arc<Pod>]) -> Result<(), ApiError> {
        let wanted = usize::try_from(number(&set["spec"]["replicas"], 1)).unwrap_or(0);
        if active.len() < wanted {
            for _ in 0..(wanted - active.len()).min(BURST) {
                let pod = pods::from_template(&set["spec"]["template"], set);
                match pods::create(cx, MANAGER, self.name, set, pod) {
                    Err(error) if pods::namespace_ends(&error) => return Ok(()),
                    made => made?,
                };
            }
        } else if active.len() > wanted {
            let mut order = active.to_vec();
            let ranks = self.neighbours(cx, set);
            let now = cx.world.wall();
            order.sort_by(|a, b| first_to_go(a, b, &ranks, now));
            for pod in order.iter().take((active.len() - wanted).min(BURST)) {
                pods::delete(cx, MANAGER, self.name, set, &pod.name)?;
            }
        }
        Ok(())
    }

    /// How many active pods of the same owner (the Deployment's other ReplicaSets included) each node has.
    fn neighbours(&self, cx: &Context<'_>, set: &Json) -> BTreeMap<String, usize> {
        let mut uids = vec![object::uid(set).to_owned()];
        if let Some(owner) = object::controller_of(set) {
            let siblings =
                cx.world.owned_by(self.resource(), object::namespace(set), super::fields::text(&owner["uid"]));
            uids.extend(siblings.iter().map(|sibling| object::uid(sibling).to_owned()));
            uids.sort();
            uids.dedup();
        }
        let mut ranks = BTreeMap::new();
        for uid in uids {
            for (node, count) in cx.view.spread(&uid).into_iter().flatten() {
                *ranks.entry(node.clone()).or_default() += count;
            }
        }
        ranks
    }

    fn status(
        &self,
        set: &Json,
        active: &[Arc<Pod>],
        leaving: usize,
        failed: Option<&ApiError>,
        now: Timestamp,
    ) -> Json {
        let template = labels(&set["spec"]["template"]["metadata"]["labels"]);
        let min_ready = int(&set["spec"]["minReadySeconds"]);
        let whole = |pod: &&Arc<Pod>| template.iter().all(|(key, value)| pod.labels.get(key) == Some(value));
        let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let mut status = if set["status"].is_object() { set["status"].clone() } else { json!({}) };
        put(&mut status, &["replicas"], size(active.len()));
        count(&mut status, "fullyLabeledReplicas", size(active.iter().filter(whole).count()));
        count(&mut status, "readyReplicas", size(active.iter().filter(|p| p.ready).count()));
        count(&mut status, "availableReplicas", size(active.iter().filter(|p| p.available(min_ready, now)).count()));
        if self.kind == "ReplicaSet" {
            put(&mut status, &["terminatingReplicas"], size(leaving));
        }
        put(&mut status, &["observedGeneration"], set["metadata"]["generation"].clone());
        match failed {
            Some(error) if super::fields::condition(&status, "ReplicaFailure").is_none() => {
                let short = size(active.len()) < number(&set["spec"]["replicas"], 1);
                let reason = if short { "FailedCreate" } else { "FailedDelete" };
                set_condition(&mut status, "ReplicaFailure", "True", reason, &error.message, now);
            }
            Some(_) => {}
            None if status["conditions"].is_array() => {
                drop_condition(&mut status, "ReplicaFailure");
                if status["conditions"].as_array().is_some_and(Vec::is_empty) {
                    super::fields::take(&mut status, &["conditions"]);
                }
            }
            None => {}
        }
        status
    }
}

impl Controller for ReplicaSets {
    fn name(&self) -> &'static str {
        self.name
    }

    fn watches(&self) -> &'static [&'static str] {
        self.watches
    }

    fn keys(&mut self, world: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        if change.of(self.resource()) {
            return vec![change.key.clone()];
        }
        if !change.of("pods") {
            return Vec::new();
        }
        let mut keys = pods::controller_keys(view, change, self.kind, self.resource());
        // An orphan may be what a set is looking for.
        if let Some(pod) = view.pod(&change.key.namespace, &change.key.name)
            && pod.owner.is_none()
            && pod.active()
            && !pod.labels.is_empty()
        {
            let sets = world.list(self.resource(), Some(&pod.namespace));
            let fitting = sets.iter().filter(|set| self.selects(set, pod));
            keys.extend(fitting.map(|set| Key::new(self.resource(), &pod.namespace, object::name(set))));
        }
        keys
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(set) = cx.world.get(self.resource(), &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let all = pods::claim(cx, MANAGER, &set, |pod| self.selects(&set, pod))?;
        let leaving = all.iter().filter(|pod| pod.deleting && !pod.finished()).count();
        let active: Vec<Arc<Pod>> = all.into_iter().filter(|pod| pod.active()).collect();
        let managed = if object::is_deleting(&set) { Ok(()) } else { self.manage(cx, &set, &active) };
        let now = cx.world.wall();
        let status = self.status(&set, &active, leaving, managed.as_ref().err(), now);
        cx.set_status(MANAGER, self.resource(), &set, status)?;
        managed?;
        Ok(pods::next_available(active.iter(), int(&set["spec"]["minReadySeconds"]), now))
    }
}

/// Which of two pods goes first when there are too many.
pub(super) fn first_to_go(a: &Pod, b: &Pod, ranks: &BTreeMap<String, usize>, now: Timestamp) -> Ordering {
    let rank = |pod: &Pod| ranks.get(&pod.node).copied().unwrap_or(0);
    let placed = (!a.node.is_empty()).cmp(&!b.node.is_empty());
    placed
        .then_with(|| a.phase.cmp(&b.phase))
        .then_with(|| a.ready.cmp(&b.ready))
        .then_with(|| a.deletion_cost.cmp(&b.deletion_cost))
        .then_with(|| rank(b).cmp(&rank(a)))
        .then_with(|| match (a.ready_since, b.ready_since) {
            (Some(x), Some(y)) if a.ready && b.ready && x != y => by_age(x, y, a, b, now),
            _ => Ordering::Equal,
        })
        .then_with(|| b.restarts.cmp(&a.restarts))
        .then_with(|| if a.created == b.created { Ordering::Equal } else { by_age(a.created, b.created, a, b, now) })
        .then_with(|| a.uid.cmp(&b.uid))
}

/// Younger ones first, but ages of the same order of magnitude are alike, so that not always the same ones go.
fn by_age(x: Timestamp, y: Timestamp, a: &Pod, b: &Pod, now: Timestamp) -> Ordering {
    let rank = |since: Timestamp| {
        let age = super::fields::between(since, now).as_nanos();
        age.checked_ilog2().map_or(-1, i64::from)
    };
    rank(x).cmp(&rank(y)).then_with(|| a.uid.cmp(&b.uid))
}
