//! What the server says of itself: health, version, what it serves.

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::answer::Answer;
use super::{header, query::Query};
use crate::error::ApiError;
use crate::world::World;

/// Answers a request to a path that is no resource's.
pub(crate) fn answer(_world: &mut World, request: &Request<Bytes>, path: &str) -> Result<Answer, ApiError> {
    let _ = (header, Query::parse(request.uri().query().unwrap_or_default()));
    match path {
        "/healthz" | "/livez" | "/readyz" => Ok(Answer::text(200, "ok")),
        "/version" => Ok(Answer::json(200, &version())),
        _ => Ok(Answer::text(404, "404 page not found\n")),
    }
}

fn version() -> crate::Json {
    json!({
        "major": "1", "minor": "36", "gitVersion": "v1.36.3", "gitTreeState": "clean", "platform": "linux/amd64",
    })
}
