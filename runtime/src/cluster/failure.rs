//! What can go wrong with one request, and how it reads.

use std::error::Error as StdError;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::json;

use super::Json;
use crate::error::{Error, Kind};

/// Why a request failed. It is kept as the source of the [`Error`] that leaves this module: see [`Failure::of`].
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The API server's own answer.
    #[error("the API server answered {}: {}", .0.code, .0.message)]
    Status(Box<ApiStatus>),
    /// The history asked for is gone (410): list again.
    #[error("the API server no longer has that history: {0}")]
    Expired(String),
    /// The connection failed.
    #[error("{message}")]
    Transport {
        /// What happened, in words.
        message: String,
        /// Whether the request may have reached the server.
        sent: bool,
        /// Whether trying again can help at all; a certificate that is not trusted stays so.
        lasting: bool,
        /// What the connection reported.
        #[source]
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// No answer came in time. A write may have been done.
    #[error("no answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// The answer is not what the API promises.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

/// The API's `Status` object, as far as it is of use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApiStatus {
    /// The HTTP status code.
    pub code: u16,
    /// The machine-readable reason, such as `NotFound`.
    pub reason: String,
    /// What the server says.
    pub message: String,
    /// The name of what it is about, where the server names it.
    pub name: String,
    /// The plural or kind of what it is about.
    pub kind: String,
    /// The single causes.
    pub causes: Vec<Cause>,
    /// How long the server asks to wait.
    pub retry_after: Option<Duration>,
}

/// One cause in a [`ApiStatus`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cause {
    /// Machine-readable, such as `FieldValueInvalid`.
    pub reason: String,
    /// What the server says.
    pub message: String,
    /// The field it is about.
    pub field: String,
}

/// A field that somebody else owns, as server-side apply reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldConflict {
    /// The field manager that owns it.
    pub manager: String,
    /// The field, as the server writes it: `.spec.template.spec.containers[name="web"].image`.
    pub field: String,
}

/// What a request was about, for its messages.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub verb: &'static str,
    /// `Deployment/web in shop`, or `deployments in shop`.
    pub resource: String,
    /// `deployments.apps`.
    pub group_resource: String,
    pub namespace: Option<String>,
    /// Whether one object is meant.
    pub single: bool,
    pub cluster: String,
}

impl Failure {
    /// The failure behind an error of this module, for callers that need to know more than its kind.
    #[must_use]
    pub fn of(error: &Error) -> Option<&Failure> {
        StdError::source(error).and_then(|source| source.downcast_ref::<Failure>())
    }

    /// The API server's answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<&ApiStatus> {
        match self {
            Failure::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Whether the object or collection itself is missing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.status().is_some_and(|s| s.code == 404)
    }

    /// Whether the change may have been done although no answer says so.
    #[must_use]
    pub fn is_unknown_outcome(&self) -> bool {
        match self {
            Failure::Transport { sent, .. } => *sent,
            Failure::Silent(_) | Failure::Unreadable(_) => true,
            Failure::Status(status) => status.code == 504 || status.reason == "Timeout",
            Failure::Expired(_) => false,
        }
    }

