//! Claims and volumes: bound to each other, made on demand, given up again.

pub(super) mod protect;
mod provision;
pub(super) mod release;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::fields::{condition, drop_condition, items, put, text};
use super::{Context, Controller, MANAGER, Next, Seen, View, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::quantity::milli;
use crate::scheduler::{SELECTED_NODE, suits};
use crate::store::Key;
use crate::world::Objects;

const NAME: &str = "persistentvolume-controller";
const CLAIMS: &str = "persistentvolumeclaims";
const VOLUMES: &str = "persistentvolumes";
const CLASSES: &str = "storageclasses.storage.k8s.io";
const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
const BOUND_BY: &str = "pv.kubernetes.io/bound-by-controller";
const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
const OLD_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";

/// How often claims are looked at that are not bound.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// The controller of claims.
#[derive(Default)]
pub(super) struct Claims {
    /// When the volume of a claim will be there, by the claim's uid.
    coming: BTreeMap<String, Duration>,
    /// Claims that are not bound, by namespace and name.
    open: BTreeMap<(String, String), ()>,
    /// What a claim was last told of, by uid: once is enough.
    told: BTreeMap<String, String>,
}

impl Controller for Claims {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[CLAIMS, VOLUMES, CLASSES]
    }

    fn keys(&mut self, _: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        match &*change.key.resource {
            CLAIMS => {
                let place = (change.key.namespace.to_string(), change.key.name.to_string());
                let bound = change.object["status"]["phase"] == "Bound";
                if change.gone() || bound {
                    self.open.remove(&place);
                } else {
                    self.open.insert(place, ());
                }
                if change.gone() {
                    self.coming.remove(object::uid(&change.object));
                    self.told.remove(object::uid(&change.object));
                    return Vec::new();
                }
                vec![change.key.clone()]
            }
            VOLUMES => {
                let claim = &change.object["spec"]["claimRef"];
                if claim.is_object() {
                    return vec![Key::new(CLAIMS, text(&claim["namespace"]), text(&claim["name"]))];
                }
                self.all_open()
            }
            _ => self.all_open(),
        }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(claim) = cx.world.get(CLAIMS, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        if claim["status"]["phase"].is_null() {
            set_phase(cx, &claim, "Pending")?;
            return Ok(Next::Wait);
        }
        let volume = text(&claim["spec"]["volumeName"]);
        if object::annotation(&claim, BIND_COMPLETED).is_some() {
            return self.keep_bound(cx, &claim, volume);
        }
        if object::is_deleting(&claim) {
            return Ok(Next::Wait);
        }
        if cx.scene.claim_is_stuck(&key.namespace, &key.name) {
            self.coming.remove(object::uid(&claim));
            self.say_waiting(cx, &claim)?;
            return Ok(Next::Wait);
        }
        if !volume.is_empty() {
            return self.bind_named(cx, &claim, volume);
        }
        let class = class_of(cx, &claim);
        let delayed = class.as_ref().is_some_and(|class| class["volumeBindingMode"] == "WaitForFirstConsumer");
        let placed = object::annotation(&claim, SELECTED_NODE).is_some();
        if (!delayed || placed)
            && let Some(found) = self.find(cx, &claim)
        {
            bind(cx, &claim, &found)?;
            return Ok(Next::Wait);
        }
        if delayed && !placed {
            self.say_delayed(cx, &claim)?;
            // Nobody tells it of pods: it looks again by itself.
            return Ok(Next::Weakly(LOOK_AGAIN));
        }
        self.provide(cx, &claim, class.as_deref())
    }
}

impl Claims {
    fn all_open(&self) -> Vec<Key> {
        self.open.keys().map(|(namespace, name)| Key::new(CLAIMS, namespace, name)).collect()
    }

    fn tell(&mut self, cx: &mut Context<'_>, claim: &Json, kind: &str, reason: &str, message: &str) {
        let before = self.told.insert(object::uid(claim).to_owned(), message.to_owned());
        if before.as_deref() != Some(message) {
            cx.world.event(NAME, claim, kind, reason, message);
        }
    }

    /// The smallest volume that is good for a claim; one that names the claim comes first.
    fn find(&self, cx: &Context<'_>, claim: &Json) -> Option<Arc<Json>> {
        let node = object::annotation(claim, SELECTED_NODE).and_then(|name| cx.view.node_named(name));
        let all = cx.world.list(VOLUMES, None);
        let reaches = |volume: &Json| {
            let required = &volume["spec"]["nodeAffinity"]["required"];
            required.is_null()
                || node.is_none_or(|node| super::selector::node_selector(required, &node.name, &node.labels))
        };
        let fitting = all.into_iter().filter(|volume| suits(volume, claim) && reaches(volume));
        fitting.min_by_key(|volume| {
            let free = volume["spec"]["claimRef"].is_null();
            let size = milli(&volume["spec"]["capacity"]["storage"]).unwrap_or(0);
            (free, size, object::name(volume).to_owned())
        })
    }

    /// A claim that names its volume.
    fn bind_named(&mut self, cx: &mut Context<'_>, claim: &Json, volume: &str) -> Result<Next, ApiError> {
        let Some(found) = cx.world.get(VOLUMES, "", volume) else {
            set_phase(cx, claim, "Pending")?;
            return Ok(Next::Wait);
        };
        let taken = &found["spec"]["claimRef"];
        let ours = taken.is_null()
            || (taken["namespace"] == claim["metadata"]["namespace"]
                && taken["name"] == claim["metadata"]["name"]
                && (taken["uid"].is_null() || taken["uid"] == claim["metadata"]["uid"]));
        if ours {
            bind(cx, claim, &found)?;
        } else {
            set_phase(cx, claim, "Pending")?;
            let message = format!("volume \"{volume}\" already bound to a different claim.");
            self.tell(cx, claim, "Warning", "FailedBinding", &message);
        }
        Ok(Next::Wait)
    }

    /// A claim that was bound: its volume must still be there, and be large enough.
    fn keep_bound(&mut self, cx: &mut Context<'_>, claim: &Json, volume: &str) -> Result<Next, ApiError> {
        let Some(found) = cx.world.get(VOLUMES, "", volume) else {
            if claim["status"]["phase"] != "Lost" {
                set_phase(cx, claim, "Lost")?;
                let message = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
                self.tell(cx, claim, "Warning", "ClaimLost", message);
            }
            return Ok(Next::Wait);
        };
        self.grow(cx, claim, &found)?;
        let Some(claim) = cx.world.get(CLAIMS, object::namespace(claim), object::name(claim)) else {
            return Ok(Next::Wait);
        };
        let Some(found) = cx.world.get(VOLUMES, "", volume) else { return Ok(Next::Wait) };
        settle(cx, &claim, &found)?;
        Ok(Next::Wait)
    }

    /// Enlarges a volume whose claim asks for more, where its class allows that.
    fn grow(&mut self, cx: &mut Context<'_>, claim: &Json, volume: &Json) -> Result<(), ApiError> {
        let wanted = &claim["spec"]["resources"]["requests"]["storage"];
        if milli(wanted) <= milli(&volume["spec"]["capacity"]["storage"])
            || milli(wanted) <= milli(&claim["status"]["capacity"]["storage"])
        {
            return Ok(());
        }
        let allowed = class_of(cx, claim).is_some_and(|class| class["allowVolumeExpansion"] == true);
        let made = object::annotation(volume, "pv.kubernetes.io/provisioned-by").is_some();
        if !allowed || !made {
            return Ok(());
        }
        let mut larger = volume.clone();
        put(&mut larger, &["spec", "capacity", "storage"], wanted.clone());
        cx.world.update(&writer(MANAGER), VOLUMES, larger)?;
        let message = format!("Resize volume {} succeeded", object::name(volume));
        cx.world.event("external-resizer", claim, "Normal", "VolumeResizeSuccessful", &message);
        Ok(())
    }

    fn say_delayed(&mut self, cx: &mut Context<'_>, claim: &Json) -> Result<(), ApiError> {
        set_phase(cx, claim, "Pending")?;
        let mut pods = cx.view.using(object::namespace(claim), object::name(claim)).filter(|pod| !pod.finished());
        // A pod that was made with its claim comes after the first look at it.
        let first = !self.told.contains_key(object::uid(claim));
        let made = super::fields::time(&claim["metadata"]["creationTimestamp"]);
        let pod = pods.find(|pod| !first || made.is_some_and(|made| pod.created < made));
        match pod.map(|pod| pod.name.clone()) {
            Some(pod) => {
                let message = format!("waiting for pod {pod} to be scheduled");
                self.tell(cx, claim, "Normal", "WaitForPodScheduled", &message);
            }
            None => {
                let message = "waiting for first consumer to be created before binding";
                self.tell(cx, claim, "Normal", "WaitForFirstConsumer", message);
            }
        }
        Ok(())
    }

    fn say_waiting(&mut self, cx: &mut Context<'_>, claim: &Json) -> Result<(), ApiError> {
        set_phase(cx, claim, "Pending")?;
        if let Some(class) = class_of(cx, claim) {
            if class["volumeBindingMode"] == "WaitForFirstConsumer"
                && object::annotation(claim, SELECTED_NODE).is_none()
            {
                return self.say_delayed(cx, claim);
            }
            let message = provision::waiting(text(&class["provisioner"]));
            self.tell(cx, claim, "Normal", "ExternalProvisioning", &message);
        }
        Ok(())
    }

    /// Has a volume made.
    fn provide(&mut self, cx: &mut Context<'_>, claim: &Json, class: Option<&Json>) -> Result<Next, ApiError> {
        let name = text(&claim["spec"]["storageClassName"]);
        let Some(class) = class else {
            set_phase(cx, claim, "Pending")?;
            if name.is_empty() {
                let message = "no persistent volumes available for this claim and no storage class is set";
                self.tell(cx, claim, "Normal", "FailedBinding", message);
            } else {
                let message = format!("storageclass.storage.k8s.io \"{name}\" not found");
                self.tell(cx, claim, "Warning", "ProvisioningFailed", &message);
            }
            return Ok(Next::Wait);
        };
        let provisioner = text(&class["provisioner"]);
        if provisioner == "kubernetes.io/no-provisioner" {
            set_phase(cx, claim, "Pending")?;
            let message = format!("no volume plugin matched name: {provisioner}");
            self.tell(cx, claim, "Warning", "ProvisioningFailed", &message);
            return Ok(Next::Wait);
        }
        if object::annotation(claim, PROVISIONER) != Some(provisioner) {
            let mut new = claim.clone();
            put(&mut new, &["metadata", "annotations", PROVISIONER], provisioner);
            put(&mut new, &["metadata", "annotations", OLD_PROVISIONER], provisioner);
            cx.world.update(&writer(MANAGER), CLAIMS, new)?;
            return Ok(Next::Wait);
        }
        self.say_waiting(cx, claim)?;
        let now = cx.world.now();
        let uid = object::uid(claim).to_owned();
        let due = match self.coming.get(&uid) {
            Some(due) => *due,
            None => {
                let message = format!(
                    "External provisioner is provisioning volume for claim \"{}/{}\"",
                    object::namespace(claim),
                    object::name(claim)
                );
                cx.world.event(provisioner, claim, "Normal", "Provisioning", &message);
                self.coming.insert(uid.clone(), now + cx.scene.provision);
                now + cx.scene.provision
            }
        };
        if now < due {
            return Ok(Next::After(due - now));
        }
        self.coming.remove(&uid);
        let volume = provision::volume(cx, claim, class);
        let name = object::name(&volume).to_owned();
        match cx.world.create(&writer(provision::MANAGER), VOLUMES, volume) {
            Err(error) if error.reason == "AlreadyExists" => {}
            made => {
                made?;
                let message = format!("Successfully provisioned volume {name}");
                cx.world.event(provisioner, claim, "Normal", "ProvisioningSucceeded", &message);
            }
        }
        if let (Some(claim), Some(volume)) =
            (cx.world.get(CLAIMS, object::namespace(claim), object::name(claim)), cx.world.get(VOLUMES, "", &name))
        {
            bind(cx, &claim, &volume)?;
        }
        Ok(Next::Wait)
    }
}

fn class_of(cx: &Context<'_>, claim: &Json) -> Option<Arc<Json>> {
    let name = text(&claim["spec"]["storageClassName"]);
    if name.is_empty() { None } else { cx.world.get(CLASSES, "", name) }
}

fn set_phase(cx: &mut Context<'_>, claim: &Json, phase: &str) -> Result<(), ApiError> {
    let mut status = if claim["status"].is_object() { claim["status"].clone() } else { json!({}) };
    put(&mut status, &["phase"], phase);
    cx.set_status(MANAGER, CLAIMS, claim, status).map(drop)
}

/// Binds a volume and a claim to each other.
fn bind(cx: &mut Context<'_>, claim: &Json, volume: &Json) -> Result<(), ApiError> {
    let mut volume = volume.clone();
    let reference = &volume["spec"]["claimRef"];
    if reference["uid"] != claim["metadata"]["uid"] {
        let foreign = reference.is_null();
        put(
            &mut volume,
            &["spec", "claimRef"],
            json!({
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": object::name(claim),
                "namespace": object::namespace(claim), "resourceVersion": claim["metadata"]["resourceVersion"],
                "uid": object::uid(claim),
            }),
        );
        if foreign {
            put(&mut volume, &["metadata", "annotations", BOUND_BY], "yes");
        }
        volume = Json::clone(&*cx.world.update(&writer(MANAGER), VOLUMES, volume)?);
    }
    let mut new = claim.clone();
    if text(&new["spec"]["volumeName"]).is_empty() {
        put(&mut new, &["spec", "volumeName"], object::name(&volume));
        put(&mut new, &["metadata", "annotations", BOUND_BY], "yes");
    }
    put(&mut new, &["metadata", "annotations", BIND_COMPLETED], "yes");
    let claim = cx.world.update(&writer(MANAGER), CLAIMS, new)?;
    settle(cx, &claim, &volume)
}

/// Writes the status of a bound pair.
fn settle(cx: &mut Context<'_>, claim: &Json, volume: &Json) -> Result<(), ApiError> {
    let mut status = if volume["status"].is_object() { volume["status"].clone() } else { json!({}) };
    if status["phase"] != "Bound" {
        put(&mut status, &["phase"], "Bound");
        put(&mut status, &["lastPhaseTransitionTime"], super::fields::stamp(cx.world.wall()));
    }
    cx.set_status(MANAGER, VOLUMES, volume, status)?;
    let mut status = if claim["status"].is_object() { claim["status"].clone() } else { json!({}) };
    put(&mut status, &["phase"], "Bound");
    put(&mut status, &["accessModes"], volume["spec"]["accessModes"].clone());
    put(&mut status, &["capacity"], volume["spec"]["capacity"].clone());
    if condition(&status, "Resizing").is_some() {
        drop_condition(&mut status, "Resizing");
    }
    debug_assert!(!items(&volume["spec"]["accessModes"]).is_empty() || volume["spec"]["accessModes"].is_null());
    cx.set_status(MANAGER, CLAIMS, claim, status).map(drop)
}
