//! A Deployment's ReplicaSets: which is the new one, making it, its revision, and clearing old ones away.

use std::sync::Arc;

use serde_json::json;

use super::super::fields::{condition, controller_reference, hash, int, put, safe_name, take, text};
use super::super::{Context, MANAGER, writer};
use super::{HASH, NAME, One, SETS};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::world::Deletion;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";
const HISTORY: &str = "deployment.kubernetes.io/revision-history";
/// How long the list of former revisions may become.
const LONGEST_HISTORY: usize = 2000;

/// Annotations that stay with the Deployment.
const OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    HISTORY,
    DESIRED,
    MOST,
    "deprecated.deployment.rollback.to",
];

/// A Deployment's ReplicaSets.
pub(super) struct Sets {
    pub(super) new: Option<Json>,
    pub(super) old: Vec<Json>,
}

impl Sets {
    pub(super) fn all(&self) -> impl Iterator<Item = &Json> {
        self.old.iter().chain(&self.new)
    }

    /// How many pods all of them ask for.
    pub(super) fn wanted(&self) -> i64 {
        self.all().map(replicas).sum()
    }

    /// The sum of a count of their statuses.
    pub(super) fn sum(&self, field: &str) -> i64 {
        self.all().map(|set| int(&set["status"][field])).sum()
    }
}

pub(super) fn replicas(set: &Json) -> i64 {
    super::super::pods::number(&set["spec"]["replicas"], 1)
}

pub(super) fn annotated(set: &Json, key: &str) -> Option<i64> {
    object::annotation(set, key)?.parse().ok()
}

fn revision(set: &Json) -> i64 {
    annotated(set, REVISION).unwrap_or(0)
}

/// By age, then by name, as Kubernetes sorts them.
pub(super) fn by_age(a: &Json, b: &Json) -> std::cmp::Ordering {
    let created = |set: &Json| text(&set["metadata"]["creationTimestamp"]).to_owned();
    created(a).cmp(&created(b)).then_with(|| object::name(a).cmp(object::name(b)))
}

fn bare_template(template: &Json) -> Json {
    let mut template = template.clone();
    take(&mut template, &["metadata", "labels", HASH]);
    template
}

impl One {
    /// Tells the new ReplicaSet from the old ones, makes it if it is missing and wanted, and keeps the revisions in order.
    pub(super) fn sets(&mut self, cx: &mut Context<'_>, all: Vec<Arc<Json>>, make: bool) -> Result<Sets, ApiError> {
        let wanted = bare_template(&self.object["spec"]["template"]);
        let mut all: Vec<Json> = all.iter().map(|set| Json::clone(set)).collect();
        all.sort_by(by_age);
        let place = all.iter().position(|set| bare_template(&set["spec"]["template"]) == wanted);
        let new = place.map(|place| all.remove(place));
        let mut sets = Sets { new, old: all };
        let next = sets.old.iter().map(revision).max().unwrap_or(0) + 1;
        match sets.new.take() {
            Some(found) => sets.new = Some(self.keep(cx, found, next)?),
            None if make => sets.new = Some(self.make(cx, &sets, next)?),
            None => {}
        }
        Ok(sets)
    }

    /// Keeps an existing new ReplicaSet's annotations, and the Deployment's revision.
    fn keep(&mut self, cx: &mut Context<'_>, found: Json, next: i64) -> Result<Json, ApiError> {
        let mut set = found.clone();
        self.annotate(&mut set, next);
        put(&mut set, &["spec", "minReadySeconds"], self.object["spec"]["minReadySeconds"].clone());
        if set["spec"]["minReadySeconds"].is_null() {
            take(&mut set, &["spec", "minReadySeconds"]);
        }
        if set != found {
            let written = cx.world.update(&writer(MANAGER), SETS, set)?;
            return Ok(Json::clone(&written));
        }
        let mut write = self.set_revision(object::annotation(&set, REVISION).unwrap_or_default().to_owned());
        if self.has_deadline() && condition(&self.object["status"], "Progressing").is_none() {
            let message = format!("Found new replica set \"{}\"", object::name(&set));
            let now = cx.world.wall();
            self.set_condition("Progressing", "True", "FoundNewReplicaSet", &message, now);
            write = true;
        }
        if write {
            self.write_status(cx)?;
        }
        Ok(set)
    }

    fn make(&mut self, cx: &mut Context<'_>, sets: &Sets, revision: i64) -> Result<Json, ApiError> {
        let set = self.new_set(sets, revision);
        let name = object::name(&set).to_owned();
        let namespace = object::namespace(&self.object).to_owned();
        let size = replicas(&set);
        let now = cx.world.wall();
        let made = match cx.world.create(&writer(MANAGER), SETS, set) {
            Ok(made) => made,
            Err(error) if error.reason == "AlreadyExists" => {
                let there = cx.world.get(SETS, &namespace, &name);
                let mine = there.filter(|set| {
                    object::controller_of(set).is_some_and(|o| o["uid"] == object::uid(&self.object))
                        && bare_template(&set["spec"]["template"]) == bare_template(&self.object["spec"]["template"])
                });
                if let Some(mine) = mine {
                    return Ok(Json::clone(&mine));
                }
                // The name is taken by another: the next attempt hashes with a higher count of collisions.
                let count = int(&self.object["status"]["collisionCount"]) + 1;
                put(&mut self.object, &["status", "collisionCount"], count);
                self.write_status(cx)?;
                return Err(error);
            }
            Err(error) => {
                if !super::super::pods::namespace_ends(&error) {
                    let message = format!("Failed to create new replica set \"{name}\": {}", error.message);
                    if self.has_deadline() {
                        self.set_condition("Progressing", "False", "ReplicaSetCreateError", &message, now);
                        self.write_status(cx)?;
                    }
                    cx.world.event(NAME, &self.object, "Warning", "ReplicaSetCreateError", &message);
                }
                return Err(error);
            }
        };
        if size > 0 {
            let message = format!("Scaled up replica set {name} from 0 to {size}");
            cx.world.event(NAME, &self.object, "Normal", "ScalingReplicaSet", &message);
        }
        let mut write = self.set_revision(revision.to_string());
        if self.has_deadline() {
            let message = format!("Created new replica set \"{name}\"");
            self.set_condition("Progressing", "True", "NewReplicaSetCreated", &message, now);
            write = true;
        }
        if write {
            self.write_status(cx)?;
        }
        Ok(Json::clone(&made))
    }

