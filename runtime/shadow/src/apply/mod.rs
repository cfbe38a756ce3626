//! Who owns which fields, and server-side apply.
//!
//! [`apply`] merges an intent into an object; [`track`] notes who has changed what in any other write. Both are given
//! objects in the version of the request, and give the object back with its `metadata.managedFields`. Defaults come
//! afterwards for [`apply`], since nobody owns them, and before for [`track`], since there the writer does. Changes by
//! admission come after both. Last before the store, [`keep_times`] undoes what is nothing but a new time.

mod cap;
mod compare;
mod conflict;
pub(crate) mod element;
mod fields;
mod last_applied;
mod managed;
mod merge;
pub(crate) mod printed;
mod reset;
mod scale;
mod set;
mod types;
mod update;
mod validate;

#[cfg(test)]
pub(crate) mod tests;

use jiff::Timestamp;

use crate::Json;
use crate::error::ApiError;

use conflict::Refusal;
use managed::{Managed, Owner, set_entries};
use update::Updater;

pub(crate) use reset::Reset;
pub(crate) use scale::{ReplicaPaths, scale_to_parent, to_scale};
pub(crate) use types::Types;

/// The versions of a kind: fields are owned in the version in which they were written.
pub(crate) trait Versions {
    /// The types in a version (`apps/v1`); nothing where it is not served any more, whose owners are then forgotten.
    fn types(&self, api_version: &str) -> Option<Types<'_>>;
    /// An object in another version of its kind.
    fn convert(&self, object: &Json, api_version: &str) -> Option<Json>;
}

/// A kind of one version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneVersion<'a> {
    /// Such as `apps/v1`.
    pub(crate) api_version: &'a str,
    /// Its types.
    pub(crate) types: Types<'a>,
}

impl Versions for OneVersion<'_> {
    fn types(&self, api_version: &str) -> Option<Types<'_>> {
        (api_version == self.api_version).then_some(self.types)
    }

    fn convert(&self, object: &Json, api_version: &str) -> Option<Json> {
        (api_version == self.api_version).then(|| object.clone())
    }
}

/// Who writes what kind of object.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manager<'a> {
    /// The `fieldManager` of the request, or what comes in its place; `unknown` if it is empty.
    pub(crate) name: &'a str,
    /// The version of the request, such as `apps/v1`.
    pub(crate) api_version: &'a str,
    /// The kind of the object.
    pub(crate) kind: &'a str,
    /// The subresource that is written to; empty for none.
    pub(crate) subresource: &'a str,
    /// What it does not come to own.
    pub(crate) reset: &'a Reset,
}

impl Manager<'_> {
    fn owner(&self, name: &str, applies: bool) -> Owner {
        let name = if name.is_empty() { "unknown" } else { name };
        Owner::new(name, applies, self.api_version, self.subresource)
    }

    /// As Go prints a group, version and kind.
    fn type_name(&self) -> String {
        type_name(self.api_version, self.kind)
    }
}

fn type_name(api_version: &str, kind: &str) -> String {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    format!("{group}/{version}, Kind={kind}")
}

/// Who updates an object that was not tracked before its first apply.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";
/// Who updates, as long as it is not known whether that changes anything.
const CURRENT_OPERATION: &str = "current-operation";
/// kubectl's server-side apply: it takes over what its client-side apply has left.
const KUBECTL: &str = "kubectl";

