//! Removing what a schema does not know, where there is no type of Go: custom resources.

use super::{Id, Object, Schemas, Shape, quoted};
use crate::Json;

/// Removes unknown fields and tells them.
pub(super) fn prune(schemas: &Schemas, id: Id, value: &mut Json) -> Vec<String> {
    let mut pruner = Pruner { schemas, path: String::new(), unknown: Vec::new() };
    pruner.value(id, value);
    pruner.unknown
}

struct Pruner<'a> {
    schemas: &'a Schemas,
    path: String,
    unknown: Vec<String>,
}

impl Pruner<'_> {
    fn value(&mut self, id: Id, value: &mut Json) {
        let length = self.path.len();
        match (&self.schemas.node(id).shape, value) {
            (Shape::Object(object), Json::Object(map)) => {
                map.retain(|key, value| {
                    let kept = self.field(object, key, value);
                    self.path.truncate(length);
                    kept
                });
            }
            (Shape::List { items, .. }, Json::Array(values)) => {
                for (place, value) in values.iter_mut().enumerate() {
                    self.path.push_str(&format!("[{place}]"));
                    self.value(*items, value);
                    self.path.truncate(length);
                }
            }
            _ => {}
        }
    }

    /// Whether the field stays.
    fn field(&mut self, object: &Object, key: &str, value: &mut Json) -> bool {
        if !self.path.is_empty() {
            self.path.push('.');
        }
        self.path.push_str(key);
        let own = object.embedded && matches!(key, "apiVersion" | "kind" | "metadata");
        match object.fields.get(key).map(|field| field.id).or(object.values) {
            Some(id) => self.value(id, value),
            None if object.open || own => {}
            None => {
                self.unknown.push(format!("unknown field {}", quoted(&self.path)));
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_are_removed_and_told() {
        let mut schemas = Schemas::default();
        let id = schemas.add_openapi(&json!({"type": "object", "properties": {
            "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "object"}},
            "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "inner": {"type": "object", "x-kubernetes-embedded-resource": true},
        }}));
        let mut value = json!({
            "list": [{"a": "1"}, {"b": 2}],
            "map": {"x": {"y": 1}},
            "any": {"z": {}},
            "inner": {"kind": "K", "spec": {}},
            "more": 1,
        });
        let unknown = prune(&schemas, id, &mut value);
        let told = ["list[1].b", "map.x.y", "inner.spec", "more"].map(|path| format!("unknown field \"{path}\""));
        assert_eq!(unknown, told);
        assert_eq!(
            value,
            json!({"list": [{"a": "1"}, {}], "map": {"x": {}}, "any": {"z": {}}, "inner": {"kind": "K"}})
        );
    }
}
