//! Kubernetes' own types from its OpenAPI documents.

use std::collections::BTreeMap;

use super::{Field, Id, ListMerge, Node, Object, PatchStrategy, Schemas, Shape};
use crate::Json;

impl Schemas {
    /// Adds Kubernetes' own types, which refer to each other by name, as in a document's `components.schemas`.
    pub(super) fn add_builtin<'a>(&mut self, schemas: impl Iterator<Item = (&'a str, &'a Json)> + Clone) {
        for (name, _) in schemas.clone() {
            let id = self.add(Node { shape: Shape::Any, nullable: false });
            self.name(name, id);
        }
        for (name, schema) in schemas {
            let shape = self.read_shape(schema);
            if let Some(id) = self.named(name) {
                self.set(id, Node { shape, nullable: false });
            }
        }
    }

    fn read(&mut self, schema: &Json) -> Id {
        let referred = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref")).and_then(Json::as_str);
        let referred = referred.and_then(|place| self.named(place.rsplit('/').next().unwrap_or(place)));
        let Some(id) = referred else {
            let shape = self.read_shape(schema);
            return self.add(Node { shape, nullable: false });
        };
        if text(schema, "x-kubernetes-map-type") == "granular" {
            return self.granular(id);
        }
        id
    }

    /// The same type, but not atomic: a field may say otherwise than its type.
    fn granular(&mut self, id: Id) -> Id {
        match self.node(id).clone() {
            Node { shape: Shape::Object(object), nullable } if object.atomic => {
                self.add(Node { shape: Shape::Object(Object { atomic: false, ..object }), nullable })
            }
            _ => id,
        }
    }

    fn read_shape(&mut self, schema: &Json) -> Shape {
        let format = text(schema, "format");
        if format == "int-or-string" {
            return Shape::IntOrString;
        }
        match text(schema, "type") {
            "string" => Shape::String { format: format.to_owned() },
            "integer" => Shape::Integer { bits: if format == "int32" { 32 } else { 64 } },
            "number" => Shape::Number,
            "boolean" => Shape::Boolean,
            "array" => {
                let items = schema.get("items").unwrap_or(&Json::Null);
                Shape::List { items: self.read(items), merge: list_merge(schema) }
            }
            "object" => Shape::Object(self.read_object(schema)),
            // Only quantities are a text or a number.
            _ if schema.pointer("/oneOf/1/type").and_then(Json::as_str) == Some("number") => Shape::Quantity,
            _ => Shape::Any,
        }
    }

    fn read_object(&mut self, schema: &Json) -> Object {
        let properties = schema.get("properties").and_then(Json::as_object);
        let values = schema.get("additionalProperties").map(|values| self.read(values));
        let mut fields = BTreeMap::new();
        for (name, schema) in properties.into_iter().flatten() {
            let id = self.read(schema);
            let default = schema.get("default").cloned();
            fields.insert(name.clone(), Field { id, patch: patch_strategy(schema), default });
        }
        // In documents made from Go, a type without any field holds anything, such as RawExtension; it is owned as a whole.
        let open = properties.is_none() && values.is_none();
        Object {
            open,
            fields,
            values,
            atomic: open || text(schema, "x-kubernetes-map-type") == "atomic",
            required: texts(schema, "required"),
            embedded: false,
        }
    }
}

fn list_merge(schema: &Json) -> ListMerge {
    match text(schema, "x-kubernetes-list-type") {
        "set" => ListMerge::Set,
        "map" => ListMerge::Map(texts(schema, "x-kubernetes-list-map-keys")),
        _ => ListMerge::Atomic,
    }
}

fn patch_strategy(schema: &Json) -> PatchStrategy {
    let strategy = text(schema, "x-kubernetes-patch-strategy");
    let has = |word| strategy.split(',').any(|part| part == word);
    let merge_key = Some(text(schema, "x-kubernetes-patch-merge-key")).filter(|key| !key.is_empty());
    PatchStrategy { merge: has("merge"), retain_keys: has("retainKeys"), merge_key: merge_key.map(str::to_owned) }
}

fn text<'a>(schema: &'a Json, key: &str) -> &'a str {
    schema.get(key).and_then(Json::as_str).unwrap_or_default()
}

fn texts(schema: &Json, key: &str) -> Vec<String> {
    let list = schema.get(key).and_then(Json::as_array);
    list.into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests;
