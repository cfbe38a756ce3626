//! Refusals that are about no object.

use serde_json::json;

use crate::error::ApiError;

/// A refusal with empty details.
pub(crate) fn plain(code: u16, reason: &'static str, message: &str) -> ApiError {
    ApiError { details: Some(Box::new(json!({}))), ..ApiError::new(code, reason, message) }
}

/// 404 of a resource or subresource that there is not.
pub(crate) fn no_such_resource() -> ApiError {
    plain(404, "NotFound", "the server could not find the requested resource")
}

/// 405.
pub(crate) fn method_not_allowed() -> ApiError {
    plain(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
}
