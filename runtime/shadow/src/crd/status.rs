//! The status of a definition, as the controllers of the API server write it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::spec::Names;
use crate::go;
use crate::{Json, object};

/// What keeps a definition until its objects are gone.
pub(super) const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// Whether a condition of this type is `True`.
pub(crate) fn is_true(definition: &Json, kind: &str) -> bool {
    condition(definition, kind).and_then(|c| object::text(c, "/status")) == Some("True")
}

fn condition<'a>(definition: &'a Json, kind: &str) -> Option<&'a Json> {
    let conditions = definition.pointer("/status/conditions")?.as_array()?;
    conditions.iter().find(|c| object::text(c, "/type") == Some(kind))
}

/// Whether its names are in use, so that it is never established.
#[cfg(test)]
pub(super) fn names_refused(definition: &Json) -> bool {
    condition(definition, "NamesAccepted").and_then(|c| object::text(c, "/status")) == Some("False")
}

/// A condition that is to be set.
struct Condition<'a> {
    kind: &'a str,
    status: &'a str,
    reason: &'a str,
    message: &'a str,
}

/// Sets a condition; its time moves when its status does.
fn set(definition: &mut Json, new: &Condition<'_>, now: Timestamp) {
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let Some(status) = definition.as_object_mut().map(|d| d.entry("status").or_insert_with(|| json!({}))) else {
        return;
    };
    let Some(status) = status.as_object_mut() else { return };
    let conditions = status.entry("conditions").or_insert(Json::Null);
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let Json::Array(conditions) = conditions else { return };
    let known = conditions.iter_mut().find(|c| object::text(c, "/type") == Some(new.kind));
    let Some(known) = known.and_then(Json::as_object_mut) else {
        conditions.push(json!({
            "type": new.kind, "status": new.status, "lastTransitionTime": time,
            "reason": new.reason, "message": new.message,
        }));
        return;
    };
    if known.get("status").and_then(Json::as_str) != Some(new.status) {
        known.insert("lastTransitionTime".into(), time.into());
    }
    for (field, value) in [("status", new.status), ("reason", new.reason), ("message", new.message)] {
        known.insert(field.into(), value.into());
    }
}

/// The definition with the next status that the API server gives it; nothing where none is due. `others` are the
/// definitions there are (it may be among them): names that they have in its group are taken.
pub(crate) fn next_status<'a>(
    definition: &Json,
    others: impl Iterator<Item = &'a Json>,
    now: Timestamp,
) -> Option<Json> {
    names(definition, others, now).or_else(|| established(definition, now))
}

fn read_names(definition: &Json, path: &str) -> Names {
    definition.pointer(path).and_then(|names| Names::deserialize(names).ok()).unwrap_or_default()
}

fn names<'a>(definition: &Json, others: impl Iterator<Item = &'a Json>, now: Timestamp) -> Option<Json> {
    let wanted = read_names(definition, "/spec/names");
    let had = read_names(definition, "/status/acceptedNames");
    if wanted == had {
        return None;
    }
    let (resources, kinds) = taken(definition, others);
    let mut accepted = had.clone();
    let mut conflict: Option<(&str, String)> = None;
    let mut one = |field: &'static str, wanted: &str, had: &mut String, taken: &BTreeSet<String>| {
        if wanted != had && taken.contains(wanted) {
            conflict = Some((field, in_use(wanted)));
        } else {
            wanted.clone_into(had);
        }
    };
    one("PluralConflict", &wanted.plural, &mut accepted.plural, &resources);
    one("SingularConflict", &wanted.singular, &mut accepted.singular, &resources);
    let short: Vec<String> = wanted
        .short_names
        .iter()
        .filter(|n| !had.short_names.contains(n) && resources.contains(*n))
        .map(|n| in_use(n))
        .collect();
    if wanted.short_names != had.short_names {
        match short.as_slice() {
            [] => accepted.short_names.clone_from(&wanted.short_names),
            [one] => conflict = Some(("ShortNamesConflict", one.clone())),
            several => conflict = Some(("ShortNamesConflict", format!("[{}]", several.join(", ")))),
        }
    }
    let mut one = |field: &'static str, wanted: &str, had: &mut String| {
        if wanted != had && kinds.contains(wanted) {
            conflict = Some((field, in_use(wanted)));
        } else {
            wanted.clone_into(had);
        }
    };
    one("KindConflict", &wanted.kind, &mut accepted.kind);
    one("ListKindConflict", &wanted.list_kind, &mut accepted.list_kind);
    accepted.categories.clone_from(&wanted.categories);

    let (status, reason, message) = match &conflict {
        Some((reason, message)) => ("False", *reason, message.as_str()),
        None => ("True", "NoConflicts", "no conflicts found"),
    };
    let known = condition(definition, "NamesAccepted");
    let says = |field: &str| known.and_then(|c| object::text(c, field)).unwrap_or_default();
    if accepted == had && (says("/status"), says("/reason"), says("/message")) == (status, reason, message) {
        return None;
    }
    let mut next = definition.clone();
    let accepted_now = conflict.is_none();
    if let Some(fields) = next.as_object_mut() {
        let status = fields.entry("status").or_insert_with(|| json!({}));
        if let Some(status) = status.as_object_mut() {
            status.insert("acceptedNames".into(), to_json(&accepted));
        }
    }
    set(&mut next, &Condition { kind: "NamesAccepted", status, reason, message }, now);
    if !is_true(definition, "Established") {
        let (reason, message) = match accepted_now {
            true => ("Installing", "the initial names have been accepted"),
            false => ("NotAccepted", "not all names are accepted"),
        };
        if accepted_now || condition(definition, "Established").is_none() {
            set(&mut next, &Condition { kind: "Established", status: "False", reason, message }, now);
        }
    }
    Some(next)
}

