//! DaemonSets: a pod on each node that is meant.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::fields::{int, items, list_at, put, share, text};
use super::pods::{self, count};
use super::selector::{node_fits, selects, untolerated};
use super::view::{Node, Phase, Pod};
use super::{Context, Controller, MANAGER, Next, Seen, View, history};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;

const NAME: &str = "daemonset-controller";
const RESOURCE: &str = "daemonsets.apps";
const REVISION: &str = "controller-revision-hash";

/// The controller.
#[derive(Default)]
pub(super) struct DaemonSets {
    /// What mattered about the nodes when they were last looked at: their heartbeats and images do not.
    nodes: BTreeMap<String, Json>,
}

impl Controller for DaemonSets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE, "pods", "nodes"]
    }

    fn keys(&mut self, world: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        if change.of(RESOURCE) {
            return vec![change.key.clone()];
        }
        let all = |namespace: Option<&str>| world.list(RESOURCE, namespace);
        let key = |set: &Json| Key::new(RESOURCE, object::namespace(set), object::name(set));
        if change.of("nodes") {
            let name = change.key.name.to_string();
            let matters = json!([change.object["metadata"]["labels"], change.object["spec"]]);
            let before =
                if change.gone() { self.nodes.remove(&name) } else { self.nodes.insert(name, matters.clone()) };
            if before.as_ref() == Some(&matters) && !change.gone() {
                return Vec::new();
            }
            return all(None).iter().map(|set| key(set)).collect();
        }
        let mut keys = pods::controller_keys(view, change, "DaemonSet", RESOURCE);
        if let Some(pod) = view.pod(&change.key.namespace, &change.key.name)
            && pod.owner.is_none()
            && pod.active()
            && !pod.labels.is_empty()
        {
            let sets = all(Some(&pod.namespace));
            keys.extend(sets.iter().filter(|set| selects(&set["spec"]["selector"], &pod.labels)).map(|set| key(set)));
        }
        keys
    }

    fn acts_below(&self) -> bool {
        true
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(set) = cx.world.get(RESOURCE, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        if set["spec"]["selector"] == json!({}) {
            let message = "This daemon set is selecting all pods. A non-empty selector is required.";
            cx.world.event(NAME, &set, "Warning", "SelectingAll", message);
            return Ok(Next::Wait);
        }
        if object::is_deleting(&set) {
            return Ok(Next::Wait);
        }
        let revisions = history::list(cx, &set);
        let mut collisions = int(&set["status"]["collisionCount"]);
        let style = history::Style { label: REVISION };
        let current = history::current(cx, &set, &revisions, &style, &mut collisions)?;
        let hash = object::label(&current, REVISION).unwrap_or_default().to_owned();
        let all = pods::claim(cx, MANAGER, &set, |pod| selects(&set["spec"]["selector"], &pod.labels))?;
        let min_ready = int(&set["spec"]["minReadySeconds"]);
        let mut by_node: BTreeMap<String, Vec<Arc<Pod>>> = BTreeMap::new();
        for pod in &all {
            by_node.entry(target(pod)).or_default().push(pod.clone());
        }
        let now = cx.world.wall();
        let one = One { set: &set, hash: &hash, by_node, template: template(&set, &hash), now, min_ready };
        let acted = one.manage(cx).and_then(|changed| if changed { Ok(()) } else { one.update(cx) });
        let status = one.status(cx.view, collisions);
        cx.set_status(MANAGER, RESOURCE, &set, status)?;
        acted?;
        let lives = |revision: &Json| {
            let hash = object::label(revision, REVISION).unwrap_or_default();
            object::name(revision) == object::name(&current)
                || all.iter().any(|pod| pod.labels.get(REVISION).map(String::as_str) == Some(hash))
        };
        history::truncate(cx, &set, &revisions, lives)?;
        Ok(pods::next_available(all.iter(), min_ready, now))
    }
}

/// The node that a daemon's pod is for: where it runs, or the one that its affinity names.
fn target(pod: &Pod) -> String {
    if !pod.node.is_empty() {
        return pod.node.clone();
    }
    let required = &pod.spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let fields = items(&required["nodeSelectorTerms"]).iter().flat_map(|term| items(&term["matchFields"]));
    let mut named = fields.filter(|rule| rule["key"] == "metadata.name").flat_map(|rule| items(&rule["values"]));
    named.next().map(text).unwrap_or_default().to_owned()
}

