//! A request to a resource, taken apart.

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};

use super::body::{self, Accept};
use super::query::Query;
use super::route::ResourcePath;
use super::selector::Selection;
use crate::Json;
use crate::catalog::ResourceType;
use crate::error::ApiError;
use crate::world::Target;

/// A request to a resource.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a http::Method,
    pub(crate) path: &'a ResourcePath,
    pub(crate) query: Query,
    pub(crate) accept: Accept,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

impl Request<'_> {
    fn header(&self, name: http::HeaderName) -> &str {
        header(self.headers, name)
    }

    pub(crate) fn content_type(&self) -> &str {
        self.header(CONTENT_TYPE)
    }

    pub(crate) fn user_agent(&self) -> &str {
        self.header(USER_AGENT)
    }

    /// What the path names.
    pub(crate) fn target<'t>(&'t self, kind: &'t std::sync::Arc<ResourceType>) -> Target<'t> {
        let ResourcePath { namespace, name, subresource, .. } = self.path;
        Target { kind, namespace, name, subresource }
    }

    pub(crate) fn selection(&self, kind: &ResourceType) -> Result<Selection, ApiError> {
        let (labels, fields) = (self.query.text("labelSelector"), self.query.text("fieldSelector"));
        Selection::parse(&kind.name, &kind.group, labels, fields)
    }

    /// The object in the body, which has to be of this kind or not say of which it is.
    pub(crate) fn object(&self, group: &str, version: &str, kind: &str) -> Result<Json, ApiError> {
        let object = body::read(self.content_type(), self.body)?;
        let Some(fields) = object.as_object() else {
            let said = "couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of type struct \
                        { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; Kind string \"json:\\\"kind,omitempty\\\"\" }";
            return Err(ApiError::bad_request(said));
        };
        let text = |key: &str| fields.get(key).and_then(Json::as_str).unwrap_or_default();
        let expected = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        let (given_kind, given) = (text("kind"), text("apiVersion"));
        if !given.is_empty() && given != expected {
            return Err(ApiError::bad_request(format!(
                "the API version in the data ({given}) does not match the expected API version ({expected})"
            )));
        }
        if !given_kind.is_empty() && given_kind != kind {
            let said = format!("{given_kind} in version {version:?} cannot be handled as a {kind}");
            return Err(ApiError::bad_request(said));
        }
        Ok(object)
    }
}

pub(crate) fn header(headers: &HeaderMap, name: http::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// All values of `Accept` as one.
pub(crate) fn accept(headers: &HeaderMap) -> String {
    let values: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}
