//! Short words for reading and writing parts of objects.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::Json;

/// Labels, or any other map of texts.
pub(crate) type Labels = BTreeMap<String, String>;

/// A list's items; none where there is no list.
pub(crate) fn items(value: &Json) -> &[Json] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// A text; empty where there is none.
pub(crate) fn text(value: &Json) -> &str {
    value.as_str().unwrap_or_default()
}

/// A number; 0 where there is none.
pub(crate) fn int(value: &Json) -> i64 {
    value.as_i64().unwrap_or_default()
}

/// A map of texts.
pub(crate) fn labels(value: &Json) -> Labels {
    let entries = value.as_object().into_iter().flatten();
    entries.map(|(key, value)| (key.clone(), text(value).to_owned())).collect()
}

/// Writes a value, and the objects around it where they are missing.
pub(crate) fn put(object: &mut Json, path: &[&str], value: impl Into<Json>) {
    let mut at = object;
    for key in path {
        if !at.is_object() {
            *at = json!({});
        }
        let Json::Object(map) = at else { return };
        at = map.entry(*key).or_insert(Json::Null);
    }
    *at = value.into();
}

/// Takes a value away.
pub(crate) fn take(object: &mut Json, path: &[&str]) -> Option<Json> {
    let (last, before) = path.split_last()?;
    let mut at = object;
    for key in before {
        at = at.get_mut(*key)?;
    }
    at.as_object_mut()?.remove(*last)
}

/// The list at a path, made where it is missing.
pub(crate) fn list_at<'a>(object: &'a mut Json, path: &[&str]) -> Option<&'a mut Vec<Json>> {
    let mut at = object;
    for key in path {
        if !at.is_object() {
            *at = json!({});
        }
        at = at.as_object_mut()?.entry(*key).or_insert(Json::Null);
    }
    if !at.is_array() {
        *at = json!([]);
    }
    at.as_array_mut()
}

/// A time as objects carry it: whole seconds.
pub(crate) fn stamp(time: Timestamp) -> String {
    let whole = Timestamp::from_second(time.as_second()).unwrap_or(time);
    whole.to_string()
}

/// The time an object carries.
pub(crate) fn time(value: &Json) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// How long it is from one time to a later one; 0 if it is not later.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> std::time::Duration {
    let span: SignedDuration = to.duration_since(from);
    std::time::Duration::try_from(span).unwrap_or_default()
}

/// A time some seconds later.
pub(crate) fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

/// A condition of a status.
pub(crate) fn condition<'a>(status: &'a Json, kind: &str) -> Option<&'a Json> {
    items(&status["conditions"]).iter().find(|c| c["type"] == kind)
}

/// Whether a condition is `True`.
pub(crate) fn is_true(status: &Json, kind: &str) -> bool {
    condition(status, kind).is_some_and(|c| c["status"] == "True")
}

/// Sets a condition as most controllers do: the transition's time changes only with the status. Says whether anything changed.
pub(crate) fn set_condition(
    status: &mut Json,
    kind: &str,
    value: &str,
    reason: &str,
    message: &str,
    now: Timestamp,
) -> bool {
    let mut new = json!({"type": kind, "status": value, "lastTransitionTime": stamp(now)});
    if !reason.is_empty() {
        put(&mut new, &["reason"], reason);
    }
    if !message.is_empty() {
        put(&mut new, &["message"], message);
    }
    place_condition(status, new)
}

/// Puts a condition in the place of its type; the transition's time stays where the status does.
pub(crate) fn place_condition(status: &mut Json, mut new: Json) -> bool {
    let Some(list) = list_at(status, &["conditions"]) else { return false };
    match list.iter_mut().find(|old| old["type"] == new["type"]) {
        Some(old) => {
            if old["status"] == new["status"] && !old["lastTransitionTime"].is_null() {
                put(&mut new, &["lastTransitionTime"], old["lastTransitionTime"].clone());
            }
            let changed = *old != new;
            *old = new;
            changed
        }
        None => {
            list.push(new);
            true
        }
    }
}

/// Takes a condition away.
pub(crate) fn drop_condition(status: &mut Json, kind: &str) {
    if let Some(list) = status.get_mut("conditions").and_then(Json::as_array_mut) {
        list.retain(|c| c["type"] != kind);
    }
}

/// A number, or a percentage of a whole, rounded up or down.
pub(crate) fn share(value: &Json, whole: i64, up: bool) -> i64 {
    match value {
        Json::Number(number) => number.as_i64().unwrap_or_default(),
        Json::String(said) => {
            let percent: i64 = said.trim_end_matches('%').parse().unwrap_or_default();
            let product = percent.saturating_mul(whole);
            if up { product.saturating_add(99).div_euclid(100) } else { product.div_euclid(100) }
        }
        _ => 0,
    }
}

/// An owner reference that makes its owner the controller.
pub(crate) fn controller_reference(owner: &Json) -> Json {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    })
}

/// A hash of a value that does not depend on the order of its keys.
pub(crate) fn hash(value: &Json, salt: Option<i64>) -> u32 {
    let mut state = 0x811c_9dc5;
    feed(&mut state, value);
    if let Some(salt) = salt {
        fnv(&mut state, &salt.to_le_bytes());
    }
    state
}

fn fnv(state: &mut u32, bytes: &[u8]) {
    for byte in bytes {
        *state = (*state ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    }
}

fn feed(state: &mut u32, value: &Json) {
    match value {
        Json::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            fnv(state, b"{");
            for key in keys {
                fnv(state, key.as_bytes());
                fnv(state, b":");
                feed(state, &map[key.as_str()]);
            }
            fnv(state, b"}");
        }
        Json::Array(list) => {
            fnv(state, b"[");
            for item in list {
                feed(state, item);
                fnv(state, b",");
            }
            fnv(state, b"]");
        }
        other => fnv(state, other.to_string().as_bytes()),
    }
}

/// A number as Kubernetes puts it into names: without vowels and what looks like them.
pub(crate) fn safe_name(number: u32) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let digits = number.to_string();
    digits.bytes().map(|digit| char::from(LETTERS[digit as usize % LETTERS.len()])).collect()
}

/// Hexadecimal digits of one's own choosing, such as a container's id.
pub(crate) fn hex(numbers: &[u64]) -> String {
    numbers.iter().map(|number| format!("{number:016x}")).collect()
}
