//! StatefulSets: pods with names of their own, one after the other.

mod claims;
mod identity;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::fields::{int, put, text};
use super::pods::{self, count};
use super::selector::selects;
use super::view::{Phase, Pod};
use super::{Context, Controller, MANAGER, Next, Seen, View, history, is_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects};

const NAME: &str = "statefulset-controller";
const RESOURCE: &str = "statefulsets.apps";
/// The label that names a pod's revision.
const REVISION: &str = "controller-revision-hash";

/// The controller.
pub(super) struct StatefulSets;

impl Controller for StatefulSets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE, "pods"]
    }

    fn keys(&mut self, world: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        if change.of(RESOURCE) {
            return vec![change.key.clone()];
        }
        let mut keys = pods::controller_keys(view, change, "StatefulSet", RESOURCE);
        if let Some(pod) = view.pod(&change.key.namespace, &change.key.name)
            && pod.owner.is_none()
            && pod.active()
            && let Some((set, _)) = identity::split(&pod.name)
            && world.get(RESOURCE, &pod.namespace, set).is_some()
        {
            keys.push(Key::new(RESOURCE, &pod.namespace, set));
        }
        keys
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(set) = cx.world.get(RESOURCE, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let fits = |pod: &Pod| {
            identity::split(&pod.name).is_some_and(|(name, _)| name == object::name(&set))
                && selects(&set["spec"]["selector"], &pod.labels)
        };
        let mut all = pods::claim(cx, MANAGER, &set, fits)?;
        all.sort_by_key(|pod| identity::split(&pod.name).map(|(_, ordinal)| ordinal));
        let revisions = history::list(cx, &set);
        let mut collisions = int(&set["status"]["collisionCount"]);
        let style = history::Style { label: "controller.kubernetes.io/hash" };
        let update = history::current(cx, &set, &revisions, &style, &mut collisions)?;
        let named = |name: &Json| revisions.iter().find(|revision| revision["metadata"]["name"] == *name).cloned();
        let current = named(&set["status"]["currentRevision"]).unwrap_or_else(|| update.clone());
        let mut one =
            One { now: cx.world.wall(), collisions, set: &set, current: &current, update: &update, all: &all };
        let acted = one.act(cx);
        one.write_status(cx, acted.as_ref().ok().copied().unwrap_or_default())?;
        acted?;
        let lives = |revision: &Json| {
            let name = object::name(revision);
            name == object::name(&current)
                || name == object::name(&update)
                || all.iter().any(|pod| pod.labels.get(REVISION).map(String::as_str) == Some(name))
        };
        history::truncate(cx, &set, &revisions, lives)?;
        Ok(pods::next_available(all.iter(), int(&set["spec"]["minReadySeconds"]), one.now))
    }
}

/// What was done that the counts of pods do not show yet.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    /// Pods made, of the current and of the update revision.
    made: i64,
    made_current: i64,
    made_updated: i64,
    /// Pods of the current revision deleted for the update.
    deleted_for_update: i64,
}

/// A StatefulSet while it is worked on.
struct One<'a> {
    now: Timestamp,
    collisions: i64,
    set: &'a Json,
    current: &'a Json,
    update: &'a Json,
    /// Its pods, by ordinal.
    all: &'a [Arc<Pod>],
}

