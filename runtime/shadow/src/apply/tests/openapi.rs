//! A small reader of OpenAPI documents, for tests.

use std::collections::BTreeMap;

use crate::Json;
use crate::schema::{Field, Id, ListMerge, Node, Object, PatchStrategy, Schemas, Shape};

/// Reads `components.schemas` of documents.
pub(crate) fn schemas(documents: &[Json]) -> Schemas {
    let mut reader = Reader::default();
    let mut named: BTreeMap<&String, &Json> = BTreeMap::new();
    for document in documents {
        named.extend(document["components"]["schemas"].as_object().unwrap());
    }
    for name in named.keys() {
        let id = reader.schemas.add(Node { shape: Shape::Any, nullable: false });
        reader.schemas.name(name.as_str(), id);
    }
    for (name, schema) in named {
        let shape = match name.as_str() {
            "io.k8s.apimachinery.pkg.runtime.RawExtension" => Shape::Any,
            "io.k8s.apimachinery.pkg.api.resource.Quantity" => Shape::Quantity,
            _ => reader.shape(schema),
        };
        let id = reader.schemas.named(name).unwrap();
        reader.schemas.set(id, Node { shape, nullable: false });
    }
    reader.schemas
}

/// A single type, written as in OpenAPI, which refers to no other.
pub(crate) fn single(schema: &Json) -> (Schemas, Id) {
    let mut reader = Reader::default();
    let id = reader.id(schema);
    (reader.schemas, id)
}

#[derive(Default)]
struct Reader {
    schemas: Schemas,
}

impl Reader {
    fn id(&mut self, schema: &Json) -> Id {
        let reference = schema.get("$ref").or_else(|| schema["allOf"][0].get("$ref"));
        if let Some(reference) = reference {
            let id = self.schemas.named(reference.as_str().unwrap().rsplit('/').next().unwrap()).unwrap();
            assert!(schema.get("x-kubernetes-map-type").is_none(), "an override is not read here");
            return id;
        }
        let shape = self.shape(schema);
        self.schemas.add(Node { shape, nullable: schema["nullable"] == true })
    }

    fn shape(&mut self, schema: &Json) -> Shape {
        let open = schema["x-kubernetes-preserve-unknown-fields"] == true;
        match (schema["type"].as_str(), schema["format"].as_str()) {
            (_, Some("int-or-string")) => Shape::IntOrString,
            (None, _) if open => Shape::Object(Object { open: true, ..Object::default() }),
            (None, _) => Shape::Any,
            (Some("string"), format) => Shape::String { format: format.unwrap_or_default().into() },
            (Some("integer"), format) => Shape::Integer { bits: if format == Some("int64") { 64 } else { 32 } },
            (Some("number"), _) => Shape::Number,
            (Some("boolean"), _) => Shape::Boolean,
            (Some("array"), _) => {
                let keys = || schema["x-kubernetes-list-map-keys"].as_array().unwrap().iter();
                let merge = match schema["x-kubernetes-list-type"].as_str() {
                    Some("map") => ListMerge::Map(keys().map(|key| key.as_str().unwrap().into()).collect()),
                    Some("set") => ListMerge::Set,
                    _ => ListMerge::Atomic,
                };
                Shape::List { items: self.id(&schema["items"]), merge }
            }
            (Some(_), _) => Shape::Object(self.object(schema, open)),
        }
    }

    fn object(&mut self, schema: &Json, open: bool) -> Object {
        let mut fields = BTreeMap::new();
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let strategy = field["x-kubernetes-patch-strategy"].as_str().unwrap_or_default();
            let patch = PatchStrategy {
                merge: strategy.contains("merge"),
                retain_keys: strategy.contains("retainKeys"),
                merge_key: field["x-kubernetes-patch-merge-key"].as_str().map(Into::into),
            };
            let default = field.get("default").cloned();
            fields.insert(name.clone(), Field { id: self.id(field), patch, default });
        }
        Object {
            fields,
            values: schema.get("additionalProperties").filter(|p| p.is_object()).map(|values| self.id(values)),
            open,
            atomic: schema["x-kubernetes-map-type"] == "atomic",
            required: schema["required"].as_array().into_iter().flatten().map(|r| r.as_str().unwrap().into()).collect(),
            embedded: false,
        }
    }
}
