//! Patches, by their content type.

use std::sync::Arc;

use super::body::{self, media_type};
use super::request::Request;
use crate::Json;
use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::world::{Edit, Writer};

/// The edit that a patch asks for.
pub(crate) fn patch<'a>(request: &Request<'a>, kind: &'a Arc<ResourceType>) -> Result<(Writer, Edit<'a>), ApiError> {
    let content_type = media_type(request.content_type());
    let applies = content_type.starts_with("application/apply-patch");
    let writer = || request.query.writer("PatchOptions", request.user_agent(), applies);
    match content_type {
        "application/apply-patch+yaml" => {
            let intent = body::read_yaml(request.body)?;
            let force = request.query.flag("force");
            Ok((writer()?, Edit::Apply { intent, force }))
        }
        "application/merge-patch+json" => {
            let patch = body::read_json(request.body)?;
            Ok((writer()?, Edit::Patch(Box::new(move |live: &Json| Ok(merge(live, &patch))))))
        }
        _ => {
            let _ = kind;
            Err(unsupported())
        }
    }
}

fn unsupported() -> ApiError {
    ApiError::new(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: \
         application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, \
         application/apply-patch+yaml, application/apply-patch+cbor",
    )
}

/// RFC 7386.
fn merge(live: &Json, patch: &Json) -> Json {
    let Json::Object(patch) = patch else { return patch.clone() };
    let mut merged = live.as_object().cloned().unwrap_or_default();
    for (key, value) in patch {
        if value.is_null() {
            merged.shift_remove(key);
        } else {
            let before = merged.get(key).cloned().unwrap_or_default();
            merged.insert(key.clone(), merge(&before, value));
        }
    }
    Json::Object(merged)
}
