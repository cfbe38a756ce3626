//! A request to a resource, taken apart.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method};

use super::body::{self, Accept};
use super::query::Query;
use super::route::ResourcePath;
use super::selector::Selection;
use crate::Json;
use crate::catalog::{Catalog, ResourceType};
use crate::error::{ApiError, Cause};
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

    /// What it does, as Kubernetes calls it.
    pub(crate) fn verb(&self) -> &'static str {
        let of_one = !self.path.name.is_empty();
        match *self.method {
            Method::GET | Method::HEAD if self.path.watch => "watch",
            Method::GET | Method::HEAD if of_one => "get",
            Method::GET | Method::HEAD if self.query.flag("watch") => "watch",
            Method::GET | Method::HEAD => "list",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if of_one => "delete",
            Method::DELETE => "deletecollection",
            _ => "",
        }
    }

    /// What the path names.
    pub(crate) fn target<'t>(&'t self, kind: &'t std::sync::Arc<ResourceType>) -> Target<'t> {
        let ResourcePath { namespace, name, subresource, .. } = self.path;
        Target { kind, namespace, name, subresource }
    }

    pub(crate) fn selection(&self, kind: &ResourceType) -> Result<Selection, ApiError> {
        let (labels, fields) = (self.query.text("labelSelector"), self.query.text("fieldSelector"));
        Selection::parse(kind, labels, fields)
    }

    /// The object in the body, and what is twice in it. It has to be of this kind, or not say of which it is.
    ///
    /// # Errors
    /// 400, 415.
    pub(crate) fn object(&self, catalog: &Catalog, kind: &Kind<'_>) -> Result<(Json, Vec<String>), ApiError> {
        let unrecognized = |why: &str| {
            ApiError::bad_request(format!(
                "the object provided is unrecognized (must be of type {}): {why} ({})",
                kind.kind,
                summary(self.body)
            ))
        };
        let (object, twice) = body::read(self.content_type(), self.body)?.map_err(|why| unrecognized(&why))?;
        // Nothing is as good as an object without fields.
        let object = if object.is_null() { Json::Object(serde_json::Map::new()) } else { object };
        let Some(fields) = object.as_object() else {
            let what = match &object {
                Json::Array(_) => "array",
                Json::String(_) => "string",
                Json::Bool(_) => "bool",
                _ => "number",
            };
            let into = "struct { APIVersion string \"json:\\\"apiVersion,omitempty\\\"\"; \
                        Kind string \"json:\\\"kind,omitempty\\\"\" }";
            return Err(unrecognized(&body::no_kind(&format!(
                "json: cannot unmarshal {what} into Go value of type {into}"
            ))));
        };
        let text = |key: &str| fields.get(key).and_then(Json::as_str).filter(|text| !text.is_empty());
        let given_kind = text("kind").unwrap_or(kind.kind);
        let expected = kind.api_version();
        let given_version = text("apiVersion").unwrap_or(&expected);
        if (given_kind, given_version) == (kind.kind, &expected) {
            return Ok((object, twice));
        }
        let (group, version) = given_version.split_once('/').unwrap_or(("", given_version));
        let custom = catalog.get(kind.group, kind.version, &self.path.resource).is_some_and(|k| k.definition.is_some());
        if custom && given_version == expected {
            let message = format!("Invalid value: {given_kind:?}: must be {}", kind.kind);
            let cause = Cause { reason: "FieldValueInvalid", message, field: "kind".into() };
            return Err(ApiError::invalid(kind.group, given_kind, crate::object::name(&object), &[cause]));
        }
        let known = catalog.all().any(|k| k.group == group && k.version == version && k.kind == given_kind);
        if (known && group == kind.group || is_former(given_version, given_kind)) && given_kind == kind.kind {
            return Err(ApiError::bad_request(format!(
                "the API version in the data ({given_version}) does not match the expected API version ({expected})"
            )));
        }
        let internal =
            |group: &str| group.split('.').next().filter(|name| !name.is_empty()).unwrap_or("core").to_owned();
        let why = if known {
            let to = format!("{}.{}", internal(kind.group), kind.kind);
            format!("converting ({version}.{given_kind}) to ({to}): unknown conversion")
        } else {
            no_kind(given_kind, given_version)
        };
        Err(ApiError::bad_request(format!(
            "{given_kind} in version {:?} cannot be handled as a {}: {why}",
            version, kind.kind
        )))
    }
}

/// Whether it is a version that is served no longer, but still known.
fn is_former(api_version: &str, kind: &str) -> bool {
    match api_version {
        "extensions/v1beta1" => {
            matches!(kind, "Deployment" | "DaemonSet" | "ReplicaSet" | "Ingress" | "NetworkPolicy")
        }
        "apps/v1beta1" => matches!(kind, "Deployment" | "StatefulSet" | "ControllerRevision"),
        "apps/v1beta2" => {
            matches!(kind, "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ControllerRevision")
        }
        "batch/v1beta1" => kind == "CronJob",
        "policy/v1beta1" => kind == "PodDisruptionBudget",
        "networking.k8s.io/v1beta1" => matches!(kind, "Ingress" | "IngressClass"),
        "autoscaling/v2beta1" | "autoscaling/v2beta2" => kind == "HorizontalPodAutoscaler",
        "rbac.authorization.k8s.io/v1beta1" => {
            matches!(kind, "Role" | "RoleBinding" | "ClusterRole" | "ClusterRoleBinding")
        }
        "scheduling.k8s.io/v1beta1" => kind == "PriorityClass",
        "storage.k8s.io/v1beta1" => matches!(kind, "StorageClass" | "CSIDriver" | "CSINode" | "VolumeAttachment"),
        "coordination.k8s.io/v1beta1" => kind == "Lease",
        "discovery.k8s.io/v1beta1" => kind == "EndpointSlice",
        _ => false,
    }
}

/// What the real one says of a kind that it does not know.
pub(crate) fn no_kind(kind: &str, version: &str) -> String {
    format!("no kind {kind:?} is registered for version {version:?} in scheme \"pkg/runtime/scheme.go:111\"")
}

/// A kind that a body has to be of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
}

impl<'a> Kind<'a> {
    pub(crate) fn of(kind: &'a ResourceType) -> Self {
        Self { group: &kind.group, version: &kind.version, kind: &kind.kind }
    }

    fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// The beginning of a body, as errors show it.
fn summary(body: &[u8]) -> String {
    let shown = body.get(..30).unwrap_or(body);
    let more = if body.len() > 30 { " ..." } else { "" };
    match body.first() {
        None => "<empty>".into(),
        Some(b'{') => format!("{}{more}", String::from_utf8_lossy(shown)),
        Some(_) => format!("{}{more}", shown.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
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
