//! One step of a field's path.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Number;

use super::printed;
use crate::Json;

/// One step of a path: a field, or an item of a list.
#[derive(Debug, Clone)]
pub(crate) enum Element {
    /// A field, or a key of a map.
    Field(String),
    /// The item of a keyed list with these keys, sorted by name.
    Key(Vec<(String, Json)>),
    /// The item of a set with this value.
    Value(Json),
    /// The item at this place.
    Index(i64),
}

/// A path from an object's root.
pub(crate) type Path = Vec<Element>;

impl Element {
    /// The step to a field.
    pub(crate) fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }

    /// As a key of `fieldsV1`: `f:name`, `k:{"name":"c"}`, `v:"x"`, `i:0`.
    pub(crate) fn to_key(&self) -> String {
        match self {
            Self::Field(name) => format!("f:{name}"),
            Self::Key(keys) => {
                let said: Vec<String> = keys
                    .iter()
                    .map(|(name, value)| format!("{}:{}", printed::quoted(name), printed::json(value)))
                    .collect();
                format!("k:{{{}}}", said.join(","))
            }
            Self::Value(value) => format!("v:{}", printed::json(value)),
            Self::Index(index) => format!("i:{index}"),
        }
    }

    /// Reads a key of `fieldsV1`; nothing for a kind of step that is not known, which is skipped.
    pub(crate) fn from_key(key: &str) -> Result<Option<Self>, String> {
        let mut letters = key.char_indices();
        let kind = letters.next().map(|(_, c)| c);
        let (Some(kind), Some((colon, second))) = (kind, letters.next()) else {
            return Err("key must be 2 characters long:".into());
        };
        if second != ':' {
            return Err(format!("missing colon: {key}"));
        }
        let rest = key.get(colon + 1..).unwrap_or_default();
        Ok(Some(match kind {
            'f' => Self::Field(rest.to_owned()),
            'v' => Self::Value(serde_json::from_str(rest).map_err(|e| e.to_string())?),
            'k' => {
                let keys: serde_json::Map<String, Json> = serde_json::from_str(rest).map_err(|e| e.to_string())?;
                Self::keyed(keys.into_iter().collect())
            }
            'i' => Self::Index(rest.parse().map_err(|_| format!("parsing {}: invalid syntax", printed::quoted(rest)))?),
            _ => return Ok(None),
        }))
    }

    /// The step to the item with these keys.
    pub(crate) fn keyed(mut keys: Vec<(String, Json)>) -> Self {
        keys.sort_by(|a, b| a.0.cmp(&b.0));
        Self::Key(keys)
    }
}

/// As error messages write it: `.name`, `[name="c"]`, `[="x"]`, `[0]`.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(keys) => {
                let said: Vec<String> =
                    keys.iter().map(|(name, value)| format!("{name}={}", printed::readable(value))).collect();
                write!(f, "[{}]", said.join(","))
            }
            Self::Value(value) => write!(f, "[={}]", printed::readable(value)),
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A path as error messages write it: `.spec.containers[name="c"].image`.
pub(crate) fn display(path: &[Element]) -> String {
    path.iter().map(ToString::to_string).collect()
}

impl PartialEq for Element {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Element {}

impl PartialOrd for Element {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order in which `fieldsV1` has them.
impl Ord for Element {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(a), Self::Field(b)) => a.cmp(b),
            (Self::Key(a), Self::Key(b)) => compare_lists(a, b, |(n, v), (m, w)| n.cmp(m).then_with(|| compare(v, w))),
            (Self::Value(a), Self::Value(b)) => compare(a, b),
            (Self::Index(a), Self::Index(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl Element {
    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

/// Whether two values are the same; `1` and `1.0` are.
pub(crate) fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => compare_numbers(a, b) == Ordering::Equal,
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

/// A total order of values: numbers, texts, booleans, lists, maps, null.
pub(crate) fn compare(a: &Json, b: &Json) -> Ordering {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => compare_numbers(a, b),
        (Json::String(a), Json::String(b)) => a.cmp(b),
        (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
        (Json::Array(a), Json::Array(b)) => compare_lists(a, b, compare),
        (Json::Object(a), Json::Object(b)) => {
            let (mut a, mut b): (Vec<_>, Vec<_>) = (a.iter().collect(), b.iter().collect());
            a.sort_by_key(|(key, _)| *key);
            b.sort_by_key(|(key, _)| *key);
            compare_lists(&a, &b, |(n, v), (m, w)| n.cmp(m).then_with(|| compare(v, w)))
        }
        (a, b) => value_rank(a).cmp(&value_rank(b)),
    }
}

fn value_rank(value: &Json) -> u8 {
    match value {
        Json::Number(_) => 0,
        Json::String(_) => 1,
        Json::Bool(_) => 2,
        Json::Array(_) => 3,
        Json::Object(_) => 4,
        Json::Null => 5,
    }
}

fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        return a.cmp(&b);
    }
    let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn compare_lists<T>(a: &[T], b: &[T], compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    for (a, b) in a.iter().zip(b) {
        let order = compare(a, b);
        if order != Ordering::Equal {
            return order;
        }
    }
    a.len().cmp(&b.len())
}