/// The template with what every daemon tolerates, and its revision.
fn template(set: &Json, hash: &str) -> Json {
    let mut template = set["spec"]["template"].clone();
    let mut wanted = vec![
        ("node.kubernetes.io/not-ready", "NoExecute"),
        ("node.kubernetes.io/unreachable", "NoExecute"),
        ("node.kubernetes.io/disk-pressure", "NoSchedule"),
        ("node.kubernetes.io/memory-pressure", "NoSchedule"),
        ("node.kubernetes.io/pid-pressure", "NoSchedule"),
        ("node.kubernetes.io/unschedulable", "NoSchedule"),
    ];
    if template["spec"]["hostNetwork"] == true {
        wanted.push(("node.kubernetes.io/network-unavailable", "NoSchedule"));
    }
    if let Some(list) = list_at(&mut template, &["spec", "tolerations"]) {
        for (key, effect) in wanted {
            let toleration = json!({"key": key, "operator": "Exists", "effect": effect});
            if !list.contains(&toleration) {
                list.push(toleration);
            }
        }
    }
    put(&mut template, &["metadata", "labels", REVISION], hash);
    if let Some(generation) = object::annotation(set, "deprecated.daemonset.template.generation") {
        put(&mut template, &["metadata", "labels", "pod-template-generation"], generation);
    }
    template
}

/// A DaemonSet while it is worked on.
struct One<'a> {
    set: &'a Json,
    hash: &'a str,
    by_node: BTreeMap<String, Vec<Arc<Pod>>>,
    template: Json,
    now: Timestamp,
    min_ready: i64,
}

