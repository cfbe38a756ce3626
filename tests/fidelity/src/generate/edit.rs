//! Edits of objects, by their types, and the patches that make them.

use serde_json::{Map, json};

use super::Chance;
use crate::Json;
use crate::kinds::{Kind, Kinds};

/// Edits objects of a kind.
pub(super) struct Editor<'a> {
    pub(super) kinds: &'a Kinds,
    pub(super) kind: &'a Kind,
}

/// How deep made-up values are at most.
const DEEPEST: u8 = 3;
/// What is left as it is: who and what the object is.
const FIXED: [&str; 5] = ["apiVersion", "kind", "name", "namespace", "status"];
/// The part of the metadata that clients write.
const METADATA: [&str; 3] = ["labels", "annotations", "finalizers"];

impl Editor<'_> {
    /// Changes one place.
    pub(super) fn edit(&self, object: &mut Json, chance: &mut Chance) {
        if let Some(schema) = self.kinds.schema(self.kind) {
            self.at(object, schema, "", chance);
        }
    }

    fn at(&self, value: &mut Json, schema: &Json, path: &str, chance: &mut Chance) {
        let schema = self.kinds.resolve(self.kind, schema);
        match value {
            Json::Object(fields) => {
                let free = |key: &str| match path {
                    "" => !FIXED.contains(&key),
                    "/metadata" => METADATA.contains(&key),
                    _ => true,
                };
                let below: Vec<String> =
                    fields.iter().filter(|(key, v)| free(key) && !v.is_null()).map(|(key, _)| key.clone()).collect();
                if !chance.one_in(4)
                    && let Some(key) = chance.of(&below)
                    && let Some(value) = fields.get_mut(key)
                    && let Some(schema) = self.field(schema, key)
                {
                    return self.at(value, schema, &format!("{path}/{key}"), chance);
                }
                // Metadata is edited, but never made up.
                let free = |key: &str| free(key) && !(path.is_empty() && key == "metadata");
                self.change(fields, schema, &free, chance);
            }
            Json::Array(items) if !items.is_empty() && !chance.one_in(5) => {
                let schema = schema.get("items").unwrap_or(&Json::Null);
                let place = chance.below(items.len());
                if let Some(item) = items.get_mut(place) {
                    self.at(item, schema, &format!("{path}/*"), chance);
                }
            }
            Json::Array(items) => match chance.below(3) {
                0 => drop(items.pop()),
                1 => items.extend(items.last().cloned()),
                _ => items.push(self.value(schema.get("items").unwrap_or(&Json::Null), 0, chance)),
            },
            value => *value = self.value(schema, 0, chance),
        }
    }

    /// The type of a field.
    fn field<'a>(&'a self, schema: &'a Json, key: &str) -> Option<&'a Json> {
        schema.get("properties").and_then(|all| all.get(key)).or_else(|| schema.get("additionalProperties"))
    }

    fn change(&self, fields: &mut Map<String, Json>, schema: &Json, free: &dyn Fn(&str) -> bool, chance: &mut Chance) {
        let known: Vec<&String> =
            schema.get("properties").and_then(Json::as_object).into_iter().flatten().map(|(k, _)| k).collect();
        let known: Vec<&String> = known.into_iter().filter(|key| free(key)).collect();
        match chance.below(12) {
            0 => drop(fields.insert("unknown".into(), 1.into())),
            1 => {
                if let Some(key) = chance.of(&known) {
                    let wrong = [json!("wrong"), json!(7), json!(true), json!([]), json!({}), Json::Null];
                    fields.insert((*key).clone(), chance.of(&wrong).cloned().unwrap_or_default());
                }
            }
            2 | 3 => {
                let there: Vec<String> = fields.keys().filter(|key| free(key)).cloned().collect();
                if let Some(key) = chance.of(&there) {
                    fields.shift_remove(key);
                }
            }
            _ => match chance.of(&known) {
                Some(key) => {
                    let value = self.field(schema, key).map(|schema| self.value(schema, 0, chance));
                    fields.insert((*key).clone(), value.unwrap_or_default());
                }
                None => {
                    let values = schema.get("additionalProperties").unwrap_or(&Json::Null);
                    let key = chance.of(&["app", "a", "example.com/b", "Bad Key!"]).copied().unwrap_or_default();
                    fields.insert(key.into(), self.value(values, 0, chance));
                }
            },
        }
    }

    /// A value of a type, or nearly.
    fn value(&self, schema: &Json, depth: u8, chance: &mut Chance) -> Json {
        let schema = self.kinds.resolve(self.kind, schema);
        if let Some(known) = schema.get("enum").and_then(Json::as_array)
            && !chance.one_in(8)
        {
            return chance.of(known).cloned().unwrap_or_default();
        }
        let pick = |all: &[Json], chance: &mut Chance| chance.of(all).cloned().unwrap_or_default();
        let text = |key: &str| schema.get(key).and_then(Json::as_str).unwrap_or_default();
        match (text("type"), text("format")) {
            ("string", "date-time") => pick(&[json!("2001-02-03T04:05:06Z"), json!("2050-01-01T00:00:00Z")], chance),
            ("string", "byte") => pick(&[json!("YQ=="), json!("")], chance),
            (_, "int-or-string") => pick(&[json!(1), json!("50%"), json!("http"), json!(0), json!("0%")], chance),
            ("string", _) => pick(
                &[
                    json!("a"),
                    json!("web"),
                    json!("http"),
                    json!("10.0.0.1"),
                    json!("/data"),
                    json!("Always"),
                    json!("a.example.com"),
                    json!("100m"),
                    json!("Not Valid"),
                    json!(""),
                    json!("1"),
                ],
                chance,
            ),
            ("integer" | "number", _) => pick(
                &[json!(0), json!(1), json!(2), json!(5), json!(30), json!(80), json!(8080), json!(-1), json!(70000)],
                chance,
            ),
            ("boolean", _) => chance.one_in(2).into(),
            ("array", _) => {
                let items = schema.get("items").unwrap_or(&Json::Null);
                (0..chance.below(3)).map(|_| self.value(items, depth + 1, chance)).collect()
            }
            ("object", _) => self.object(schema, depth, chance),
            // A quantity has no type of its own.
            _ => pick(
                &[json!("100m"), json!("1"), json!("1Gi"), json!("0.5"), json!(2), json!("-1"), json!("x")],
                chance,
            ),
        }
    }

    fn object(&self, schema: &Json, depth: u8, chance: &mut Chance) -> Json {
        let mut fields = Map::new();
        let required = schema.get("required").and_then(Json::as_array).cloned().unwrap_or_default();
        for (key, value) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
            let needed = required.iter().any(|name| name == key.as_str()) && !chance.one_in(10);
            if needed || (depth < DEEPEST && chance.one_in(4)) {
                fields.insert(key.clone(), self.value(value, depth + 1, chance));
            }
        }
        if let Some(values) = schema.get("additionalProperties") {
            for key in ["app", "memory"] {
                if chance.one_in(2) {
                    fields.insert(key.into(), self.value(values, depth + 1, chance));
                }
            }
        }
        Json::Object(fields)
    }
}

