//! What values are made of, in short: for whoever completes what a person types.

use rhai::{Array, Dynamic, Map};
use serde_json::Value as Json;

use crate::secret::Registry;
use crate::value::Value;

/// What a value is made of, in short: the keys of its maps, but not all that is in its lists.
#[derive(Debug, Clone)]
pub enum Shape {
    /// A map, with as much of it as there was room for.
    Map(Vec<(String, Shape)>),
    /// A list, by its first item.
    List(Option<Box<Shape>>),
    /// Anything else, whole; a long text by its beginning.
    One(Value),
}

impl Shape {
    /// How much is looked at of all values together.
    pub(crate) const ROOM: usize = 2000;
    /// How deep one looks.
    const DEPTH: usize = 12;
    /// How much of a text is kept, in characters.
    const TEXT: usize = 200;

    /// That of data.
    #[must_use]
    pub fn of(json: &Json) -> Self {
        Self::of_json(json, 0, &mut Self::ROOM.clone())
    }

    fn of_json(json: &Json, depth: usize, room: &mut usize) -> Self {
        let left = left(depth, room);
        match json {
            Json::Object(map) => {
                let entries = map.iter().take(left);
                Self::Map(entries.map(|(key, value)| (key.clone(), Self::of_json(value, depth + 1, room))).collect())
            }
            Json::Array(items) => {
                let first = items.first().filter(|_| left > 0);
                Self::List(first.map(|item| Box::new(Self::of_json(item, depth + 1, room))))
            }
            Json::String(text) => Self::One(Value::Text(text.chars().take(Self::TEXT).collect())),
            other => Self::One(Value::from(other.clone())),
        }
    }

    /// That of a script's value.
    pub(crate) fn of_dynamic(value: &Dynamic, registry: &Registry, room: &mut usize) -> Self {
        Self::of_script(value, registry, 0, room)
    }

    fn of_script(value: &Dynamic, registry: &Registry, depth: usize, room: &mut usize) -> Self {
        let left = left(depth, room);
        if let Some(map) = value.read_lock::<Map>() {
            let entries = map.iter().take(left);
            let entry = |(key, value): (&rhai::Identifier, &Dynamic)| {
                (key.to_string(), Self::of_script(value, registry, depth + 1, room))
            };
            return Self::Map(entries.map(entry).collect());
        }
        if let Some(items) = value.read_lock::<Array>() {
            let first = items.first().filter(|_| left > 0);
            return Self::List(first.map(|item| Box::new(Self::of_script(item, registry, depth + 1, room))));
        }
        Self::One(match Value::from_dynamic(value, registry) {
            Ok(Value::Text(text)) if text.len() > Self::TEXT => Value::Text(text.chars().take(Self::TEXT).collect()),
            Ok(value) => value,
            // It is nested too deeply, or holds itself.
            Err(_) => Value::Null,
        })
    }

    /// What a map has under this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { return None };
        entries.iter().find(|(name, _)| name == key).map(|(_, shape)| shape)
    }
}

/// How much is looked at of what a value holds.
fn left(depth: usize, room: &mut usize) -> usize {
    *room = room.saturating_sub(1);
    if depth < Shape::DEPTH { *room } else { 0 }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maps_are_kept_by_their_keys_and_lists_by_their_first_item() {
        let shape = Shape::of(&json!({ "a": { "b": 1 }, "pods": [{ "name": "x" }, { "other": 1 }], "none": [] }));
        assert!(matches!(shape.get("a").and_then(|a| a.get("b")), Some(Shape::One(Value::Int(1)))));
        let Some(Shape::List(Some(first))) = shape.get("pods") else { panic!("{shape:?}") };
        assert!(first.get("name").is_some() && first.get("other").is_none());
        assert!(matches!(shape.get("none"), Some(Shape::List(None))));
    }

    #[test]
    fn what_is_large_or_holds_itself_is_cut() {
        let wide: Json =
            (0..100_000).map(|number| (format!("key{number}"), json!({ "x": "y".repeat(1000) }))).collect();
        let Shape::Map(entries) = Shape::of(&wide) else { panic!("no map") };
        assert!(entries.len() <= Shape::ROOM, "{}", entries.len());
        let Some(Shape::One(Value::Text(text))) = entries.first().and_then(|(_, shape)| shape.get("x")) else {
            panic!("{entries:?}")
        };
        assert_eq!(text.len(), Shape::TEXT);
        let mut deep = json!(1);
        for _ in 0..50 {
            deep = json!({ "in": deep });
        }
        let mut shape = &Shape::of(&deep);
        let mut depth = 0;
        while let Some(next) = shape.get("in") {
            (shape, depth) = (next, depth + 1);
        }
        assert_eq!(depth, Shape::DEPTH);
    }
}
