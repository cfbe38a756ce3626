//! Changing a part of an object: the one way by which every edit verb reaches a cluster.
//!
//! It reads the object, asks the verb what it is to become, and sends only the difference, under the field manager of
//! partial changes and under the version that was read: what is overwritten is what was looked at. If somebody else is
//! faster, it looks again. On an object that `cluster::apply` made, the same request notes which of its fields were
//! replaced, so that the next apply leaves them alone while the manifest still says what it said.

use serde_json::{Map, Value as Json, json};
use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan, Resource};
use windlass_runtime::cluster::diff::{Diff, Guess, ListTypes};
use windlass_runtime::cluster::ownership::{EDIT_MANAGER, EDITED_ANNOTATION, Edits, INTENT_ANNOTATION, applied_fields};
use windlass_runtime::cluster::{Cluster, Failure, FieldPath, Patch, PatchOptions, ResourceId};
use windlass_runtime::{Call, Error, Kind, Result};

use super::delta::{Delta, deltas};
use super::objects;

/// What an edit verb wants of the object that was read.
pub enum Wish {
    /// Nothing is to do, for this reason.
    Nothing(String),
    /// It is to become this. Only what differs is sent.
    Become(Json),
    /// It is to be patched so, itself or its subresource; what that does, a dry run tells.
    Patched(Patch, Option<String>),
    /// Its subresource `scale` is to say this number.
    Replicas(i64),
}

/// Edits one object: `wish` is given what was read, and says what it is to become.
///
/// # Errors
/// [`Kind::NotFound`] if it is not there, what `wish` says, and what the API server refuses.
pub fn edit(
    call: &Call<'_>,
    cluster: &Cluster,
    id: &ResourceId,
    mut wish: impl FnMut(&Json) -> Result<Wish>,
) -> Result<Outcome> {
    let outcome = call.change_fresh(|| {
        let live = read(call, cluster, id)?.ok_or_else(|| absent(id))?;
        let wished = wish(&live)?;
        change(call, cluster, id, live, wished)
    });
    shown(call, outcome?)
}

/// The error for an object that should be there.
#[must_use]
pub fn absent(id: &ResourceId) -> Error {
    Error::new(Kind::NotFound, format!("there is no {id}"))
        .hint(format!("is it made before? see what there is with cluster::list(\"{}\")", id.kind))
        .resource(id)
}

/// What a script gets to see: the values of Secrets as stand-ins.
pub(super) fn shown(call: &Call<'_>, mut outcome: Outcome) -> Result<Outcome> {
    for object in outcome.objects.iter_mut().flatten() {
        super::secret_data::hide(call, object)?;
    }
    Ok(outcome)
}

/// Reads an object, owners included.
pub(super) fn read(call: &Call<'_>, cluster: &Cluster, id: &ResourceId) -> Result<Option<Json>> {
    let (cluster, id) = (cluster.clone(), id.clone());
    call.wait(async move { cluster.get(&id).await })
}

/// An object as changes name it.
#[must_use]
pub fn resource(id: &ResourceId) -> Resource {
    Resource {
        at: id.cluster.clone(),
        api_version: Some(id.api_version.clone()),
        kind: id.kind.clone(),
        namespace: id.namespace.clone(),
        name: id.name.clone(),
    }
}

/// The change of an object that is as it should be.
pub(super) fn unchanged(id: &ResourceId, before: Option<Json>, reason: impl Into<String>) -> Change {
    let part = Part { resource: resource(id), before, plan: Plan::Unchanged(reason.into()) };
    let recipe = objects::recipe(&[]);
    Change {
        parts: vec![part],
        act: Box::new(|| Box::pin(async { Ok(Vec::new()) })),
        probe: recipe.clone(),
        inverse: Inverse::By(recipe),
    }
}

/// What is sent.
struct Request {
    patch: Patch,
    subresource: Option<String>,
}

