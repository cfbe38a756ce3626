//! Where the other parts of the API server are called on a write's way: the one place in which they meet.

use super::{FieldValidation, Target, World, Writer};
use crate::Json;
use crate::catalog::ResourceType;
use crate::error::{ApiError, Cause};

/// Drops what the type does not know, and says so: as an error, as warnings, or not at all.
pub(super) fn decode(
    _kind: &ResourceType,
    _object: &mut Json,
    _validation: FieldValidation,
) -> Result<Vec<String>, ApiError> {
    Ok(Vec::new())
}

/// Fills in the defaults of the kind in this version.
pub(super) fn default(_kind: &ResourceType, object: Json) -> Json {
    object
}

/// Records in `managedFields` what the writer has changed.
pub(super) fn track(
    _target: &Target<'_>,
    _live: Option<&Json>,
    object: Json,
    _writer: &Writer,
    _now: jiff::Timestamp,
) -> Json {
    object
}

/// Server-side apply: the object that the intent makes of what is there.
pub(super) fn apply(
    _target: &Target<'_>,
    _live: Option<&Json>,
    intent: Json,
    _writer: &Writer,
    _now: jiff::Timestamp,
    _force: bool,
) -> Result<Json, ApiError> {
    Ok(intent)
}

/// The admission of a write: it may change the object, or refuse it.
pub(super) fn admit(
    _world: &World,
    _kind: &ResourceType,
    _subresource: &str,
    _live: Option<&Json>,
    _object: &mut Json,
) -> Result<(), ApiError> {
    Ok(())
}

/// What the registry of the kind fills in besides: cluster addresses, first phases. Gives warnings.
pub(super) fn prepare(
    _world: &mut World,
    kind: &ResourceType,
    _subresource: &str,
    live: Option<&Json>,
    object: &mut Json,
) -> Result<Vec<String>, ApiError> {
    if &*kind.name == "namespaces"
        && live.is_none()
        && let Some(fields) = object.as_object_mut()
    {
        fields.insert("spec".into(), serde_json::json!({"finalizers": ["kubernetes"]}));
        fields.insert("status".into(), serde_json::json!({"phase": "Active"}));
    }
    Ok(Vec::new())
}

/// What is wrong with an object, apart from its metadata.
pub(super) fn validate(
    _world: &World,
    _kind: &ResourceType,
    _subresource: &str,
    _live: Option<&Json>,
    _object: &Json,
) -> Vec<Cause> {
    Vec::new()
}

/// The same object in another version of its kind.
pub(crate) fn convert(mut object: Json, _from: &ResourceType, to: &ResourceType) -> Json {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("apiVersion".into(), to.api_version().into());
    }
    object
}

/// Told of every object that was stored or removed (then `new` is nothing), after the fact.
pub(super) fn committed(_world: &mut World, _kind: &ResourceType, _old: Option<&Json>, _new: Option<&Json>) {}
