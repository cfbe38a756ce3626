//! Objects as protobuf, in which clients with Kubernetes' own types send them: kubectl's `create` and `drain`, for example.

pub(super) mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;

use super::go::{GoId, GoShape, GoStruct, GoTypes, Special};
use super::{assets, builtin, time};
use crate::Json;
use wire::{Value, fields};

/// What every object begins with.
const MAGIC: &[u8] = b"k8s\0";

/// How deep messages may lie in each other: what JSON allows.
const DEEPEST: usize = 100;

const DEFINITION: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

/// The fields of a message by number.
type Members = BTreeMap<u64, Member>;

enum Member {
    /// A place among the fields of the struct.
    Field(usize),
    /// A struct that Go and JSON see as part of the outer one.
    Embedded(Members),
}

/// Reads an object of one of Kubernetes' own kinds. Whether its kind is known is not said here: what is not, has
/// `apiVersion` and `kind` only.
///
/// # Errors
/// What is wrong with it, in the API server's words.
pub(crate) fn read(body: &[u8]) -> Result<Json, String> {
    let unmarked = "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]";
    let body = body.strip_prefix(MAGIC).ok_or(unmarked)?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), &[][..]);
    for field in fields(body) {
        match field? {
            (1, value) => {
                for field in fields(value.bytes()?) {
                    match field? {
                        (1, value) => api_version = value.text()?,
                        (2, value) => kind = value.text()?,
                        _ => {}
                    }
                }
            }
            (2, value) => raw = value.bytes()?,
            _ => {}
        }
    }
    let go = &builtin().schemas.go;
    let mut object = Map::new();
    if let Some(id) = of_kind(&api_version, &kind) {
        let reader = Reader { types: go, members: members(), depth: 0 };
        object.insert("apiVersion".into(), Json::Null);
        object.insert("kind".into(), Json::Null);
        reader.message(id, raw, &mut object)?;
    }
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    Ok(Json::Object(object))
}

fn of_kind(api_version: &str, kind: &str) -> Option<GoId> {
    let builtin = builtin();
    match builtin.kinds.get(&format!("{api_version}/{kind}")) {
        Some(id) => builtin.schemas.go_ids.get(id).copied(),
        // Options are the same in every version.
        None => builtin.schemas.go.named(&format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}")),
    }
}

/// The members of all structs. Only who needs them has them decoded.
fn members() -> &'static HashMap<GoId, Members> {
    static MEMBERS: OnceLock<HashMap<GoId, Members>> = OnceLock::new();
    MEMBERS.get_or_init(|| {
        let types = &builtin().schemas.go;
        let structs = assets::numbers().into_iter().filter_map(|(name, numbers)| {
            let id = types.named(&name)?;
            let GoShape::Struct(structure) = &types.get(id).shape else { return None };
            let mut members = Members::new();
            for (field, path) in &numbers {
                let path: Vec<u64> = path.split('.').filter_map(|number| number.parse().ok()).collect();
                if let Some(place) = structure.place(field) {
                    insert(&mut members, &path, place);
                }
            }
            Some((id, members))
        });
        structs.collect()
    })
}

