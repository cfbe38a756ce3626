//! Where a pod's volumes are, or can be made.

use std::sync::Arc;

use crate::Json;
use crate::controllers::fields::{items, put, text};
use crate::controllers::selector::{node_selector, selects};
use crate::controllers::view::{Node, Pod};
use crate::controllers::{Context, View, writer};
use crate::error::ApiError;
use crate::object;
use crate::quantity::milli;
use crate::world::Objects;

use super::SELECTED_NODE;
use super::cycle::Refusal;

const CLASSES: &str = "storageclasses.storage.k8s.io";
const CLAIMS: &str = "persistentvolumeclaims";
const BOUND: &str = "pv.kubernetes.io/bind-completed";

/// What a pod's claims mean for its place.
pub(super) struct Volumes {
    /// The volumes of bound claims.
    bound: Vec<Arc<Json>>,
    /// Claims that wait for their pod to be placed, with their class.
    open: Vec<(Arc<Json>, Arc<Json>)>,
    /// Volumes that nobody has: some class makes none by itself.
    free: Vec<Arc<Json>>,
    /// Another pod has a claim that only one may have.
    taken: bool,
}

impl Volumes {
    /// What keeps the pod from every node is an error, in the real scheduler's words.
    pub(super) fn of(world: &dyn Objects, view: &View, pod: &Pod) -> Result<Self, String> {
        let mut volumes = Self { bound: Vec::new(), open: Vec::new(), free: Vec::new(), taken: false };
        let mut unbound_at_once = false;
        for name in &pod.claims {
            let Some(claim) = world.get(CLAIMS, &pod.namespace, name) else {
                return Err(format!("persistentvolumeclaim \"{name}\" not found"));
            };
            if claim["status"]["phase"] == "Lost" {
                let volume = text(&claim["spec"]["volumeName"]);
                return Err(format!(
                    "persistentvolumeclaim \"{name}\" bound to non-existent persistentvolume \"{volume}\""
                ));
            }
            if object::is_deleting(&claim) {
                return Err(format!("persistentvolumeclaim \"{name}\" is being deleted"));
            }
            let alone = items(&claim["spec"]["accessModes"]).iter().any(|mode| mode == "ReadWriteOncePod");
            volumes.taken |= alone
                && view.using(&pod.namespace, name).any(|p| p.uid != pod.uid && !p.node.is_empty() && !p.finished());
            let volume = text(&claim["spec"]["volumeName"]);
            if !volume.is_empty() && object::annotation(&claim, BOUND).is_some() {
                match world.get("persistentvolumes", "", volume) {
                    Some(volume) => volumes.bound.push(volume),
                    None => {
                        return Err("node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)".into());
                    }
                }
                continue;
            }
            let class = world.get(CLASSES, "", text(&claim["spec"]["storageClassName"]));
            match class {
                Some(class) if class["volumeBindingMode"] == "WaitForFirstConsumer" && volume.is_empty() => {
                    volumes.open.push((claim, class));
                }
                _ => unbound_at_once = true,
            }
        }
        if unbound_at_once {
            return Err("pod has unbound immediate PersistentVolumeClaims".into());
        }
        if !volumes.open.is_empty() {
            let all = world.list("persistentvolumes", None);
            volumes.free = all.into_iter().filter(|volume| volume["spec"]["claimRef"].is_null()).collect();
        }
        Ok(volumes)
    }

    pub(super) fn refusal(&self, node: &Node) -> Option<Refusal> {
        if self.taken {
            return Some(Refusal::passing(
                "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
            ));
        }
        if !self.bound.iter().all(|volume| reaches(volume, node)) {
            return Some(Refusal::lasting("node(s) didn't match PersistentVolume's node affinity"));
        }
        let mut free: Vec<&Arc<Json>> = self.free.iter().filter(|volume| reaches(volume, node)).collect();
        for (claim, class) in &self.open {
            // Its volume is being made for a node: the pod goes there, too.
            if object::annotation(claim, SELECTED_NODE).is_some_and(|chosen| chosen != node.name) {
                return Some(Refusal::lasting("node(s) didn't find available persistent volumes to bind"));
            }
            if let Some(place) = best(&free, claim) {
                free.remove(place);
            } else if !makes(class) || !allowed(class, node) {
                return Some(Refusal::lasting("node(s) didn't find available persistent volumes to bind"));
            }
        }
        None
    }
}

