//! ControllerRevisions: what StatefulSets and DaemonSets remember of their templates.

use std::sync::Arc;

use serde_json::json;

use super::fields::{controller_reference, hash, int, put, safe_name, text};
use super::{Context, MANAGER, unless_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::world::Deletion;

const RESOURCE: &str = "controllerrevisions.apps";

/// An owner's revisions, the oldest first.
pub(super) fn list(cx: &Context<'_>, owner: &Json) -> Vec<Arc<Json>> {
    let mut all = cx.world.owned_by(RESOURCE, object::namespace(owner), object::uid(owner));
    all.sort_by(|a, b| {
        let key = |r: &Json| {
            let created = text(&r["metadata"]["creationTimestamp"]).to_owned();
            (int(&r["revision"]), created, object::name(r).to_owned())
        };
        key(a).cmp(&key(b))
    });
    all
}

/// What a revision remembers: a patch that brings the template back.
pub(super) fn data(template: &Json) -> Json {
    let mut template = template.clone();
    put(&mut template, &["$patch"], "replace");
    json!({"spec": {"template": template}})
}

/// The template that a revision remembers.
pub(super) fn template(revision: &Json) -> Json {
    let mut template = revision["data"]["spec"]["template"].clone();
    super::fields::take(&mut template, &["$patch"]);
    template
}

/// How a controller marks its revisions.
pub(super) struct Style {
    /// The label that holds the hash.
    pub(super) label: &'static str,
}

/// Finds the revision of the owner's present template among those there are, or makes it; brings it to the front. Where the
/// name is taken by another, the count of collisions goes up.
pub(super) fn current(
    cx: &mut Context<'_>,
    owner: &Json,
    all: &[Arc<Json>],
    style: &Style,
    collisions: &mut i64,
) -> Result<Arc<Json>, ApiError> {
    let wanted = data(&owner["spec"]["template"]);
    let newest = all.last().map_or(0, |revision| int(&revision["revision"]));
    if let Some(found) = all.iter().rev().find(|revision| revision["data"] == wanted) {
        if int(&found["revision"]) == newest {
            return Ok(found.clone());
        }
        let mut new = Json::clone(found);
        put(&mut new, &["revision"], newest + 1);
        return cx.world.update(&writer(MANAGER), RESOURCE, new);
    }
    loop {
        let hash = safe_name(hash(&wanted, Some(*collisions)));
        let name: String = object::name(owner).chars().take(223).collect();
        let name = format!("{name}-{hash}");
        let mut labels = owner["spec"]["template"]["metadata"]["labels"].clone();
        put(&mut labels, &[style.label], hash);
        let mut meta = json!({
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": labels,
            "ownerReferences": [controller_reference(owner)],
        });
        if owner["metadata"]["annotations"].is_object() {
            put(&mut meta, &["annotations"], owner["metadata"]["annotations"].clone());
        }
        let revision = json!({
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta,
            "data": wanted, "revision": newest + 1,
        });
        match cx.world.create(&writer(MANAGER), RESOURCE, revision) {
            Err(error) if error.reason == "AlreadyExists" => {
                let there = cx.world.get(RESOURCE, object::namespace(owner), &name);
                match there {
                    Some(there) if there["data"] == wanted => return Ok(there),
                    _ => *collisions += 1,
                }
            }
            made => return made,
        }
    }
}

/// Deletes the oldest revisions that nobody lives by, beyond the owner's `revisionHistoryLimit`.
pub(super) fn truncate(
    cx: &mut Context<'_>,
    owner: &Json,
    all: &[Arc<Json>],
    lives: impl Fn(&Json) -> bool,
) -> Result<(), ApiError> {
    let limit = super::pods::number(&owner["spec"]["revisionHistoryLimit"], 10);
    let dead: Vec<&Arc<Json>> = all.iter().filter(|revision| !lives(revision)).collect();
    let over = dead.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    for revision in dead.into_iter().take(over) {
        let (namespace, name) = (object::namespace(revision), object::name(revision));
        unless_gone(cx.world.delete(&writer(MANAGER), RESOURCE, namespace, name, &Deletion::default()))?;
    }
    Ok(())
}
