//! An object's metadata: what the server sets in it, and what must be right in it.

use std::collections::BTreeSet;

use serde_json::{Map, json};

use super::{names, strategy};
use crate::catalog::ResourceType;
use crate::error::{ApiError, Cause};
use crate::{Json, object};

/// A time as objects carry it: in whole seconds.
pub(crate) fn time(at: jiff::Timestamp) -> Json {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()
}

fn fields(object: &mut Json) -> Option<&mut Map<String, Json>> {
    object.as_object_mut()?.entry("metadata").or_insert_with(|| json!({})).as_object_mut()
}

pub(super) fn set(object: &mut Json, key: &str, value: Json) {
    if let Some(fields) = fields(object) {
        fields.insert(key.to_owned(), value);
    }
}

pub(super) fn remove(object: &mut Json, key: &str) {
    if let Some(fields) = fields(object) {
        fields.remove(key);
    }
}

/// Sets a field, or removes it where there is no value.
pub(super) fn put(object: &mut Json, key: &str, value: Option<Json>) {
    match value {
        Some(value) => set(object, key, value),
        None => remove(object, key),
    }
}

pub(crate) fn finalizers(object: &Json) -> Vec<String> {
    let list = object.pointer("/metadata/finalizers").and_then(Json::as_array).into_iter().flatten();
    list.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Whether nothing keeps an object that is being deleted.
pub(super) fn is_over(object: &Json) -> bool {
    let grace = object.pointer("/metadata/deletionGracePeriodSeconds").and_then(Json::as_i64).unwrap_or_default();
    finalizers(object).is_empty() && grace == 0
}

/// What a client cannot say of a new object.
pub(super) fn wipe_system_fields(object: &mut Json) {
    for key in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generation"]
    {
        remove(object, key);
    }
}

/// Puts what identifies the object in order: kind, version, namespace; what is empty is as good as absent.
pub(super) fn settle(object: &mut Json, kind: &ResourceType, namespace: &str) -> Result<(), ApiError> {
    let Some(top) = object.as_object_mut() else {
        return Err(ApiError::bad_request("the object provided is not an object"));
    };
    top.insert("kind".into(), kind.kind.clone().into());
    top.insert("apiVersion".into(), kind.api_version().into());
    let Some(fields) = fields(object) else {
        return Err(ApiError::bad_request("the object's metadata is not an object"));
    };
    fields.remove("selfLink");
    fields.retain(|_, value| match value {
        Json::Null => false,
        Json::Object(map) => !map.is_empty(),
        Json::Array(list) => !list.is_empty(),
        Json::String(text) => !text.is_empty(),
        _ => true,
    });
    let own = fields.get("namespace").and_then(Json::as_str).unwrap_or_default();
    if own == namespace || own.is_empty() || namespace.is_empty() {
        put(object, "namespace", (!namespace.is_empty()).then(|| namespace.into()));
        return Ok(());
    }
    Err(ApiError::bad_request("the namespace of the provided object does not match the namespace sent on the request"))
}

/// An update that names a uid means that object and no later one of its name.
pub(super) fn same_uid(object: &Json, live: &Json, kind: &ResourceType) -> Result<(), ApiError> {
    let (wanted, uid) = (object::uid(object), object::uid(live));
    if wanted.is_empty() || wanted == uid {
        return Ok(());
    }
    let why = format!("Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}");
    Err(ApiError::conflict(&kind.group, &kind.plural, object::name(live), &why))
}

/// Sets what no update changes to what it was.
pub(super) fn restore(object: &mut Json, live: &Json) {
    let was = |key: &str| live.get("metadata").and_then(|meta| meta.get(key)).cloned();
    let said = |object: &Json, key: &str| object.get("metadata").is_some_and(|meta| meta.get(key).is_some());
    for key in ["generation", "creationTimestamp"] {
        put(object, key, was(key));
    }
    for key in ["uid", "deletionGracePeriodSeconds"] {
        if !said(object, key) {
            put(object, key, was(key));
        }
    }
    if object::is_deleting(live) {
        put(object, "deletionTimestamp", was("deletionTimestamp"));
    }
}

/// Keeps the managers' entries as they were where nothing but their times differs.
pub(super) fn ignore_new_times(object: &mut Json, live: &Json) {
    let entries = |object: &Json| {
        let mut entries = object.pointer("/metadata/managedFields").cloned().unwrap_or_default();
        for entry in entries.as_array_mut().into_iter().flatten().filter_map(Json::as_object_mut) {
            entry.remove("time");
        }
        entries
    };
    if entries(object) != entries(live) {
        return;
    }
    let mut same = object.clone();
    put(&mut same, "managedFields", live.pointer("/metadata/managedFields").cloned());
    if same == *live {
        *object = same;
    }
}

/// What is wrong with the metadata.
pub(super) fn check(kind: &ResourceType, object: &Json, live: Option<&Json>) -> Vec<Cause> {
    let mut causes = Causes::default();
    let name = object::name(object);
    if name.is_empty() {
        causes.add("FieldValueRequired", "name", "Required value: name or generateName is required");
    } else if live.is_none() {
        let rule = match strategy::name_rule(&kind.name) {
            strategy::NameRule::Subdomain => names::subdomain,
            strategy::NameRule::Label => names::label,
            strategy::NameRule::ServiceLabel => names::service_label,
            strategy::NameRule::PathSegment => names::path_segment,
        };
        causes.invalid_each("name", name, rule(name));
    }
    if !kind.namespaced && !object::namespace(object).is_empty() {
        causes.add("FieldValueForbidden", "namespace", "Forbidden: not allowed on this type");
    }
    let map = |key: &str| object.get("metadata").and_then(|meta| meta.get(key)).and_then(Json::as_object);
    for (key, value) in sorted(map("labels")) {
        causes.invalid_each("labels", key, names::key(key));
        let value = value.as_str().unwrap_or_default();
        causes.invalid_each("labels", value, names::label_value(value));
    }
    let mut size = 0;
    for (key, value) in sorted(map("annotations")) {
        size += key.len() + value.as_str().map_or(0, str::len);
        causes.invalid_each("annotations", key, names::key(&key.to_lowercase()));
    }
    if size > 256 * 1024 {
        causes.add("FieldValueTooLong", "annotations", "Too long: may not be more than 262144 bytes");
    }
    owners(object, &mut causes);
    let finalizers = finalizers(object);
    for name in &finalizers {
        causes.invalid_each("finalizers", name, names::key(name));
    }
    if let Some(live) = live {
        unchanged(object, live, &finalizers, &mut causes);
    }
    causes.0
}

fn unchanged(object: &Json, live: &Json, now: &[String], causes: &mut Causes) {
    if object::is_deleting(live) {
        let before = finalizers(live);
        let new: BTreeSet<&String> = now.iter().filter(|name| !before.contains(name)).collect();
        if !new.is_empty() {
            let said: Vec<String> = new.iter().map(|name| format!("{name:?}")).collect();
            let said = format!("[]string{{{}}}", said.join(", "));
            let message = format!(
                "Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers {said}"
            );
            causes.add("FieldValueForbidden", "finalizers", &message);
        }
    }
    for key in ["name", "namespace", "uid", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        let of = |object: &Json| object.get("metadata").and_then(|meta| meta.get(key)).cloned();
        let (is, was) = (of(object), of(live));
        if is != was {
            let is = is.unwrap_or_default();
            causes.add("FieldValueInvalid", key, &format!("Invalid value: {is}: field is immutable"));
        }
    }
}

fn owners(object: &Json, causes: &mut Causes) {
    let list = object.pointer("/metadata/ownerReferences").and_then(Json::as_array);
    let mut controller: Option<String> = None;
    for owner in list.into_iter().flatten() {
        let text = |key: &str| owner.get(key).and_then(Json::as_str).unwrap_or_default();
        if text("apiVersion").is_empty() {
            causes.add(
                "FieldValueInvalid",
                "ownerReferences.apiVersion",
                "Invalid value: \"\": version must not be empty",
            );
        }
        for key in ["kind", "name", "uid"] {
            if text(key).is_empty() {
                let field = format!("ownerReferences.{key}");
                causes.add("FieldValueInvalid", &field, "Invalid value: \"\": must not be empty");
            }
        }
        if owner.get("controller").and_then(Json::as_bool) == Some(true) {
            let this = format!("{}/{}", text("kind"), text("name"));
            match &controller {
                Some(first) => {
                    let said = list.map(|list| Json::Array(list.clone()).to_string()).unwrap_or_default();
                    let message = format!(
                        "Invalid value: {said}: Only one reference can have Controller set to true. Found \"true\" in \
                         references for {first} and {this}"
                    );
                    causes.add("FieldValueInvalid", "ownerReferences", &message);
                }
                None => controller = Some(this),
            }
        }
    }
}

fn sorted(map: Option<&Map<String, Json>>) -> Vec<(&String, &Json)> {
    let mut all: Vec<_> = map.into_iter().flatten().collect();
    all.sort_by_key(|(key, _)| *key);
    all
}

#[derive(Default)]
struct Causes(Vec<Cause>);

impl Causes {
    fn add(&mut self, reason: &'static str, field: &str, message: &str) {
        self.0.push(Cause { reason, message: message.to_owned(), field: format!("metadata.{field}") });
    }

    fn invalid_each(&mut self, field: &str, value: &str, wrong: Vec<String>) {
        for wrong in wrong {
            self.add("FieldValueInvalid", field, &format!("Invalid value: {value:?}: {wrong}"));
        }
    }
}
