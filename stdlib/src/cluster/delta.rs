//! What differs between two states of an object, field by field: what undo and probes work with.
//!
//! Unlike a diff for people, it hides nothing, and goes down to single fields even where a whole map is new, so that what
//! others put beside them is not taken for ours.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use windlass_runtime::cluster::diff::{ListType, ListTypes};
use windlass_runtime::cluster::{FieldPath, Segment};

/// One field that differs.
#[derive(Debug, Clone, PartialEq)]
pub struct Delta {
    /// Where.
    pub path: FieldPath,
    /// What stood there.
    pub before: Option<Json>,
    /// What stands there.
    pub after: Option<Json>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    before: Option<Json>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<Json>,
}

impl Serialize for Delta {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let written = Written { path: self.path.to_string(), before: self.before.clone(), after: self.after.clone() };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Delta {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { path, before, after } = Written::deserialize(deserializer)?;
        let path = FieldPath::parse(&path).map_err(serde::de::Error::custom)?;
        Ok(Self { path, before, after })
    }
}

/// The fields that differ, lists as `lists` knows them; a list of unknown type is one value.
#[must_use]
pub fn deltas(before: &Json, after: &Json, lists: &dyn ListTypes) -> Vec<Delta> {
    let mut found = Vec::new();
    compare(Some(before), Some(after), &FieldPath::root(), lists, &mut found);
    found
}

fn compare(
    before: Option<&Json>,
    after: Option<&Json>,
    path: &FieldPath,
    lists: &dyn ListTypes,
    found: &mut Vec<Delta>,
) {
    if before == after {
        return;
    }
    let empty = serde_json::Map::new();
    let maps = match (before, after) {
        (Some(Json::Object(old)), Some(Json::Object(new))) => Some((old, new)),
        (Some(Json::Object(old)), None) if !old.is_empty() => Some((old, &empty)),
        (None, Some(Json::Object(new))) if !new.is_empty() => Some((&empty, new)),
        _ => None,
    };
    if let Some((old, new)) = maps {
        for (name, value) in old {
            compare(Some(value), new.get(name), &path.field(name), lists, found);
        }
        for (name, value) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            compare(None, Some(value), &path.field(name), lists, found);
        }
        return;
    }
    if let (Some(Json::Array(old)), Some(Json::Array(new))) = (before, after)
        && let Some((old, new)) = named(old, lists, path).zip(named(new, lists, path))
    {
        let in_order = |a: &[(Segment, &Json)], b: &[(Segment, &Json)]| -> Vec<Segment> {
            a.iter().map(|(s, _)| s.clone()).filter(|s| b.iter().any(|(t, _)| t == s)).collect()
        };
        if lists.list_type(path) == ListType::Set || in_order(&old, &new) == in_order(&new, &old) {
            let other = |list: &[(Segment, &Json)], name: &Segment| -> Option<Json> {
                list.iter().find(|(s, _)| s == name).map(|(_, v)| (*v).clone())
            };
            for (name, value) in &old {
                match other(&new, name) {
                    Some(after) => compare(Some(value), Some(&after), &path.child(name.clone()), lists, found),
                    None => found.push(Delta {
                        path: path.child(name.clone()),
                        before: Some((*value).clone()),
                        after: None,
                    }),
                }
            }
            for (name, value) in new.iter().filter(|(name, _)| other(&old, name).is_none()) {
                found.push(Delta { path: path.child(name.clone()), before: None, after: Some((*value).clone()) });
            }
            return;
        }
    }
    found.push(Delta { path: path.clone(), before: before.cloned(), after: after.cloned() });
}

/// The elements of a list by what tells them apart; none if the list is one value, or two elements are called the same.
fn named<'a>(list: &'a [Json], lists: &dyn ListTypes, path: &FieldPath) -> Option<Vec<(Segment, &'a Json)>> {
    let name = |element: &Json| match lists.list_type(path) {
        ListType::Keyed(keys) => element.is_object().then(|| Segment::Key(keys_of(element, &keys))),
        ListType::Set => (!element.is_object() && !element.is_array()).then(|| Segment::Value(element.clone())),
        ListType::Atomic | ListType::Unknown => None,
    };
    let named: Vec<(Segment, &Json)> = list.iter().map(|e| name(e).map(|n| (n, e))).collect::<Option<_>>()?;
    let distinct = named.iter().enumerate().all(|(i, (n, _))| named[..i].iter().all(|(m, _)| m != n));
    distinct.then_some(named)
}

fn keys_of(element: &Json, keys: &[String]) -> Vec<(String, Json)> {
    let mut keys: Vec<(String, Json)> = keys
        .iter()
        .filter_map(|key| {
            let default = (key == "protocol").then(|| Json::from("TCP"));
            element.get(key).cloned().or(default).map(|value| (key.clone(), value))
        })
        .collect();
    keys.sort_by(|a, b| a.0.cmp(&b.0));
    keys
}
