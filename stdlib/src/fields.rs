//! Looking into objects as the API sends them.

use serde_json::Value as Json;

/// The text at a JSON pointer.
pub(crate) fn text<'a>(object: &'a Json, pointer: &str) -> Option<&'a str> {
    object.pointer(pointer).and_then(Json::as_str).filter(|t| !t.is_empty())
}

/// The whole number at a JSON pointer.
pub(crate) fn int(object: &Json, pointer: &str) -> Option<i64> {
    object.pointer(pointer).and_then(Json::as_i64)
}

/// The list at a JSON pointer; empty if there is none.
pub(crate) fn list<'a>(object: &'a Json, pointer: &str) -> &'a [Json] {
    object.pointer(pointer).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// The object's name.
pub(crate) fn name(object: &Json) -> &str {
    text(object, "/metadata/name").unwrap_or_default()
}

/// The object's uid.
pub(crate) fn uid(object: &Json) -> &str {
    text(object, "/metadata/uid").unwrap_or_default()
}

/// Its kind and group.
pub(crate) fn kind(object: &Json) -> (&str, &str) {
    let group = text(object, "/apiVersion").and_then(|v| v.split_once('/')).map_or("", |(group, _)| group);
    (text(object, "/kind").unwrap_or_default(), group)
}

/// Whether it is marked for deletion.
pub(crate) fn is_going(object: &Json) -> bool {
    text(object, "/metadata/deletionTimestamp").is_some()
}

/// Whether `owner` is the uid of the controller that the object belongs to.
pub(crate) fn is_controlled_by(object: &Json, owner: &str) -> bool {
    list(object, "/metadata/ownerReferences")
        .iter()
        .any(|r| text(r, "/uid") == Some(owner) && r.get("controller").and_then(Json::as_bool).unwrap_or(false))
}

/// A label's or an annotation's value.
pub(crate) fn entry<'a>(object: &'a Json, map: &str, key: &str) -> Option<&'a str> {
    object.pointer(map).and_then(|m| m.get(key)).and_then(Json::as_str)
}

/// When an event happened last.
pub(crate) fn event_time(event: &Json) -> Option<&str> {
    ["/series/lastObservedTime", "/lastTimestamp", "/eventTime", "/firstTimestamp", "/metadata/creationTimestamp"]
        .into_iter()
        .find_map(|pointer| text(event, pointer))
}

/// A condition of an object's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Condition<'a> {
    /// `True`, `False`, `Unknown`, or whatever the controller wrote.
    pub status: &'a str,
    pub reason: &'a str,
    pub message: &'a str,
    /// The generation that it speaks of, where it says so.
    pub generation: Option<i64>,
}

impl Condition<'_> {
    pub fn is_true(self) -> bool {
        self.status == "True"
    }

    pub fn is_false(self) -> bool {
        self.status == "False"
    }

    /// Reason and message, as far as there are any: `MinimumReplicasUnavailable: …`.
    pub fn words(self) -> String {
        match (self.reason, self.message) {
            ("", "") => self.status.to_owned(),
            (reason, "") => reason.to_owned(),
            ("", message) => message.to_owned(),
            (reason, message) => format!("{reason}: {message}"),
        }
    }
}

/// The condition of this type.
pub(crate) fn condition<'a>(object: &'a Json, of_type: &str) -> Option<Condition<'a>> {
    let found = list(object, "/status/conditions").iter().find(|c| text(c, "/type") == Some(of_type))?;
    Some(Condition {
        status: text(found, "/status").unwrap_or_default(),
        reason: text(found, "/reason").unwrap_or_default(),
        message: text(found, "/message").unwrap_or_default(),
        generation: int(found, "/observedGeneration"),
    })
}

/// Whether the condition of this type is `True`.
pub(crate) fn holds(object: &Json, of_type: &str) -> bool {
    condition(object, of_type).is_some_and(Condition::is_true)
}

/// Whether a value, written out, is this text: the number `3` is the text `3`.
pub(crate) fn reads(value: &Json, text: &str) -> bool {
    let written = value.to_string();
    written == text
}

/// Whether the controller has not yet seen the object as it is now, by its own account.
pub(crate) fn is_stale(object: &Json) -> bool {
    let seen = int(object, "/status/observedGeneration");
    matches!((int(object, "/metadata/generation"), seen), (Some(now), Some(seen)) if seen < now)
}
