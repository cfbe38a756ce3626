//! Taking changes of objects back.
//!
//! For each field that the change set and that still has that value, the former value or absence comes back; a second
//! request then gives the fields back to those who owned them. (In one request, they would go to whoever undoes.)

use serde_json::{Value as Json, json};
use windlass_runtime::change::{Acted, Change, Inverse, Op, Part, PartImage, Plan};
use windlass_runtime::cluster::diff::{self, Diff, HIDDEN, ListTypes};
use windlass_runtime::cluster::{
    Cluster, DeleteOptions, Deleted, Failure, FieldPath, Patch, PatchOptions, ResourceId, WriteOptions,
};
use windlass_runtime::{Call, Error, Kind, Result};

use super::super::delta::Delta;
use super::super::edit::{merge_patch, text};
use super::restore::{changed_since, restored};
use super::{Intent, Side, contents, intent_of, locate, own, owners, plain, recipe};

/// The field manager of what is written to take something back; it owns nothing in the end. It is one of its own because
/// the server keeps the times of entries of managedFields that differ in nothing else: a former entry of the manager of
/// partial changes would not get its time back.
const UNDO_MANAGER: &str = "windlass-undo";
/// How often owners are written anew because somebody else wrote meanwhile.
const ATTEMPTS: usize = 10;

/// What is to be done with one object.
enum Step {
    /// The fields change back, then their owners.
    Restore { patch: Option<Json>, subresource: Option<String>, live: Json, owners: Json },
    /// It goes.
    Remove { live: Json },
    /// It is made again.
    Make { object: Json, owners: Json },
}

struct Planned {
    part: Part,
    step: Option<(Cluster, ResourceId, Step)>,
    intent: Intent,
}

/// The change that takes these parts back, the last one first.
pub(super) fn change(call: &Call<'_>, intents: &[Intent], parts: &[PartImage]) -> Result<Change> {
    let (mut planned, mut clashes) = (Vec::new(), Vec::new());
    for part in parts.iter().rev() {
        match plan(call, intent_of(intents, &part.resource), part)? {
            Ok(plan) => planned.push(plan),
            Err(clash) => clashes.push(clash),
        }
    }
    if let Some(error) = conflict(&clashes) {
        return Err(error);
    }
    let mut change_parts = Vec::new();
    let (mut steps, mut intents) = (Vec::new(), Vec::new());
    for Planned { part, step, intent } in planned {
        if let Some(step) = step {
            steps.push(step);
            intents.push(intent);
        }
        change_parts.push(part);
    }
    let recipe = recipe(&intents);
    Ok(Change {
        parts: change_parts,
        act: Box::new(move || Box::pin(async move { Ok(all(steps).await) })),
        probe: recipe.clone(),
        inverse: Inverse::By(recipe),
    })
}

/// What somebody else has done since.
struct Clash {
    resource: String,
    why: Option<String>,
    fields: Vec<Delta>,
}

fn conflict(clashes: &[Clash]) -> Option<Error> {
    let first = clashes.first()?;
    let (mut lines, mut details) = (Vec::new(), Vec::new());
    for clash in clashes {
        lines.extend(clash.why.clone());
        for field in &clash.fields {
            let Delta { path, before, after } = field.clone();
            let told = diff::Change { path, before, after }.guarded();
            let value = |value: &Option<Json>| match value {
                None => "absent".to_owned(),
                Some(value) if value == HIDDEN => HIDDEN.to_owned(),
                Some(value) => value.to_string(),
            };
            let (path, now, left) = (plain(&told.path), value(&told.after), value(&told.before));
            lines.push(match (now.as_str(), left.as_str()) {
                (HIDDEN, HIDDEN) => format!("{}: {path} is not as the run left it", clash.resource),
                _ => format!("{}: {path} is {now}, and the run left it as {left}", clash.resource),
            });
            details.push(json!({ "resource": clash.resource, "field": path, "live": now, "run": left }));
        }
    }
    Some(
        Error::new(Kind::Conflict, format!("changed by somebody else since: {}", lines.join("; ")))
            .hint("nothing of it was undone: decide what is right, and set it by hand or with cluster::patch")
            .details(json!({ "conflicts": details }))
            .resource(&first.resource),
    )
}