    fn new_set(&self, sets: &Sets, revision: i64) -> Json {
        let spec = &self.object["spec"];
        let collisions = self.object["status"]["collisionCount"].as_i64();
        let hash = safe_name(hash(&spec["template"], collisions));
        let mut template = spec["template"].clone();
        put(&mut template, &["metadata", "labels", HASH], hash.as_str());
        let mut selector = spec["selector"].clone();
        put(&mut selector, &["matchLabels", HASH], hash.as_str());
        let mut set = json!({
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "metadata": {
                "name": set_name(self.name(), &hash),
                "namespace": self.object["metadata"]["namespace"],
                "labels": template["metadata"]["labels"],
                "ownerReferences": [controller_reference(&self.object)],
            },
            "spec": {"replicas": 0, "selector": selector, "template": template},
        });
        if int(&spec["minReadySeconds"]) > 0 {
            put(&mut set, &["spec", "minReadySeconds"], spec["minReadySeconds"].clone());
        }
        let size = if spec["strategy"]["type"] == "Recreate" {
            self.replicas()
        } else {
            let room = (self.replicas() + self.surge() - sets.wanted()).max(0);
            room.min(self.replicas())
        };
        put(&mut set, &["spec", "replicas"], size);
        self.annotate(&mut set, revision);
        self.annotate_size(&mut set);
        set
    }

    /// Copies the Deployment's annotations, and raises the revision.
    fn annotate(&self, set: &mut Json, next: i64) {
        for (key, value) in self.object["metadata"]["annotations"].as_object().into_iter().flatten() {
            if !OWN.contains(&key.as_str()) {
                put(set, &["metadata", "annotations", key], value.clone());
            }
        }
        let old = object::annotation(set, REVISION).map(str::to_owned);
        let number = match old.as_deref().map(str::parse::<i64>) {
            None => 0,
            Some(Ok(number)) => number,
            Some(Err(_)) => return,
        };
        if number >= next {
            return;
        }
        put(set, &["metadata", "annotations", REVISION], next.to_string());
        if let Some(old) = old {
            let former = object::annotation(set, HISTORY).unwrap_or_default();
            let mut former: Vec<&str> = former.split(',').filter(|f| !f.is_empty()).chain([old.as_str()]).collect();
            while former.join(",").len() > LONGEST_HISTORY {
                former.remove(0);
            }
            let former = former.join(",");
            put(set, &["metadata", "annotations", HISTORY], former);
        }
    }

    /// Notes the size that the Deployment had, and may have at most, when the set was sized.
    pub(super) fn annotate_size(&self, set: &mut Json) {
        put(set, &["metadata", "annotations", DESIRED], self.replicas().to_string());
        put(set, &["metadata", "annotations", MOST], (self.replicas() + self.surge()).to_string());
    }

    pub(super) fn most_before(&self, set: &Json) -> i64 {
        match annotated(set, MOST) {
            Some(most) if most != 0 => most,
            _ => int(&self.object["status"]["replicas"]),
        }
    }

    fn set_revision(&mut self, revision: String) -> bool {
        if object::annotation(&self.object, REVISION) == Some(&revision) {
            return false;
        }
        put(&mut self.object, &["metadata", "annotations", REVISION], revision);
        true
    }

    /// Deletes old ReplicaSets beyond `revisionHistoryLimit`, the oldest revisions first.
    pub(super) fn clean_up(&self, cx: &mut Context<'_>, sets: &Sets) -> Result<(), ApiError> {
        let Some(limit) = self.object["spec"]["revisionHistoryLimit"].as_i64() else { return Ok(()) };
        let mut old: Vec<&Json> = sets.old.iter().filter(|set| !object::is_deleting(set)).collect();
        let over = old.len().saturating_sub(usize::try_from(limit).unwrap_or(usize::MAX));
        old.sort_by(|a, b| revision(a).cmp(&revision(b)).then_with(|| by_age(a, b)));
        for set in old.into_iter().take(over) {
            let behind = int(&set["metadata"]["generation"]) > int(&set["status"]["observedGeneration"]);
            if int(&set["status"]["replicas"]) != 0 || replicas(set) != 0 || behind {
                continue;
            }
            let namespace = object::namespace(set);
            let deleted = cx.world.delete(&writer(MANAGER), SETS, namespace, object::name(set), &Deletion::default());
            super::super::unless_gone(deleted)?;
        }
        Ok(())
    }
}

/// The Deployment's name, cut so that the hash still fits.
fn set_name(deployment: &str, hash: &str) -> String {
    let room = 253usize.saturating_sub(hash.len() + 1);
    let cut: String = deployment.chars().take(room).collect();
    format!("{cut}-{hash}")
}
