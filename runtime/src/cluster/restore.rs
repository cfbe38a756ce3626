//! Undoing: former values and former owners, put back.

use serde_json::json;

use super::diff::{Guess, ListTypes, changes_in_full, content};
use super::fields::FieldPath;
use super::options::{Patch, PatchOptions, WriteOptions};
use super::ownership::{EDIT_MANAGER, merged_owners};
use super::resource::ResourceId;
use super::{Cluster, Json};
use crate::error::{Error, Kind, Result};

/// Controllers write in between: how often the owners are tried.
const ATTEMPTS: u32 = 8;

impl Cluster {
    /// Takes back what one write did to an object: each path that it changed and that still holds its value gets the
    /// former value or absence, and then, by a second request, its former owners. What others did to other paths since
    /// stays as it is. Returns the object as it is then.
    ///
    /// `before` and `after` are the whole objects around the write, managedFields included. Called again after it was
    /// cut short, it does the rest.
    ///
    /// # Errors
    /// [`Kind::Conflict`], with nothing changed, if others have changed one of the paths since, or the object is gone; and
    /// what else the cluster or the connection says.
    pub async fn restore(&self, id: &ResourceId, before: &Json, after: &Json) -> Result<Json> {
        let schema = self.schema(&id.api_version, &id.kind).await.unwrap_or_default();
        let lists: &(dyn ListTypes + Send + Sync) = schema.as_ref().map_or(&Guess, |s| s);
        for _ in 0..ATTEMPTS {
            let live = self.get(id).await?.ok_or_else(|| changed_since(id, "it has been deleted"))?;
            let uid = |object: &Json| object.pointer("/metadata/uid").cloned();
            if uid(&live) != uid(before) {
                return Err(changed_since(id, "it has been deleted and made anew"));
            }
            let wanted = former_values(id, before, after, &live, lists)?;
            let owners = merged_owners(after, before, &live);
            if content(&wanted) == content(&live) {
                return self.put_owners(id, live, owners).await;
            }
            let options = WriteOptions { manager: EDIT_MANAGER.into(), dry_run: false };
            match self.update(id, &wanted, &options).await {
                Ok(written) => return self.put_owners(id, written, owners).await,
                // Somebody wrote in between: look again at what is left to do.
                Err(error) if error.kind() == Kind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(restless(id))
    }

    /// Makes a deleted object again, with its former owners. It has a new uid, and no status until a controller gives
    /// it one.
    ///
    /// # Errors
    /// [`Kind::AlreadyExists`] if somebody else has made it since, and what else the cluster or the connection says.
    pub async fn recreate(&self, id: &ResourceId, before: &Json) -> Result<Json> {
        let mut object = content(before);
        if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
            metadata.shift_remove("deletionTimestamp");
            metadata.shift_remove("deletionGracePeriodSeconds");
        }
        let options = WriteOptions { manager: EDIT_MANAGER.into(), dry_run: false };
        let made = self.create(id, &object, &options).await?;
        let owners = before.pointer("/metadata/managedFields").cloned().unwrap_or_else(|| json!([]));
        self.put_owners(id, made, owners).await
    }

    /// Writes managedFields alone: in one request with values, the changed ones would go to the writer.
    async fn put_owners(&self, id: &ResourceId, written: Json, owners: Json) -> Result<Json> {
        let (mut written, mut owners) = (written, owners);
        for _ in 0..ATTEMPTS {
            if written.pointer("/metadata/managedFields") == Some(&owners) {
                return Ok(written);
            }
            let version = written.pointer("/metadata/resourceVersion").cloned().unwrap_or_default();
            // An empty list would mean "as they are"; one empty entry means none.
            let list = if owners.as_array().is_none_or(Vec::is_empty) { json!([{}]) } else { owners.clone() };
            let patch = Patch::Merge(json!({"metadata": {"resourceVersion": version, "managedFields": list}}));
            let options = PatchOptions { manager: EDIT_MANAGER.into(), ..PatchOptions::default() };
            match self.patch(id, &patch, &options).await {
                Ok(done) => return Ok(done),
                Err(error) if error.kind() == Kind::Conflict => {
                    let live = self.get(id).await?.ok_or_else(|| changed_since(id, "it has been deleted"))?;
                    owners = merged_owners(&written, &json!({"metadata": {"managedFields": owners}}), &live);
                    written = live;
                }
                Err(error) => return Err(error),
            }
        }
        Err(restless(id))
    }
}

/// What [`Cluster::restore`] would make of the live object: its former values, but not its former owners. For looking
/// before acting.
///
/// # Errors
/// [`Kind::Conflict`] if others have changed one of the paths since, with `details.paths`.
pub fn former_values(id: &ResourceId, before: &Json, after: &Json, live: &Json, lists: &dyn ListTypes) -> Result<Json> {
    let (old, new, now) = (content(before), content(after), content(live));
    let mut wanted = live.clone();
    if now == new {
        // As it was, to the order of its lists.
        replace_content(&mut wanted, &old);
        return Ok(wanted);
    }
    let mut taken: Vec<FieldPath> = Vec::new();
    for change in changes_in_full(&old, &new, lists) {
        let held = change.path.get(&now);
        if held == change.before.as_ref() {
            // Put back already.
            continue;
        }
        if held != change.after.as_ref() {
            taken.push(change.path);
            continue;
        }
        match change.before {
            Some(value) => change.path.set(&mut wanted, value)?,
            None => {
                change.path.remove(&mut wanted);
            }
        }
    }
    if taken.is_empty() {
        return Ok(wanted);
    }
    let paths: Vec<String> = taken.iter().map(ToString::to_string).collect();
    Err(changed_since(id, &format!("others have changed {}", paths.join(", "))).details(json!({ "paths": paths })))
}

/// Everything but what the server keeps for itself and the status.
fn replace_content(object: &mut Json, content: &Json) {
    let (Some(fields), Some(wanted)) = (object.as_object_mut(), content.as_object()) else { return };
    fields.retain(|name, _| name == "status" || name == "metadata");
    let kept = fields.get("metadata").cloned().unwrap_or_default();
    for (name, value) in wanted {
        fields.insert(name.clone(), value.clone());
    }
    for name in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"] {
        if let Some(value) = kept.get(name) {
            fields["metadata"][name] = value.clone();
        }
    }
}

fn changed_since(id: &ResourceId, what: &str) -> Error {
    Error::new(Kind::Conflict, format!("{id} cannot be put back: {what} since"))
        .resource(id)
        .hint("look at it, and decide by hand what it should be")
}

fn restless(id: &ResourceId) -> Error {
    Error::new(Kind::Conflict, format!("{id} cannot be put back: it is being changed all the time"))
        .resource(id)
        .hint("is a controller or another run working on it?")
}

#[cfg(test)]
mod tests;
