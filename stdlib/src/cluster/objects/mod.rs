//! How changes of objects are probed and taken back: by every verb that changes one, `apply` too.
//!
//! A recipe says, for each object, which fields are to have which values. That is what a probe compares after a cut. The
//! values are those of the objects: a journal keeps recipes as safe as images.

pub(super) mod contents;
mod inverse;
pub mod owners;
mod restore;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use windlass_runtime::change::{Acted, Change, Handler, Op, PartImage, Probed, Recipe, Resource};
use windlass_runtime::cluster::diff::{Guess, ListTypes};
use windlass_runtime::cluster::ownership::INTENT_ANNOTATION;
use windlass_runtime::cluster::{Cluster, FieldPath, ResourceId};
use windlass_runtime::{Call, Error, Result};

use super::delta::{Delta, deltas};
use super::edit::text;

/// The handler's name in recipes.
pub const HANDLER: &str = "cluster/objects";

/// What is intended for one object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Intent {
    /// The object.
    pub resource: Resource,
    /// The subresource that is written, where it is not the object itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    /// The fields that are to differ afterwards.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Delta>,
}

impl Intent {
    /// That an object, or its absence, becomes what was predicted.
    #[must_use]
    pub fn between(resource: Resource, before: Option<&Json>, predicted: &Json) -> Self {
        let before = before.cloned().unwrap_or_else(|| json!({}));
        let changes = differences(&before, predicted, Side::Own, &Guess);
        Self { resource, subresource: None, changes }
    }

    /// That an object is made by apply: the mark of the intent tells it from any other.
    #[must_use]
    pub fn marked(resource: Resource, hash: &str) -> Self {
        let mark = Delta { path: mark(), before: None, after: Some(hash.into()) };
        Self { resource, subresource: None, changes: vec![mark] }
    }

    /// That an object goes.
    #[must_use]
    pub fn removing(resource: Resource) -> Self {
        Self { resource, subresource: None, changes: Vec::new() }
    }
}

/// How the change of these objects is probed and taken back. It serves as both.
#[must_use]
pub fn recipe<'a>(intents: impl IntoIterator<Item = &'a Intent>) -> Recipe {
    let intents: Vec<&Intent> = intents.into_iter().collect();
    Recipe { handler: HANDLER.to_owned(), data: json!({ "objects": intents }) }
}

/// Where apply marks an object with the hash of what was intended.
fn mark() -> FieldPath {
    FieldPath::of(["metadata", "annotations", INTENT_ANNOTATION])
}

/// Why a deleted object cannot be made again as it was, if it cannot.
#[must_use]
pub fn lost_with(id: &ResourceId) -> Option<String> {
    match id.kind.as_str() {
        "Namespace" => Some("everything in the namespace went with it".to_owned()),
        "CustomResourceDefinition" => Some("every object of the kind went with its definition".to_owned()),
        "PersistentVolumeClaim" => Some("its data may have gone with it".to_owned()),
        _ => None,
    }
}

/// Which part of an object is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// All but the status.
    Own,
    /// The status alone.
    Status,
    /// All: the kind has no status of its own.
    Whole,
}

impl Side {
    /// What a request to this subresource, or to the object itself, can change.
    pub(super) async fn of(cluster: &Cluster, id: &ResourceId, subresource: Option<&str>) -> Result<Self> {
        if subresource == Some("status") {
            return Ok(Side::Status);
        }
        let kind = cluster.kind_of(&id.api_version, &id.kind).await?;
        Ok(if kind.has_subresource("status") { Side::Own } else { Side::Whole })
    }
}

/// What the server keeps for itself.
const SERVERS: [&str; 8] = [
    "managedFields",
    "resourceVersion",
    "generation",
    "uid",
    "creationTimestamp",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
];

/// An object without what the server keeps for itself.
pub(super) fn own(object: &Json, side: Side) -> Json {
    if side == Side::Status {
        return json!({ "status": object.get("status").cloned().unwrap_or(Json::Null) });
    }
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut()
        && side == Side::Own
    {
        fields.shift_remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        SERVERS.iter().for_each(|name| drop(metadata.shift_remove(*name)));
    }
    object
}

/// The fields that differ between two states of an object.
#[must_use]
pub fn differences(before: &Json, after: &Json, side: Side, lists: &dyn ListTypes) -> Vec<Delta> {
    deltas(&own(before, side), &own(after, side), lists)
}

/// How the kind's lists are merged, as the cluster says it.
///
/// # Errors
/// Where the cluster does not answer.
pub async fn lists(cluster: &Cluster, id: &ResourceId) -> Result<Box<dyn ListTypes + Send + Sync>> {
    Ok(match cluster.schema(&id.api_version, &id.kind).await? {
        Some(schema) => Box::new(schema),
        None => Box::new(Guess),
    })
}