    /// From a kube error: one of the connection, since answers are read here.
    pub(crate) fn from_kube(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => {
                Self::from_status(&serde_json::to_value(&*status).unwrap_or_default(), status.code, None)
            }
            kube::Error::Service(source) => Self::from_transport(Arc::from(source)),
            other => Self::from_transport(Arc::new(other)),
        }
    }

    /// From an answer's body with an error's status code, or a watch's error event.
    pub(crate) fn from_status(body: &Json, code: u16, retry_after: Option<Duration>) -> Self {
        let text = |pointer: &str| body.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
        let code = body.get("code").and_then(Json::as_u64).and_then(|c| u16::try_from(c).ok()).unwrap_or(code);
        let causes = body.pointer("/details/causes").and_then(Json::as_array).map_or_else(Vec::new, |causes| {
            let part = |c: &Json, key: &str| c.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
            let read =
                |c: &Json| Cause { reason: part(c, "reason"), message: part(c, "message"), field: part(c, "field") };
            causes.iter().map(read).collect()
        });
        let asked = body.pointer("/details/retryAfterSeconds").and_then(Json::as_u64).map(Duration::from_secs);
        let status = ApiStatus {
            code,
            reason: text("/reason"),
            message: text("/message"),
            name: text("/details/name"),
            kind: text("/details/kind"),
            causes,
            retry_after: retry_after.or(asked),
        };
        if code == 410 || status.reason == "Expired" || status.reason == "Gone" {
            return Failure::Expired(status.message);
        }
        Failure::Status(Box::new(status))
    }

    pub(crate) fn from_transport(source: Arc<dyn StdError + Send + Sync>) -> Self {
        let mut sent = true;
        let mut lasting = false;
        let mut last = String::new();
        let mut credentials = false;
        walk(source.as_ref(), &mut |error| {
            if let Some(e) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
                sent &= !e.is_connect();
            }
            if let Some(e) = error.downcast_ref::<std::io::Error>() {
                sent &= e.kind() != std::io::ErrorKind::ConnectionRefused;
            }
            if let Some(e) = error.downcast_ref::<rustls::Error>() {
                lasting |= matches!(
                    e,
                    rustls::Error::InvalidCertificate(_)
                        | rustls::Error::AlertReceived(_)
                        | rustls::Error::NoCertificatesPresented
                        | rustls::Error::PeerIncompatible(_)
                );
            }
            if error.is::<kube::client::AuthError>() {
                (sent, lasting, credentials) = (false, true, true);
            }
            last = error.to_string();
        });
        let what = if credentials { "the credentials could not be made" } else { "the connection failed" };
        Failure::Transport { message: format!("{what}: {last}"), sent, lasting, source }
    }

    /// The fields that others own, of a failed server-side apply.
    #[must_use]
    pub fn field_conflicts(&self) -> Vec<FieldConflict> {
        let causes = self.status().map(|s| s.causes.as_slice()).unwrap_or_default();
        let conflict = |c: &Cause| FieldConflict { manager: manager_in(&c.message), field: c.field.clone() };
        causes.iter().filter(|c| c.reason == "FieldManagerConflict").map(conflict).collect()
    }

    pub(crate) fn into_error(self, subject: &Subject) -> Error {
        let error = match &self {
            Failure::Status(status) => status_error(status, &self, subject),
            Failure::Expired(_) => Error::new(
                Kind::Unavailable,
                format!("{}: the API server no longer has the history that was asked for", subject.resource),
            )
            .hint("read it again from the start"),
            Failure::Transport { message, lasting: true, .. } => transport_error(message, subject),
            Failure::Transport { message, sent, .. } => {
                let done = if *sent && subject.writes() { "; it may have been done" } else { "" };
                Error::new(
                    Kind::Unavailable,
                    format!(
                        "cannot {} {}: cluster {}: {message}{done}",
                        subject.verb, subject.resource, subject.cluster
                    ),
                )
                .hint("is the API server up, and reachable from here?")
            }
            Failure::Silent(_) => {
                let done = if subject.writes() { "; it may have been done" } else { "" };
                Error::new(
                    Kind::Unavailable,
                    format!("cannot {} {}: cluster {}: {self}{done}", subject.verb, subject.resource, subject.cluster),
                )
                .hint("is the API server overloaded, or the connection cut?")
            }
            Failure::Unreadable(_) => Error::new(
                Kind::Unavailable,
                format!("cannot {} {}: cluster {}: {self}", subject.verb, subject.resource, subject.cluster),
            )
            .hint("is a proxy or a captive portal answering in the API server's place?"),
        };
        error.resource(&subject.resource).source(self)
    }
}

impl Subject {
    fn writes(&self) -> bool {
        !matches!(self.verb, "get" | "list" | "watch" | "read")
    }
}

fn transport_error(message: &str, subject: &Subject) -> Error {
    let error = Error::new(
        Kind::Unavailable,
        format!("cannot {} {}: cluster {}: {message}", subject.verb, subject.resource, subject.cluster),
    );
    if message.contains("credentials") {
        error.hint("the context's credentials need renewing: see its user in the kubeconfig")
    } else {
        error.hint(
            "the server's certificate must be signed by the kubeconfig's certificate-authority and name the address that is used",
        )
    }
}

