//! A playbook's values: layers that are merged, the schema they must fit, and where each value comes from.
//!
//! The order is that of the calls: the playbook's defaults, the customer folder's `values.yaml`, files given with `-f`,
//! then `--set`. Maps are merged key by key; everything else replaces what was there, and so does a map that the schema marks
//! with `x-windlass-replace` (a choice between alternatives); an explicit null removes the key. A relative path (a text that
//! the schema marks with `format: path`) is taken from the folder of the layer that sets it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{Error, Kind, Result};

mod bundle;
mod history;
mod layers;
mod path;
mod problem;
mod schema;
mod set;

pub use history::Former;
pub use layers::Builder;
pub use path::{Path, Segment};
pub(crate) use schema::combine_as;
pub use schema::{Schema, combine};
pub use set::{Assignment, Typing, parse_set};

/// The values of one run, and which layer set each of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Values {
    root: Map<String, Value>,
    layers: Vec<String>,
    /// For each leaf, the index of its layer. A leaf is what is no map and no list, or an empty one.
    origins: BTreeMap<Path, usize>,
    replaced: Vec<history::Replaced>,
}

/// A value that is no map and no list, or an empty one.
#[derive(Debug, Clone, PartialEq)]
pub struct Leaf<'a> {
    /// Where it stands.
    pub path: Path,
    /// What it is; nothing where the schema marks it as `writeOnly`, or where it is called like a secret.
    pub value: Option<&'a Value>,
    /// The layer that set it.
    pub layer: &'a str,
}