fn in_use(name: &str) -> String {
    format!("{} is already in use", go::quote(name))
}

/// The names that the definitions of its group have: of resources, and of kinds.
fn taken<'a>(definition: &Json, others: impl Iterator<Item = &'a Json>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut resources, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    let group = object::text(definition, "/spec/group");
    for other in others.filter(|other| object::text(other, "/spec/group") == group) {
        let names = read_names(other, "/status/acceptedNames");
        resources.extend([names.plural, names.singular]);
        resources.extend(names.short_names);
        kinds.extend([names.kind, names.list_kind]);
    }
    (resources, kinds)
}

fn to_json(names: &Names) -> Json {
    let mut fields = serde_json::Map::new();
    fields.insert("plural".into(), names.plural.as_str().into());
    for (key, list) in [("shortNames", &names.short_names), ("categories", &names.categories)] {
        if !list.is_empty() {
            fields.insert(key.into(), list.iter().map(String::as_str).collect());
        }
    }
    for (key, name) in [("singular", &names.singular), ("listKind", &names.list_kind)] {
        if !name.is_empty() {
            fields.insert(key.into(), name.as_str().into());
        }
    }
    fields.insert("kind".into(), names.kind.as_str().into());
    Json::Object(fields)
}

fn established(definition: &Json, now: Timestamp) -> Option<Json> {
    if !is_true(definition, "NamesAccepted") || is_true(definition, "Established") {
        return None;
    }
    let mut next = definition.clone();
    let message = "the initial names have been accepted";
    set(&mut next, &Condition { kind: "Established", status: "True", reason: "InitialNamesAccepted", message }, now);
    Some(next)
}

/// Marks a definition for deletion, as a first request to delete it does: it stays until its objects are gone.
pub(crate) fn deleting(definition: &mut Json, now: Timestamp) {
    let time = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let metadata = definition.as_object_mut().map(|d| d.entry("metadata").or_insert_with(|| json!({})));
    if let Some(metadata) = metadata.and_then(Json::as_object_mut) {
        metadata.entry("deletionTimestamp").or_insert_with(|| time.into());
        let finalizers = metadata.entry("finalizers").or_insert_with(|| json!([]));
        if let Some(finalizers) = finalizers.as_array_mut().filter(|f| !f.iter().any(|f| f == CLEANUP)) {
            finalizers.push(CLEANUP.into());
        }
    }
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    terminating(definition, "True", "InstanceDeletionPending", message, now);
}

/// Says how far the deletion is.
pub(super) fn terminating(definition: &mut Json, status: &str, reason: &str, message: &str, now: Timestamp) {
    set(definition, &Condition { kind: "Terminating", status, reason, message }, now);
}

/// Lets go of a definition whose objects are gone.
pub(super) fn release(definition: &mut Json) {
    let finalizers = definition.pointer_mut("/metadata/finalizers").and_then(Json::as_array_mut);
    if let Some(finalizers) = finalizers {
        finalizers.retain(|finalizer| finalizer != CLEANUP);
    }
}
