//! What is waited for of one object: a pure function of the object and what is known around it.

use serde_json::Value as Json;
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Error, Value};

use super::readiness::{self, Readiness, Related, Want};
use crate::fields::{condition, entry, int, is_going, is_stale, kind, list, reads, uid};
use crate::path::Path;

/// What is waited for of an object.
#[derive(Debug, Clone)]
pub(crate) enum Aim {
    Ready,
    Rollout,
    Condition(Wanted),
    Field { path: Path, value: Json },
    Exists,
    Deleted,
}

/// What is known of an object so far.
#[derive(Debug, Default)]
pub(crate) struct Sight<'a> {
    /// The object, if it is there.
    pub object: Option<&'a Json>,
    /// The first one of this name that was seen.
    pub first: Option<&'a Json>,
    /// What stands around it.
    pub related: Related<'a>,
}

impl Aim {
    /// How far it is.
    pub fn judge(&self, sight: &Sight<'_>) -> Readiness {
        let Some(object) = sight.object else {
            return match (self, sight.first) {
                (Aim::Deleted, Some(_)) => Readiness::ready("it is gone"),
                (Aim::Deleted, None) => Readiness::ready("there is none"),
                (_, Some(_)) => Readiness::not_yet("it was deleted while it was waited for"),
                (_, None) => Readiness::not_yet("it does not exist yet"),
            };
        };
        match self {
            Aim::Ready => readiness::of(object, &sight.related),
            Aim::Rollout => readiness::rollout(object, &sight.related)
                .unwrap_or_else(|| Readiness::hopeless("its kind has no rollouts")),
            Aim::Condition(wanted) => wanted.judge(object),
            Aim::Field { path, value } => judge_field(path, value, object),
            Aim::Exists => Readiness::ready("it exists"),
            Aim::Deleted if sight.first.is_some_and(|first| uid(first) != uid(object)) => {
                Readiness::ready("it is gone, and there is a new one of its name")
            }
            Aim::Deleted => Readiness::not_yet(why_still_there(object)),
        }
    }

    /// What must be known besides the object.
    pub fn wants(&self, object: Option<&Json>) -> &'static [Want] {
        match (self, object) {
            (Aim::Ready | Aim::Rollout, Some(object)) => readiness::wants(object),
            _ => &[],
        }
    }

    /// Whether blocked pods mean that it will not come about.
    pub fn needs_pods(&self) -> bool {
        match self {
            Aim::Ready | Aim::Rollout => true,
            Aim::Condition(wanted) => {
                wanted.status == "True"
                    && matches!(wanted.of_type.as_str(), "Available" | "Ready" | "Complete" | "ContainersReady")
            }
            Aim::Field { .. } | Aim::Exists | Aim::Deleted => false,
        }
    }

    /// What has not come about, in words that follow the object's name.
    pub fn missed(&self) -> String {
        match self {
            Aim::Ready => "is not ready".into(),
            Aim::Rollout => "is not rolled out".into(),
            Aim::Condition(wanted) => format!("does not have the condition {wanted}"),
            Aim::Field { path, value: Json::Null } => format!("still has the field {path}"),
            Aim::Field { path, value } => format!("does not have {path} = {}", short(value)),
            Aim::Exists => "does not exist".into(),
            Aim::Deleted => "is still there".into(),
        }
    }

    /// What will not come about, in words that follow the object's name.
    pub fn never(&self) -> String {
        match self {
            Aim::Ready => "will not become ready".into(),
            Aim::Rollout => "will not be rolled out".into(),
            Aim::Condition(wanted) => format!("will not have the condition {wanted}"),
            Aim::Field { path, value } => format!("will not have {path} = {}", short(value)),
            Aim::Exists => "will not exist".into(),
            Aim::Deleted => "will not go".into(),
        }
    }
}

fn judge_field(path: &Path, value: &Json, object: &Json) -> Readiness {
    match (path.find(object), value) {
        (None, Json::Null) => Readiness::ready(format!("{path} is not there")),
        (Some(found), wanted) if equal(found, wanted) => Readiness::ready(format!("{path} is {}", short(found))),
        (Some(found), _) => Readiness::not_yet(format!("{path} is {}", short(found))),
        (None, _) => Readiness::not_yet(format!("{path} is not there")),
    }
}

/// Equal in meaning: `1` and `1.0` are, and the text of a number or truth value is that number or truth value, as in
/// kubectl's `--for=jsonpath`.
fn equal(found: &Json, wanted: &Json) -> bool {
    match (found, wanted) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Number(_) | Json::Bool(_), Json::String(text)) => reads(found, text),
        (Json::String(text), Json::Number(_) | Json::Bool(_)) => reads(wanted, text),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| equal(a, b)))
        }
        _ => found == wanted,
    }
}

