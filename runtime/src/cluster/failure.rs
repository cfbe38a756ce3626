//! What can go wrong with one request, and how it reads.

mod explain;

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use kube::client::AuthError;

use super::Json;
use super::fields::FieldPath;
use crate::error::{Error, Kind, Result};
use serde::Serialize;

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
    /// It was not sent: see [`Fence`](super::Fence).
    #[error("{0}")]
    NotLet(Error),
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

impl FieldConflict {
    /// The field as a path, to look it up in the object and in the intent, or to leave it out.
    ///
    /// # Errors
    /// If the server writes it in a way that is not known.
    pub fn path(&self) -> Result<FieldPath> {
        FieldPath::parse(&self.field)
    }
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
            Failure::Expired(_) | Failure::NotLet(_) => false,
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
        let mut credentials = None;
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
            if let Some(e) = error.downcast_ref::<AuthError>() {
                credentials.get_or_insert_with(|| credentials_fault(e));
            }
            last = error.to_string();
        });
        match credentials {
            Some(message) => {
                let source = Arc::new(std::io::Error::other(message.clone()));
                Failure::Transport { message, sent: false, lasting: true, source }
            }
            None => Failure::Transport { message: format!("the connection failed: {last}"), sent, lasting, source },
        }
    }

    /// The fields that others own, of a failed server-side apply.
    #[must_use]
    pub fn field_conflicts(&self) -> Vec<FieldConflict> {
        let causes = self.status().map(|s| s.causes.as_slice()).unwrap_or_default();
        let conflict = |c: &Cause| FieldConflict { manager: explain::manager_in(&c.message), field: c.field.clone() };
        causes.iter().filter(|c| c.reason == "FieldManagerConflict").map(conflict).collect()
    }

    pub(crate) fn into_error(self, subject: &Subject) -> Error {
        let error = match &self {
            Failure::NotLet(error) => error.clone().context(format!("cannot {} {}", subject.verb, subject.resource)),
            Failure::Status(status) => explain::status(status, &self, subject),
            Failure::Expired(_) => Error::new(
                Kind::Unavailable,
                format!("{}: the API server no longer has the history that was asked for", subject.resource),
            )
            .hint("read it again from the start"),
            Failure::Transport { message, lasting: true, .. } => explain::lasting(message, subject),
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

/// Why there are no credentials, in words of our own: kube's quote what the credential program printed, which may be the
/// credentials themselves. Only its last line on stderr is shown.
pub(super) fn credentials_fault(error: &AuthError) -> String {
    let what = match error {
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr);
            let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
            let last: String = last.chars().filter(|c| !c.is_control()).take(200).collect();
            let gap = if last.is_empty() { "" } else { ": " };
            format!("the program that gives them failed ({}){gap}{last}", out.status)
        }
        AuthError::AuthExecStart(e) => format!("the program that gives them cannot be run: {e}"),
        AuthError::ReadTokenFile(e, path) => format!("{} cannot be read: {e}", path.display()),
        AuthError::AuthExecParse(_)
        | AuthError::AuthExec(_)
        | AuthError::ParseTokenKey(_)
        | AuthError::ExecPluginFailed => "the program that gives them answered with something else".to_owned(),
        _ => "the kubeconfig's user is not complete".to_owned(),
    };
    format!("the credentials cannot be made: {what}")
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
mod tests;