/// The change that a wish means.
pub(super) fn change(call: &Call<'_>, cluster: &Cluster, id: &ResourceId, live: Json, wished: Wish) -> Result<Change> {
    let (asked, target, found) = (cluster.clone(), id.clone(), live.clone());
    let prepared = call.wait(async move { prepare(&asked, &target, &found, wished).await })?;
    let (request, intended) = match prepared {
        Prepared::Nothing(reason) => return Ok(unchanged(id, Some(live), reason)),
        Prepared::Send { request, intended } => (request, intended),
    };
    let diff = Diff::between(Some(&live), Some(&intended.predicted), &*intended.lists);
    let lines = diff.changes().iter().map(ToString::to_string).collect();
    let recipe = objects::recipe(&[objects::Intent {
        resource: resource(id),
        subresource: request.subresource.clone().filter(|s| s == "status"),
        changes: intended.changes,
    }]);
    let part = Part {
        resource: resource(id),
        before: Some(live.clone()),
        plan: Plan::Act { op: Op::Update, diff: lines, note: None },
    };
    let (cluster, id, predicted) = (cluster.clone(), id.clone(), intended.predicted);
    Ok(Change {
        parts: vec![part],
        act: Box::new(move || Box::pin(async move { Ok(vec![act(&cluster, &id, &request, &live, &predicted).await]) })),
        probe: recipe.clone(),
        inverse: Inverse::By(recipe),
    })
}

enum Prepared {
    Nothing(String),
    Send { request: Request, intended: Intended },
}

struct Intended {
    predicted: Json,
    changes: Vec<Delta>,
    lists: Box<dyn ListTypes + Send + Sync>,
}

async fn prepare(cluster: &Cluster, id: &ResourceId, live: &Json, wished: Wish) -> Result<Prepared> {
    let version = text(live, "/metadata/resourceVersion");
    let as_is = || Prepared::Nothing("it is so already".to_owned());
    match wished {
        Wish::Nothing(reason) => Ok(Prepared::Nothing(reason)),
        Wish::Become(mut wanted) => {
            let changes = deltas(live, &wanted, &Guess);
            if changes.is_empty() {
                return Ok(as_is());
            }
            if let Some(note) = note(cluster, id, live, &changes).await? {
                edited().set(&mut wanted, note.into())?;
            }
            let mut patch = merge_patch(live, &wanted);
            patch["metadata"]["resourceVersion"] = version.into();
            let intended = Intended { predicted: wanted, changes, lists: Box::new(Guess) };
            Ok(Prepared::Send { request: Request { patch: Patch::Merge(patch), subresource: None }, intended })
        }
        Wish::Patched(patch, subresource) => {
            let patch = under_version(patch, &version);
            let options =
                PatchOptions { manager: EDIT_MANAGER.to_owned(), dry_run: true, subresource: subresource.clone() };
            let predicted = match cluster.patch(id, &patch, &options).await {
                Err(error) if no_trial(&error) => merged(live, &patch).ok_or(error)?,
                tried => tried?,
            };
            let lists = objects::lists(cluster, id).await?;
            let side = objects::Side::of(cluster, id, subresource.as_deref()).await?;
            let changes = objects::differences(live, &predicted, side, &*lists);
            if changes.is_empty() {
                return Ok(as_is());
            }
            let patch = match note(cluster, id, live, &changes).await? {
                Some(note) if subresource.is_none() => with_note(patch, &note),
                _ => patch,
            };
            Ok(Prepared::Send {
                request: Request { patch, subresource },
                intended: Intended { predicted, changes, lists },
            })
        }
        Wish::Replicas(replicas) => {
            let mut predicted = live.clone();
            FieldPath::of(["spec", "replicas"]).set(&mut predicted, replicas.into())?;
            let changes = deltas(live, &predicted, &Guess);
            let patch = json!({ "metadata": { "resourceVersion": version }, "spec": { "replicas": replicas } });
            let request = Request { patch: Patch::Merge(patch), subresource: Some("scale".to_owned()) };
            Ok(Prepared::Send { request, intended: Intended { predicted, changes, lists: Box::new(Guess) } })
        }
    }
}

/// Whether an admission webhook refuses to be tried.
fn no_trial(error: &Error) -> bool {
    Failure::of(error).and_then(Failure::status).is_some_and(|s| s.message.contains("does not support dry run"))
}

