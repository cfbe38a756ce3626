//! Answers: objects, lists, refusals.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;

use super::body::{Body, Form};
use super::list::Page;
use crate::Json;
use crate::catalog::ResourceType;
use crate::container::Session;
use crate::error::ApiError;
use crate::store::Stored;
use crate::world::{World, is_outdated, refreshed};

/// What is answered, before it becomes bytes of the form asked for.
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) content: Content,
    pub(crate) warnings: Vec<String>,
    /// In how many seconds to ask again.
    retry_after: Option<u64>,
}

pub(crate) enum Content {
    /// JSON, encoded.
    Json(Vec<u8>),
    /// Of this content type, as it is.
    Typed(&'static str, Bytes),
    /// Of this content type, as it comes.
    Stream(&'static str, Body),
    /// The connection becomes one to a container.
    Session(Session),
}

impl Answer {
    pub(crate) fn json(code: u16, value: &Json) -> Self {
        Self::bytes(code, value.to_string().into_bytes())
    }

    pub(crate) fn text(code: u16, text: impl Into<Bytes>) -> Self {
        Self { code, ..Self::typed("text/plain; charset=utf-8", text) }
    }

    pub(crate) fn typed(content_type: &'static str, bytes: impl Into<Bytes>) -> Self {
        let content = Content::Typed(content_type, bytes.into());
        Self { code: 200, content, warnings: Vec::new(), retry_after: None }
    }

    /// 404 without a word.
    pub(crate) fn nothing() -> Self {
        Self { code: 404, ..Self::typed("", Bytes::new()) }
    }

    /// A document for people to read, too.
    pub(crate) fn indented(value: &Json) -> Self {
        Self::typed("application/json", format!("{value:#}"))
    }

    pub(crate) fn object(code: u16, stored: &Stored, kind: &Version) -> Self {
        Self::bytes(code, kind.encode(stored))
    }

    pub(crate) fn list(page: &Page, kind: &Version) -> Self {
        Self::bytes(200, kind.encode_list(page))
    }

    pub(crate) fn lines(body: Body) -> Self {
        Self::stream("application/json", body)
    }

    pub(crate) fn stream(content_type: &'static str, body: Body) -> Self {
        Self { code: 200, content: Content::Stream(content_type, body), warnings: Vec::new(), retry_after: None }
    }

    pub(crate) fn session(session: Session) -> Self {
        Self { code: 101, content: Content::Session(session), warnings: Vec::new(), retry_after: None }
    }

    fn bytes(code: u16, bytes: Vec<u8>) -> Self {
        Self { code, content: Content::Json(bytes), warnings: Vec::new(), retry_after: None }
    }

    pub(crate) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings.extend(warnings);
        self
    }

    /// The response, in the form that the client accepts.
    pub(crate) fn into_response(self, form: Form) -> Response<Body> {
        let mut session = None;
        let (content_type, body) = match self.content {
            Content::Session(agreed) => {
                session = Some(agreed);
                ("", Body::whole(Bytes::new()))
            }
            Content::Json(bytes) if form == Form::Yaml => ("application/yaml", Body::whole(yaml(&bytes))),
            Content::Json(mut bytes) => {
                bytes.push(b'\n');
                ("application/json", Body::whole(bytes))
            }
            Content::Typed(content_type, bytes) => (content_type, Body::whole(bytes)),
            Content::Stream(content_type, body) => (content_type, body),
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if !content_type.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(http::header::RETRY_AFTER, seconds.into());
        }
        for warning in self.warnings {
            let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ");
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{quoted}\"")) {
                headers.append(http::header::WARNING, value);
            }
        }
        if let Some(session) = session {
            response.headers_mut().extend(session.headers());
            response.extensions_mut().insert(session);
        }
        response
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        let retry_after = error.details.as_ref().and_then(|details| details.get("retryAfterSeconds")?.as_u64());
        Self { retry_after, ..Self::json(error.code, &error.to_status()) }.with_warnings(error.warnings)
    }
}

fn yaml(bytes: &[u8]) -> Vec<u8> {
    let value: Json = serde_json::from_slice(bytes).unwrap_or_default();
    serde_yaml::to_string(&value).unwrap_or_default().into_bytes()
}

/// A kind in the version that a client speaks, and how stored objects are written in it.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    kind: Arc<ResourceType>,
    stored: Arc<ResourceType>,
    /// All versions of a custom kind: those that objects may have been stored in.
    versions: Vec<Arc<ResourceType>>,
    /// `{"kind":…,"apiVersion":…`.
    head: String,
}

impl Version {
    /// # Errors
    /// 404 where nothing is stored of the kind.
    pub(crate) fn new(world: &World, kind: &Arc<ResourceType>) -> Result<Self, ApiError> {
        let head = format!("{{\"kind\":{},\"apiVersion\":{}", Json::from(&*kind.kind), Json::from(kind.api_version()));
        let versions = world.catalog.versions(kind);
        Ok(Self { kind: kind.clone(), stored: world.stored_type(&kind.name)?, versions, head })
    }

    /// The whole object.
    pub(crate) fn encode(&self, stored: &Stored) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(stored.bytes.len() + 16);
        self.write(&mut bytes, stored);
        bytes
    }

    /// Appends the whole object.
    pub(crate) fn write(&self, bytes: &mut Vec<u8>, stored: &Stored) {
        bytes.extend_from_slice(self.head.as_bytes());
        self.write_tail(bytes, stored);
    }

    fn write_tail(&self, bytes: &mut Vec<u8>, stored: &Stored) {
        let same = self.kind.version == self.stored.version && self.kind.group == self.stored.group;
        if same && !is_outdated(stored, &self.stored) {
            bytes.extend_from_slice(stored.tail());
        } else {
            let object = refreshed(&self.versions, stored, &self.kind);
            bytes.extend_from_slice(Stored::encode(&self.kind.name, &object).tail());
        }
    }

    fn list_kind(&self) -> String {
        let named = self.kind.definition.as_ref().and_then(|definition| definition.list_kind());
        named.map_or_else(|| format!("{}List", self.kind.kind), str::to_owned)
    }

    fn encode_list(&self, page: &Page) -> Vec<u8> {
        let size: usize = page.items.iter().map(|item| item.bytes.len() + 1).sum();
        let mut bytes = Vec::with_capacity(size + 256);
        let mut metadata = page.metadata();
        if self.kind.definition.is_some() && page.next.is_none() {
            // The list of a kind that has no Go type always says it.
            metadata["continue"] = "".into();
        }
        let head = json!({
            "kind": self.list_kind(), "apiVersion": self.kind.api_version(), "metadata": metadata,
        });
        bytes.extend_from_slice(head.to_string().trim_end_matches('}').as_bytes());
        bytes.extend_from_slice(b"},\"items\":[");
        for (at, item) in page.items.iter().enumerate() {
            if at > 0 {
                bytes.push(b',');
            }
            if self.kind.definition.is_some() {
                self.write(&mut bytes, item);
            } else {
                // Items of built-in kinds do not say their kind: the list does.
                let start = bytes.len();
                self.write_tail(&mut bytes, item);
                if let Some(comma) = bytes.get_mut(start) {
                    *comma = b'{';
                }
            }
        }
        bytes.extend_from_slice(b"]}");
        bytes
    }
}
