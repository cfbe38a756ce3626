//! Looking into the object of a row.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::age;
use crate::Json;

/// An object, and the time at which it is shown. Paths are JSON pointers.
pub(super) struct Row<'a> {
    pub(super) object: &'a Json,
    pub(super) now: Timestamp,
}

/// The cells of a row.
macro_rules! cells {
    ($($cell:expr),* $(,)?) => { vec![$(crate::Json::from($cell)),*] };
}
pub(super) use cells;

impl<'a> Row<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.text("/metadata/name")
    }

    /// The text at a path, or an empty one.
    pub(super) fn text(&self, path: &str) -> &'a str {
        text(self.object, path)
    }

    /// The text at a path; `missing` where it is absent or empty.
    pub(super) fn text_or(&self, path: &str, missing: &'a str) -> &'a str {
        match self.text(path) {
            "" => missing,
            text => text,
        }
    }

    /// The whole number at a path, or 0.
    pub(super) fn number(&self, path: &str) -> i64 {
        number(self.object, path)
    }

    /// The Boolean at a path; `missing` where it is absent.
    pub(super) fn flag(&self, path: &str, missing: bool) -> bool {
        self.object.pointer(path).and_then(Json::as_bool).unwrap_or(missing)
    }

    /// The list at a path, or an empty one.
    pub(super) fn list(&self, path: &str) -> &'a [Json] {
        list(self.object, path)
    }

    /// How many fields the map at a path has.
    pub(super) fn count(&self, path: &str) -> usize {
        self.object.pointer(path).and_then(Json::as_object).map_or(0, serde_json::Map::len)
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.object.pointer(path).is_some_and(|value| !value.is_null())
    }

    /// The time since the object was made.
    pub(super) fn age(&self) -> String {
        self.since("/metadata/creationTimestamp")
    }

    /// The time since the time at a path; `<unknown>` where there is none.
    pub(super) fn since(&self, path: &str) -> String {
        age::since(self.text(path), self.now)
    }

    /// Whether a condition of this type is `True` (the first of that type).
    pub(super) fn is_true(&self, condition: &str) -> bool {
        let found = self.list("/status/conditions").iter().find(|c| text(c, "/type") == condition);
        found.is_some_and(|c| text(c, "/status") == "True")
    }

    /// Whether it is being deleted.
    pub(super) fn is_deleting(&self) -> bool {
        self.has("/metadata/deletionTimestamp")
    }
}

/// The text at a path of a part of an object, or an empty one.
pub(super) fn text<'a>(value: &'a Json, path: &str) -> &'a str {
    crate::object::text(value, path).unwrap_or_default()
}

/// The whole number at a path, or 0.
pub(super) fn number(value: &Json, path: &str) -> i64 {
    value.pointer(path).and_then(Json::as_i64).unwrap_or_default()
}

/// The list at a path, or an empty one.
pub(super) fn list<'a>(value: &'a Json, path: &str) -> &'a [Json] {
    value.pointer(path).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// The texts of a list, with commas between.
pub(super) fn joined(list: &[Json]) -> String {
    list.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(",")
}

/// A text or a number (`IntOrString`, a quantity), as a text.
pub(super) fn scalar(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The first few of many, and how many more there are.
pub(super) fn some_of(all: &[String], shown: usize, separator: &str) -> String {
    let first = all.get(..shown).unwrap_or(all).join(separator);
    match all.len().saturating_sub(shown) {
        0 => first,
        more => format!("{first} + {more} more..."),
    }
}

/// Each once, in order, with commas between.
pub(super) fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(",")
}
