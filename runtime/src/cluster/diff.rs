//! What differs between two states of an object, by path.
//!
//! What the server keeps for itself is left out, and the values of a Secret never show: not their content, not their
//! length, not a hash.

mod render;

use std::fmt;

use serde::Serialize;

use super::Json;
use super::fields::{FieldPath, Segment};
use super::ownership::{EDITED_ANNOTATION, INTENT_ANNOTATION, is_secret};

/// What stands in the place of a Secret's values.
pub const HIDDEN: &str = "(hidden)";

/// How the elements of a list are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListType {
    /// By the values of these fields.
    Keyed(Vec<String>),
    /// Each value stands for itself, in no order.
    Set,
    /// The list is one value.
    Atomic,
    /// It is not known.
    Unknown,
}

/// Whoever knows the types of lists: a schema, or nobody ([`Guess`]).
pub trait ListTypes {
    /// The type of the list at `path`.
    fn list_type(&self, path: &FieldPath) -> ListType;
}

/// Knows no list; elements that all have a `name` of their own are told apart by it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Guess;

impl ListTypes for Guess {
    fn list_type(&self, _: &FieldPath) -> ListType {
        ListType::Unknown
    }
}

/// One difference. A Secret's values are [`HIDDEN`] in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Where. The root for an object that is created or deleted.
    pub path: FieldPath,
    /// What stood there; none if nothing did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    /// What stands there now; none if nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Json>,
}

/// What differs between two states of an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Diff {
    changes: Vec<Change>,
    before: String,
    after: String,
}

impl Diff {
    /// Compares two states; none stands for an object that is not there.
    #[must_use]
    pub fn between(before: Option<&Json>, after: Option<&Json>, lists: &dyn ListTypes) -> Self {
        let secret = before.is_some_and(is_secret) || after.is_some_and(is_secret);
        let (before, after) = (before.map(relevant), after.map(relevant));
        let mut changes = Vec::new();
        match (&before, &after) {
            (Some(before), Some(after)) => compare(before, after, &FieldPath::root(), lists, &mut changes),
            (None, None) => {}
            (before, after) => {
                changes.push(Change { path: FieldPath::root(), before: before.clone(), after: after.clone() });
            }
        }
        let shown = |state: Option<&Json>, other: Option<&Json>, mark: &str| {
            state.map_or_else(String::new, |s| {
                render::yaml(&if secret { render::without_values(s, other, mark) } else { s.clone() })
            })
        };
        let (text_before, text_after) =
            (shown(before.as_ref(), after.as_ref(), ""), shown(after.as_ref(), before.as_ref(), render::MARK));
        if secret {
            changes.iter_mut().for_each(render::hide);
        }
        Self { changes, before: text_before, after: text_after }
    }

    /// The differences, in the order of the fields.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Whether nothing differs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// One line a difference: `spec.replicas: 1 → 3`.
    #[must_use]
    pub fn short(&self) -> String {
        self.changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// The two states as YAML, line by line, with three lines around each difference, as `diff -u` shows it.
    #[must_use]
    pub fn unified(&self) -> String {
        render::unified(&self.before, &self.after)
    }
}

impl Serialize for Diff {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.changes.serialize(serializer)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.to_string();
        let path = path.strip_prefix('.').unwrap_or(&path);
        match (&self.before, &self.after) {
            (None, Some(_)) if self.path.is_root() => f.write_str("created"),
            (Some(_), None) if self.path.is_root() => f.write_str("deleted"),
            (Some(before), Some(after)) if before == HIDDEN && after == HIDDEN => write!(f, "{path}: changed {HIDDEN}"),
            (Some(Json::Array(before)), Some(Json::Array(after)))
                if before.len() == after.len() && before.iter().all(|e| after.contains(e)) =>
            {
                write!(f, "{path}: in another order")
            }
            (Some(before), Some(after)) => write!(f, "{path}: {} → {}", render::brief(before), render::brief(after)),
            (None, Some(after)) => write!(f, "{path}: added {}", render::brief(after)),
            (Some(before), None) => write!(f, "{path}: removed {}", render::brief(before)),
            (None, None) => f.write_str(path),
        }
    }
}

impl Change {
    /// The change as it may be told by who has not read the secrets of a run, which can be in any text of an object, and
    /// so cannot mask them: with numbers of replicas, images, and what is true or false, and [`HIDDEN`] for the rest.
    #[must_use]
    pub fn guarded(&self) -> Self {
        let is_replicas = self.path == FieldPath::of(["spec", "replicas"]);
        let is_image = match self.path.segments() {
            [.., Segment::Field(list), Segment::Key(_), Segment::Field(field)] => {
                matches!(list.as_str(), "containers" | "initContainers") && field == "image"
            }
            _ => false,
        };
        let guard =
            |value: &Json| if value.is_boolean() || is_replicas || is_image { value.clone() } else { HIDDEN.into() };
        Self { path: self.path.clone(), before: self.before.as_ref().map(guard), after: self.after.as_ref().map(guard) }
    }
}