/// What became of a request whose answer was lost: it is looked up. Where that does not tell, the error stays.
pub async fn after_silence(cluster: &Cluster, id: &ResourceId, before: &Json, wanted: &Json, error: Error) -> Acted {
    let Ok(Some(live)) = cluster.get(id).await else { return Acted::Failed(error) };
    let wanted = differences(before, wanted, Side::Own, &Guess);
    if !wanted.is_empty() && wanted.iter().all(|d| holds(d, &live)) {
        Acted::Done(Some(live))
    } else {
        Acted::Failed(error)
    }
}

/// Whether a field has the value that was intended.
fn holds(delta: &Delta, live: &Json) -> bool {
    delta.path.get(live) == delta.after.as_ref()
}

/// Probes and takes back changes of objects.
pub struct Objects;

impl Handler for Objects {
    fn name(&self) -> &'static str {
        HANDLER
    }

    fn probe(&self, call: &Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Vec<Probed>> {
        let intents = intents(recipe)?;
        parts.iter().map(|part| probe(call, intent_of(&intents, &part.resource), part)).collect()
    }

    fn inverse(&self, call: &Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Change> {
        let intents = intents(recipe)?;
        inverse::change(call, &intents, parts)
    }
}

fn intents(recipe: &Recipe) -> Result<Vec<Intent>> {
    let Some(objects) = recipe.data.get("objects") else { return Ok(Vec::new()) };
    serde_json::from_value(objects.clone())
        .map_err(|e| Error::internal("the journal's recipe for objects cannot be read").source(e))
}

fn intent_of<'a>(intents: &'a [Intent], resource: &Resource) -> Option<&'a Intent> {
    intents.iter().find(|intent| intent.resource == *resource)
}

/// The object that a change names, and its cluster.
fn locate(call: &Call<'_>, resource: &Resource) -> Result<(Cluster, ResourceId)> {
    let cluster = call.cluster_called(&resource.at)?;
    let Some(api_version) = resource.api_version.clone() else {
        return Err(Error::internal(format!("{resource} was recorded without its group and version")));
    };
    let (asked, resource) = (cluster.clone(), resource.clone());
    let id = call.wait(async move {
        let kind = asked.kind_of(&api_version, &resource.kind).await?;
        asked.identify(&kind, &resource.name, resource.namespace.as_deref())
    })?;
    Ok((cluster, id))
}

fn probe(call: &Call<'_>, intent: Option<&Intent>, part: &PartImage) -> Result<Probed> {
    let (cluster, id) = locate(call, &part.resource)?;
    let live = call.wait(async move { cluster.get(&id).await })?;
    Ok(found(intent, part, live.as_ref()))
}

/// What a live object says about an intent.
fn found(intent: Option<&Intent>, part: &PartImage, live: Option<&Json>) -> Probed {
    let uid = |object: &Json| text(object, "/metadata/uid");
    let before = part.before.as_ref();
    let same = match (before, live) {
        (Some(before), Some(live)) => uid(before) == uid(live),
        _ => false,
    };
    let name = &part.resource;
    match (part.op, live) {
        (Op::Delete, None) => Probed::TookEffect,
        (Op::Delete, Some(live)) if !same || live.pointer("/metadata/deletionTimestamp").is_some() => {
            Probed::TookEffect
        }
        (Op::Delete, Some(_)) | (Op::Create, None) => Probed::DidNot,
        (_, None) => Probed::Unclear(format!("{name} is gone")),
        (Op::Update, Some(live)) if !same => Probed::Unclear(format!("{name} was made anew since (uid {})", uid(live))),
        (Op::Update, Some(live))
            if before
                .is_some_and(|b| text(b, "/metadata/resourceVersion") == text(live, "/metadata/resourceVersion")) =>
        {
            Probed::DidNot
        }
        (_, Some(live)) => compared(intent, part, live),
    }
}

fn compared(intent: Option<&Intent>, part: &PartImage, live: &Json) -> Probed {
    let name = &part.resource;
    let changes = intent.map(|i| i.changes.as_slice()).unwrap_or_default();
    if changes.is_empty() {
        return Probed::Unclear(format!("{name} has changed, and what was intended was not recorded"));
    }
    if let Some(mark) = changes.iter().find(|delta| delta.path == mark())
        && holds(mark, live)
    {
        // Set with everything else, in one request.
        return Probed::TookEffect;
    }
    let (done, open): (Vec<&Delta>, Vec<&Delta>) = changes.iter().partition(|delta| holds(delta, live));
    let untouched = |d: &&Delta| d.path.get(live) == d.before.as_ref();
    match (done.is_empty(), open.is_empty()) {
        (_, true) => Probed::TookEffect,
        (true, _) if part.op == Op::Update && open.iter().all(untouched) => Probed::DidNot,
        _ => Probed::Unclear(format!("{name} has neither its former nor the intended {}", shown(&open))),
    }
}

/// Some paths, for a message.
fn shown(deltas: &[&Delta]) -> String {
    let names: Vec<String> = deltas.iter().take(5).map(|d| plain(&d.path)).collect();
    let more = if deltas.len() > 5 { format!(" and {} more", deltas.len() - 5) } else { String::new() };
    format!("{}{more}", names.join(", "))
}

/// A path without its first dot.
fn plain(path: &FieldPath) -> String {
    path.to_string().trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests;
