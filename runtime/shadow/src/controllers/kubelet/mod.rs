//! Kubelets: they start the containers of their nodes' pods, look after them, and stop them.
//!
//! Nothing really runs. What a container would do comes from the [`Scene`](crate::fault::Scene): it starts after the time
//! that its image takes, becomes ready as its probes allow, ends if it is meant to, or crashes.

mod container;
mod image;
mod needs;
mod run;
mod status;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use serde_json::json;

use super::fields::{between, int, text, time};
use super::{Context, Controller, Next, Seen, View, is_gone, unless_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects};
use run::Run;

pub(super) const NAME: &str = "kubelet";

/// How often a kubelet looks again for what is missing.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// All nodes' kubelets.
#[derive(Default)]
pub(super) struct Kubelet {
    /// The pods' containers, by the pod's uid.
    runs: HashMap<String, Run>,
    /// Pods that wait for a ConfigMap, a Secret or a claim, by namespace.
    waiting: BTreeMap<String, BTreeSet<String>>,
    /// Addresses in use, by node.
    addresses: BTreeMap<String, BTreeMap<u8, String>>,
}

impl Controller for Kubelet {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &["pods", "nodes", "configmaps", "secrets", "persistentvolumeclaims"]
    }

    fn keys(&mut self, _: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        match &*change.key.resource {
            "pods" if change.gone() => {
                self.forget(&change.object);
                Vec::new()
            }
            "pods" => {
                let placed = !text(&change.object["spec"]["nodeName"]).is_empty();
                if placed { vec![change.key.clone()] } else { Vec::new() }
            }
            // A machine that comes back looks after its pods at once.
            "nodes" => {
                let pods = view.on_node(&change.key.name);
                pods.map(|pod| Key::new("pods", &pod.namespace, &pod.name)).collect()
            }
            _ => {
                let waiting = self.waiting.get(&*change.key.namespace);
                waiting.into_iter().flatten().map(|pod| Key::new("pods", &change.key.namespace, pod)).collect()
            }
        }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(pod) = cx.world.get("pods", &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let node = text(&pod["spec"]["nodeName"]).to_owned();
        let lives = cx.view.node_named(&node).is_some() && !cx.scene.node_is_down(&node);
        if !lives {
            return Ok(Next::Wait);
        }
        if object::is_deleting(&pod) {
            return self.stop(cx, &pod);
        }
        if matches!(text(&pod["status"]["phase"]), "Succeeded" | "Failed") {
            self.free(&node, object::uid(&pod));
            return Ok(Next::Wait);
        }
        self.look_after(cx, &pod, &node)
    }
}

impl Kubelet {
    fn forget(&mut self, pod: &Json) {
        self.runs.remove(object::uid(pod));
        self.free(text(&pod["spec"]["nodeName"]), object::uid(pod));
        self.stop_waiting(object::namespace(pod), object::name(pod));
    }

    fn stop_waiting(&mut self, namespace: &str, name: &str) {
        if let Some(names) = self.waiting.get_mut(namespace) {
            names.remove(name);
        }
    }

    fn free(&mut self, node: &str, uid: &str) {
        if let Some(taken) = self.addresses.get_mut(node) {
            taken.retain(|_, owner| owner != uid);
        }
    }

    fn look_after(&mut self, cx: &mut Context<'_>, pod: &Json, node: &str) -> Result<Next, ApiError> {
        let now = cx.world.now();
        let (namespace, name) = (object::namespace(pod), object::name(pod));
        let missing = needs::missing(cx, pod);
        if missing.is_some() {
            self.waiting.entry(namespace.to_owned()).or_default().insert(name.to_owned());
        } else {
            self.stop_waiting(namespace, name);
        }
        let uid = object::uid(pod).to_owned();
        let mut run = match self.runs.remove(&uid) {
            Some(run) => run,
            None => Run::of(pod, now, cx.world.wall()),
        };
        let next = run.advance(cx, pod, missing.as_ref());
        let address = if run.has_sandbox() { self.address(cx, pod, node, &uid) } else { None };
        let status = status::status(cx, pod, &run, address.as_deref(), node);
        self.runs.insert(uid, run);
        cx.set_status(NAME, "pods", pod, status)?;
        Ok(next)
    }

