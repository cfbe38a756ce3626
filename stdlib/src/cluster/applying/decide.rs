//! What is to be done about each object: nothing, with the reason; or a request, with what it will change.

use std::collections::HashMap;

use futures::stream::{self, StreamExt, TryStreamExt};
use serde_json::Value as Json;
use windlass_runtime::change::{Op, Part, Plan};
use windlass_runtime::cluster::diff::{Diff, Guess};
use windlass_runtime::cluster::ownership::{
    APPLY_MANAGER, Edits, INTENT_ANNOTATION, Standing, applied_fields, apply_body, covers, standing, without,
};
use windlass_runtime::cluster::{ApplyOptions as Request, Cluster, Failure, FieldConflict, FieldPath, ResourceId};
use windlass_runtime::{Error, Kind, Result};

use super::super::edit::resource;
use super::super::objects;
use super::look::PARALLEL;
use super::{Action, Conflicts, Intended};

/// What was found out.
#[derive(Default)]
pub(super) struct Decided {
    pub parts: Vec<Part>,
    pub actions: Vec<Action>,
    /// What was explicitly allowed beyond the ordinary.
    pub permits: Vec<String>,
}

/// Decides about all, side by side; the order stays.
pub(super) async fn all(
    cluster: &Cluster,
    intended: Vec<Intended>,
    mut live: HashMap<ResourceId, Json>,
    conflicts: Conflicts,
) -> Result<Decided> {
    let salt = cluster.identity().await?.to_owned();
    let pairs: Vec<(Intended, Option<Json>)> =
        intended.into_iter().map(|object| (live.remove(&object.id), object)).map(|(l, o)| (o, l)).collect();
    let salt = &salt;
    let each = pairs.into_iter().map(|(object, live)| async move { one(cluster, object, live, conflicts, salt).await });
    let decided: Vec<(Part, Option<Action>, Option<String>)> =
        stream::iter(each).buffered(PARALLEL).try_collect().await?;
    let mut all = Decided::default();
    for (part, action, permit) in decided {
        all.parts.push(part);
        all.actions.extend(action);
        all.permits.extend(permit);
    }
    Ok(all)
}

type Verdict = (Part, Option<Action>, Option<String>);

/// How often an object is looked at anew because it has changed between look and trial: controllers write the status.
const LOOKS: usize = 10;

async fn one(
    cluster: &Cluster,
    object: Intended,
    mut live: Option<Json>,
    conflicts: Conflicts,
    salt: &str,
) -> Result<Verdict> {
    let mut looks = 1;
    loop {
        match verdict(cluster, &object, live, conflicts, salt).await {
            Err(error) if looks < LOOKS && is_stale(&error) => live = cluster.get(&object.id).await?,
            decided => return decided,
        }
        looks += 1;
    }
}

/// Whether a request was refused only because the object has changed since it was read.
fn is_stale(error: &Error) -> bool {
    error.kind() == Kind::Conflict && Failure::of(error).is_some_and(|f| f.field_conflicts().is_empty())
}

