//! Deletion of objects and collections.

use std::sync::Arc;

use serde_json::json;

use super::answer::{Answer, Version};
use super::body;
use super::list::{self, Page};
use super::request::{Request, no_kind};
use super::view;
use crate::Json;
use crate::catalog::ResourceType;
use crate::error::{ApiError, Cause};
use crate::world::{Deleted, Deletion, Propagation, Target, World, Writer, returns_deleted};

/// Deletes an object.
pub(crate) fn one(
    world: &mut World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    version: &Version,
) -> Result<Answer, ApiError> {
    let (deletion, writer) = options(request)?;
    let target = request.target(kind);
    let warnings = warnings(kind, &deletion);
    let deletion = by_default(world, &target, deletion);
    let deleted = world.remove(&target, &writer, &deletion).map_err(|error| told(error, &warnings))?;
    let (code, stored) = match &deleted {
        Deleted::Gone(stored) if !returns_deleted(&kind.name) => {
            let mut details = json!({"name": stored.name()});
            if let Some(fields) = details.as_object_mut() {
                if !kind.group.is_empty() {
                    fields.insert("group".into(), kind.group.clone().into());
                }
                fields.insert("kind".into(), kind.plural.clone().into());
                fields.insert("uid".into(), stored.uid().into());
            }
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details,
            });
            return Ok(Answer::json(200, &status).with_warnings(warnings));
        }
        Deleted::Gone(stored) | Deleted::Pending(stored) => (200, stored),
    };
    Ok(view::object(world, request, kind, version, code, stored)?.with_warnings(warnings))
}

/// What the client is told who does not say what becomes of the pods of a Job.
fn warnings(kind: &ResourceType, deletion: &Deletion) -> Vec<String> {
    let said = "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove \
                them or set propagationPolicy=Orphan to suppress this warning";
    let wanted = &*kind.name == "jobs.batch" && deletion.propagation.is_none();
    if wanted { vec![said.to_owned()] } else { Vec::new() }
}

fn told(error: ApiError, warnings: &[String]) -> ApiError {
    ApiError { warnings: warnings.to_vec(), ..error }
}

/// Two old kinds orphan their pods unless a client, or the object itself, says otherwise.
fn by_default(world: &World, target: &Target<'_>, deletion: Deletion) -> Deletion {
    let orphans = matches!(&*target.kind.name, "jobs.batch" | "replicationcontrollers");
    if !orphans || deletion.propagation.is_some() {
        return deletion;
    }
    let live = world.store.get(&target.key()).map(|live| live.json()).unwrap_or_default();
    let finalizers = live.pointer("/metadata/finalizers").and_then(Json::as_array).into_iter().flatten();
    let decided = finalizers.into_iter().any(|name| name == "orphan" || name == "foregroundDeletion");
    Deletion { propagation: (!decided).then_some(Propagation::Orphan), ..deletion }
}

/// Deletes all objects that the request selects.
pub(crate) fn collection(
    world: &mut World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    version: &Version,
) -> Result<Answer, ApiError> {
    let (deletion, writer) = options(request)?;
    let page: Page = list::page(world, request, kind)?;
    let mut said = Vec::new();
    for stored in &page.items {
        let target = Target { kind, namespace: stored.namespace(), name: stored.name(), subresource: "" };
        // Each is told once, for how many objects ever.
        said = warnings(kind, &deletion);
        let deletion = by_default(world, &target, deletion.clone());
        match world.remove(&target, &writer, &deletion) {
            Err(error) if error.code != 404 => return Err(told(error, &said)),
            _ => {}
        }
    }
    Ok(Answer::list(&page, version).with_warnings(said))
}

/// The options, from the body if there is one, else from the query.
fn options(request: &Request<'_>) -> Result<(Deletion, Writer), ApiError> {
    let query = &request.query;
    let body = match request.body.is_empty() {
        true => Json::Null,
        false => body::read(request.content_type(), request.body)?.map_err(ApiError::bad_request)?.0,
    };
    let named = body.get("kind").and_then(Json::as_str).unwrap_or("DeleteOptions");
    if named != "DeleteOptions" {
        let version = body.get("apiVersion").and_then(Json::as_str).unwrap_or_default();
        return Err(ApiError::bad_request(no_kind(named, version)));
    }
    let in_body = body.is_object();
    let text = |key: &str| match in_body {
        true => body.get(key).and_then(Json::as_str).map(str::to_owned),
        false => query.given(key).map(str::to_owned),
    };
    let grace_seconds = match in_body {
        true => body.get("gracePeriodSeconds").and_then(Json::as_i64),
        false => query.number("gracePeriodSeconds")?,
    };
    let orphan = match in_body {
        true => body.get("orphanDependents").and_then(Json::as_bool),
        false => query.given("orphanDependents").map(|_| query.flag("orphanDependents")),
    };
    let mut causes = Vec::new();
    let policy = text("propagationPolicy");
    if orphan.is_some() && policy.is_some() {
        causes.push(Cause {
            reason: "FieldValueInvalid",
            message: format!(
                "Invalid value: {:?}: orphanDependents and deletionPropagation cannot be both set",
                policy.as_deref().unwrap_or_default()
            ),
            field: "propagationPolicy".into(),
        });
    }
    let propagation = match policy.as_deref() {
        None | Some("") => orphan.map(|orphan| if orphan { Propagation::Orphan } else { Propagation::Background }),
        Some("Background") => Some(Propagation::Background),
        Some("Foreground") => Some(Propagation::Foreground),
        Some("Orphan") => Some(Propagation::Orphan),
        Some(other) => {
            let supported = "supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"";
            let message = format!("Unsupported value: {other:?}: {supported}");
            causes.push(Cause { reason: "FieldValueNotSupported", message, field: "propagationPolicy".into() });
            None
        }
    };
    let dry_runs: Vec<String> = match body.get("dryRun").and_then(Json::as_array) {
        Some(list) => list.iter().filter_map(|value| value.as_str().map(str::to_owned)).collect(),
        None => query.all("dryRun").map(str::to_owned).collect(),
    };
    if dry_runs.iter().any(|value| value != "All") {
        let message = format!("Unsupported value: {}: supported values: \"All\"", json!(dry_runs));
        causes.push(Cause { reason: "FieldValueNotSupported", message, field: "dryRun".into() });
    }
    if !causes.is_empty() {
        return Err(ApiError::invalid("meta.k8s.io", "DeleteOptions", "", &causes));
    }
    let precondition =
        |key: &str| body.pointer(&format!("/preconditions/{key}")).and_then(Json::as_str).map(str::to_owned);
    let deletion = Deletion {
        propagation,
        uid: precondition("uid"),
        resource_version: precondition("resourceVersion"),
        grace_seconds,
    };
    Ok((deletion, Writer { dry_run: !dry_runs.is_empty(), ..Writer::default() }))
}
