//! What the API refuses, as a `Status` of Kubernetes.

use serde_json::json;

use crate::Json;
use crate::go::quote;

/// A refusal of the API: the `Status` that a client gets.
///
/// The words are those of the real API server, since clients compare them.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// The HTTP code.
    pub code: u16,
    /// The reason, such as `NotFound`; empty where the real one gives none.
    pub reason: &'static str,
    /// The message.
    pub message: String,
    /// `details`: group, kind, name, uid, causes, retryAfterSeconds.
    pub details: Option<Box<Json>>,
    /// What the client is told besides.
    pub warnings: Vec<String>,
}

/// One cause of an `Invalid` or a `Conflict`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// Such as `FieldValueRequired`, `FieldValueInvalid`, `FieldManagerConflict`.
    pub reason: &'static str,
    /// What is wrong.
    pub message: String,
    /// The field's path, such as `spec.replicas` or `spec.template.spec.containers[0].image`.
    pub field: String,
}

impl ApiError {
    /// A refusal without details.
    pub fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: None, warnings: Vec::new() }
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        let mut details = serde_json::Map::new();
        for (key, value) in [("name", name), ("group", group), ("kind", kind)] {
            if !value.is_empty() {
                details.insert(key.into(), value.into());
            }
        }
        self.details = Some(Box::new(Json::Object(details)));
        self
    }

    pub(crate) fn with_causes(mut self, causes: &[Cause]) -> Self {
        if let Some(Json::Object(details)) = self.details.as_deref_mut()
            && !causes.is_empty()
        {
            let list = causes.iter().map(|c| json!({"reason": c.reason, "message": c.message, "field": c.field}));
            details.insert("causes".into(), list.collect());
        }
        self
    }

    /// 404: `resource` is the plural name.
    pub fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {} not found", qualified(group, resource), quote(name));
        Self::new(404, "NotFound", message).about(group, resource, name)
    }

    /// 409 on create.
    pub fn already_exists(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {} already exists", qualified(group, resource), quote(name));
        Self::new(409, "AlreadyExists", message).about(group, resource, name)
    }

    /// 409: an outdated resourceVersion, or another precondition; `why` is the real server's sentence.
    pub fn conflict(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {}: {why}", qualified(group, resource), quote(name));
        Self::new(409, "Conflict", message).about(group, resource, name)
    }

    /// 409 of a server-side apply; `message` as Kubernetes words it.
    pub fn apply_conflict(message: impl Into<String>, causes: &[Cause]) -> Self {
        Self::new(409, "Conflict", message).about("", "", "").with_causes(causes)
    }

    /// 422: `kind` is the kind, not the plural name.
    pub fn invalid(group: &str, kind: &str, name: &str, causes: &[Cause]) -> Self {
        let mut said: Vec<String> = vec![];
        for cause in causes {
            let words = format!("{}: {}", cause.field, cause.message);
            // The same is said once, though it is a cause each time.
            if !said.contains(&words) {
                said.push(words);
            }
        }
        let said = if said.len() == 1 { said.concat() } else { format!("[{}]", said.join(", ")) };
        let message = format!("{} {} is invalid: {said}", qualified(group, kind), quote(name));
        Self::new(422, "Invalid", message).about(group, kind, name).with_causes(causes)
    }

    /// 400.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    /// 403 by an admission or a rule: `why` follows the object's name.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: &str) -> Self {
        let message = format!("{} {} is forbidden: {why}", qualified(group, resource), quote(name));
        Self::new(403, "Forbidden", message).about(group, resource, name)
    }

    /// The `Status` object.
    pub fn to_status(&self) -> Json {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
        });
        if let Json::Object(map) = &mut status {
            if !self.reason.is_empty() {
                map.insert("reason".into(), self.reason.into());
            }
            if let Some(details) = &self.details {
                map.insert("details".into(), Json::clone(details));
            }
            map.insert("code".into(), self.code.into());
        }
        status
    }
}

fn qualified(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}