fn status_error(status: &ApiStatus, failure: &Failure, subject: &Subject) -> Error {
    let Subject { verb, resource, cluster, .. } = subject;
    let said = if status.message.is_empty() { format!("status {}", status.code) } else { status.message.clone() };
    match (status.code, status.reason.as_str()) {
        (401, _) => Error::new(Kind::Forbidden, format!("cluster {cluster} does not accept the credentials (401)"))
            .hint("renew them: has the token or the client certificate of this context expired?"),
        (403, _) if status.causes.iter().any(|c| c.reason == "NamespaceTerminating") => {
            Error::new(Kind::Rejected, format!("cannot {verb} {resource}: its namespace is being deleted"))
                .hint("wait until it is gone (wait::deleted), then make it anew")
        }
        (403, _) => match access_refused(&said) {
            Some(user) => {
                let place = subject.namespace.as_deref().map_or(String::new(), |n| format!(" -n {n}"));
                let verb = if *verb == "apply" { "patch" } else { verb };
                Error::new(Kind::Forbidden, format!("user {user} may not {verb} {resource} in cluster {cluster}")).hint(
                    format!(
                        "ask for the right, then check it: kubectl auth can-i {verb} {}{place}",
                        subject.group_resource
                    ),
                )
            }
            None => Error::new(Kind::Rejected, format!("the cluster refuses to {verb} {resource}: {said}")),
        },
        (404, _) if status.name.is_empty() && status.kind.is_empty() => {
            Error::new(Kind::NotFound, format!("cluster {cluster} does not serve {}", subject.group_resource))
                .hint("is the CustomResourceDefinition or the API that it comes from still there?")
        }
        (404, _) if status.kind == "namespaces" && subject.group_resource != "namespaces" => {
            Error::new(Kind::NotFound, format!("cannot {verb} {resource}: there is no namespace {}", status.name))
                .hint(format!("make it first: cluster::namespace(\"{}\")", status.name))
        }
        (404, _) if subject.single => Error::new(Kind::NotFound, format!("there is no {resource}")),
        (404, _) => Error::new(Kind::NotFound, format!("cannot {verb} {resource}: {said}")),
        (409, "AlreadyExists") => Error::new(Kind::AlreadyExists, format!("{resource} exists already")),
        (409, _) => conflict_error(failure, &said, subject),
        (400 | 405 | 406 | 413 | 415 | 422, _) => rejected(status, &said, subject),
        // Server-side apply says so of an object that does not fit its schema.
        (500, _) if said.starts_with(UNTYPED) => rejected(status, &said, subject),
        (429, _) => Error::new(Kind::Unavailable, format!("cannot {verb} {resource}: cluster {cluster}: {said}"))
            .hint("the API server is limiting requests; try again later"),
        _ => {
            let error = Error::new(Kind::Unavailable, format!("cannot {verb} {resource}: cluster {cluster}: {said}"));
            if said.contains("webhook") {
                error.hint("an admission webhook does not answer: look at its Service and its pods")
            } else {
                error.hint("look at the API server's own log")
            }
        }
    }
}

fn conflict_error(failure: &Failure, said: &str, subject: &Subject) -> Error {
    let resource = &subject.resource;
    let conflicts = failure.field_conflicts();
    if conflicts.is_empty() {
        let text = if said.contains("object has been modified") || said.contains("Precondition failed") {
            format!("{resource} has been changed since it was read")
        } else {
            format!("cannot {} {resource}: {said}", subject.verb)
        };
        return Error::new(Kind::Conflict, text).hint("read it again, and decide anew");
    }
    let mut text = format!("{resource}: ");
    for (index, conflict) in conflicts.iter().enumerate() {
        let gap = if index == 0 { "" } else { ", " };
        let _ = write!(text, "{gap}{} belongs to {}", conflict.field, conflict.manager);
    }
    Error::new(Kind::Conflict, text)
        .hint("conflicts: \"take\" takes the fields over, \"leave\" leaves them as they are")
        .details(json!({ "conflicts": conflicts }))
}

fn rejected(status: &ApiStatus, said: &str, subject: &Subject) -> Error {
    let line = |c: &Cause| if c.field.is_empty() { c.message.clone() } else { format!("{}: {}", c.field, c.message) };
    let mut lines: Vec<String> = status.causes.iter().map(line).collect();
    if lines.is_empty() {
        lines = listed_faults(said);
    }
    let head = format!("the cluster rejects {}", subject.resource);
    let message = match lines.as_slice() {
        [] => format!("{head}: {said}"),
        [one] => format!("{head}: {one}"),
        many => many.iter().fold(format!("{head}:"), |text, line| text + "\n  - " + line.as_str()),
    };
    Error::new(Kind::Rejected, message).details(json!({ "causes": lines }))
}

