//! An object's metadata: what the server sets in it, and what must be right in it.

use serde_json::{Map, json};

use super::Target;
use crate::catalog::ResourceType;
use crate::error::ApiError;
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

/// Sets the version where the API server writes it: behind the uid.
pub(super) fn set_version(object: &mut Json, version: u64) {
    let Some(fields) = fields(object) else { return };
    let place = fields.keys().position(|key| key == "uid").map_or(0, |place| place + 1);
    match fields.get_mut("resourceVersion") {
        Some(field) => *field = version.to_string().into(),
        None => drop(fields.shift_insert(place, "resourceVersion".to_owned(), version.to_string().into())),
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
    for key in ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"] {
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
pub(super) fn same_uid(object: &Json, live: &Json, target: &Target<'_>) -> Result<(), ApiError> {
    let (wanted, uid) = (object::uid(object), object::uid(live));
    if wanted.is_empty() || wanted == uid {
        return Ok(());
    }
    let kind = target.kind;
    let group = if kind.definition.is_some() { format!("{}/", kind.group) } else { String::new() };
    let namespace = if target.namespace.is_empty() { String::new() } else { format!("{}/", target.namespace) };
    let why = format!(
        "StorageError: invalid object, Code: 4, Key: /registry/{group}{}/{namespace}{}, ResourceVersion: 0, \
         AdditionalErrorMsg: Precondition failed: UID in precondition: {wanted}, UID in object meta: {uid}",
        kind.plural, target.name
    );
    Err(ApiError::conflict(&kind.group, &kind.plural, target.name, &why))
}

/// What comes of an edit keeps the name of what was edited.
pub(crate) fn same_name(object: &Json, name: &str) -> Result<(), ApiError> {
    match object::name(object) {
        "" => Err(ApiError::bad_request(format!(
            "the name of the object ({name} based on URL) was undeterminable: name must be provided"
        ))),
        given if given == name => Ok(()),
        given => Err(ApiError::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        ))),
    }
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
