//! Objects as something else than themselves: as their metadata, as tables.

use std::sync::Arc;

use serde_json::json;

use super::answer::{Answer, Version};
use super::body::As;
use super::list::Page;
use super::request::Request;
use crate::Json;
use crate::catalog::ResourceType;
use crate::store::Stored;
use crate::world::World;

/// An object in the shape asked for.
pub(crate) fn object(
    world: &World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    version: &Version,
    code: u16,
    stored: &Stored,
) -> Answer {
    match reshape(world, request, kind) {
        None => Answer::object(code, stored, version),
        Some(reshape) => {
            let object = serde_json::from_slice(&version.encode(stored)).unwrap_or_default();
            Answer::json(code, &reshape(&object))
        }
    }
}

/// A list in the shape asked for.
pub(crate) fn list(
    world: &World,
    request: &Request<'_>,
    kind: &Arc<ResourceType>,
    version: &Version,
    page: &Page,
) -> Answer {
    let _ = (world, request);
    let decode = |stored: &Arc<Stored>| serde_json::from_slice(&version.encode(stored)).unwrap_or_default();
    let items: Vec<Json> = page.items.iter().map(|stored| metadata_only(&decode(stored))).collect();
    let _ = kind;
    Answer::json(
        200,
        &json!({
            "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": page.metadata(),
            "items": items,
        }),
    )
}

/// What becomes of each object, unless it is given as itself.
pub(crate) fn reshape(
    _world: &World,
    request: &Request<'_>,
    _kind: &Arc<ResourceType>,
) -> Option<Box<dyn Fn(&Json) -> Json + Send + Sync>> {
    match request.accept.shape {
        As::Itself => None,
        As::Metadata | As::Table => Some(Box::new(metadata_only)),
    }
}

fn metadata_only(object: &Json) -> Json {
    json!({
        "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
        "metadata": object.get("metadata").cloned().unwrap_or_default(),
    })
}
