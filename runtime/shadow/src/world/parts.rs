//! Where the other parts of the API server are called on a write's way: the one place in which they meet.

use std::sync::Arc;

use super::versions::Kinds;
use super::{FieldValidation, Target, World, Writer};
use crate::Json;
use crate::apply::{self, Manager, Reset};
use crate::catalog::ResourceType;
use crate::defaults;
use crate::error::{ApiError, Cause};

/// Brings an object into the form in which the API server reads it. What the type does not know is dropped, and told: as an
/// error, as warnings, or not at all.
pub(super) fn decode(
    kind: &ResourceType,
    object: &mut Json,
    validation: FieldValidation,
) -> Result<Vec<String>, ApiError> {
    let found = defaults::decode(&kind.group, &kind.version, &kind.kind, object)?;
    let unknown = found.unknown.iter().map(|path| format!("unknown field {path:?}"));
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(unknown.collect()),
        FieldValidation::Strict => {
            let unknown: Vec<String> = unknown.collect();
            if unknown.is_empty() {
                return Ok(unknown);
            }
            Err(ApiError::bad_request(format!(
                "{} in version {:?} cannot be handled as a {}: strict decoding error: {}",
                kind.kind,
                kind.version,
                kind.kind,
                unknown.join(", ")
            )))
        }
    }
}

/// Fills in the defaults of the kind in this version.
pub(super) fn default(kind: &ResourceType, mut object: Json) -> Json {
    defaults::apply(&kind.group, &kind.version, &kind.kind, &mut object);
    object
}

/// Records in `managedFields` what the writer has changed.
pub(super) fn track(
    world: &World,
    target: &Target<'_>,
    live: Option<&Json>,
    object: Json,
    writer: &Writer,
    now: jiff::Timestamp,
) -> Json {
    if target.kind.schema.is_none() && target.kind.definition.is_none() {
        return object;
    }
    let (version, reset) = (target.kind.api_version(), reset(target));
    let kinds = Kinds { catalog: &world.catalog, kind: target.kind };
    apply::track(&kinds, live, object, &manager(target, &version, writer, &reset), now)
}

/// Server-side apply: the object that the intent makes of what is there.
pub(super) fn apply(
    world: &World,
    target: &Target<'_>,
    live: Option<&Json>,
    intent: &Json,
    writer: &Writer,
    now: jiff::Timestamp,
    force: bool,
) -> Result<Json, ApiError> {
    let (version, reset) = (target.kind.api_version(), reset(target));
    let kinds = Kinds { catalog: &world.catalog, kind: target.kind };
    apply::apply(&kinds, live, intent, &manager(target, &version, writer, &reset), force, now)
}

fn reset(target: &Target<'_>) -> Reset {
    match &target.kind.definition {
        Some(_) => Reset::custom(target.subresource, target.kind.subresource("status").is_some()),
        None => Reset::built_in(&target.kind.name, target.subresource),
    }
}

fn manager<'a>(target: &'a Target<'_>, version: &'a str, writer: &'a Writer, reset: &'a Reset) -> Manager<'a> {
    Manager {
        name: &writer.manager,
        api_version: version,
        kind: &target.kind.kind,
        subresource: target.subresource,
        reset,
    }
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
pub(super) fn committed(_world: &mut World, _kind: &Arc<ResourceType>, _old: Option<&Json>, _new: Option<&Json>) {}