fn plan(call: &Call<'_>, intent: Option<&Intent>, image: &PartImage) -> Result<std::result::Result<Planned, Clash>> {
    let (cluster, id) = locate(call, &image.resource)?;
    let subresource = intent.and_then(|i| i.subresource.clone());
    let (asked, named, through) = (cluster.clone(), id.clone(), subresource.clone());
    let goes = image.op == Op::Create;
    let (live, left, lists, side) = call.wait(async move {
        let live = asked.get(&named).await?;
        let left = match &live {
            Some(live) if goes => contents::left_in(&asked, &named, live).await?,
            _ => None,
        };
        let lists = super::lists(&asked, &named).await?;
        Ok((live, left, lists, Side::of(&asked, &named, through.as_deref()).await?))
    })?;
    let looked = Looked { cluster, id, image, intent, live, left, lists, side, subresource };
    match image.op {
        Op::Create => Ok(looked.uncreate()),
        Op::Update => looked.unchange(),
        Op::Delete => Ok(looked.undelete()),
        Op::Run => Err(Error::internal(format!("{} was recorded as run, which objects are not", image.resource))),
    }
}

struct Looked<'a> {
    cluster: Cluster,
    id: ResourceId,
    image: &'a PartImage,
    intent: Option<&'a Intent>,
    live: Option<Json>,
    /// What is in it, where it would go.
    left: Option<String>,
    lists: Box<dyn ListTypes + Send + Sync>,
    side: Side,
    subresource: Option<String>,
}