fn insert(members: &mut Members, path: &[u64], place: usize) {
    match path {
        [] => {}
        [number] => drop(members.insert(*number, Member::Field(place))),
        [number, rest @ ..] => {
            let inner = members.entry(*number).or_insert_with(|| Member::Embedded(Members::new()));
            if let Member::Embedded(inner) = inner {
                insert(inner, rest, place);
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Reader {
    types: &'static GoTypes,
    members: &'static HashMap<GoId, Members>,
    depth: usize,
}

impl Reader {
    fn message(self, id: GoId, bytes: &[u8], into: &mut Map<String, Json>) -> Result<(), String> {
        let GoShape::Struct(structure) = &self.types.get(id).shape else { return Ok(()) };
        let Some(members) = self.members.get(&id) else { return Ok(()) };
        if self.depth > DEEPEST {
            return Err("proto: exceeded max depth".into());
        }
        Self { depth: self.depth + 1, ..self }.members(structure, members, bytes, into)
    }

    fn members(
        self,
        structure: &GoStruct,
        members: &Members,
        bytes: &[u8],
        into: &mut Map<String, Json>,
    ) -> Result<(), String> {
        for field in fields(bytes) {
            let (number, value) = field?;
            match members.get(&number) {
                None => {}
                Some(Member::Embedded(inner)) => self.members(structure, inner, value.bytes()?, into)?,
                Some(Member::Field(place)) => {
                    if let Some(field) = structure.fields.get(*place) {
                        let slot = into.entry(field.name.clone()).or_insert(Json::Null);
                        self.field(field.id, value, slot)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// One value of a field; lists and maps have one after the other.
    fn field(self, id: GoId, value: Value<'_>, slot: &mut Json) -> Result<(), String> {
        let of = self.types.get(id);
        match &of.shape {
            GoShape::Pointer(inner) => return self.field(*inner, value, slot),
            GoShape::Slice(inner) if !of.is_named() => {
                if !slot.is_array() {
                    *slot = Json::Array(Vec::new());
                }
                let list = slot.as_array_mut().into_iter();
                let number = matches!(self.types.get(*inner).shape, GoShape::Int(_) | GoShape::Bool);
                let values = match value {
                    Value::Bytes(bytes) if number => wire::packed(bytes)?,
                    value => vec![value],
                };
                let values = values.into_iter().map(|value| self.value(*inner, value));
                let values = values.collect::<Result<Vec<Json>, String>>()?;
                list.for_each(|list| list.extend(values.iter().cloned()));
            }
            GoShape::Map(inner) => {
                if !slot.is_object() {
                    *slot = Json::Object(Map::new());
                }
                let (mut key, mut held) = (String::new(), Value::Bytes(&[]));
                for field in fields(value.bytes()?) {
                    match field? {
                        (1, value) => key = value.text()?,
                        (2, value) => held = value,
                        _ => {}
                    }
                }
                let held = self.value(*inner, held)?;
                if let Some(map) = slot.as_object_mut() {
                    map.insert(key, held);
                }
            }
            _ => *slot = self.value(id, value)?,
        }
        Ok(())
    }

    fn value(self, id: GoId, value: Value<'_>) -> Result<Json, String> {
        Ok(match &self.types.get(id).shape {
            GoShape::Pointer(inner) => self.value(*inner, value)?,
            GoShape::Bool => (value.varint()? != 0).into(),
            GoShape::Int(_) => value.integer()?.into(),
            GoShape::Float => value.float()?.into(),
            GoShape::String => value.text()?.into(),
            GoShape::Bytes => STANDARD.encode(value.bytes()?).into(),
            GoShape::Struct(_) => {
                let mut map = Map::new();
                self.message(id, value.bytes()?, &mut map)?;
                Json::Object(map)
            }
            // A list with a name is a message with items.
            GoShape::Slice(inner) => {
                let items = fields(value.bytes()?).map(|field| self.value(*inner, field?.1));
                items.collect::<Result<Vec<Json>, String>>()?.into()
            }
            GoShape::Map(_) => {
                let mut map = Json::Null;
                self.field(id, value, &mut map)?;
                map
            }
            GoShape::Special(special) => self.special(*special, value.bytes()?)?,
        })
    }

    /// A type whose JSON is not that of its message.
    fn special(self, special: Special, bytes: &[u8]) -> Result<Json, String> {
        let fields = fields(bytes).collect::<Result<Vec<_>, String>>()?;
        let first = |number: u64| fields.iter().find(|field| field.0 == number).map(|field| field.1);
        let integer = |number: u64| first(number).map_or(Ok(0), Value::integer);
        let text = |number: u64| first(number).map_or(Ok(String::new()), Value::text);
        Ok(match special {
            Special::Quantity => text(1)?.into(),
            Special::IntOrString if integer(1)? == 0 => integer(2)?.into(),
            Special::IntOrString => text(3)?.into(),
            Special::Time | Special::MicroTime if bytes.is_empty() => Json::Null,
            Special::Time | Special::MicroTime => {
                let nanoseconds = i32::try_from(integer(2)?).unwrap_or_default();
                let time = jiff::Timestamp::new(integer(1)?, nanoseconds).map_err(|error| error.to_string())?;
                time::write(time, special == Special::MicroTime)
            }
            Special::Raw => match first(1).map(Value::bytes).transpose()? {
                Some(raw) if !raw.is_empty() => serde_json::from_slice(raw).map_err(|error| error.to_string())?,
                _ => Json::Null,
            },
            Special::SchemaOrBool => match first(2) {
                Some(schema) => self.schema(schema)?,
                None => (integer(1)? != 0).into(),
            },
            Special::SchemaOrArray | Special::SchemaOrNames => match first(1) {
                Some(schema) => self.schema(schema)?,
                None => {
                    let items = fields.iter().filter(|field| field.0 == 2);
                    let items = items.map(|(_, item)| match special {
                        Special::SchemaOrArray => self.schema(*item),
                        _ => item.text().map(Json::from),
                    });
                    items.collect::<Result<Vec<Json>, String>>()?.into()
                }
            },
        })
    }

    fn schema(self, value: Value<'_>) -> Result<Json, String> {
        let mut schema = Map::new();
        if let Some(id) = self.types.named(DEFINITION) {
            self.message(id, value.bytes()?, &mut schema)?;
        }
        Ok(Json::Object(schema))
    }
}

#[cfg(test)]
mod tests;