async fn verdict(
    cluster: &Cluster,
    object: &Intended,
    live: Option<Json>,
    conflicts: Conflicts,
    salt: &str,
) -> Result<Verdict> {
    let Intended { id, intent, hash } = object.clone();
    let part = |before: Option<Json>, plan| Part { resource: resource(&id), before, plan };
    let Some(live) = live else {
        let plan = Plan::Act { op: Op::Create, diff: Vec::new(), note: None };
        let intended = objects::Intent::marked(resource(&id), &hash);
        let action = Action {
            body: apply_body(&intent, &[], salt),
            id: id.clone(),
            before: None,
            force: false,
            edited: None,
            intent: intended,
        };
        return Ok((part(None, plan), Some(action), None));
    };
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(Error::new(Kind::Conflict, format!("{id} is being deleted"))
            .hint(format!("wait until it is gone: wait::deleted(\"{}/{}\")", id.kind, id.name))
            .resource(&id));
    }
    if let Standing::Unchanged { kept } = standing(&live, &intent, salt) {
        let reason = kept_reason(&kept, &live).unwrap_or_else(|| "as it was applied".to_owned());
        return Ok((part(Some(live), Plan::Unchanged(reason)), None, None));
    }
    let edits = Edits::of(&live);
    let mut left_out = edits.left_out(&intent, salt);
    let overtaken = overtaken(&edits, &left_out, &intent, &live);
    if let Some(first) = overtaken.first() {
        match conflicts {
            Conflicts::Fail => return Err(edit_conflict(&id, first, &intent, &live)),
            Conflicts::Take => {}
            Conflicts::Leave => left_out.extend(overtaken.iter().cloned()),
        }
    }
    let mut force = conflicts == Conflicts::Take && !overtaken.is_empty();
    let mut left: Vec<FieldConflict> = Vec::new();
    let dry = loop {
        let trial = apply_body(&intent, &left_out, salt);
        match cluster.apply(&id, &trial, &request(force, true, &live)).await {
            Ok(dry) => break dry,
            Err(error) => {
                let found = field_conflicts(&error);
                if found.is_empty() || force {
                    return Err(error);
                }
                match conflicts {
                    Conflicts::Fail => return Err(owner_conflict(&id, &found, &intent, &live, &error)),
                    Conflicts::Take => force = true,
                    Conflicts::Leave => {
                        let paths = paths_in(&found)?;
                        if paths.iter().all(|p| left_out.contains(p)) {
                            return Err(error);
                        }
                        left_out.extend(paths);
                    }
                }
                left.extend(found);
            }
        }
    };
    let sent = without(&intent, &left_out);
    let diff = Diff::between(Some(&live), Some(&dry), &Guess);
    let settled = applied_fields(&live, &id.api_version).is_some_and(|fields| covers(fields, &sent, &[]))
        && live.pointer("/metadata/annotations").and_then(|a| a.get(INTENT_ANNOTATION)).and_then(Json::as_str)
            == Some(&hash);
    if diff.is_empty() && settled && !force {
        let reason = match conflicts {
            Conflicts::Leave if !left.is_empty() => format!("as intended, but for {}", left_to(&left)),
            _ => "as intended".to_owned(),
        };
        return Ok((part(Some(live), Plan::Unchanged(reason)), None, None));
    }
    let forgotten = if conflicts == Conflicts::Leave { Vec::new() } else { overtaken };
    let edited = (!forgotten.is_empty()).then(|| {
        let mut edits = edits.clone();
        forgotten.iter().for_each(|path| edits.forget(path));
        edits.to_annotation()
    });
    let permit = force.then(|| format!("{id}: fields of others are taken: {}", taken(&left, &forgotten)));
    let note = note(&diff, &left, force, conflicts);
    let lines = diff.changes().iter().map(ToString::to_string).collect();
    let plan = Plan::Act { op: Op::Update, diff: lines, note };
    let intended = objects::Intent::between(resource(&id), Some(&live), &dry);
    let action = Action {
        body: apply_body(&intent, &left_out, salt),
        id: id.clone(),
        before: Some(live.clone()),
        force,
        edited,
        intent: intended,
    };
    Ok((part(Some(live), plan), Some(action), permit))
}

pub(super) fn request(force: bool, dry_run: bool, live: &Json) -> Request {
    let version = live.pointer("/metadata/resourceVersion").and_then(Json::as_str).map(str::to_owned);
    Request { manager: APPLY_MANAGER.to_owned(), force, dry_run, resource_version: version }
}