impl Looked<'_> {
    fn nothing(self, reason: &str) -> Planned {
        let intent = Intent::removing(self.image.resource.clone());
        let part =
            Part { resource: self.image.resource.clone(), before: self.live, plan: Plan::Unchanged(reason.to_owned()) };
        Planned { part, step: None, intent }
    }

    fn clash(&self, why: &str) -> Clash {
        Clash { resource: self.id.to_string(), why: Some(format!("{} {why}", self.id)), fields: Vec::new() }
    }

    fn clash_of(&self, fields: Vec<Delta>) -> Clash {
        Clash { resource: self.id.to_string(), why: None, fields }
    }

    fn acts(self, op: Op, diff: Vec<String>, changes: Vec<Delta>, step: Step) -> Planned {
        let resource = self.image.resource.clone();
        let plan = Plan::Act { op, diff, note: Some("taken back".to_owned()) };
        Planned {
            part: Part { resource: resource.clone(), before: self.live, plan },
            step: Some((self.cluster, self.id, step)),
            intent: Intent { resource, subresource: self.subresource, changes },
        }
    }

    /// Takes away what was made.
    fn uncreate(self) -> std::result::Result<Planned, Clash> {
        let Some(live) = self.live.clone() else { return Ok(self.nothing("it is gone already")) };
        let changed = match &self.image.after {
            Some(after) if text(after, "/metadata/uid") != text(&live, "/metadata/uid") => {
                return Err(self.clash("was deleted and made anew"));
            }
            Some(after) => changed_since(after, &live, self.side, &*self.lists),
            // The answer was lost: what was intended must be there.
            None => {
                let intended = self.intent.map(|i| i.changes.as_slice()).unwrap_or_default();
                let other = intended.iter().filter(|d| d.path.get(&live) != d.after.as_ref());
                other
                    .map(|d| Delta { path: d.path.clone(), before: d.after.clone(), after: d.path.get(&live).cloned() })
                    .collect()
            }
        };
        if live.pointer("/metadata/deletionTimestamp").is_some() {
            return Ok(self.nothing("it is being deleted already"));
        }
        if !changed.is_empty() {
            return Err(self.clash_of(changed));
        }
        if let Some(left) = self.left.clone() {
            return Ok(self.nothing(&left));
        }
        Ok(self.acts(Op::Delete, vec!["deleted".to_owned()], Vec::new(), Step::Remove { live }))
    }

    /// Puts back what was changed.
    fn unchange(self) -> Result<std::result::Result<Planned, Clash>> {
        let Some(before) = &self.image.before else {
            return Err(Error::internal(format!("{} was recorded without the state before", self.id)));
        };
        let Some(live) = self.live.clone() else { return Ok(Err(self.clash("was deleted"))) };
        if text(before, "/metadata/uid") != text(&live, "/metadata/uid") {
            return Ok(Err(self.clash("was deleted and made anew")));
        }
        let after = match &self.image.after {
            Some(after) => after.clone(),
            None => self.assumed(before, &live)?,
        };
        let back = restored(before, &after, &live, self.side, &*self.lists)?;
        if !back.clashes.is_empty() {
            return Ok(Err(self.clash_of(back.clashes)));
        }
        let former = owners::taken_back(&owners::of(before), &owners::of(&after), &owners::of(&live));
        let changes = super::differences(&live, &back.object, self.side, &*self.lists);
        if changes.is_empty() && owners::same(&former, &owners::of(&live)) {
            return Ok(Ok(self.nothing("it is as it was before")));
        }
        let diff = Diff::between(Some(&live), Some(&back.object), &*self.lists);
        let mut lines: Vec<String> = diff.changes().iter().map(|change| change.guarded().to_string()).collect();
        if lines.is_empty() {
            lines.push("its fields go back to their former owners".to_owned());
        }
        let patch = (!changes.is_empty()).then(|| {
            let mut patch = merge_patch(&own(&live, self.side), &own(&back.object, self.side));
            patch["metadata"]["resourceVersion"] = text(&live, "/metadata/resourceVersion").into();
            patch
        });
        let step = Step::Restore { patch, subresource: self.subresource.clone(), live, owners: former };
        Ok(Ok(self.acts(Op::Update, lines, changes, step)))
    }

    /// The state after a change whose answer was lost: what was intended, and the present owners.
    fn assumed(&self, before: &Json, live: &Json) -> Result<Json> {
        let mut after = before.clone();
        for delta in self.intent.map(|i| i.changes.as_slice()).unwrap_or_default() {
            match &delta.after {
                Some(value) => delta.path.set(&mut after, value.clone())?,
                None => drop(delta.path.remove(&mut after)),
            }
        }
        after["metadata"]["managedFields"] = owners::of(live);
        Ok(after)
    }

    /// Makes again what was deleted.
    fn undelete(self) -> std::result::Result<Planned, Clash> {
        let Some(before) = self.image.before.clone() else { return Ok(self.nothing("it was not there")) };
        if let Some(live) = &self.live {
            if text(&before, "/metadata/uid") != text(live, "/metadata/uid") {
                return Err(self.clash("was made anew"));
            }
            if live.pointer("/metadata/deletionTimestamp").is_some() {
                return Err(self.clash("is still being deleted"));
            }
            return Ok(self.nothing("it was not deleted"));
        }
        let object = makeable(&before, self.side);
        let former = owners::without_status(&owners::of(&before));
        let intent = Intent::between(self.image.resource.clone(), None, &object);
        Ok(self.acts(Op::Create, vec!["made again".to_owned()], intent.changes, Step::Make { object, owners: former }))
    }
}

/// A former object in a form that can be created.
fn makeable(before: &Json, side: Side) -> Json {
    let mut object = own(before, side);
    let manual = object.pointer("/spec/manualSelector") == Some(&Json::Bool(true));
    if text(&object, "/kind") == "Job" && !manual {
        // What the server derives from the Job's uid, and makes anew.
        FieldPath::of(["spec", "selector"]).remove(&mut object);
        for label in
            ["controller-uid", "batch.kubernetes.io/controller-uid", "job-name", "batch.kubernetes.io/job-name"]
        {
            for at in [["metadata", "labels"].as_slice(), &["spec", "template", "metadata", "labels"]] {
                FieldPath::of(at.iter().copied().chain([label])).remove(&mut object);
            }
        }
    }
    object
}

