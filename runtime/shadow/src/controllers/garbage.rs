//! The garbage collector: what becomes of objects whose owners go.

use super::fields::{items, put, take, text};
use super::{Context, Controller, MANAGER, Next, Seen, View, unless_gone, writer};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects, Propagation};

const ORPHAN: &str = "orphan";
const FOREGROUND: &str = "foregroundDeletion";

/// The controller.
pub(super) struct Garbage;

impl Controller for Garbage {
    fn name(&self) -> &'static str {
        "generic-garbage-collector"
    }

    fn watches(&self) -> &'static [&'static str] {
        &["*"]
    }

    fn keys(&mut self, _: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        let object = &change.object;
        let owners = items(&object["metadata"]["ownerReferences"]);
        let mut keys = Vec::new();
        if change.gone() {
            keys.extend(view.index.dependents(object::uid(object)).cloned());
            // An owner may have waited for just this.
            keys.extend(owners.iter().filter_map(|owner| view.index.alive(text(&owner["uid"])).cloned()));
            return keys;
        }
        let collected = object::is_deleting(object) && has(object, &[ORPHAN, FOREGROUND]);
        let absent = owners.iter().any(|owner| view.index.alive(text(&owner["uid"])).is_none());
        if collected || absent {
            keys.push(change.key.clone());
        }
        if collected && has(object, &[FOREGROUND]) {
            keys.extend(view.index.dependents(object::uid(object)).cloned());
        }
        keys
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(object) = cx.world.get(&key.resource, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        if object::is_deleting(&object) {
            if has(&object, &[ORPHAN]) {
                orphan_dependents(cx, key, &object)?;
            } else if has(&object, &[FOREGROUND]) {
                await_dependents(cx, key, &object)?;
            }
            return Ok(Next::Wait);
        }
        collect(cx, key, &object)?;
        Ok(Next::Wait)
    }
}

fn has(object: &Json, finalizers: &[&str]) -> bool {
    items(&object["metadata"]["finalizers"]).iter().any(|f| finalizers.contains(&text(f)))
}

/// Deletes an object whose owners are all gone; forgets those that are gone while others stay.
fn collect(cx: &mut Context<'_>, key: &Key, object: &Json) -> Result<(), ApiError> {
    let owners = items(&object["metadata"]["ownerReferences"]);
    let (mut solid, mut waiting, mut dangling) = (0, Vec::new(), Vec::new());
    for owner in owners {
        let uid = text(&owner["uid"]);
        let there =
            cx.view.index.alive(uid).filter(|at| at.namespace.is_empty() || at.namespace == key.namespace).cloned();
        match there.and_then(|at| cx.world.get(&at.resource, &at.namespace, &at.name)) {
            Some(found) if object::is_deleting(&found) && has(&found, &[FOREGROUND]) => {
                if owner["blockOwnerDeletion"] == true { waiting.push(uid) } else { solid += 1 }
            }
            Some(found) if object::uid(&found) == uid => solid += 1,
            _ => dangling.push(uid),
        }
    }
    if waiting.is_empty() && dangling.is_empty() {
        return Ok(());
    }
    if solid > 0 {
        return keep_owners(cx, key, object, |uid| !waiting.contains(&uid) && !dangling.contains(&uid));
    }
    let has_dependents = cx.view.index.dependents(object::uid(object)).next().is_some();
    let propagation = match () {
        () if !waiting.is_empty() && has_dependents => Propagation::Foreground,
        () if has(object, &[ORPHAN]) => Propagation::Orphan,
        () if has(object, &[FOREGROUND]) => Propagation::Foreground,
        () => Propagation::Background,
    };
    let deletion =
        Deletion { propagation: Some(propagation), uid: Some(object::uid(object).to_owned()), ..Deletion::default() };
    unless_gone(cx.world.delete(&writer(MANAGER), &key.resource, &key.namespace, &key.name, &deletion))
}

fn keep_owners(cx: &mut Context<'_>, key: &Key, object: &Json, keep: impl Fn(&str) -> bool) -> Result<(), ApiError> {
    let owners = items(&object["metadata"]["ownerReferences"]);
    let left: Vec<Json> = owners.iter().filter(|owner| keep(text(&owner["uid"]))).cloned().collect();
    let mut new = object.clone();
    if left.is_empty() {
        take(&mut new, &["metadata", "ownerReferences"]);
    } else {
        put(&mut new, &["metadata", "ownerReferences"], left);
    }
    unless_gone(cx.world.update(&writer(MANAGER), &key.resource, new).map(drop))
}

fn drop_finalizer(cx: &mut Context<'_>, key: &Key, finalizer: &str) -> Result<(), ApiError> {
    let Some(object) = cx.world.get(&key.resource, &key.namespace, &key.name) else { return Ok(()) };
    let left: Vec<Json> =
        items(&object["metadata"]["finalizers"]).iter().filter(|f| *f != finalizer).cloned().collect();
    let mut new = Json::clone(&object);
    if left.is_empty() {
        take(&mut new, &["metadata", "finalizers"]);
    } else {
        put(&mut new, &["metadata", "finalizers"], left);
    }
    unless_gone(cx.world.update(&writer(MANAGER), &key.resource, new).map(drop))
}

/// The dependents live on, without this owner.
fn orphan_dependents(cx: &mut Context<'_>, key: &Key, owner: &Json) -> Result<(), ApiError> {
    let dependents: Vec<Key> = cx.view.index.dependents(object::uid(owner)).cloned().collect();
    for at in dependents {
        if let Some(dependent) = cx.world.get(&at.resource, &at.namespace, &at.name) {
            keep_owners(cx, &at, &dependent, |uid| uid != object::uid(owner))?;
        }
    }
    drop_finalizer(cx, key, ORPHAN)
}

/// The owner goes after those dependents that block it.
fn await_dependents(cx: &mut Context<'_>, key: &Key, owner: &Json) -> Result<(), ApiError> {
    let dependents: Vec<Key> = cx.view.index.dependents(object::uid(owner)).cloned().collect();
    let mut blocked = false;
    for at in dependents {
        let Some(dependent) = cx.world.get(&at.resource, &at.namespace, &at.name) else { continue };
        let owners = items(&dependent["metadata"]["ownerReferences"]);
        blocked |= owners.iter().any(|o| o["uid"] == object::uid(owner) && o["blockOwnerDeletion"] == true);
        if !object::is_deleting(&dependent) {
            collect(cx, &at, &dependent)?;
        }
    }
    if blocked { Ok(()) } else { drop_finalizer(cx, key, FOREGROUND) }
}