/// The merge patch that makes one of the other. Lists are given whole.
pub(super) fn merge_patch(from: &Json, to: &Json) -> Json {
    let (Json::Object(before), Json::Object(after)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        patch.insert(key.clone(), Json::Null);
    }
    for (key, value) in after {
        match before.get(key) {
            Some(same) if same == value => {}
            Some(other) => drop(patch.insert(key.clone(), merge_patch(other, value))),
            None => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    Json::Object(patch)
}

/// The operations of a JSON patch that make one of the other.
pub(super) fn operations(from: &Json, to: &Json) -> Json {
    let mut found = Vec::new();
    differ(&mut found, "", from, to);
    Json::Array(found)
}

fn differ(found: &mut Vec<Json>, path: &str, from: &Json, to: &Json) {
    let (Json::Object(before), Json::Object(after)) = (from, to) else {
        if from != to {
            found.push(json!({"op": "replace", "path": path, "value": to}));
        }
        return;
    };
    let below = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        found.push(json!({"op": "remove", "path": below(key)}));
    }
    for (key, value) in after {
        match before.get(key) {
            Some(other) => differ(found, &below(key), other, value),
            None => found.push(json!({"op": "add", "path": below(key), "value": value})),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_say_what_is_different() {
        let (from, to) = (json!({"a": 1, "b": {"c": 1}, "d": [1]}), json!({"b": {"c": 2, "x/y": 3}, "d": [1, 2]}));
        assert_eq!(merge_patch(&from, &to), json!({"a": null, "b": {"c": 2, "x/y": 3}, "d": [1, 2]}));
        let operations = operations(&from, &to);
        assert_eq!(operations[0], json!({"op": "remove", "path": "/a"}));
        assert_eq!(operations[2], json!({"op": "add", "path": "/b/x~1y", "value": 3}));
    }

    #[test]
    fn a_seed_makes_the_same_again() {
        let numbers = |seed| (0..5).map(|_| Chance::new(seed, 3).below(1000)).collect::<Vec<_>>();
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }
}
