//! Deployments: from one template of pods to the next, by way of ReplicaSets.

mod rollout;
mod sets;
mod status;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::fields::{condition, put, text};
use super::selector::selects;
use super::{Context, Controller, MANAGER, Next, Seen, View, pods, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;
use sets::Sets;

const NAME: &str = "deployment-controller";
const RESOURCE: &str = "deployments.apps";
const SETS: &str = "replicasets.apps";
/// What ReplicaSets and their pods carry to tell them apart.
const HASH: &str = "pod-template-hash";

/// The controller.
#[derive(Default)]
pub(super) struct Deployments {
    /// ReplicaSets that nothing controls: they may be adopted. By namespace and name.
    orphans: BTreeSet<(String, String)>,
}

impl Controller for Deployments {
    fn name(&self) -> &'static str {
        NAME
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE, SETS, "pods"]
    }

    fn keys(&mut self, world: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        let namespace = &change.key.namespace;
        match &*change.key.resource {
            RESOURCE => vec![change.key.clone()],
            SETS => {
                let place = (namespace.to_string(), change.key.name.to_string());
                let owner = object::controller_of(&change.object);
                if change.gone() || owner.is_some() {
                    self.orphans.remove(&place);
                } else {
                    self.orphans.insert(place);
                }
                if let Some(owner) = owner {
                    return vec![Key::new(RESOURCE, namespace, text(&owner["name"]))];
                }
                let labels = super::fields::labels(&change.object["metadata"]["labels"]);
                let all = world.list(RESOURCE, Some(namespace));
                let fitting = all.iter().filter(|d| selects(&d["spec"]["selector"], &labels));
                fitting.map(|d| Key::new(RESOURCE, namespace, object::name(d))).collect()
            }
            // Recreate waits for the last pod to go.
            _ if change.gone() => {
                let Some(pod) = &change.pod_before else { return Vec::new() };
                let set = pod.owner.as_ref().filter(|o| o.kind == "ReplicaSet");
                let set = set.and_then(|owner| world.get(SETS, namespace, &owner.name));
                let owner = set.as_deref().and_then(object::controller_of);
                owner.map(|owner| Key::new(RESOURCE, namespace, text(&owner["name"]))).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(found) = cx.world.get(RESOURCE, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let mut one = One { object: Json::clone(&found) };
        let all = self.claim(cx, &one.object)?;
        if object::is_deleting(&one.object) {
            let sets = one.sets(cx, all, false)?;
            one.sync_status(cx, &sets)?;
            return Ok(Next::Wait);
        }
        one.note_pause(cx)?;
        if one.object["spec"]["paused"] == true {
            return one.scale_only(cx, all);
        }
        let sets = one.sets(cx, all.clone(), false)?;
        if one.was_scaled(&sets) {
            return one.scale_only(cx, all);
        }
        if one.object["spec"]["strategy"]["type"] == "Recreate" { one.recreate(cx, all) } else { one.roll(cx, all) }
    }
}

impl Deployments {
    /// The ReplicaSets of a Deployment, those it adopts now included.
    fn claim(&self, cx: &mut Context<'_>, deployment: &Json) -> Result<Vec<Arc<Json>>, ApiError> {
        let namespace = object::namespace(deployment);
        let selector = &deployment["spec"]["selector"];
        let mut sets = Vec::new();
        for set in cx.world.owned_by(SETS, namespace, object::uid(deployment)) {
            let mine = object::controller_of(&set).is_some_and(|owner| owner["uid"] == object::uid(deployment));
            if !mine {
                continue;
            }
            let labels = super::fields::labels(&set["metadata"]["labels"]);
            if selects(selector, &labels) || object::is_deleting(deployment) {
                sets.push(set);
            } else {
                pods::release(cx.world, MANAGER, SETS, namespace, object::name(&set), object::uid(deployment))?;
            }
        }
        if object::is_deleting(deployment) {
            return Ok(sets);
        }
        let from = (namespace.to_owned(), String::new());
        for (_, name) in self.orphans.range(from..).take_while(|(ns, _)| ns == namespace) {
            let fits = cx
                .world
                .get(SETS, namespace, name)
                .is_some_and(|set| selects(selector, &super::fields::labels(&set["metadata"]["labels"])));
            if fits && pods::adopt(cx.world, MANAGER, SETS, deployment, namespace, name)? {
                sets.extend(cx.world.get(SETS, namespace, name));
            }
        }
        Ok(sets)
    }
}

/// A Deployment while it is worked on: as it is after the last write.
struct One {
    object: Json,
}

impl One {
    fn name(&self) -> &str {
        object::name(&self.object)
    }

    fn replicas(&self) -> i64 {
        pods::number(&self.object["spec"]["replicas"], 1)
    }

    /// Writes the status, and the annotations, which Deployments take along with it.
    fn write_status(&mut self, cx: &mut Context<'_>) -> Result<(), ApiError> {
        let wanted = self.object["metadata"]["annotations"].clone();
        let written = cx.world.update_status(&writer(MANAGER), RESOURCE, self.object.clone())?;
        self.object = Json::clone(&written);
        if self.object["metadata"]["annotations"] != wanted {
            put(&mut self.object, &["metadata", "annotations"], wanted);
            let written = cx.world.update(&writer(MANAGER), RESOURCE, self.object.clone())?;
            self.object = Json::clone(&written);
        }
        Ok(())
    }

    /// Says in the conditions that the rollout is paused or goes on, so that nobody takes the pause for a lack of progress.
    fn note_pause(&mut self, cx: &mut Context<'_>) -> Result<(), ApiError> {
        if !self.has_deadline() {
            return Ok(());
        }
        let reason = condition(&self.object["status"], "Progressing").map_or("", |c| text(&c["reason"]));
        let paused = self.object["spec"]["paused"] == true;
        let (reason, message) = match reason {
            "ProgressDeadlineExceeded" => return Ok(()),
            "DeploymentPaused" if !paused => ("DeploymentResumed", "Deployment is resumed"),
            "DeploymentPaused" => return Ok(()),
            _ if paused => ("DeploymentPaused", "Deployment is paused"),
            _ => return Ok(()),
        };
        let now = cx.world.wall();
        self.set_condition("Progressing", "Unknown", reason, message, now);
        self.write_status(cx)
    }

    /// Sizes the ReplicaSets after the Deployment was scaled, or while it is paused: no rollout.
    fn scale_only(&mut self, cx: &mut Context<'_>, all: Vec<Arc<Json>>) -> Result<Next, ApiError> {
        let mut sets = self.sets(cx, all, false)?;
        self.scale(cx, &mut sets)?;
        if self.object["spec"]["paused"] == true {
            self.clean_up(cx, &sets)?;
        }
        self.sync_status(cx, &sets)?;
        Ok(Next::Wait)
    }

    /// Whether the Deployment's size changed since its ReplicaSets were sized.
    fn was_scaled(&self, sets: &Sets) -> bool {
        let active = sets.all().filter(|set| sets::replicas(set) > 0);
        let desired = active.filter_map(|set| sets::annotated(set, sets::DESIRED));
        desired.into_iter().any(|desired| desired != self.replicas())
    }
}
