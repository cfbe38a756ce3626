//! Lists: selection, pages, resourceVersions.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::json as go;
use super::query::Query;
use super::request::Request;
use super::selector::Selection;
use crate::Json;
use crate::catalog::ResourceType;
use crate::error::{ApiError, Cause};
use crate::store::Stored;
use crate::world::World;

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) items: Vec<Arc<Stored>>,
    /// The version of the state it shows.
    pub(crate) version: u64,
    /// How to get the next page.
    pub(crate) next: Option<String>,
    /// How many objects are left, where that is known.
    pub(crate) remaining: Option<usize>,
}

impl Page {
    /// The list's `metadata`.
    pub(crate) fn metadata(&self) -> Json {
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if let Some(fields) = metadata.as_object_mut() {
            fields.extend(self.next.iter().map(|next| ("continue".to_owned(), next.clone().into())));
            fields.extend(self.remaining.map(|count| ("remainingItemCount".to_owned(), count.into())));
        }
        metadata
    }
}

/// Lists what a request asks for.
pub(crate) fn page(world: &World, request: &Request<'_>, kind: &ResourceType) -> Result<Page, ApiError> {
    let query = &request.query;
    check_options(query)?;
    let selection = request.selection(kind)?;
    let namespace = (!request.path.namespace.is_empty()).then_some(&*request.path.namespace);
    query.number("timeoutSeconds")?;
    let mut limit = usize::try_from(query.number("limit")?.unwrap_or_default()).unwrap_or_default();
    if query.text("resourceVersion") == "0" && query.text("continue").is_empty() {
        // Of any state, the whole is at hand.
        limit = 0;
    }
    let version = resource_version(query)?;
    let token = query.text("continue");
    let now = world.store.version();

    let (version, after) = if !token.is_empty() {
        if query.given("resourceVersion").is_some_and(|version| !matches!(version, "" | "0")) {
            return Err(ApiError::bad_request("specifying resource version is not allowed when using continue"));
        }
        let token = Token::decode(token)?;
        (token.version, Some(token.after))
    } else if query.text("resourceVersionMatch") == "Exact" {
        (version, None)
    } else {
        if version > now {
            return Err(too_large(version, now));
        }
        (now, None)
    };
    let items = if version == now {
        world.store.list(&kind.name, namespace)
    } else {
        if version > now {
            return Err(too_large(version, now));
        }
        let gone = |_| if after.is_some() { expired_token() } else { expired() };
        world.store.list_at(&kind.name, namespace, version).map_err(gone)?
    };
    let mut selected = select(items, &selection);
    if let Some((namespace, name)) = &after {
        let last = (format!("{namespace}/"), name.as_str());
        let start = selected
            .partition_point(|item| (format!("{}/", item.namespace()), item.name()) <= (last.0.clone(), last.1));
        selected.drain(..start);
    }
    let mut page = Page { items: selected, version, next: None, remaining: None };
    if limit > 0 && page.items.len() > limit {
        let left = page.items.len() - limit;
        page.items.truncate(limit);
        page.remaining = selection.is_everything().then_some(left);
        page.next = page.items.last().map(|last| Token::encode(version, last));
    }
    Ok(page)
}

fn select(items: Vec<Arc<Stored>>, selection: &Selection) -> Vec<Arc<Stored>> {
    if selection.is_everything() { items } else { items.into_iter().filter(|item| selection.matches(item)).collect() }
}

pub(crate) fn resource_version(query: &Query) -> Result<u64, ApiError> {
    match query.text("resourceVersion") {
        "" => Ok(0),
        text => text.parse().map_err(|_| {
            let why = format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
            let said = format!("invalid resource version: resourceVersion: Invalid value: {text:?}: {why}");
            ApiError::bad_request(said)
        }),
    }
}

/// Where the next page begins.
struct Token {
    version: u64,
    after: (String, String),
}

impl Token {
    fn encode(version: u64, last: &Stored) -> String {
        let start = format!("{}/{}", last.namespace(), last.name());
        URL_SAFE_NO_PAD.encode(json!({"v": "meta.k8s.io/v1", "rv": version, "start": start}).to_string())
    }

    fn decode(text: &str) -> Result<Self, ApiError> {
        let wrong =
            |why: &str| ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
        let bytes = URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).map_err(|error| wrong(&error.to_string()))?;
        let (token, _) = go::read(&bytes).map_err(|why| wrong(&why))?;
        let version = token.get("rv").and_then(Json::as_u64).filter(|version| *version > 0);
        let version =
            version.ok_or_else(|| wrong("incorrect encoded start resourceVersion (version meta.k8s.io/v1)"))?;
        let start = token.get("start").and_then(Json::as_str).and_then(|start| start.split_once('/'));
        let (namespace, name) = start.ok_or_else(|| wrong("encoded start key empty (version meta.k8s.io/v1)"))?;
        Ok(Self { version, after: (namespace.to_owned(), name.to_owned()) })
    }
}

fn check_options(query: &Query) -> Result<(), ApiError> {
    let mut causes = Vec::new();
    let mut forbid = |field: &str, why: &str| {
        let message = format!("Forbidden: {why}");
        causes.push(Cause { reason: "FieldValueForbidden", message, field: field.to_owned() });
    };
    let matching = query.text("resourceVersionMatch");
    if !matching.is_empty() {
        if query.text("resourceVersion").is_empty() {
            forbid("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if !query.text("continue").is_empty() {
            forbid("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided");
        }
        if matching == "Exact" && query.text("resourceVersion") == "0" {
            let why = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
            forbid("resourceVersionMatch", why);
        }
    }
    if query.given("sendInitialEvents").is_some() {
        forbid("sendInitialEvents", "sendInitialEvents is forbidden for list");
    }
    if !matches!(matching, "" | "Exact" | "NotOlderThan") {
        let message = format!("Unsupported value: {matching:?}: supported values: \"Exact\", \"NotOlderThan\", \"\"");
        let field = "resourceVersionMatch".into();
        causes.push(Cause { reason: "FieldValueNotSupported", message, field });
    }
    if causes.is_empty() { Ok(()) } else { Err(ApiError::invalid("meta.k8s.io", "ListOptions", "", &causes)) }
}

/// 410: the state asked for is no longer known.
fn expired() -> ApiError {
    ApiError::new(410, "Expired", "The resourceVersion for the provided list is too old.")
}

fn expired_token() -> ApiError {
    let said = "The provided continue parameter is too old to display a consistent list result. You can start a new \
                list without the continue parameter.";
    ApiError::new(410, "Expired", said)
}

/// 504: a version that is yet to come.
pub(crate) fn too_large(version: u64, now: u64) -> ApiError {
    let message = format!("Timeout: Too large resource version: {version}, current: {now}");
    let mut error = ApiError::new(504, "Timeout", message);
    let said = "Too large resource version";
    error.details = Some(Box::new(
        json!({"causes": [{"reason": "ResourceVersionTooLarge", "message": said}], "retryAfterSeconds": 1}),
    ));
    error
}
