//! Patches, by their content type.

use std::sync::Arc;

use super::body::{self, media_type};
use super::request::Request;
use crate::Json;
use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::patch::{json, merge, strategic, unsupported};
use crate::schema::{Id, Schemas};
use crate::world::{Edit, Writer};

/// The edit that a patch of an object of this kind asks for.
pub(crate) fn patch<'a>(request: &Request<'_>, kind: &'a ResourceType) -> Result<(Writer, Edit<'a>), ApiError> {
    let schema = kind.schema.as_ref().map(|(schemas, id)| (schemas, *id));
    patch_of(request, schema, kind.definition.is_some())
}

/// The edit that a patch of an object of these types asks for.
pub(crate) fn patch_of<'a>(
    request: &Request<'_>,
    schema: Option<(&'a Arc<Schemas>, Id)>,
    custom: bool,
) -> Result<(Writer, Edit<'a>), ApiError> {
    let content_type = media_type(request.content_type());
    let applies = content_type == "application/apply-patch+yaml";
    let known = matches!(content_type, "application/json-patch+json" | "application/merge-patch+json")
        || applies
        || (content_type == "application/strategic-merge-patch+json" && !custom);
    if !known {
        return Err(unsupported(custom));
    }
    let writer = request.query.writer("PatchOptions", request.user_agent(), applies)?;
    let broken = |why: String| ApiError::bad_request(format!("error decoding patch: {why}"));
    if applies {
        let intent = body::read_yaml(request.body)
            .map_err(|why| ApiError::bad_request(format!("error decoding YAML: {why}")))?;
        return Ok((writer, Edit::Apply { intent, force: request.query.flag("force") }));
    }
    let (patch, _) = super::json::read(request.body).map_err(broken)?;
    let edit: Box<dyn FnOnce(&Json) -> Result<Json, ApiError> + 'a> = match content_type {
        "application/json-patch+json" => Box::new(move |live| json(live, &patch)),
        "application/merge-patch+json" => Box::new(move |live| merge(live, &patch)),
        _ => match schema {
            Some((schemas, id)) => Box::new(move |live| strategic(live, &patch, schemas, id)),
            None => return Err(unsupported(true)),
        },
    };
    Ok((writer, Edit::Patch(edit)))
}