impl One<'_> {
    fn spec(&self) -> &Json {
        &self.set["spec"]
    }

    fn replicas(&self) -> i64 {
        pods::number(&self.spec()["replicas"], 1)
    }

    fn start(&self) -> i64 {
        int(&self.spec()["ordinals"]["start"])
    }

    fn in_range(&self, ordinal: i64) -> bool {
        (self.start()..self.start() + self.replicas()).contains(&ordinal)
    }

    fn healthy(&self, pod: &Pod) -> bool {
        pod.phase == Phase::Running && pod.available(int(&self.spec()["minReadySeconds"]), self.now)
    }

    fn available(&self, pod: &Pod) -> bool {
        self.healthy(pod) && !pod.deleting
    }

    /// One step: fills gaps, then removes what is too much, then replaces what is out of date.
    fn act(&self, cx: &mut Context<'_>) -> Result<Done, ApiError> {
        let mut done = Done::default();
        if object::is_deleting(self.set) {
            return Ok(done);
        }
        let monotonic = self.spec()["podManagementPolicy"] != "Parallel";
        for ordinal in self.start()..self.start() + self.replicas() {
            let pod = self.all.iter().find(|pod| identity::split(&pod.name).is_some_and(|(_, o)| o == ordinal));
            let waits = match pod {
                Some(pod) => self.keep(cx, pod, ordinal)?,
                None => {
                    let updated = self.make(cx, ordinal)?;
                    done.made += 1;
                    done.made_updated += i64::from(updated || object::name(self.current) == object::name(self.update));
                    done.made_current += i64::from(!updated || object::name(self.current) == object::name(self.update));
                    true
                }
            };
            if waits && monotonic {
                return Ok(done);
            }
        }
        if self.scale_down(cx, monotonic)? && monotonic {
            return Ok(done);
        }
        if self.spec()["updateStrategy"]["type"] != "OnDelete" {
            done.deleted_for_update = self.replace(cx)?;
        }
        Ok(done)
    }

    /// Looks after a pod that there is; says whether those after it have to wait.
    fn keep(&self, cx: &mut Context<'_>, pod: &Pod, ordinal: i64) -> Result<bool, ApiError> {
        if pod.finished() {
            if !pod.deleting {
                self.delete(cx, &pod.name)?;
            }
            return Ok(true);
        }
        if pod.phase == Phase::Pending {
            self.make_claims(cx, ordinal)?;
        }
        if !self.available(pod) {
            return Ok(true);
        }
        self.own_claims(cx, pod, ordinal)?;
        Ok(false)
    }

    /// Creates a pod and its claims; says whether it is of the update revision.
    fn make(&self, cx: &mut Context<'_>, ordinal: i64) -> Result<bool, ApiError> {
        let updated = !self.stays_current(ordinal);
        let revision = if updated { self.update } else { self.current };
        let name = format!("{}-{ordinal}", object::name(self.set));
        let pod = identity::pod(self.set, &history::template(revision), object::name(revision), ordinal);
        let made = self.make_claims(cx, ordinal).and_then(|()| cx.world.create(&writer(MANAGER), "pods", pod));
        let of = format!("Pod {name} in StatefulSet {}", object::name(self.set));
        match made {
            Ok(_) => {
                cx.world.event(NAME, self.set, "Normal", "SuccessfulCreate", &format!("Create {of} successful"));
                Ok(updated)
            }
            Err(error) => {
                if error.reason != "AlreadyExists" && !pods::namespace_ends(&error) {
                    let message = format!("Create {of} failed error: {}", error.message);
                    cx.world.event(NAME, self.set, "Warning", "FailedCreate", &message);
                }
                Err(error)
            }
        }
    }

    /// Whether a new pod of this ordinal is made by the current revision, not by the update.
    fn stays_current(&self, ordinal: i64) -> bool {
        if self.spec()["updateStrategy"]["type"] == "OnDelete" {
            return false;
        }
        let rolling = &self.spec()["updateStrategy"]["rollingUpdate"];
        let kept =
            if rolling.is_object() { int(&rolling["partition"]) } else { int(&self.set["status"]["currentReplicas"]) };
        ordinal < self.start() + kept
    }

    fn delete(&self, cx: &mut Context<'_>, name: &str) -> Result<(), ApiError> {
        let of = format!("Pod {name} in StatefulSet {}", object::name(self.set));
        let namespace = object::namespace(self.set);
        match cx.world.delete(&writer(MANAGER), "pods", namespace, name, &Deletion::default()) {
            Ok(()) => {
                cx.world.event(NAME, self.set, "Normal", "SuccessfulDelete", &format!("Delete {of} successful"));
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => {
                let message = format!("Delete {of} failed error: {}", error.message);
                cx.world.event(NAME, self.set, "Warning", "FailedDelete", &message);
                Err(error)
            }
        }
    }

    /// Removes pods beyond the size, the highest first; says whether there were any.
    fn scale_down(&self, cx: &mut Context<'_>, monotonic: bool) -> Result<bool, ApiError> {
        let condemned: Vec<(i64, &Arc<Pod>)> = self
            .all
            .iter()
            .rev()
            .filter_map(|pod| identity::split(&pod.name).map(|(_, ordinal)| (ordinal, pod)))
            .filter(|(ordinal, _)| !self.in_range(*ordinal))
            .collect();
        for (ordinal, pod) in &condemned {
            self.own_claims(cx, pod, *ordinal)?;
        }
        // The first that is not well: among those that stay, or else the lowest of those that go.
        let ailing = self.all.iter().filter(|pod| !self.available(pod));
        let (staying, going): (Vec<_>, Vec<_>) =
            ailing.partition(|pod| identity::split(&pod.name).is_some_and(|(_, ordinal)| self.in_range(ordinal)));
        let first_ailing = staying.first().or(going.first()).map(|pod| pod.name.clone());
        for (_, pod) in &condemned {
            if pod.deleting {
                if monotonic {
                    return Ok(true);
                }
                continue;
            }
            if monotonic && !self.healthy(pod) && first_ailing.as_deref() != Some(&pod.name) {
                return Ok(true);
            }
            self.delete(cx, &pod.name)?;
            if monotonic {
                return Ok(true);
            }
        }
        Ok(!condemned.is_empty())
    }

    /// Deletes the highest pod that is out of date, if all above it are well; says how many it deleted.
    fn replace(&self, cx: &mut Context<'_>) -> Result<i64, ApiError> {
        let partition = int(&self.spec()["updateStrategy"]["rollingUpdate"]["partition"]);
        for pod in self.all.iter().rev() {
            let Some((_, ordinal)) = identity::split(&pod.name) else { continue };
            if !self.in_range(ordinal) {
                continue;
            }
            if ordinal - self.start() < partition {
                break;
            }
            let up_to_date = pod.labels.get(REVISION).map(String::as_str) == Some(object::name(self.update));
            if !up_to_date && !pod.deleting {
                self.delete(cx, &pod.name)?;
                return Ok(1);
            }
            if !self.available(pod) {
                break;
            }
        }
        Ok(0)
    }

    fn write_status(&mut self, cx: &mut Context<'_>, done: Done) -> Result<(), ApiError> {
        let of = |revision: &Json| {
            let name = object::name(revision);
            let pods = self.all.iter().filter(|pod| !pod.deleting);
            pods.filter(|pod| pod.labels.get(REVISION).map(String::as_str) == Some(name)).count()
        };
        let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let replicas = size(self.all.len()) + done.made;
        let ready = size(self.all.iter().filter(|pod| pod.phase == Phase::Running && pod.ready).count());
        let available = size(self.all.iter().filter(|pod| self.healthy(pod)).count());
        let mut current = size(of(self.current)) + done.made_current - done.deleted_for_update;
        let updated = size(of(self.update)) + done.made_updated;
        let mut current_name = object::name(self.current);
        let through = self.spec()["updateStrategy"]["type"] == "RollingUpdate"
            && [updated, ready, replicas].iter().all(|n| *n == self.replicas());
        if through {
            current = updated;
            current_name = object::name(self.update);
        }
        let mut status = json!({"observedGeneration": self.set["metadata"]["generation"], "replicas": replicas});
        count(&mut status, "readyReplicas", ready);
        count(&mut status, "currentReplicas", current.max(0));
        count(&mut status, "updatedReplicas", updated);
        put(&mut status, &["currentRevision"], current_name);
        put(&mut status, &["updateRevision"], object::name(self.update));
        put(&mut status, &["collisionCount"], self.collisions);
        put(&mut status, &["availableReplicas"], available);
        if self.set["status"]["conditions"].is_array() {
            put(&mut status, &["conditions"], self.set["status"]["conditions"].clone());
        }
        cx.set_status(MANAGER, RESOURCE, self.set, status).map(drop)
    }
}

/// Whether a StatefulSet's policy says `Delete`.
fn deletes(set: &Json, when: &str) -> bool {
    text(&set["spec"]["persistentVolumeClaimRetentionPolicy"][when]) == "Delete"
}