const UNTYPED: &str = "failed to create typed patch object";

/// The single faults that a message lists, in the forms of strict decoding and of server-side apply.
fn listed_faults(said: &str) -> Vec<String> {
    if let Some((_, list)) = said.split_once("strict decoding error: ") {
        return list.split(", ").map(str::to_owned).collect();
    }
    let Some((_, list)) = said.strip_prefix(UNTYPED).and_then(|rest| rest.split_once("): ")) else { return Vec::new() };
    let list = list.strip_prefix("errors:").unwrap_or(list);
    list.lines().map(str::trim).filter(|l| !l.is_empty()).map(without_go).collect()
}

/// `got &value.valueUnstructured{Value:map[string]interface {}{…}}`, as the server's own types print.
fn without_go(fault: &str) -> String {
    match fault.split_once(", got &value.valueUnstructured{Value:") {
        Some((head, value)) if value.starts_with("map[") => format!("{head}, got a map"),
        Some((head, _)) => format!("{head}, got a list"),
        None => fault.to_owned(),
    }
}

/// The user in `deployments.apps "web" is forbidden: User "jane" cannot patch resource "deployments" …`, the words of
/// the API server's authorizer; admission rules use others.
fn access_refused(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("User \"")?;
    let (user, rest) = rest.split_once('"')?;
    rest.trim_start().starts_with("cannot ").then_some(user)
}