/// What a merge patch makes of an object, but for what the server fills in.
fn merged(live: &Json, patch: &Patch) -> Option<Json> {
    fn merge(into: &mut Json, patch: &Json) {
        let Some(fields) = patch.as_object() else { return *into = patch.clone() };
        if !into.is_object() {
            *into = Json::Object(Map::new());
        }
        let Some(map) = into.as_object_mut() else { return };
        for (name, value) in fields {
            if value.is_null() {
                map.shift_remove(name);
            } else {
                merge(map.entry(name.as_str()).or_insert(Json::Null), value);
            }
        }
    }
    let Patch::Merge(body) = patch else { return None };
    let mut object = live.clone();
    merge(&mut object, body);
    Some(object)
}

/// The new content of the annotation for the next apply; none if nothing that was applied is replaced.
async fn note(cluster: &Cluster, id: &ResourceId, live: &Json, changes: &[Delta]) -> Result<Option<String>> {
    let marked = live.pointer("/metadata/annotations").and_then(|a| a.get(INTENT_ANNOTATION)).is_some();
    let Some(fields) = applied_fields(live, &id.api_version).filter(|_| marked) else { return Ok(None) };
    // What the manifest says: without what the server has filled in.
    let applied = restricted(live, fields);
    let replaced: Vec<&Delta> = changes.iter().filter(|c| c.path.get(&applied).is_some()).collect();
    if replaced.is_empty() {
        return Ok(None);
    }
    let salt = cluster.identity().await?;
    let mut edits = Edits::of(live);
    let had = edits.clone();
    // A Secret's values leave no trace: it is known by its kind.
    let mut applied = applied;
    for name in ["apiVersion", "kind"] {
        applied[name] = live[name].clone();
    }
    replaced.iter().for_each(|change| edits.note(&change.path, &applied, salt));
    Ok(if edits == had { None } else { edits.to_annotation() })
}

/// The part of a value that an entry of managedFields covers.
fn restricted(value: &Json, fields: &Json) -> Json {
    let Some(children) = fields.as_object().filter(|c| !c.is_empty()) else { return value.clone() };
    match value {
        Json::Object(map) => {
            let kept = map.iter().filter_map(|(name, value)| {
                children.get(&format!("f:{name}")).map(|below| (name.clone(), restricted(value, below)))
            });
            Json::Object(kept.collect())
        }
        Json::Array(list) => {
            let keyed: Vec<(Map<String, Json>, &Json)> = children
                .iter()
                .filter_map(|(name, below)| Some((serde_json::from_str(name.strip_prefix("k:")?).ok()?, below)))
                .collect();
            let kept = list.iter().filter_map(|element| {
                let is_it = |keys: &Map<String, Json>| keys.iter().all(|(key, value)| element.get(key) == Some(value));
                match keyed.iter().find(|(keys, _)| is_it(keys)) {
                    Some((_, below)) => Some(restricted(element, below)),
                    None => children.contains_key(&format!("v:{element}")).then(|| element.clone()),
                }
            });
            Json::Array(kept.collect())
        }
        other => other.clone(),
    }
}

fn edited() -> FieldPath {
    FieldPath::of(["metadata", "annotations", EDITED_ANNOTATION])
}

/// The patch, for the state that was read and no other.
fn under_version(patch: Patch, version: &str) -> Patch {
    let at = FieldPath::of(["metadata", "resourceVersion"]);
    let versioned = |mut body: Json| {
        // Where metadata is no map, the server says so.
        let _ = at.set(&mut body, version.into());
        body
    };
    match patch {
        Patch::Merge(body) => Patch::Merge(versioned(body)),
        Patch::Strategic(body) => Patch::Strategic(versioned(body)),
        Patch::Json(Json::Array(mut operations)) => {
            operations.push(json!({ "op": "replace", "path": "/metadata/resourceVersion", "value": version }));
            Patch::Json(Json::Array(operations))
        }
        other => other,
    }
}