impl Values {
    /// Starts with no layers.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// What stands at a path such as `images.registry` or `hosts[0].name`; nothing for a path that cannot be read.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.at(&Path::parse(path).ok()?)
    }

    /// What stands at a path; the root is no value by itself.
    #[must_use]
    pub fn at(&self, path: &Path) -> Option<&Value> {
        let (Segment::Key(first), rest) = path.segments().split_first()? else { return None };
        rest.iter().try_fold(self.root.get(first)?, |value, segment| segment.of(value))
    }

    /// The layer that set what stands at the path; nothing where there is none, or several set parts of it.
    #[must_use]
    pub fn origin(&self, path: &str) -> Option<&str> {
        self.origin_at(&Path::parse(path).ok()?)
    }

    /// As [`Values::origin`], for a path that is read already.
    #[must_use]
    pub fn origin_at(&self, path: &Path) -> Option<&str> {
        let mut within = self.origins.range(path..).take_while(|(leaf, _)| leaf.is_within(path));
        let (_, layer) = within.next()?;
        within.all(|(_, other)| other == layer).then(|| self.layers.get(*layer).map(String::as_str))?
    }

    /// All leaves with the layer that set them, in the order of the text. What the schema marks as `writeOnly` is named
    /// without its value.
    #[must_use]
    pub fn explain(&self, schema: Option<&Schema>) -> Vec<Leaf<'_>> {
        let mut leaves = Vec::new();
        for_each_leaf(&self.root, &mut |path, value| {
            let layer = self.origins.get(path).and_then(|layer| self.layers.get(*layer));
            leaves.push(Leaf {
                path: path.clone(),
                value: (!is_hidden(path, value, schema)).then_some(value),
                layer: layer.map_or("", String::as_str),
            });
        });
        leaves
    }

    /// The merged values.
    #[must_use]
    pub fn to_json(&self) -> Value {
        Value::Object(self.root.clone())
    }

    fn merge(&mut self, map: Map<String, Value>, layer: usize, schema: Option<&Schema>) {
        let mut root = std::mem::take(&mut self.root);
        self.merge_into(&mut root, map, &mut Path::default(), (layer, schema));
        self.root = root;
    }

    fn merge_into(
        &mut self,
        target: &mut Map<String, Value>,
        map: Map<String, Value>,
        at: &mut Path,
        from: (usize, Option<&Schema>),
    ) {
        let (layer, schema) = from;
        for (key, value) in map {
            at.push(Segment::Key(key.clone()));
            match value {
                Value::Null => {
                    // The order of the other keys stays as it is in the text.
                    target.shift_remove(&key);
                    self.forget(at);
                }
                // Of alternatives, the upper layer's takes the place of the lower one's.
                Value::Object(mut map) if !map.is_empty() && schema.is_some_and(|s| s.is_replaced(at)) => {
                    map.retain(|_, value| !value.is_null());
                    let value = Value::Object(map);
                    self.forget(at);
                    self.remember(&value, at, layer);
                    target.insert(key, value);
                }
                Value::Object(map) => {
                    // What becomes a map is no leaf any more; an empty one will be if nothing comes in.
                    let old = target.get_mut(&key);
                    if !matches!(old, Some(Value::Object(_))) {
                        self.forget(at);
                        target.insert(key.clone(), Value::Object(Map::new()));
                    } else if !map.is_empty() {
                        self.origins.remove(at);
                    }
                    if let Some(Value::Object(inner)) = target.get_mut(&key) {
                        self.merge_into(inner, map, at, from);
                        if inner.is_empty() {
                            self.origins.insert(at.clone(), layer);
                        }
                    }
                }
                value => {
                    self.forget(at);
                    self.remember(&value, at, layer);
                    target.insert(key, value);
                }
            }
            at.pop();
        }
    }

    fn assign(&mut self, assignment: &Assignment, layer: usize) -> Result<()> {
        let mut root = Value::Object(std::mem::take(&mut self.root));
        let result = self.assign_in(&mut root, assignment, layer);
        if let Value::Object(map) = root {
            self.root = map;
        }
        result
    }

    fn assign_in(&mut self, root: &mut Value, assignment: &Assignment, layer: usize) -> Result<()> {
        let Some((last, through)) = assignment.path.segments().split_last() else { return Ok(()) };
        if assignment.value.is_null() && matches!(last, Segment::Key(_)) && is_absent(root, &assignment.path) {
            return Ok(());
        }
        let mut at = Path::default();
        let mut target = root;
        for (i, segment) in through.iter().enumerate() {
            let next = assignment.path.segments().get(i + 1);
            let empty =
                if matches!(next, Some(Segment::Index(_))) { Value::Array(Vec::new()) } else { Map::new().into() };
            target = self.step(target, segment, &mut at, assignment, layer)?;
            if target.is_null() {
                self.forget(&at);
                *target = empty;
            }
        }
        if let (Value::Null, Segment::Key(key)) = (&assignment.value, last) {
            at.push(last.clone());
            if let Value::Object(map) = target {
                map.shift_remove(key);
                self.forget(&at);
                self.keep_empty(&mut at, map.is_empty(), layer);
                return Ok(());
            }
            at.pop();
        }
        let slot = self.step(target, last, &mut at, assignment, layer)?;
        *slot = assignment.value.clone();
        self.forget(&at);
        self.remember(&assignment.value, &mut at, layer);
        Ok(())
    }

    /// After a key was removed: a map or list that is empty now is a leaf, and needs an origin.
    fn keep_empty(&mut self, at: &mut Path, empty: bool, layer: usize) {
        at.pop();
        if empty && !at.segments().is_empty() {
            self.origins.insert(at.clone(), layer);
        }
    }

    /// One step into a map or a list, which grows where it must.
    fn step<'v>(
        &mut self,
        target: &'v mut Value,
        segment: &Segment,
        at: &mut Path,
        assignment: &Assignment,
        layer: usize,
    ) -> Result<&'v mut Value> {
        match (target, segment) {
            (Value::Object(map), Segment::Key(key)) => {
                if map.is_empty() {
                    self.origins.remove(at);
                }
                at.push(segment.clone());
                Ok(map.entry(key.clone()).or_insert(Value::Null))
            }
            (Value::Array(items), Segment::Index(index)) => {
                if items.is_empty() {
                    self.origins.remove(at);
                }
                while items.len() <= *index {
                    let mut filled = at.join(Segment::Index(items.len()));
                    items.push(Value::Null);
                    self.remember(&Value::Null, &mut filled, layer);
                }
                at.push(segment.clone());
                items.get_mut(*index).ok_or_else(|| Error::internal("a list did not grow"))
            }
            (other, segment) => {
                let wanted = if matches!(segment, Segment::Key(_)) { "a map" } else { "a list" };
                let origin = self.origin_at(at).map(|o| format!(" (set by {o})")).unwrap_or_default();
                let message =
                    format!("{} cannot be set: {at} is {}, not {wanted}{origin}", assignment.path, kind_of(other));
                Err(Error::new(Kind::Values, message).hint(format!("set {at} as a whole, or correct the path")))
            }
        }
    }

    fn forget(&mut self, path: &Path) {
        let gone: Vec<Path> =
            self.origins.range(path..).map(|(leaf, _)| leaf).take_while(|l| l.is_within(path)).cloned().collect();
        for leaf in gone {
            self.origins.remove(&leaf);
        }
    }

    fn remember(&mut self, value: &Value, at: &mut Path, layer: usize) {
        leaves_of(value, at, &mut |path, _| {
            self.origins.insert(path.clone(), layer);
        });
    }
}