/// The manager in `conflict with "kubectl" using apps/v1 at …`.
fn manager_in(message: &str) -> String {
    let name = message.split_once("conflict with \"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name);
    name.unwrap_or(message).to_owned()
}

/// Visits an error and all that caused it. What an `io::Error` wraps is no `source()` of it, hence `get_ref`.
fn walk(error: &(dyn StdError + 'static), visit: &mut dyn FnMut(&(dyn StdError + 'static))) {
    visit(error);
    let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match inner {
        Some(inner) => walk(inner, visit),
        None => {
            if let Some(source) = error.source() {
                walk(source, visit);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(verb: &'static str) -> Subject {
        Subject {
            verb,
            resource: "Deployment/web in shop".into(),
            group_resource: "deployments.apps".into(),
            namespace: Some("shop".into()),
            single: true,
            cluster: "prod".into(),
        }
    }

    #[allow(clippy::needless_pass_by_value, reason = "the bodies are built in the calls")]
    fn error(verb: &'static str, body: Json) -> Error {
        Failure::from_status(&body, 500, None).into_error(&subject(verb))
    }

    #[test]
    fn a_refused_right_names_verb_resource_and_user() {
        let e = error(
            "apply",
            json!({"code": 403, "reason": "Forbidden", "message":
            "deployments.apps \"web\" is forbidden: User \"jane\" cannot patch resource \"deployments\" in API group \"apps\" in the namespace \"shop\""}),
        );
        assert_eq!(e.kind(), Kind::Forbidden);
        assert_eq!(e.message(), "user jane may not patch Deployment/web in shop in cluster prod");
        assert!(e.hint_text().unwrap().contains("can-i patch deployments.apps -n shop"));
    }

    #[test]
    fn admission_that_says_forbidden_is_a_rejection() {
        let e = error(
            "create",
            json!({"code": 403, "reason": "Forbidden", "message":
            "pods \"web\" is forbidden: exceeded quota: small"}),
        );
        assert_eq!(e.kind(), Kind::Rejected);
        assert!(e.message().contains("exceeded quota"));
    }

    #[test]
    fn conflicts_of_server_side_apply_name_manager_and_field() {
        let e = error(
            "apply",
            json!({"code": 409, "reason": "Conflict", "message": "Apply failed with 2 conflicts", "details": {"causes": [
            {"reason": "FieldManagerConflict", "message": "conflict with \"kubectl-scale\" with subresource \"scale\" using apps/v1", "field": ".spec.replicas"},
            {"reason": "FieldManagerConflict", "message": "conflict with \"helm\" using apps/v1 at 2026-01-01T00:00:00Z", "field": ".spec.template.spec.containers[name=\"web\"].image"}]}}),
        );
        assert_eq!(e.kind(), Kind::Conflict);
        let conflicts = Failure::of(&e).unwrap().field_conflicts();
        assert_eq!(conflicts[0], FieldConflict { manager: "kubectl-scale".into(), field: ".spec.replicas".into() });
        assert_eq!(conflicts[1].manager, "helm");
        assert_eq!(e.detail_value().unwrap().pointer("/conflicts/1/manager").unwrap(), "helm");
    }

    #[test]
    fn causes_stand_on_lines_of_their_own() {
        let e = error(
            "apply",
            json!({"code": 422, "reason": "Invalid", "message": "…", "details": {"causes": [
            {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector"},
            {"reason": "FieldValueInvalid", "message": "Invalid value: -1", "field": "spec.replicas"}]}}),
        );
        assert_eq!(e.kind(), Kind::Rejected);
        assert_eq!(
            e.message(),
            "the cluster rejects Deployment/web in shop:\n  - spec.selector: Required value\n  - spec.replicas: Invalid value: -1"
        );
        let e = error(
            "create",
            json!({"code": 400, "reason": "BadRequest", "message":
            "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.a\", unknown field \"spec.b\""}),
        );
        assert!(e.message().ends_with(":\n  - unknown field \"spec.a\"\n  - unknown field \"spec.b\""), "{e}");
    }

    #[test]
    fn an_apply_that_does_not_fit_the_schema_is_a_rejection_and_not_the_servers_fault() {
        let e = error(
            "apply",
            json!({"code": 500, "message": "failed to create typed patch object (/web; apps/v1, Kind=Deployment): errors:\n  \
                .spec.replicas: expected numeric (int or float), got string\n  .spec.template.spec.containers: duplicate entries for key [name=\"c\"]"}),
        );
        assert_eq!(e.kind(), Kind::Rejected);
        assert_eq!(
            e.message(),
            "the cluster rejects Deployment/web in shop:\n  - .spec.replicas: expected numeric (int or float), got string\n  \
             - .spec.template.spec.containers: duplicate entries for key [name=\"c\"]"
        );
        let e = error(
            "apply",
            json!({"code": 500, "message": "failed to create typed patch object (/web; apps/v1, Kind=Deployment): \
                .spec.x.image: expected string, got &value.valueUnstructured{Value:map[string]interface {}{}}"}),
        );
        assert_eq!(
            e.message(),
            "the cluster rejects Deployment/web in shop: .spec.x.image: expected string, got a map"
        );
    }

    #[test]
    fn missing_things_are_told_apart() {
        let e =
            error("get", json!({"code": 404, "reason": "NotFound", "details": {"name": "web", "kind": "deployments"}}));
        assert_eq!(e.message(), "there is no Deployment/web in shop");
        let e = error(
            "create",
            json!({"code": 404, "reason": "NotFound", "details": {"name": "shop", "kind": "namespaces"}}),
        );
        assert!(e.message().contains("there is no namespace shop"));
        let e = error(
            "list",
            json!({"code": 404, "reason": "NotFound", "message": "the server could not find the requested resource"}),
        );
        assert_eq!(e.message(), "cluster prod does not serve deployments.apps");
    }

    #[test]
    fn gone_is_expired_and_an_outdated_version_a_conflict() {
        assert!(matches!(
            Failure::from_status(&json!({"code": 410, "reason": "Expired"}), 200, None),
            Failure::Expired(_)
        ));
        let e = error(
            "update",
            json!({"code": 409, "reason": "Conflict", "message":
            "Operation cannot be fulfilled on deployments.apps \"web\": the object has been modified; please apply your changes"}),
        );
        assert_eq!(e.kind(), Kind::Conflict);
        assert_eq!(e.message(), "Deployment/web in shop has been changed since it was read");
    }

    #[test]
    fn a_refused_connection_was_not_sent_and_a_reset_one_may_have_been() {
        let io = |kind| Failure::from_transport(Arc::new(std::io::Error::from(kind)));
        assert!(matches!(io(std::io::ErrorKind::ConnectionRefused), Failure::Transport { sent: false, .. }));
        assert!(matches!(
            io(std::io::ErrorKind::ConnectionReset),
            Failure::Transport { sent: true, lasting: false, .. }
        ));
        let tls = std::io::Error::other(rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer));
        assert!(matches!(Failure::from_transport(Arc::new(tls)), Failure::Transport { lasting: true, .. }));
    }
}
