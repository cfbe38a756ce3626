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
    if request.accept.shape == As::Metadata && request.accept.of_list {
        return Err(unlike("PartialObjectMetadataList", "is not a list", kind, ""));
    }
    Ok(match reshape(world, request, kind)? {
        None => Answer::object(code, stored, version),
        Some(reshape) => {
            let object = serde_json::from_slice(&version.encode(stored)).unwrap_or_default();
            Answer::json(code, &reshape(&object))
        }
    })
}

/// A `Scale` in the shape asked for.
pub(crate) fn scale(world: &World, request: &Request<'_>, scale: Json) -> Result<Json, ApiError> {
    Ok(match request.accept.shape {
        As::Itself => scale,
        As::Metadata => metadata_only(&scale, meta_version(request)),
        As::Table => {
            let mut table = table::scale(&scale, world.clock().wall(), include(request)?);
            table["metadata"] = json!({"resourceVersion": scale["metadata"]["resourceVersion"]});
            of_version(&mut table, meta_version(request));
            table
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
    if request.accept.shape == As::Itself {
        // As they are stored: without reading them.
        return Ok(Answer::list(page, version));
    }
    let decode = |stored: &Arc<Stored>| serde_json::from_slice(&version.encode(stored)).unwrap_or_default();
    let objects: Vec<Json> = page.items.iter().map(decode).collect();
    let api_version = meta_version(request);
    let shaped = match request.accept.shape {
        As::Table => {
            let mut table = table::table(kind, objects.iter(), world.clock().wall(), include(request)?);
            table["metadata"] = page.metadata();
            of_version(&mut table, api_version);
            table
        }
        As::Metadata if !request.accept.of_list => {
            return Err(unlike("PartialObjectMetadata", "is a list", kind, "List"));
        }
        As::Metadata | As::Itself => {
            let items: Vec<Json> = objects.iter().map(|object| metadata_only(object, api_version)).collect();
            // The API server makes no list where nothing is to be put in.
            let items = if items.is_empty() { Json::Null } else { items.into() };
            json!({
                "kind": "PartialObjectMetadataList", "apiVersion": api_version, "metadata": page.metadata(),
                "items": items,
            })
        }
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
        As::Metadata => {
            let api_version = meta_version(request);
            Some(Box::new(move |object: &Json| metadata_only(object, api_version)))
        }
        As::Table => {
            let (include, kind, clock) = (include(request)?, kind.clone(), world.clock().clone());
            let api_version = meta_version(request);
            let told = AtomicBool::new(false);
            Some(Box::new(move |object: &Json| {
                let mut table = table::table(&kind, std::iter::once(object), clock.wall(), include);
                table["metadata"] = json!({"resourceVersion": object["metadata"]["resourceVersion"]});
                // A watch names the columns once.
                if told.swap(true, Ordering::Relaxed) {
                    table["columnDefinitions"] = Json::Null;
                }
                of_version(&mut table, api_version);
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

/// The version of tables and metadata that is asked for.
fn meta_version(request: &Request<'_>) -> &'static str {
    if request.accept.older { "meta.k8s.io/v1beta1" } else { "meta.k8s.io/v1" }
}

/// A table in a version, with what its rows are about.
fn of_version(table: &mut Json, api_version: &str) {
    table["apiVersion"] = api_version.into();
    for row in table.get_mut("rows").and_then(Json::as_array_mut).into_iter().flatten() {
        if let Some(object) = row.get_mut("object").filter(|object| object["kind"] == "PartialObjectMetadata") {
            object["apiVersion"] = api_version.into();
        }
    }
}

/// 406: the metadata of one object is asked for where there are many, or the other way around. Types have their Go names.
fn unlike(wanted: &str, but: &str, kind: &ResourceType, list: &str) -> ApiError {
    let package = kind.group.split('.').next().filter(|name| !name.is_empty()).unwrap_or("core");
    let held = match (&kind.definition, list) {
        (None, list) => format!("{package}.{}{list}", kind.kind),
        (Some(_), list) => format!("unstructured.Unstructured{list}"),
    };
    let said = format!("you requested {wanted}, but the requested object {but} (*{held})");
    ApiError::new(406, "NotAcceptable", said)
}

fn metadata_only(object: &Json, api_version: &str) -> Json {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": api_version, "metadata": crate::object::metadata(object),
    })
}