/// Whether the path leads to a key or an item that is not there; not so where it leads through a text or the like.
fn is_absent(mut value: &Value, path: &Path) -> bool {
    for segment in path.segments() {
        match (value, segment, segment.of(value)) {
            (_, _, Some(inner)) => value = inner,
            (Value::Null, ..)
            | (Value::Object(_), Segment::Key(_), None)
            | (Value::Array(_), Segment::Index(_), None) => {
                return true;
            }
            _ => return false,
        }
    }
    false
}

/// Whether a leaf is not to be shown.
fn is_hidden(path: &Path, value: &Value, schema: Option<&Schema>) -> bool {
    schema.is_some_and(|schema| schema.is_secret(path)) || is_given_secret(path, value, schema)
}

/// Whether a secret seems to be written out here, in place of a reference to it.
fn is_given_secret(path: &Path, value: &Value, schema: Option<&Schema>) -> bool {
    if !matches!(value, Value::String(_) | Value::Number(_)) {
        return false;
    }
    // A reference says where a secret is: `password.env`, `password.kubernetes.key`, `password.command[0]`.
    let is_form =
        |segment: &Segment| matches!(segment, Segment::Key(key) if problem::SECRET_FORMS.iter().any(|(f, _)| f == key));
    let inside = |at: usize| {
        schema.is_some_and(|s| s.is_replaced(&Path::from(&path.segments()[..at]))) && is_form(&path.segments()[at])
    };
    let form = path.segments().last().is_some_and(is_form) || (1..path.segments().len()).any(inside);
    // What the schema names is what it is called: `pull_secret.server` is no secret.
    let plain = match (path.segments().split_last(), schema) {
        (Some((Segment::Key(key), above)), Some(schema)) => {
            !path::is_secret_word(key) && schema.known_keys(&Path::from(above)).contains(&key.as_str())
        }
        _ => false,
    };
    let named = path.looks_secret() && !plain && !schema.is_some_and(|s| s.is_path(path));
    !form && (named || schema.is_some_and(|s| value.is_string() && s.takes_map(path)))
}

fn for_each_leaf<'v>(root: &'v Map<String, Value>, visit: &mut impl FnMut(&Path, &'v Value)) {
    let mut at = Path::default();
    for (key, value) in root {
        at.push(Segment::Key(key.clone()));
        leaves_of(value, &mut at, visit);
        at.pop();
    }
}

fn leaves_of<'v>(value: &'v Value, at: &mut Path, visit: &mut impl FnMut(&Path, &'v Value)) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (key, value) in map {
                at.push(Segment::Key(key.clone()));
                leaves_of(value, at, visit);
                at.pop();
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                at.push(Segment::Index(index));
                leaves_of(value, at, visit);
                at.pop();
            }
        }
        leaf => visit(at, leaf),
    }
}

/// The sort of a value, in the words of messages.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

#[cfg(test)]
mod tests;
