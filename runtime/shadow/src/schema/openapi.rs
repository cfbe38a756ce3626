//! Types from OpenAPI documents and from the schemas of CustomResourceDefinitions.

use std::collections::BTreeMap;

use super::{Field, Id, ListMerge, Node, Object, PatchStrategy, Schemas, Shape};
use crate::Json;

/// Deeper schemas are taken as unknown structure.
const DEEPEST: usize = 100;
const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";

impl Schemas {
    /// Adds Kubernetes' own types, which refer to each other by name, as in a document's `components.schemas`.
    pub(super) fn add_builtin<'a>(&mut self, schemas: impl Iterator<Item = (&'a str, &'a Json)> + Clone) {
        for (name, _) in schemas.clone() {
            let id = self.add(Node { shape: Shape::Any, nullable: false });
            self.name(name, id);
        }
        let mut reader = Reader { schemas: self, builtin: true };
        for (name, schema) in schemas {
            let node = reader.node(schema, 0);
            if let Some(id) = reader.schemas.named(name) {
                reader.schemas.set(id, node);
            }
        }
    }

    /// Adds a type by its schema in a CustomResourceDefinition. A `$ref` is looked up among the names.
    pub fn add_openapi(&mut self, schema: &Json) -> Id {
        Reader { schemas: self, builtin: false }.read(schema, 0)
    }
}

struct Reader<'a> {
    schemas: &'a mut Schemas,
    /// Whether these are Kubernetes' own types, whose documents mean some things otherwise.
    builtin: bool,
}

impl Reader<'_> {
    fn read(&mut self, schema: &Json, depth: usize) -> Id {
        let referred = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref")).and_then(Json::as_str);
        let referred = referred.and_then(|place| self.schemas.named(place.rsplit('/').next().unwrap_or(place)));
        let Some(id) = referred else {
            let node = self.node(schema, depth);
            return self.schemas.add(node);
        };
        if text(schema, "x-kubernetes-map-type") == "granular" {
            return self.granular(id);
        }
        id
    }

    /// The same type, but not atomic: a field may say otherwise than its type.
    fn granular(&mut self, id: Id) -> Id {
        match self.schemas.node(id).clone() {
            Node { shape: Shape::Object(object), nullable } if object.atomic => {
                self.schemas.add(Node { shape: Shape::Object(Object { atomic: false, ..object }), nullable })
            }
            _ => id,
        }
    }

    fn node(&mut self, schema: &Json, depth: usize) -> Node {
        Node { shape: self.shape(schema, depth + 1), nullable: is_true(schema, "nullable") }
    }

    fn shape(&mut self, schema: &Json, depth: usize) -> Shape {
        let format = text(schema, "format");
        if is_true(schema, "x-kubernetes-int-or-string") || format == "int-or-string" {
            return Shape::IntOrString;
        }
        if depth > DEEPEST {
            return Shape::Any;
        }
        match text(schema, "type") {
            "string" => Shape::String { format: format.to_owned() },
            "integer" => Shape::Integer { bits: if format == "int32" { 32 } else { 64 } },
            "number" => Shape::Number,
            "boolean" => Shape::Boolean,
            "array" => {
                let items = schema.get("items").unwrap_or(&Json::Null);
                Shape::List { items: self.read(items, depth), merge: list_merge(schema) }
            }
            "object" => Shape::Object(self.object(schema, depth)),
            // Only quantities are a text or a number.
            _ if schema.pointer("/oneOf/1/type").and_then(Json::as_str) == Some("number") => Shape::Quantity,
            _ if is_true(schema, PRESERVE) || schema.get("properties").is_some() => {
                Shape::Object(self.object(schema, depth))
            }
            _ => Shape::Any,
        }
    }

    fn object(&mut self, schema: &Json, depth: usize) -> Object {
        let properties = schema.get("properties").and_then(Json::as_object);
        let values = match schema.get("additionalProperties") {
            Some(Json::Bool(true)) => Some(self.schemas.add(Node { shape: Shape::Any, nullable: true })),
            Some(values @ Json::Object(_)) => Some(self.read(values, depth)),
            _ => None,
        };
        let mut fields = BTreeMap::new();
        for (name, schema) in properties.into_iter().flatten() {
            let id = self.read(schema, depth);
            // In documents made from Go, a zero is the absence of a default.
            let default = schema.get("default").filter(|default| !self.builtin || !is_zero(default)).cloned();
            fields.insert(name.clone(), Field { id, patch: patch_strategy(schema), default });
        }
        Object {
            // In documents made from Go, a type without any field holds anything, such as RawExtension.
            open: is_true(schema, PRESERVE) || self.builtin && properties.is_none() && values.is_none(),
            fields,
            values,
            atomic: text(schema, "x-kubernetes-map-type") == "atomic",
            required: texts(schema, "required"),
            embedded: is_true(schema, "x-kubernetes-embedded-resource"),
        }
    }
}

fn is_zero(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(truth) => !truth,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(map) => map.is_empty(),
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

fn is_true(schema: &Json, key: &str) -> bool {
    schema.get(key) == Some(&Json::Bool(true))
}

#[cfg(test)]
mod tests;
