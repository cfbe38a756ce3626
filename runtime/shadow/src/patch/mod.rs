//! Patches: JSON patch, merge patch and strategic merge patch. (Server-side apply is [`crate::apply`].)
//!
//! All three give the patched document as it comes out: it is still to be decoded, given defaults and tracked.

mod json;
mod merge;
mod strategic;

#[cfg(test)]
mod tests;

use crate::error::ApiError;

pub(crate) use json::json;
pub(crate) use merge::merge;
pub(crate) use strategic::strategic;

/// 415: a patch of a kind that the resource does not take, as a strategic one of a custom resource.
pub(crate) fn unsupported(custom: bool) -> ApiError {
    let message = if custom {
        "the body of the request was in an unknown format - accepted media types include: \
         application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    } else {
        "415: Unsupported Media Type"
    };
    let details = (!custom).then(|| crate::Json::Object(serde_json::Map::new()));
    ApiError { details: details.map(Box::new), ..ApiError::new(415, "UnsupportedMediaType", message) }
}

/// 422 without a word on what is wrong, as the real server has it.
fn rejected() -> ApiError {
    let mut error = ApiError::new(422, "Invalid", "the server rejected our request due to an error in our request");
    error.details = Some(Box::new(crate::Json::Object(serde_json::Map::new())));
    error
}
