//! Reading and writing objects.

use std::sync::Arc;

use http::Method;

use super::answer::{Answer, Version};
use super::patch::patch;
use super::request::{Kind, Request};
use super::watch::{self, Lines};
use super::words::method_not_allowed;
use super::{delete, list, view};
use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::world::{Edit, FieldValidation, World, Writer, Written};

/// Answers a request to a collection, an object, or a subresource that shows the object itself, such as its status.
pub(crate) fn answer(world: &mut World, request: &Request<'_>, kind: &Arc<ResourceType>) -> Result<Answer, ApiError> {
    let version = Version::new(world, kind)?;
    let of_one = !request.path.name.is_empty();
    let verb = request.verb();
    let verbs = match kind.subresource(&request.path.subresource) {
        Some(subresource) => &subresource.verbs,
        None => &kind.verbs,
    };
    // While a definition is being deleted, discovery names fewer verbs than there are: finalizers have to go.
    let custom = kind.definition.is_some() && request.path.subresource.is_empty();
    if !custom && !verbs.iter().any(|allowed| allowed == verb) {
        return Err(method_not_allowed());
    }
    match (verb, request.method) {
        ("watch", _) => {
            let lines = Lines { version, reshape: view::reshape(world, request, kind)?, kind: kind.clone() };
            watch::watch(world, request, kind, lines)
        }
        ("get", _) => get(world, request, kind, &version),
        ("list", _) => {
            let page = list::page(world, request, kind)?;
            view::list(world, request, kind, &version, &page)
        }
        // A custom one is named by the body, whatever the path says.
        ("create", _) if !of_one || custom => {
            let (object, twice) = request.object(&world.catalog, &Kind::of(kind))?;
            let writer = request.query.writer("CreateOptions", request.user_agent(), false)?;
            let twice = check_twice(kind, &writer, twice)?;
            let written = world.write(&request.target(kind), &writer, Edit::Create(object))?;
            wrote(world, request, kind, &version, written, twice)
        }
        ("update", _) if of_one => {
            let (object, twice) = request.object(&world.catalog, &Kind::of(kind))?;
            let writer = request.query.writer("UpdateOptions", request.user_agent(), false)?;
            let twice = check_twice(kind, &writer, twice)?;
            let written = world.write(&request.target(kind), &writer, Edit::Replace(object))?;
            wrote(world, request, kind, &version, written, twice)
        }
        ("patch", _) if of_one => {
            let (writer, edit) = patch(request, kind)?;
            let written = world.write(&request.target(kind), &writer, edit)?;
            wrote(world, request, kind, &version, written, Vec::new())
        }
        ("delete", _) => delete::one(world, request, kind, &version),
        ("deletecollection", &Method::DELETE) => delete::collection(world, request, kind, &version),
        _ => Err(method_not_allowed()),
    }
}

/// What is twice in a body: refused, told, or left.
fn check_twice(kind: &ResourceType, writer: &Writer, twice: Vec<String>) -> Result<Vec<String>, ApiError> {
    match writer.field_validation {
        FieldValidation::Strict if !twice.is_empty() => Err(ApiError::bad_request(format!(
            "{0} in version {1:?} cannot be handled as a {0}: strict decoding error: {2}",
            kind.kind,
            kind.version,
            twice.join(", ")
        ))),
        FieldValidation::Ignore => Ok(Vec::new()),
        _ => Ok(twice),
    }
}

fn get(world: &World, request: &Request<'_>, kind: &Arc<ResourceType>, version: &Version) -> Result<Answer, ApiError> {
    let target = request.target(kind);
    let wanted = list::resource_version(&request.query)?;
    if wanted > world.store.version() {
        return Err(list::too_large(wanted, world.store.version()));
    }
    let stored = world.store.get(&target.key()).ok_or_else(|| target.not_found())?;
    view::object(world, request, kind, version, 200, &stored)
}

fn wrote(
    world: &World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    version: &Version,
    written: Written,
    mut warnings: Vec<String>,
) -> Result<Answer, ApiError> {
    let code = if written.created { 201 } else { 200 };
    warnings.extend(written.warnings);
    Ok(view::object(world, request, kind, version, code, &written.object)?.with_warnings(warnings))
}