/// Whether a class makes volumes by itself.
fn makes(class: &Json) -> bool {
    class["provisioner"] != "kubernetes.io/no-provisioner"
}

fn allowed(class: &Json, node: &Node) -> bool {
    let terms = items(&class["allowedTopologies"]);
    terms.is_empty()
        || terms.iter().any(|term| {
            items(&term["matchLabelExpressions"]).iter().all(|rule| {
                let here = node.labels.get(text(&rule["key"]));
                here.is_some_and(|here| items(&rule["values"]).iter().any(|value| value == here.as_str()))
            })
        })
}

fn reaches(volume: &Json, node: &Node) -> bool {
    let required = &volume["spec"]["nodeAffinity"]["required"];
    required.is_null() || node_selector(required, &node.name, &node.labels)
}

/// The place of the smallest volume that is good for a claim.
fn best(free: &[&Arc<Json>], claim: &Json) -> Option<usize> {
    let fitting = free.iter().enumerate().filter(|(_, volume)| suits(volume, claim));
    let size = |volume: &Json| milli(&volume["spec"]["capacity"]["storage"]).unwrap_or(0);
    fitting.min_by_key(|(_, volume)| (size(volume), object::name(volume).to_owned())).map(|(place, _)| place)
}

/// Whether a volume that nobody has is good for a claim.
pub(crate) fn suits(volume: &Json, claim: &Json) -> bool {
    let (has, wants) = (&volume["spec"], &claim["spec"]);
    let enough = milli(&has["capacity"]["storage"]) >= milli(&wants["resources"]["requests"]["storage"]);
    let modes = items(&wants["accessModes"]).iter().all(|mode| items(&has["accessModes"]).contains(mode));
    let kind = |spec: &Json| match text(&spec["volumeMode"]) {
        "" => "Filesystem".to_owned(),
        said => said.to_owned(),
    };
    let labels = crate::controllers::fields::labels(&volume["metadata"]["labels"]);
    let chosen = wants["selector"].is_null() || selects(&wants["selector"], &labels);
    let free = has["claimRef"].is_null()
        || (has["claimRef"]["namespace"] == claim["metadata"]["namespace"]
            && has["claimRef"]["name"] == claim["metadata"]["name"]
            && (has["claimRef"]["uid"].is_null() || has["claimRef"]["uid"] == claim["metadata"]["uid"]));
    enough
        && modes
        && kind(has) == kind(wants)
        && chosen
        && free
        && !object::is_deleting(volume)
        && text(&has["storageClassName"]) == text(&wants["storageClassName"])
}

/// Has the pod's open claims' volumes made for a node; says whether all are there.
pub(super) fn assume(cx: &mut Context<'_>, pod: &Pod, node: &str) -> Result<bool, ApiError> {
    let mut all = true;
    for name in &pod.claims {
        let Some(claim) = cx.world.get(CLAIMS, &pod.namespace, name) else { continue };
        if !text(&claim["spec"]["volumeName"]).is_empty() && object::annotation(&claim, BOUND).is_some() {
            continue;
        }
        all = false;
        let decided = object::annotation(&claim, SELECTED_NODE);
        if decided.is_none() {
            let mut new = Json::clone(&claim);
            put(&mut new, &["metadata", "annotations", SELECTED_NODE], node);
            cx.world.update(&writer(super::MANAGER), CLAIMS, new)?;
        }
    }
    Ok(all)
}

/// The node that the claims' volumes were to be made for is none any more: they may be made elsewhere.
pub(super) fn forget(cx: &mut Context<'_>, pod: &Pod) -> Result<(), ApiError> {
    for name in &pod.claims {
        let Some(claim) = cx.world.get(CLAIMS, &pod.namespace, name) else { continue };
        if text(&claim["spec"]["volumeName"]).is_empty() && object::annotation(&claim, SELECTED_NODE).is_some() {
            let mut new = Json::clone(&claim);
            crate::controllers::fields::take(&mut new, &["metadata", "annotations", SELECTED_NODE]);
            cx.world.update(&writer(super::MANAGER), CLAIMS, new)?;
        }
    }
    Ok(())
}
