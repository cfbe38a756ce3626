//! Doing it: in waves, so that namespaces are there before what is in them, and side by side within a wave.

use futures::stream::{self, StreamExt};
use serde_json::{Value as Json, json};
use windlass_runtime::change::Acted;
use windlass_runtime::cluster::diff::{Diff, Guess};
use windlass_runtime::cluster::ownership::{EDIT_MANAGER, EDITED_ANNOTATION};
use windlass_runtime::cluster::{Cluster, Failure, Patch, PatchOptions, ResourceId, Selector, WatchEvent};
use windlass_runtime::{Error, Kind, Result};

use super::Action;
use super::decide::request;
use super::look::PARALLEL;

/// How often an object is read again when its status moved on between look and change.
const STALE_ATTEMPTS: usize = 5;

/// What must be there before what: namespaces, then what workloads refer to, then workloads, then what watches over all.
fn wave(id: &ResourceId) -> usize {
    match id.kind.as_str() {
        "Namespace" => 0,
        "Pod" | "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" | "CronJob" => 2,
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" | "APIService" => 3,
        _ => 1,
    }
}

/// Carries out all actions; one answer each, in their order. A wave in which something failed is the last.
pub(super) async fn all(
    cluster: &Cluster,
    actions: Vec<Action>,
    tell: &(dyn Fn(&str, &str) + Send + Sync),
) -> Vec<Acted> {
    let mut answers: Vec<Acted> = vec![Acted::NotTried; actions.len()];
    let total = actions.len();
    let mut waves: Vec<Vec<(usize, Action)>> = vec![Vec::new(); 4];
    for (index, action) in actions.into_iter().enumerate() {
        waves[wave(&action.id)].push((index, action));
    }
    let clock = cluster.clock().clone();
    let (begun, mut told, mut done) = (clock.now(), clock.now(), 0);
    for wave in waves {
        let each = wave.into_iter().map(|(index, action)| async move { (index, one(cluster, action).await) });
        let mut running = stream::iter(each).buffer_unordered(PARALLEL);
        let mut failed = false;
        while let Some((index, result)) = running.next().await {
            done += 1;
            answers[index] = match result {
                Ok(after) => Acted::Done(Some(after)),
                Err(error) => {
                    failed = true;
                    if unanswered(&error) { Acted::Unknown } else { Acted::Failed(error) }
                }
            };
            if (clock.now() - told).as_millis() >= 1000 && (clock.now() - begun).as_millis() >= 1000 {
                told = clock.now();
                tell("objects", &format!("{done} of {total} applied"));
            }
        }
        if failed {
            break;
        }
    }
    answers
}

/// Whether a request may have been done although it failed.
fn unanswered(error: &Error) -> bool {
    matches!(Failure::of(error), Some(Failure::Silent(_)))
}

async fn one(cluster: &Cluster, action: Action) -> Result<Json> {
    let Action { id, body, before, force, edited, .. } = action;
    let after = match before {
        None => create(cluster, &id, &body).await?,
        Some(before) => update(cluster, &id, &body, before, force).await?,
    };
    let Some(annotation) = edited else { return Ok(after) };
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { EDITED_ANNOTATION: annotation } } }));
    let options = PatchOptions { manager: EDIT_MANAGER.to_owned(), ..PatchOptions::default() };
    cluster.patch(&id, &patch, &options).await
}

/// Applies an object that was not there. Should it be there by now, that is a conflict: nobody has looked at it.
async fn create(cluster: &Cluster, id: &ResourceId, body: &Json) -> Result<Json> {
    let options = windlass_runtime::cluster::ApplyOptions {
        manager: windlass_runtime::cluster::ownership::APPLY_MANAGER.to_owned(),
        ..Default::default()
    };
    cluster.apply(id, body, &options).await
}

async fn update(cluster: &Cluster, id: &ResourceId, body: &Json, mut before: Json, force: bool) -> Result<Json> {
    let mut attempts = 0;
    loop {
        attempts += 1;
        let error = match cluster.apply(id, body, &request(force, false, &before)).await {
            Ok(after) => return Ok(after),
            Err(error) => error,
        };
        let stale =
            error.kind() == Kind::Conflict && Failure::of(&error).is_some_and(|f| f.field_conflicts().is_empty());
        if !stale || attempts == STALE_ATTEMPTS {
            return Err(error);
        }
        // Controllers write the status all the time. As long as nothing else moved, the look still holds.
        let Some(now) = cluster.get(id).await? else { return Err(error) };
        if !Diff::between(Some(&before), Some(&now), &Guess).is_empty() {
            return Err(Error::new(Kind::Conflict, format!("{id} was changed by somebody else at the same moment"))
                .hint("nothing of it was overwritten: look at it, and run again")
                .resource(id)
                .source(error));
        }
        before = now;
    }
}

/// Waits until the kinds of these definitions are served.
pub(super) async fn served(cluster: &Cluster, definitions: &[Json]) -> Result<()> {
    for definition in definitions {
        let id = cluster.identify_object(definition, None).await?;
        let mut watch = cluster.watch(&id.collection(), Selector::name(&id.name));
        loop {
            let established = match watch.next().await? {
                WatchEvent::Snapshot(objects) => objects.iter().any(is_established),
                WatchEvent::Applied(object) => is_established(&object),
                _ => false,
            };
            if established {
                break;
            }
        }
    }
    cluster.refresh_discovery().await.map(|_| ())
}

fn is_established(definition: &Json) -> bool {
    let conditions = definition.pointer("/status/conditions").and_then(Json::as_array);
    conditions.into_iter().flatten().any(|c| c["type"] == "Established" && c["status"] == "True")
}
