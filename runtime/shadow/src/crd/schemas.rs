//! A custom resource's schema in the words of [`crate::schema`], for apply, patches and documents.

use std::collections::BTreeMap;

use super::props::{Additional, Props};
use crate::schema::{Field, Id, ListMerge, Node, Object, PatchStrategy, Schemas, Shape};

const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/// The types of a custom resource, with `metadata` as in `built_in` where it is there; and the resource's own. `name` is
/// its name in OpenAPI documents.
pub(crate) fn convert(schema: &Props, name: &str, built_in: &Schemas) -> (Schemas, Id) {
    let mut to = Schemas::default();
    let metadata = match built_in.named(METADATA) {
        Some(id) => copy(built_in, id, &mut to, &mut BTreeMap::new()),
        None => to.add(open_object()),
    };
    to.name(METADATA, metadata);
    let mut converter = Converter { to, metadata };
    let id = converter.convert(schema, true);
    converter.to.name(name, id);
    (converter.to, id)
}

struct Converter {
    to: Schemas,
    metadata: Id,
}

impl Converter {
    fn convert(&mut self, schema: &Props, resource: bool) -> Id {
        let resource = resource || schema.embedded;
        let shape = match schema.kind.as_str() {
            _ if schema.int_or_string => Shape::IntOrString,
            "string" => Shape::String { format: schema.format.clone() },
            "integer" => Shape::Integer { bits: if schema.format == "int32" { 32 } else { 64 } },
            "number" => Shape::Number,
            "boolean" => Shape::Boolean,
            "array" => self.list(schema),
            "object" => self.object(schema, resource),
            _ if resource => self.object(schema, resource),
            _ if schema.preserves() => Shape::Object(Object { open: true, ..Object::default() }),
            _ => Shape::Any,
        };
        self.to.add(Node { shape, nullable: schema.nullable })
    }

    fn list(&mut self, schema: &Props) -> Shape {
        let items = match schema.item() {
            Some(item) => self.convert(item, false),
            None => self.to.add(Node { shape: Shape::Any, nullable: false }),
        };
        let merge = match schema.list_type.as_deref() {
            Some("set") => ListMerge::Set,
            Some("map") => ListMerge::Map(schema.map_keys.clone()),
            _ => ListMerge::Atomic,
        };
        Shape::List { items, merge }
    }

    fn object(&mut self, schema: &Props, resource: bool) -> Shape {
        let mut fields = BTreeMap::new();
        for (name, own) in &schema.properties {
            let id = if resource && name == "metadata" { self.metadata } else { self.convert(own, false) };
            fields.insert(name.clone(), field(id, own.default.clone()));
        }
        if resource {
            for name in ["apiVersion", "kind"] {
                let text = Node { shape: Shape::String { format: String::new() }, nullable: false };
                fields.entry(name.to_owned()).or_insert_with(|| field(self.to.add(text), None));
            }
            fields.entry("metadata".to_owned()).or_insert_with(|| field(self.metadata, None));
        }
        let values = schema.value().map(|value| self.convert(value, false));
        Shape::Object(Object {
            fields,
            values,
            open: schema.preserves() || matches!(schema.additional_properties, Some(Additional::Any(true))),
            atomic: schema.map_type.as_deref() == Some("atomic"),
            required: schema.required.clone(),
            embedded: schema.embedded,
        })
    }
}

fn field(id: Id, default: Option<crate::Json>) -> Field {
    Field { id, patch: PatchStrategy::default(), default }
}

fn open_object() -> Node {
    Node { shape: Shape::Object(Object { open: true, ..Object::default() }), nullable: false }
}

/// Copies a type and all it refers to.
fn copy(from: &Schemas, id: Id, to: &mut Schemas, known: &mut BTreeMap<Id, Id>) -> Id {
    if let Some(id) = known.get(&id) {
        return *id;
    }
    let node = from.node(id);
    // Its place first: a type can refer to itself.
    let place = to.add(Node { shape: Shape::Any, nullable: node.nullable });
    known.insert(id, place);
    let shape = match &node.shape {
        Shape::Object(object) => {
            let mut object = object.clone();
            for field in object.fields.values_mut() {
                field.id = copy(from, field.id, to, known);
            }
            object.values = object.values.map(|id| copy(from, id, to, known));
            Shape::Object(object)
        }
        Shape::List { items, merge } => Shape::List { items: copy(from, *items, to, known), merge: merge.clone() },
        shape => shape.clone(),
    };
    to.set(place, Node { shape, nullable: node.nullable });
    place
}