impl One<'_> {
    /// Whether a pod should be started on a node, and whether one that is there may stay.
    fn wants(&self, node: &Node) -> (bool, bool) {
        let spec = &self.template["spec"];
        let named = text(&spec["nodeName"]);
        if (!named.is_empty() && named != node.name) || !node_fits(spec, &node.name, &node.labels) {
            return (false, false);
        }
        let tolerations = items(&spec["tolerations"]);
        if untolerated(&node.taints, tolerations, &["NoSchedule", "NoExecute"]).is_none() {
            return (true, true);
        }
        (false, untolerated(&node.taints, tolerations, &["NoExecute"]).is_none())
    }

    fn rolling(&self) -> &Json {
        &self.set["spec"]["updateStrategy"]["rollingUpdate"]
    }

    fn surge(&self, desired: i64) -> i64 {
        if self.set["spec"]["updateStrategy"]["type"] == "OnDelete" {
            0
        } else {
            share(&self.rolling()["maxSurge"], desired, true)
        }
    }

    fn up_to_date(&self, pod: &Pod) -> bool {
        pod.labels.get(REVISION).map(String::as_str) == Some(self.hash)
    }

    fn available(&self, pod: &Pod) -> bool {
        pod.available(self.min_ready, self.now)
    }

    /// Starts what is missing and removes what is too much; says whether it did anything.
    fn manage(&self, cx: &mut Context<'_>) -> Result<bool, ApiError> {
        let (mut start, mut stop) = (Vec::new(), Vec::new());
        let surging = self.surge(1) > 0;
        for node in cx.view.nodes() {
            let (should, may) = self.wants(node);
            let here = self.by_node.get(&node.name).map_or(&[][..], Vec::as_slice);
            if should && here.is_empty() {
                start.push(node.name.clone());
            } else if may {
                let mut running = Vec::new();
                for pod in here.iter().filter(|pod| !pod.deleting) {
                    if let Some((kind, reason, word, verb)) = match pod.phase {
                        Phase::Failed => Some(("Warning", "FailedDaemonPod", "failed", "kill")),
                        Phase::Succeeded => Some(("Normal", "SucceededDaemonPod", "succeeded", "delete")),
                        _ => None,
                    } {
                        let message = format!(
                            "Found {word} daemon pod {}/{} on node {}, will try to {verb} it",
                            pod.namespace, pod.name, node.name
                        );
                        cx.world.event(NAME, self.set, kind, reason, &message);
                        stop.push(pod.name.clone());
                    } else {
                        running.push(pod);
                    }
                }
                running.sort_by(|a, b| a.created.cmp(&b.created).then_with(|| a.name.cmp(&b.name)));
                if !surging {
                    stop.extend(running.iter().skip(1).map(|pod| pod.name.clone()));
                } else if running.is_empty() {
                    if should {
                        start.push(node.name.clone());
                    }
                } else {
                    self.sort_out(&running, &mut stop);
                }
            } else {
                stop.extend(here.iter().filter(|pod| !pod.deleting).map(|pod| pod.name.clone()));
            }
        }
        let changed = !(start.is_empty() && stop.is_empty());
        self.sync(cx, start, stop)?;
        Ok(changed)
    }

    /// With a surge: one new and one old pod may be on a node, until the new one is available.
    fn sort_out(&self, running: &[&Arc<Pod>], stop: &mut Vec<String>) {
        let new = running.iter().find(|pod| self.up_to_date(pod));
        let old = running.iter().find(|pod| !self.up_to_date(pod));
        let kept: Vec<&str> = new.iter().chain(old.iter()).map(|pod| pod.name.as_str()).collect();
        stop.extend(running.iter().map(|pod| pod.name.clone()).filter(|name| !kept.contains(&name.as_str())));
        if let (Some(new), Some(old)) = (new, old)
            && (!old.ready || self.available(new))
        {
            stop.push(old.name.clone());
        }
    }

    fn sync(&self, cx: &mut Context<'_>, start: Vec<String>, stop: Vec<String>) -> Result<(), ApiError> {
        for node in start {
            let mut pod = pods::from_template(&self.template, self.set);
            let terms = json!([{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]);
            let path = [
                "spec",
                "affinity",
                "nodeAffinity",
                "requiredDuringSchedulingIgnoredDuringExecution",
                "nodeSelectorTerms",
            ];
            put(&mut pod, &path, terms);
            match pods::create(cx, MANAGER, NAME, self.set, pod) {
                Err(error) if pods::namespace_ends(&error) => return Ok(()),
                made => made?,
            };
        }
        for name in stop {
            pods::delete(cx, MANAGER, NAME, self.set, &name)?;
        }
        Ok(())
    }

    fn desired(&self, view: &View) -> i64 {
        i64::try_from(view.nodes().filter(|node| self.wants(node).0).count()).unwrap_or(i64::MAX)
    }

    /// Replaces pods that are out of date, a few at a time.
    fn update(&self, cx: &mut Context<'_>) -> Result<(), ApiError> {
        if self.set["spec"]["updateStrategy"]["type"] == "OnDelete" {
            return Ok(());
        }
        let desired = self.desired(cx.view);
        let surge = self.surge(desired);
        if surge > 0 {
            return self.update_by_surge(cx, surge);
        }
        let most = share(&self.rolling()["maxUnavailable"], desired, true).max(1);
        let (mut unavailable, mut dead, mut candidates) = (0, Vec::new(), Vec::new());
        for pods in self.by_node.values() {
            let living: Vec<&Arc<Pod>> = pods.iter().filter(|pod| !pod.deleting).collect();
            match living.as_slice() {
                [pod] if self.up_to_date(pod) => unavailable += i64::from(!self.available(pod)),
                [pod] if !self.available(pod) => {
                    dead.push(pod.name.clone());
                    unavailable += 1;
                }
                [pod] => candidates.push(pod.name.clone()),
                _ => unavailable += 1,
            }
        }
        let room = usize::try_from((most - unavailable).max(0)).unwrap_or(0);
        dead.extend(candidates.into_iter().take(room));
        self.sync(cx, Vec::new(), dead)
    }

    fn update_by_surge(&self, cx: &mut Context<'_>, surge: i64) -> Result<(), ApiError> {
        let (mut beside, mut at_once, mut candidates) = (0, Vec::new(), Vec::new());
        for (node, pods) in &self.by_node {
            let living: Vec<&Arc<Pod>> = pods.iter().filter(|pod| !pod.deleting).collect();
            let new = living.iter().find(|pod| self.up_to_date(pod));
            let Some(old) = living.iter().find(|pod| !self.up_to_date(pod)) else { continue };
            match new {
                Some(new) => beside += i64::from(!self.available(new)),
                None if self.available(old) => candidates.push(node.clone()),
                None => at_once.push(node.clone()),
            }
        }
        let room = usize::try_from((surge - beside).max(0)).unwrap_or(0);
        at_once.extend(candidates.into_iter().take(room));
        self.sync(cx, at_once, Vec::new())
    }

    fn status(&self, view: &View, collisions: i64) -> Json {
        let (mut desired, mut scheduled, mut wrong, mut ready, mut available, mut updated) = (0, 0, 0, 0, 0, 0);
        for node in view.nodes() {
            let first = self.by_node.get(&node.name).and_then(|pods| {
                pods.iter().min_by(|a, b| a.created.cmp(&b.created).then_with(|| a.name.cmp(&b.name)))
            });
            match (self.wants(node).0, first) {
                (true, Some(pod)) => {
                    desired += 1;
                    scheduled += 1;
                    ready += i64::from(pod.ready);
                    available += i64::from(self.available(pod));
                    updated += i64::from(self.up_to_date(pod));
                }
                (true, None) => desired += 1,
                (false, Some(_)) => wrong += 1,
                (false, None) => {}
            }
        }
        let mut status = json!({
            "currentNumberScheduled": scheduled,
            "numberMisscheduled": wrong,
            "desiredNumberScheduled": desired,
            "numberReady": ready,
            "observedGeneration": self.set["metadata"]["generation"],
        });
        count(&mut status, "updatedNumberScheduled", updated);
        count(&mut status, "numberAvailable", available);
        count(&mut status, "numberUnavailable", desired - available);
        if collisions > 0 {
            put(&mut status, &["collisionCount"], collisions);
        }
        status
    }
}
