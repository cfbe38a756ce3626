//! The scale of an object: its number of replicas, as one kind for all kinds.

use std::sync::Arc;

use crate::Json;
use crate::api::answer::Answer;
use crate::api::patch::patch_of;
use crate::api::request::{Kind, Request};
use crate::api::view;
use crate::catalog::ResourceType;
use crate::error::{ApiError, Cause};
use crate::object::{name, namespace};
use crate::schema;
use crate::store::Stored;
use crate::world::{Edit, Scaled, World, refreshed, same_name};

const SCALE: Kind<'static> = Kind { group: "autoscaling", version: "v1", kind: "Scale" };

/// Answers a request to the scale of an object.
pub(super) fn answer(world: &mut World, request: &Request<'_>, kind: &Arc<ResourceType>) -> Result<Answer, ApiError> {
    let target = request.target(kind);
    let versions = world.catalog.versions(kind);
    let shown = |stored: &Stored| refreshed(&versions, stored, kind);
    let scaled = Scaled::of(&world.catalog, kind);
    let now = world.clock().wall();
    let (writer, edit) = match request.verb() {
        "get" => {
            let live = world.store.get(&target.key()).ok_or_else(|| target.not_found())?;
            return Ok(Answer::json(200, &view::scale(world, request, scaled.read(&shown(&live))?)?));
        }
        "update" => {
            let (scale, _) = request.object(&world.catalog, &SCALE)?;
            (request.query.writer("UpdateOptions", request.user_agent(), false)?, Edit::Replace(scale))
        }
        _ => patch_of(request, &SCALE, Scaled::schema(), None)?,
    };
    let edit = |live: &Json| {
        let (mut scale, applied) = match edit {
            Edit::Patch(patch) => (patch(&scaled.with_owners(live)?)?, false),
            Edit::Apply { .. } if kind.definition.is_some() => return Err(unconvertible(live)),
            Edit::Apply { intent, force } => (scaled.apply(live, &intent, &writer, force, now)?, true),
            Edit::Create(scale) | Edit::Replace(scale) => (scale, false),
            Edit::Made(make) => (make(&scaled.read(live)?)?, false),
        };
        if let Some((schemas, id)) = Scaled::schema() {
            let read = schema::check_fields(schemas, id, &mut scale);
            read.map_err(|words| schema::cannot_be_handled(SCALE.kind, SCALE.version, &words))?;
        }
        same_name(&scale, name(live))?;
        // Of a custom object, its definition says what is wrong.
        if kind.definition.is_none() {
            check(&scale, name(live))?;
        }
        scaled.write(live, scale, applied, &writer, now)
    };
    let written = world.write(&target, &writer, Edit::Made(Box::new(edit)))?;
    let scale = view::scale(world, request, scaled.read(&shown(&written.object))?)?;
    Ok(Answer::json(200, &scale).with_warnings(written.warnings))
}

/// The real one cannot apply a scale to a custom object.
fn unconvertible(live: &Json) -> ApiError {
    let of = format!("{}/{}; autoscaling/v1, Kind=Scale", namespace(live), name(live));
    let why = "request to convert CR to an invalid group/version: autoscaling/v1";
    ApiError::new(500, "", format!("failed to convert new object ({of}) to proper version: {why}"))
}

fn check(scale: &Json, name: &str) -> Result<(), ApiError> {
    let replicas = scale.pointer("/spec/replicas").and_then(Json::as_i64).unwrap_or_default();
    if replicas >= 0 {
        return Ok(());
    }
    let cause = Cause {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {replicas}: must be greater than or equal to 0"),
        field: "spec.replicas".into(),
    };
    Err(ApiError::invalid(SCALE.group, SCALE.kind, name, &[cause]))
}