/// The differences between two states in full, a Secret's values included: for acting on, never for showing.
pub(super) fn changes_in_full(before: &Json, after: &Json, lists: &dyn ListTypes) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(before, after, &FieldPath::root(), lists, &mut changes);
    changes
}

/// An object without what the server keeps for itself, its status, and our own notes.
#[must_use]
pub fn relevant(object: &Json) -> Json {
    let mut object = content(object);
    for annotation in [INTENT_ANNOTATION, EDITED_ANNOTATION] {
        FieldPath::of(["metadata", "annotations", annotation]).remove(&mut object);
    }
    object
}

/// An object without what the server keeps for itself and its status.
pub(super) fn content(object: &Json) -> Json {
    let mut object = object.clone();
    if let Some(fields) = object.as_object_mut() {
        fields.shift_remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        for name in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink"] {
            metadata.shift_remove(name);
        }
    }
    object
}

fn compare(before: &Json, after: &Json, path: &FieldPath, lists: &dyn ListTypes, into: &mut Vec<Change>) {
    if before == after {
        return;
    }
    match (before, after) {
        (Json::Object(old), Json::Object(new)) => {
            for (name, before) in old {
                match new.get(name) {
                    Some(after) => compare(before, after, &path.field(name), lists, into),
                    None => into.push(Change { path: path.field(name), before: Some(before.clone()), after: None }),
                }
            }
            for (name, after) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
                into.push(Change { path: path.field(name), before: None, after: Some(after.clone()) });
            }
        }
        (Json::Array(old), Json::Array(new)) => match pairing(old, new, lists.list_type(path)) {
            Some(identify) => compare_elements((old, new), path, &*identify, lists, into),
            None => into.push(whole(before, after, path)),
        },
        _ => into.push(whole(before, after, path)),
    }
}

fn whole(before: &Json, after: &Json, path: &FieldPath) -> Change {
    Change { path: path.clone(), before: Some(before.clone()), after: Some(after.clone()) }
}

fn compare_elements(
    (old, new): (&[Json], &[Json]),
    path: &FieldPath,
    identify: &dyn Fn(usize, &Json) -> Segment,
    lists: &dyn ListTypes,
    into: &mut Vec<Change>,
) {
    let named = |list: &[Json]| -> Vec<Segment> { list.iter().enumerate().map(|(i, e)| identify(i, e)).collect() };
    let (old_names, new_names) = (named(old), named(new));
    let count = into.len();
    for (name, before) in old_names.iter().zip(old) {
        let path = path.child(name.clone());
        match new_names.iter().position(|n| n == name).and_then(|index| new.get(index)) {
            Some(after) => compare(before, after, &path, lists, into),
            None => into.push(Change { path, before: Some(before.clone()), after: None }),
        }
    }
    for (name, after) in new_names.iter().zip(new).filter(|(name, _)| !old_names.contains(name)) {
        into.push(Change { path: path.child(name.clone()), before: None, after: Some(after.clone()) });
    }
    // Only the order differs: init containers and environment variables depend on it.
    if into.len() == count && old_names != new_names {
        into.push(whole(&Json::Array(old.to_vec()), &Json::Array(new.to_vec()), path));
    }
}

type Identify = Box<dyn Fn(usize, &Json) -> Segment>;

/// How the elements of two lists are told apart; none if the lists are best shown whole.
fn pairing(old: &[Json], new: &[Json], kind: ListType) -> Option<Identify> {
    let by_keys = |keys: Vec<String>| -> Option<Identify> {
        let identify = move |_: usize, element: &Json| {
            let value = |key: &String| {
                let default = if key == "protocol" { Json::from("TCP") } else { Json::Null };
                (key.clone(), element.get(key).cloned().unwrap_or(default))
            };
            Segment::Key(keys.iter().map(value).collect())
        };
        let all = [old, new].concat();
        let distinct = |list: &[Json]| {
            let names: Vec<_> = list.iter().map(|e| identify(0, e)).collect();
            names.iter().enumerate().all(|(index, name)| !names[..index].contains(name))
        };
        (all.iter().all(Json::is_object) && distinct(old) && distinct(new)).then(|| Box::new(identify) as Identify)
    };
    match kind {
        ListType::Keyed(mut keys) => {
            keys.sort();
            by_keys(keys)
        }
        ListType::Set => Some(Box::new(|_, element| Segment::Value(element.clone()))),
        ListType::Atomic => None,
        ListType::Unknown => {
            let named = |e: &Json| e.get("name").is_some_and(Json::is_string);
            if old.iter().chain(new).all(named) {
                return by_keys(vec!["name".into()]);
            }
            let alike = old.len() == new.len() && old.iter().chain(new).all(Json::is_object);
            alike.then(|| Box::new(|index, _: &Json| Segment::Index(index)) as Identify)
        }
    }
}

#[cfg(test)]
mod tests;