fn short(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn why_still_there(object: &Json) -> String {
    if !is_going(object) {
        return "nobody has deleted it".into();
    }
    let mut holders: Vec<String> =
        list(object, "/metadata/finalizers").iter().filter_map(|f| f.as_str().map(str::to_owned)).collect();
    holders.extend(list(object, "/spec/finalizers").iter().filter_map(|f| f.as_str().map(str::to_owned)));
    // What a namespace still holds stands in its conditions.
    let namespace = ["NamespaceContentRemaining", "NamespaceFinalizersRemaining", "NamespaceDeletionContentFailure"];
    let rest = namespace.iter().filter_map(|c| condition(object, c)).filter(|c| c.is_true()).map(|c| c.message);
    let rest: Vec<&str> = rest.filter(|m| !m.is_empty()).collect();
    match (holders.as_slice(), rest.as_slice()) {
        ([], []) => "it is being deleted".into(),
        (holders, []) => format!("it is being deleted; its finalizers hold it: {}", holders.join(", ")),
        (_, rest) => format!("it is being deleted: {}", rest.join("; ")),
    }
}

/// A condition and the status that it should have: `"Available"`, `"Ready=False"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    of_type: String,
    status: String,
}

impl Wanted {
    /// Reads a condition as scripts write it.
    ///
    /// # Errors
    /// Of kind `usage` if the type or the status is missing.
    pub fn parse(written: &str) -> Result<Self, Error> {
        let (of_type, status) = written.split_once('=').unwrap_or((written, "True"));
        let (of_type, status) = (of_type.trim(), status.trim());
        if of_type.is_empty() || status.is_empty() || of_type.contains(char::is_whitespace) {
            return Err(Error::usage(format!("{written:?} is no condition"))
                .hint("write its type, or type and status: \"Available\", \"Ready=False\""));
        }
        Ok(Self { of_type: of_type.to_owned(), status: status.to_owned() })
    }

    /// The same condition with a status that is given apart.
    ///
    /// # Errors
    /// Of kind `usage` if it has another status already.
    pub(crate) fn with_status(self, status: &str) -> Result<Self, Error> {
        if self.status != "True" && !self.status.eq_ignore_ascii_case(status) {
            return Err(Error::usage(format!("the condition {self} has its status twice: {status} as well")));
        }
        Self::parse(&format!("{}={status}", self.of_type))
    }

    fn judge(&self, object: &Json) -> Readiness {
        if ("Job", "batch") == kind(object)
            && self.of_type == "Complete"
            && let Some(failed) = condition(object, "Failed").filter(|c| c.is_true())
        {
            return Readiness::hopeless(format!("it has failed: {}", failed.words()));
        }
        let Some(found) = condition(object, &self.of_type) else {
            return Readiness::not_yet(format!("it has no condition {}{}", self.of_type, others(object)));
        };
        let old = found.generation.is_some_and(|seen| seen < int(object, "/metadata/generation").unwrap_or(0));
        let words = format!("{} is {}", self.of_type, found.status);
        if is_stale(object) || old {
            return Readiness::not_yet(format!("{words}, but its controller has not seen its latest change yet"));
        }
        if found.status.eq_ignore_ascii_case(&self.status) {
            return Readiness::Ready(words);
        }
        match (found.reason, found.message) {
            ("", "") => Readiness::NotYet(words),
            _ => Readiness::NotYet(format!("{words}: {}", found.words())),
        }
    }
}

fn others(object: &Json) -> String {
    let types: Vec<&str> = list(object, "/status/conditions").iter().filter_map(|c| c["type"].as_str()).collect();
    if types.is_empty() { String::new() } else { format!(" (it has: {})", types.join(", ")) }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.status.as_str() {
            "True" => f.write_str(&self.of_type),
            status => write!(f, "{}={status}", self.of_type),
        }
    }
}

impl FromValue for Wanted {
    fn expects() -> String {
        "a condition such as \"Available\" or \"Ready=False\"".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match &value {
            Value::Text(text) => Wanted::parse(text).map_err(Mismatch::Refused),
            _ => Err(Mismatch::sort(&value)),
        }
    }
}

/// The value of a label, for who looks for an object's own among others.
pub(crate) fn label<'a>(object: &'a Json, key: &str) -> Option<&'a str> {
    entry(object, "/metadata/labels", key)
}

#[cfg(test)]
mod tests;