    /// The pod's address: the one it has, or the lowest that is free on its node.
    fn address(&mut self, cx: &Context<'_>, pod: &Json, node: &str, uid: &str) -> Option<String> {
        if pod["spec"]["hostNetwork"] == true {
            return status::host_address(&*cx.world, node);
        }
        let has = text(&pod["status"]["podIP"]);
        let taken = self.addresses.entry(node.to_owned()).or_default();
        if !has.is_empty() {
            if let Some(last) = has.rsplit('.').next().and_then(|last| last.parse().ok()) {
                taken.insert(last, uid.to_owned());
            }
            return Some(has.to_owned());
        }
        let object = cx.world.get("nodes", "", node)?;
        let range = text(&object["spec"]["podCIDR"]).split('/').next().unwrap_or_default().to_owned();
        let prefix = range.rsplit_once('.').map_or("10.244.0", |(prefix, _)| prefix);
        let free = (2..=254u8).find(|last| !taken.contains_key(last))?;
        taken.insert(free, uid.to_owned());
        Some(format!("{prefix}.{free}"))
    }

    /// Stops the containers of a pod that is being deleted, and takes it out of the API when they have ended.
    fn stop(&mut self, cx: &mut Context<'_>, pod: &Json) -> Result<Next, ApiError> {
        let now = cx.world.now();
        let uid = object::uid(pod).to_owned();
        let mut run = match self.runs.remove(&uid) {
            Some(run) => run,
            None => Run::of(pod, now, cx.world.wall()),
        };
        let due = time(&pod["metadata"]["deletionTimestamp"]);
        let grace = int(&pod["metadata"]["deletionGracePeriodSeconds"]);
        if !run.is_stopping() {
            for container in run.running() {
                cx.world.event(NAME, pod, "Normal", "Killing", &format!("Stopping container {container}"));
            }
            let given = Duration::from_secs(u64::try_from(grace).unwrap_or(0));
            let takes = if run.running().is_empty() { Duration::ZERO } else { cx.scene.stop.min(given) };
            run.stop_at(now + takes);
        }
        // A shorter grace that was asked for meanwhile counts.
        let left = due.map_or(Duration::ZERO, |due| between(cx.world.wall(), due));
        let end = run.stops_at().unwrap_or(now);
        if end > now && (grace > 0 && !left.is_zero()) {
            self.runs.insert(uid, run);
            return Ok(Next::After(end - now));
        }
        let had_any = !run.running().is_empty();
        run.end_all(cx);
        if had_any {
            let node = text(&pod["spec"]["nodeName"]);
            let status = status::status(cx, pod, &run, pod["status"]["podIP"].as_str(), node);
            self.runs.insert(uid.clone(), run);
            match cx.set_status(NAME, "pods", pod, status) {
                Err(error) if is_gone(&error) => return Ok(Next::Wait),
                other => other?,
            };
        } else {
            self.runs.insert(uid.clone(), run);
        }
        let deletion = Deletion { uid: Some(uid), grace_seconds: Some(0), ..Deletion::default() };
        let gone = cx.world.delete(&writer(NAME), "pods", object::namespace(pod), object::name(pod), &deletion);
        unless_gone(gone)?;
        Ok(Next::Wait)
    }
}

/// The containers of a pod's spec that are of one sort.
pub(super) fn containers<'a>(pod: &'a Json, field: &str) -> &'a [Json] {
    super::fields::items(&pod["spec"][field])
}

/// Whether an init container stays, beside the others.
pub(super) fn is_sidecar(container: &Json) -> bool {
    container["restartPolicy"] == "Always"
}

/// A waiting state.
pub(super) fn waiting(reason: &str, message: &str) -> Json {
    if message.is_empty() {
        json!({"waiting": {"reason": reason}})
    } else {
        json!({"waiting": {"message": message, "reason": reason}})
    }
}