/// Merges what somebody intends into an object, or into nothing. Defaults are still to be given. An apply that changes
/// nothing gives the object as it is, apart from owners.
///
/// # Errors
/// A conflict with fields of others, unless it is forced; 400 if the intent is of another kind or names managed fields;
/// 500 if it does not fit the types (the real server's code).
pub(crate) fn apply(
    versions: &dyn Versions,
    live: Option<&Json>,
    intent: &Json,
    who: &Manager<'_>,
    force: bool,
    now: Timestamp,
) -> Result<Json, ApiError> {
    let types = types_of(versions, who)?;
    let empty;
    let live = match live {
        Some(live) => live,
        None => {
            empty = types.empty(who.api_version, who.kind);
            &empty
        }
    };
    let managed = Managed::of(live).map_err(|e| broken(format!("failed to decode managed fields: {e}")))?;
    let given = type_name(crate::object::text(intent, "/apiVersion").unwrap_or_default(), kind_of(intent));
    if given != who.type_name() {
        return Err(ApiError::bad_request(format!("invalid object type: {given}")));
    }
    let write = Write { versions, types, who, now };
    let live = unmanaged(live);
    let (mut object, managed) = match write.apply(&live, intent, managed.clone(), force) {
        Err(Refusal::Conflicts(conflicts)) if who.name == KUBECTL => {
            match last_applied::not_allowed(types, &live, who.api_version, conflicts) {
                conflicts if conflicts.is_empty() => write.apply(&live, intent, managed, true),
                conflicts => Err(Refusal::Conflicts(conflicts)),
            }
        }
        other => other,
    }
    .map_err(Refusal::into_error)?;
    if who.name == KUBECTL {
        last_applied::refresh(&mut object, intent);
    }
    managed.put(&mut object);
    Ok(object)
}

/// Gives the object of a create, update or patch with its managed fields: what it changes goes to the writer, what it drops
/// is nobody's. Managed fields in the object itself count if they are valid; an empty list, or one with one empty entry,
/// ends the tracking of the object until its next apply. Defaults have been given to both states.
pub(crate) fn track(
    versions: &dyn Versions,
    before: Option<&Json>,
    after: Json,
    who: &Manager<'_>,
    now: Timestamp,
) -> Json {
    let managed = managed_of_update(before, &after, who);
    let mut after = after;
    set_entries(&mut after, None);
    if before.is_some() && managed.owners.is_empty() {
        return after;
    }
    let Ok(types) = types_of(versions, who) else { return after };
    let write = Write { versions, types, who, now };
    let before = before.map_or_else(|| types.empty(who.api_version, who.kind), unmanaged);
    if let Ok(managed) = write.update(&before, &after, managed, who.name) {
        managed.put(&mut after);
    }
    after
}

/// Gives an object that differs from the stored one in nothing but the times of its managed fields those of the stored one:
/// then there is nothing to store.
pub(crate) fn keep_times(before: &Json, after: &mut Json) {
    let (Ok(old), Ok(mut new)) = (Managed::of(before), Managed::of(after)) else { return };
    if old.owners.is_empty() || old.times == new.times || old.sorted() != new.sorted() {
        return;
    }
    let plain = |object: &Json| {
        let mut object = unmanaged(object);
        if let Some(Json::Object(metadata)) = object.get_mut("metadata") {
            metadata.shift_remove("resourceVersion");
        }
        object
    };
    if element::same(&plain(before), &plain(after)) {
        new.times = old.times;
        new.put(after);
    }
}

fn types_of<'a>(versions: &'a dyn Versions, who: &Manager<'_>) -> Result<Types<'a>, ApiError> {
    versions.types(who.api_version).ok_or_else(|| broken(format!("no corresponding type for {}", who.type_name())))
}

fn kind_of(object: &Json) -> &str {
    crate::object::text(object, "/kind").unwrap_or_default()
}

/// An error that the real server did not expect.
fn broken(message: impl Into<String>) -> ApiError {
    ApiError::new(500, "", message)
}

/// The object without its managed fields.
fn unmanaged(object: &Json) -> Json {
    let mut object = object.clone();
    set_entries(&mut object, None);
    object
}

