//! How failures read: what happened, with which object, what to do.

use std::fmt::Write as _;

use serde_json::json;

use super::{ApiStatus, Cause, Failure, Subject};
use crate::error::{Error, Kind};

pub(super) fn lasting(message: &str, subject: &Subject) -> Error {
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

pub(super) fn status(status: &ApiStatus, failure: &Failure, subject: &Subject) -> Error {
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
    let unquoted = |line: &String| {
        line.split_once("expected string, got ").is_some_and(|(_, what)| [A_BOOLEAN, A_NUMBER].contains(&what))
    };
    let error = Error::new(Kind::Rejected, message);
    let error = match lines.iter().any(unquoted) {
        true => error.hint("put it in quotes: without them, 5 is a number, and true, yes and on are booleans"),
        false => error,
    };
    error.details(json!({ "causes": lines }))
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
    let Some((head, value)) = fault.split_once(", got &value.valueUnstructured{Value:") else {
        return fault.to_owned();
    };
    let what = match value {
        _ if value.starts_with("map[") => "a map",
        _ if value.starts_with('[') => "a list",
        "true}" | "false}" => A_BOOLEAN,
        _ => A_NUMBER,
    };
    format!("{head}, got {what}")
}

const A_BOOLEAN: &str = "a boolean";
const A_NUMBER: &str = "a number";

/// The user in `deployments.apps "web" is forbidden: User "jane" cannot patch resource "deployments" …`, the words of
/// the API server's authorizer; admission rules use others.
fn access_refused(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("User \"")?;
    let (user, rest) = rest.split_once('"')?;
    rest.trim_start().starts_with("cannot ").then_some(user)
}

/// The manager in `conflict with "kubectl" using apps/v1 at …`.
pub(super) fn manager_in(message: &str) -> String {
    let name = message.split_once("conflict with \"").and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name);
    name.unwrap_or(message).to_owned()
}
