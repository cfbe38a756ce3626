//! Reading and writing objects.

use std::sync::Arc;

use http::Method;

use super::answer::{Answer, Version};
use super::body::{self, As};
use super::list;
use super::patch::patch;
use super::request::Request;
use super::watch::{self, Lines};
use super::{delete, view};
use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::world::{Edit, World, Written};

/// Answers a request to a collection or an object.
pub(crate) fn answer(world: &mut World, request: &Request<'_>, kind: &Arc<ResourceType>) -> Result<Answer, ApiError> {
    let version = Version::new(kind, world.stored_type(&kind.name)?);
    let of_one = !request.path.name.is_empty();
    match *request.method {
        Method::GET if request.query.flag("watch") || request.path.watch => {
            let lines = Lines { version, reshape: view::reshape(world, request, kind), kind: kind.clone() };
            watch::watch(world, request, kind, lines)
        }
        Method::GET if of_one => get(world, request, kind, &version),
        Method::GET => {
            let page = list::page(world, request, kind)?;
            if request.accept.shape == As::Itself {
                return Ok(Answer::list(&page, &version));
            }
            Ok(view::list(world, request, kind, &version, &page))
        }
        Method::POST if !of_one => {
            let object = request.object(&kind.group, &kind.version, &kind.kind)?;
            let writer = request.query.writer("CreateOptions", request.user_agent(), false)?;
            let written = world.write(&request.target(kind), &writer, Edit::Create(object))?;
            Ok(wrote(world, request, kind, &version, written))
        }
        Method::PUT if of_one => {
            let object = request.object(&kind.group, &kind.version, &kind.kind)?;
            let (name, said) = (&request.path.name, crate::object::name(&object));
            if name != said {
                let message = format!("the name of the object ({said}) does not match the name on the URL ({name})");
                return Err(ApiError::bad_request(message));
            }
            let writer = request.query.writer("UpdateOptions", request.user_agent(), false)?;
            let written = world.write(&request.target(kind), &writer, Edit::Replace(object))?;
            Ok(wrote(world, request, kind, &version, written))
        }
        Method::PATCH if of_one => {
            let (writer, edit) = patch(request, kind)?;
            let written = world.write(&request.target(kind), &writer, edit)?;
            Ok(wrote(world, request, kind, &version, written))
        }
        Method::DELETE if of_one => delete::one(world, request, kind, &version),
        Method::DELETE => delete::collection(world, request, kind, &version),
        _ => Err(ApiError::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )),
    }
}

fn get(world: &World, request: &Request<'_>, kind: &Arc<ResourceType>, version: &Version) -> Result<Answer, ApiError> {
    let target = request.target(kind);
    let wanted = list::resource_version(&request.query)?;
    if wanted > world.store.version() {
        return Err(list::too_large(wanted, world.store.version()));
    }
    let stored = world.store.get(&target.key()).ok_or_else(|| target.not_found())?;
    Ok(view::object(world, request, kind, version, 200, &stored))
}

/// The answer to a write.
pub(crate) fn wrote(
    world: &World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    version: &Version,
    written: Written,
) -> Answer {
    let code = if written.created { 201 } else { 200 };
    view::object(world, request, kind, version, code, &written.object).with_warnings(written.warnings)
}

/// Whether the body is YAML.
pub(crate) fn is_yaml(content_type: &str) -> bool {
    body::media_type(content_type).ends_with("yaml")
}