/// What an update starts from: the entries in the request if they are good, those of the stored object otherwise.
fn managed_of_update(before: Option<&Json>, after: &Json, who: &Manager<'_>) -> Managed {
    let stored = || before.and_then(|before| Managed::of(before).ok()).unwrap_or_default();
    if !who.subresource.is_empty() {
        return stored();
    }
    if let Some(Json::Array(entries)) = after.pointer("/metadata/managedFields") {
        let is_blank = |entry: &Json| entry.as_object().is_some_and(serde_json::Map::is_empty);
        if entries.is_empty() || (entries.len() == 1 && entries.iter().all(is_blank)) {
            return Managed::default();
        }
    }
    match Managed::of(after) {
        Ok(managed) if !managed.owners.is_empty() => managed,
        _ => stored(),
    }
}

/// One write.
struct Write<'a> {
    versions: &'a dyn Versions,
    types: Types<'a>,
    who: &'a Manager<'a>,
    now: Timestamp,
}

impl Write<'_> {
    fn updater(&self) -> Updater<'_> {
        Updater { versions: self.versions, types: self.types, api_version: self.who.api_version, reset: self.who.reset }
    }

    /// The managed fields after an update.
    fn update(&self, before: &Json, after: &Json, mut managed: Managed, name: &str) -> Result<Managed, Refusal> {
        validate::validate(self.types, after, true).map_err(broken)?;
        validate::validate(self.types, before, true).map_err(broken)?;
        let unsure = self.who.owner(CURRENT_OPERATION, false);
        self.updater().update(before, after, &mut managed, &unsure)?;
        strip(&mut managed, &unsure);
        if let Some(mut changed) = managed.owners.remove(&unsure) {
            let writer = self.who.owner(name, false);
            if let Some(previous) = managed.owners.remove(&writer) {
                changed.fields.add(&previous.fields);
            }
            managed.owners.insert(writer.clone(), changed);
            managed.times.insert(writer, Some(self.now));
        }
        cap::cap(&mut managed);
        Ok(managed)
    }

    /// The object and its managed fields after an apply.
    fn apply(&self, live: &Json, intent: &Json, mut managed: Managed, force: bool) -> Result<(Json, Managed), Refusal> {
        if managed.owners.is_empty() {
            let empty = self.types.empty(self.who.api_version, self.who.kind);
            managed = self.update(&empty, live, managed, BEFORE_FIRST_APPLY).map_err(|refusal| {
                let error = refusal.into_error();
                broken(format!("failed to create manager for existing fields: {error}"))
            })?;
        }
        if intent.pointer("/metadata/managedFields").is_some_and(Json::is_array) {
            return Err(ApiError::bad_request("metadata.managedFields must be nil").into());
        }
        let failed = |what: &str, object: &Json, error: String| {
            let (namespace, name) = (crate::object::namespace(object), crate::object::name(object));
            let kind = self.who.type_name();
            broken(format!("failed to create typed {what} object ({namespace}/{name}; {kind}): {error}"))
        };
        validate::validate(self.types, intent, false).map_err(|e| failed("patch", intent, e))?;
        validate::validate(self.types, live, true).map_err(|e| failed("live", live, e))?;
        let writer = self.who.owner(self.who.name, true);
        let merged = self.updater().apply(live, intent, &mut managed, &writer, force)?;
        strip(&mut managed, &writer);
        if merged.is_some() {
            managed.times.insert(writer, Some(self.now));
        }
        Ok((merged.unwrap_or_else(|| live.clone()), managed))
    }
}

/// Takes from an owner what nobody owns.
fn strip(managed: &mut Managed, owner: &Owner) {
    const NEVER_OWNED: [&[&str]; 12] = [
        &["apiVersion"],
        &["kind"],
        &["metadata"],
        &["metadata", "name"],
        &["metadata", "namespace"],
        &["metadata", "creationTimestamp"],
        &["metadata", "selfLink"],
        &["metadata", "uid"],
        &["metadata", "clusterName"],
        &["metadata", "generation"],
        &["metadata", "managedFields"],
        &["metadata", "resourceVersion"],
    ];
    if let Some(owned) = managed.owners.get_mut(owner) {
        owned.fields = owned.fields.difference(&set::Set::of(&NEVER_OWNED));
        if owned.fields.is_empty() {
            managed.owners.remove(owner);
        }
    }
}