fn with_note(patch: Patch, note: &str) -> Patch {
    let noted = |mut body: Json| {
        let _ = edited().set(&mut body, note.into());
        body
    };
    match patch {
        Patch::Merge(body) => Patch::Merge(noted(body)),
        Patch::Strategic(body) => Patch::Strategic(noted(body)),
        Patch::Json(Json::Array(mut operations)) => {
            // The annotations are there: the one of apply is among them.
            let path = format!("/metadata/annotations/{}", EDITED_ANNOTATION.replace('/', "~1"));
            operations.push(json!({ "op": "add", "path": path, "value": note }));
            Patch::Json(Json::Array(operations))
        }
        other => other,
    }
}

/// The merge patch that makes `to` of `from`.
#[must_use]
pub(super) fn merge_patch(from: &Json, to: &Json) -> Json {
    let (Some(old), Some(new)) = (from.as_object(), to.as_object()) else { return to.clone() };
    let mut patch = Map::new();
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        patch.insert(name.clone(), Json::Null);
    }
    for (name, value) in new {
        match old.get(name) {
            Some(before) if before == value => {}
            Some(before) if before.is_object() && value.is_object() => {
                patch.insert(name.clone(), merge_patch(before, value));
            }
            _ => {
                patch.insert(name.clone(), value.clone());
            }
        }
    }
    Json::Object(patch)
}

async fn act(cluster: &Cluster, id: &ResourceId, request: &Request, before: &Json, predicted: &Json) -> Acted {
    let options =
        PatchOptions { manager: EDIT_MANAGER.to_owned(), dry_run: false, subresource: request.subresource.clone() };
    let answer = cluster.patch(id, &request.patch, &options).await;
    let after = match answer {
        Ok(scale) if request.subresource.as_deref() == Some("scale") => {
            scaled(cluster, id, &scale, before, predicted).await
        }
        Ok(after) => Ok(after),
        Err(error) => Err(error),
    };
    match after {
        Ok(after) => Acted::Done(Some(after)),
        Err(error) if Failure::of(&error).is_some_and(Failure::is_unknown_outcome) => {
            objects::after_silence(cluster, id, before, predicted, error).await
        }
        Err(error) => Acted::Failed(error),
    }
}

/// The object after its scale was set: the answer is the scale alone.
async fn scaled(cluster: &Cluster, id: &ResourceId, scale: &Json, before: &Json, predicted: &Json) -> Result<Json> {
    let now = cluster.get(id).await?.unwrap_or_else(|| before.clone());
    let version = text(scale, "/metadata/resourceVersion");
    if text(&now, "/metadata/resourceVersion") == version {
        return Ok(now);
    }
    // Somebody else has written since: theirs is not part of this change.
    let mut after = predicted.clone();
    after["metadata"]["resourceVersion"] = version.into();
    let owners = objects::owners::handed_over(before, &now, &FieldPath::of(["spec", "replicas"]), "scale");
    after["metadata"]["managedFields"] = owners;
    Ok(after)
}

/// A text at a JSON pointer; empty where there is none.
pub(super) fn text(object: &Json, pointer: &str) -> String {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_applied_is_found_without_what_the_server_filled_in() {
        let live = json!({ "spec": { "replicas": 1, "paused": false, "list": [
            { "name": "a", "image": "x", "policy": "Always" }, { "name": "b", "image": "y" }], "set": ["p", "q"], "atomic": [1] } });
        let fields = json!({ "f:spec": { "f:replicas": {}, "f:atomic": {}, "f:set": { "v:\"q\"": {} },
            "f:list": { "k:{\"name\":\"a\"}": { ".": {}, "f:name": {}, "f:image": {} } } } });
        let expected =
            json!({ "spec": { "replicas": 1, "list": [{ "name": "a", "image": "x" }], "set": ["q"], "atomic": [1] } });
        assert_eq!(restricted(&live, &fields), expected);
    }

    #[test]
    fn merge_patches_make_one_state_of_another() {
        let from = json!({ "a": 1, "b": { "c": 2, "d": 3 }, "l": [1] });
        let to = json!({ "b": { "c": 2, "e": 4 }, "l": [1, 2], "n": { "x": 1 } });
        let patch = merge_patch(&from, &to);
        assert_eq!(patch, json!({ "a": null, "b": { "d": null, "e": 4 }, "l": [1, 2], "n": { "x": 1 } }));
        assert_eq!(merged(&from, &Patch::Merge(patch)), Some(to));
    }
}