fn kept_reason(kept: &[FieldPath], live: &Json) -> Option<String> {
    let shown =
        kept.iter().map(|path| format!("{} kept at {}, as it was set since", shown(path), brief(path.get(live))));
    let all: Vec<String> = shown.collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// The paths that partial changes have set and for which the manifest now says something new.
fn overtaken(edits: &Edits, left_out: &[FieldPath], intent: &Json, live: &Json) -> Vec<FieldPath> {
    let new = |path: &FieldPath| {
        let wanted = path.get(intent);
        !left_out.contains(path) && wanted.is_some() && wanted != path.get(live)
    };
    edits.paths().into_iter().filter(new).collect()
}

fn edit_conflict(id: &ResourceId, path: &FieldPath, intent: &Json, live: &Json) -> Error {
    let (ours, theirs) = (brief(path.get(intent)), brief(path.get(live)));
    Error::new(
        Kind::Conflict,
        format!("{id}: {} is {theirs}, set by a partial change since it was applied, and the manifest now says {ours}", shown(path)),
    )
    .hint("apply the manifest's value with conflicts: \"take\", or keep the present one with conflicts: \"leave\"")
    .details(serde_json::json!({ "conflicts": [{ "field": shown(path), "live": path.get(live), "intended": path.get(intent) }] }))
    .resource(id)
}

fn owner_conflict(id: &ResourceId, conflicts: &[FieldConflict], intent: &Json, live: &Json, source: &Error) -> Error {
    let hidden = id.kind == "Secret";
    let value = |of: &Json, field: &str| match FieldPath::parse(field) {
        Ok(path) if !hidden || !field.starts_with(".data") => path.get(of).cloned(),
        _ => Some("(hidden)".into()),
    };
    let lines: Vec<String> = conflicts
        .iter()
        .map(|c| {
            let (live, ours) = (value(live, &c.field), value(intent, &c.field));
            format!(
                "{} belongs to {}: it is {}, the manifest says {}",
                c.field.trim_start_matches('.'),
                c.manager,
                brief(live.as_ref()),
                brief(ours.as_ref())
            )
        })
        .collect();
    let details: Vec<Json> = conflicts
        .iter()
        .map(|c| serde_json::json!({ "field": c.field.trim_start_matches('.'), "manager": c.manager, "live": value(live, &c.field), "intended": value(intent, &c.field) }))
        .collect();
    let count = if lines.len() == 1 { "1 field".to_owned() } else { format!("{} fields", lines.len()) };
    Error::new(Kind::Conflict, format!("{id} has {count} of others:\n  {}", lines.join("\n  ")))
        .hint("take them with conflicts: \"take\" (recorded), or leave them as they are with conflicts: \"leave\"")
        .details(serde_json::json!({ "conflicts": details }))
        .source(source.clone())
        .resource(id)
}

fn field_conflicts(error: &Error) -> Vec<FieldConflict> {
    Failure::of(error).map(Failure::field_conflicts).unwrap_or_default()
}

fn paths_in(conflicts: &[FieldConflict]) -> Result<Vec<FieldPath>> {
    conflicts.iter().map(|c| FieldPath::parse(&c.field)).collect()
}

fn left_to(conflicts: &[FieldConflict]) -> String {
    let each: Vec<String> =
        conflicts.iter().map(|c| format!("{} left to {}", c.field.trim_start_matches('.'), c.manager)).collect();
    each.join(", ")
}

fn taken(conflicts: &[FieldConflict], edits: &[FieldPath]) -> String {
    let others = conflicts.iter().map(|c| format!("{} from {}", c.field.trim_start_matches('.'), c.manager));
    others.chain(edits.iter().map(|p| format!("{} from a partial change", shown(p)))).collect::<Vec<_>>().join(", ")
}

fn note(diff: &Diff, left: &[FieldConflict], force: bool, conflicts: Conflicts) -> Option<String> {
    if force && !left.is_empty() {
        return Some(format!("taken over: {}", taken(left, &[])));
    }
    if conflicts == Conflicts::Leave && !left.is_empty() {
        return Some(left_to(left));
    }
    diff.is_empty().then(|| "the content was as intended; it is managed by windlass from now on".to_owned())
}

fn shown(path: &FieldPath) -> String {
    path.to_string().trim_start_matches('.').to_owned()
}

fn brief(value: Option<&Json>) -> String {
    let text = value.map_or_else(|| "absent".to_owned(), ToString::to_string);
    if text.chars().count() <= 60 { text } else { format!("{}…", text.chars().take(59).collect::<String>()) }
}
