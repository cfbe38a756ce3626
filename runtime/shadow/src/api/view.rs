//! Objects as something else than themselves: as their metadata, as tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::answer::{Answer, Version};
use super::body::As;
use super::list::Page;
use super::request::Request;
use crate::Json;
use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::store::Stored;
use crate::table::{self, Include};
use crate::world::World;

/// An object in the shape asked for.
pub(crate) fn object(
    world: &World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    version: &Version,
    code: u16,
    stored: &Stored,
) -> Result<Answer, ApiError> {
    Ok(match reshape(world, request, kind)? {
        None => Answer::object(code, stored, version),
        Some(reshape) => {
            let object = serde_json::from_slice(&version.encode(stored)).unwrap_or_default();
            Answer::json(code, &reshape(&object))
        }
    })
}

/// A list in the shape asked for.
pub(crate) fn list(
    world: &World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    version: &Version,
    page: &Page,
) -> Result<Answer, ApiError> {
    let decode = |stored: &Arc<Stored>| serde_json::from_slice(&version.encode(stored)).unwrap_or_default();
    let objects: Vec<Json> = page.items.iter().map(decode).collect();
    let shaped = match request.accept.shape {
        As::Itself => return Ok(Answer::list(page, version)),
        As::Table => {
            let mut table = table::table(kind, objects.iter(), world.clock().wall(), include(request)?);
            table["metadata"] = page.metadata();
            table
        }
        As::Metadata => json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": page.metadata(),
            "items": objects.iter().map(metadata_only).collect::<Vec<Json>>(),
        }),
    };
    Ok(Answer::json(200, &shaped))
}

/// What becomes of objects that are not given as themselves.
pub(crate) type Reshape = Box<dyn Fn(&Json) -> Json + Send + Sync>;

/// What becomes of each object, unless it is given as itself.
pub(crate) fn reshape(
    world: &World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
) -> Result<Option<Reshape>, ApiError> {
    Ok(match request.accept.shape {
        As::Itself => None,
        As::Metadata => Some(Box::new(metadata_only)),
        As::Table => {
            let (include, kind, clock) = (include(request)?, kind.clone(), world.clock().clone());
            let told = AtomicBool::new(false);
            Some(Box::new(move |object: &Json| {
                let mut table = table::table(&kind, std::iter::once(object), clock.wall(), include);
                table["metadata"] = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                // A watch names the columns once.
                if told.swap(true, Ordering::Relaxed) {
                    table["columnDefinitions"] = Json::Null;
                }
                table
            }))
        }
    })
}

fn include(request: &Request<'_>) -> Result<Include, ApiError> {
    let name = request.query.text("includeObject");
    let unknown = || {
        let said = format!("Invalid value: {name:?}: must be 'Metadata', 'Object', 'None', or empty");
        ApiError::bad_request(format!("includeObject: {said}"))
    };
    Include::named(name).ok_or_else(unknown)
}

fn metadata_only(object: &Json) -> Json {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_default(),
    })
}