async fn all(steps: Vec<(Cluster, ResourceId, Step)>) -> Vec<Acted> {
    let mut answers = Vec::with_capacity(steps.len());
    let mut failed = false;
    for (cluster, id, step) in steps {
        let answer = if failed { Acted::NotTried } else { one(&cluster, &id, step).await };
        failed |= !matches!(answer, Acted::Done(_));
        answers.push(answer);
    }
    answers
}

async fn one(cluster: &Cluster, id: &ResourceId, step: Step) -> Acted {
    let acted = match step {
        Step::Restore { patch, subresource, live, owners } => {
            restore(cluster, id, patch, subresource, live, owners).await
        }
        Step::Remove { live } => remove(cluster, id, &live).await.map(Acted::Done),
        Step::Make { object, owners } => make(cluster, id, &object, owners).await,
    };
    acted.unwrap_or_else(Acted::Failed)
}

async fn restore(
    cluster: &Cluster,
    id: &ResourceId,
    patch: Option<Json>,
    subresource: Option<String>,
    live: Json,
    owners: Json,
) -> Result<Acted> {
    let Some(patch) = patch else { return give_back(cluster, id, live, owners).await.map(|o| Acted::Done(Some(o))) };
    let options = PatchOptions { manager: UNDO_MANAGER.to_owned(), dry_run: false, subresource };
    let written = cluster.patch(id, &Patch::Merge(patch), &options).await?;
    Ok(owned_as_before(cluster, id, written, owners).await)
}

async fn remove(cluster: &Cluster, id: &ResourceId, live: &Json) -> Result<Option<Json>> {
    contents::check_empty(cluster, id, live).await?;
    let options = DeleteOptions { uid: Some(text(live, "/metadata/uid")), ..DeleteOptions::default() };
    Ok(match cluster.delete(id, &options).await? {
        Deleted::Going(object) => Some(object),
        Deleted::Gone | Deleted::Absent => None,
    })
}

async fn make(cluster: &Cluster, id: &ResourceId, object: &Json, owners: Json) -> Result<Acted> {
    let options = WriteOptions { manager: UNDO_MANAGER.to_owned(), dry_run: false };
    let made = cluster.create(id, object, &options).await?;
    Ok(owned_as_before(cluster, id, made, owners).await)
}

/// Gives the fields of an object back that has just been written: whatever comes of that, it is not as it was.
async fn owned_as_before(cluster: &Cluster, id: &ResourceId, written: Json, owners: Json) -> Acted {
    match give_back(cluster, id, written, owners).await {
        Ok(owned) => Acted::Done(Some(owned)),
        Err(error) => Acted::Broken(error),
    }
}

/// Makes `wanted` the owners of the object's fields, whoever writes meanwhile keeping what is theirs.
async fn give_back(cluster: &Cluster, id: &ResourceId, mut live: Json, mut wanted: Json) -> Result<Json> {
    let options = PatchOptions { manager: UNDO_MANAGER.to_owned(), ..PatchOptions::default() };
    for attempt in 1.. {
        let entries = wanted.as_array().map_or(0, Vec::len);
        if entries == 0 || owners::same(&wanted, &owners::of(&live)) {
            break;
        }
        let version = text(&live, "/metadata/resourceVersion");
        let patch = Patch::Merge(json!({ "metadata": { "resourceVersion": version, "managedFields": wanted } }));
        let error = match cluster.patch(id, &patch, &options).await {
            Ok(written) => return Ok(written),
            Err(error) => error,
        };
        let stale =
            error.kind() == Kind::Conflict && Failure::of(&error).is_some_and(|f| f.field_conflicts().is_empty());
        if !stale || attempt == ATTEMPTS {
            return Err(error.context("the former values are back, but not their owners"));
        }
        let now = cluster.get(id).await?.ok_or_else(|| super::super::edit::absent(id))?;
        wanted = owners::taken_back(&wanted, &owners::of(&live), &owners::of(&now));
        live = now;
    }
    Ok(live)
}
