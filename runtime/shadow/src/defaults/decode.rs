//! An object as Go reads and writes it: unknown fields gone, empty ones left out or written out as the Go type says,
//! numbers, times and quantities in their one form, or the error that Go would give.

use base64::Engine;
use serde_json::{Map, json};

use super::quantity::Quantity;
use super::types::{Field, Presence, Struct, Type, Types};
use crate::{ApiError, Json};

/// What reading has found besides the object.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The first thing that Go can't read, in its words.
    error: Option<String>,
    /// The paths of fields that the type does not have, such as `spec.containers[0].foo`.
    pub(crate) unknown: Vec<String>,
}

/// Brings an object of a built-in kind into the form in which the API server keeps it. Objects of other kinds stay as
/// they are.
///
/// # Errors
/// 400, where Go could not read it.
pub(crate) fn decode(group: &str, version: &str, kind: &str, object: &mut Json) -> Result<Found, ApiError> {
    let types = Types::all();
    let Some(of) = types.of_kind(group, version, kind) else { return Ok(Found::default()) };
    let mut reader = Reader { types, found: Found::default(), path: vec![], fields: vec![], inside: "" };
    reader.read(object, &of);
    match reader.found.error {
        Some(error) => {
            let message = format!("{kind} in version {version:?} cannot be handled as a {kind}: {error}");
            Err(ApiError::bad_request(message))
        }
        None => Ok(reader.found),
    }
}

/// Brings a part of an object, such as a pod's spec (`core/v1.PodSpec`), into the API server's form.
pub(crate) fn tidy(name: &str, part: &mut Json) {
    let types = Types::all();
    if let Some(of) = types.named(name) {
        Reader { types, found: Found::default(), path: vec![], fields: vec![], inside: "" }.read(part, &of);
    }
}

/// A field of a kind as it is when there is nothing in it, or nothing where Go leaves it out.
pub(super) fn empty_field(group: &str, version: &str, kind: &str, name: &str) -> Option<Json> {
    let types = Types::all();
    let Type::Struct(at) = types.of_kind(group, version, kind)? else { return None };
    let field = types.get(at)?.fields.iter().find(|field| field.name == name)?;
    Reader { types, found: Found::default(), path: vec![], fields: vec![], inside: "" }.read_field(None, field)
}

/// Brings an object that is in the API server's form already, but for what was just done to it, into that form again.
pub(crate) fn tidy_kind(group: &str, version: &str, kind: &str, object: &mut Json) {
    let types = Types::all();
    if let Some(of) = types.of_kind(group, version, kind) {
        Reader { types, found: Found::default(), path: vec![], fields: vec![], inside: "" }.read(object, &of);
    }
}

struct Reader {
    types: &'static Types,
    found: Found,
    /// With indexes, for unknown fields.
    path: Vec<String>,
    /// Without, for Go's errors.
    fields: Vec<&'static str>,
    inside: &'static str,
}

impl Reader {
    fn read(&mut self, value: &mut Json, of: &Type) {
        match of {
            Type::Struct(at) => {
                if let Some(of) = self.types.get(*at) {
                    self.read_struct(value, of);
                }
            }
            Type::List(items) => match value {
                Json::Array(list) => {
                    for (at, item) in list.iter_mut().enumerate() {
                        self.path.push(format!("[{at}]"));
                        if item.is_null() {
                            *item = zero(items);
                        }
                        self.read(item, items);
                        self.path.pop();
                    }
                }
                _ => self.mismatch(value, of),
            },
            Type::Map(values) => match value {
                Json::Object(map) => self.read_map(map, values),
                _ => self.mismatch(value, of),
            },
            Type::Raw => {}
            Type::SchemaOr => {
                if let Some(schema) = self.types.named("apiextensions/v1.JSONSchemaProps") {
                    match value {
                        Json::Object(_) => self.read(value, &schema),
                        Json::Array(list) => list.iter_mut().for_each(|item| self.read(item, &schema)),
                        _ => {}
                    }
                }
            }
            _ => self.read_scalar(value, of),
        }
    }

    fn read_struct(&mut self, value: &mut Json, of: &'static Struct) {
        if value.is_null() {
            *value = json!({});
        }
        let Json::Object(map) = value else {
            let name = of.name.rsplit('/').next().unwrap_or(of.name);
            return self.fail(kind_of(value), name);
        };
        let outside = std::mem::replace(&mut self.inside, of.short());
        let mut given = std::mem::take(map);
        for field in &of.fields {
            let value = given.shift_remove(field.name).filter(|value| !value.is_null());
            if let Some(value) = self.read_field(value, field) {
                map.insert(field.name.to_owned(), value);
            }
        }
        for (name, _) in given {
            let path = self.path.concat();
            let dot = if path.is_empty() { "" } else { "." };
            self.found.unknown.push(format!("{}{dot}{name}", path.trim_start_matches('.')));
        }
        self.inside = outside;
    }

    fn read_field(&mut self, value: Option<Json>, field: &'static Field) -> Option<Json> {
        let Some(mut value) = value else {
            return match field.presence {
                Presence::Omitted | Presence::Pointer => None,
                Presence::Nullable => Some(Json::Null),
                Presence::Always => {
                    let mut empty = zero(&field.of);
                    if matches!(field.of, Type::Struct(_)) {
                        self.read(&mut empty, &field.of);
                    }
                    Some(empty)
                }
            };
        };
        self.path.push(format!(".{}", field.name));
        self.fields.push(field.name);
        self.read(&mut value, &field.of);
        self.path.pop();
        self.fields.pop();
        if field.presence == Presence::Omitted && is_empty(&value) { None } else { Some(value) }
    }

    fn read_map(&mut self, map: &mut Map<String, Json>, values: &Type) {
        // Go writes maps in the order of their keys.
        let mut entries: Vec<_> = std::mem::take(map).into_iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, mut value) in entries {
            self.path.push(format!(".{key}"));
            if value.is_null() && !matches!(values, Type::Bytes) {
                value = zero(values);
            }
            if !value.is_null() {
                self.read(&mut value, values);
            }
            self.path.pop();
            map.insert(key, value);
        }
    }

    fn read_scalar(&mut self, value: &mut Json, of: &Type) {
        match (of, &*value) {
            (Type::String(_), Json::String(_)) | (Type::Bool(_), Json::Bool(_)) | (Type::Float, Json::Number(_)) => {}
            (Type::Integer(name, bits), Json::Number(number)) => {
                let fits = number.as_i64().is_some_and(|n| *bits == 64 || i32::try_from(n).is_ok());
                if !fits {
                    self.fail(&format!("number {number}"), name);
                }
            }
            (Type::Unsigned, Json::Number(number)) if number.is_u64() => {}
            (Type::IntOrString, Json::String(_)) => {}
            (Type::IntOrString, Json::Number(number)) => {
                if number.as_i64().is_none_or(|n| i32::try_from(n).is_err()) {
                    self.say(format!("json: cannot unmarshal number {number} into Go value of type int32"));
                }
            }
            (Type::IntOrString, other) => {
                self.say(format!("json: cannot unmarshal {} into Go value of type int32", kind_of(other)));
            }
            (Type::Quantity, Json::String(_) | Json::Number(_)) => {
                let text = value.as_str().map_or_else(|| value.to_string(), |t| t.trim().to_owned());
                match Quantity::parse(&text) {
                    Ok(quantity) => *value = quantity.to_string().into(),
                    Err(words) => self.say(words.to_owned()),
                }
            }
            (Type::Quantity, _) => {
                self.say(
                    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                        .to_owned(),
                );
            }
            (Type::Bytes, Json::String(text)) => {
                let clean: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
                match base64::engine::general_purpose::STANDARD.decode(&clean) {
                    Ok(_) => *value = clean.into(),
                    Err(error) => {
                        self.say(format!("illegal base64 data at input byte {}", base64_offset(&error, &clean)))
                    }
                }
            }
            (Type::Time | Type::MicroTime, Json::String(text)) => match text.parse::<jiff::Timestamp>() {
                Ok(time) if *of == Type::Time => *value = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into(),
                Ok(time) => *value = time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string().into(),
                Err(_) => {
                    let layout = if *of == Type::Time {
                        "2006-01-02T15:04:05Z07:00"
                    } else {
                        "2006-01-02T15:04:05.000000Z07:00"
                    };
                    self.say(format!("parsing time {text:?} as {layout:?}: cannot parse {text:?} as \"2006\""));
                }
            },
            (Type::Time | Type::MicroTime | Type::Duration, other) if !other.is_string() => {
                self.say(format!("json: cannot unmarshal {} into Go value of type string", kind_of(other)));
            }
            (Type::Duration, _) => {}
            _ => self.mismatch(value, of),
        }
    }

    fn mismatch(&mut self, value: &Json, of: &Type) {
        let name = go_name(of, self.types);
        self.fail(kind_of(value), &name);
    }

    fn fail(&mut self, found: &str, wanted: &str) {
        if self.inside.is_empty() {
            self.say(format!("json: cannot unmarshal {found} into Go value of type {wanted}"));
        } else {
            let path = self.fields.join(".");
            self.say(format!(
                "json: cannot unmarshal {found} into Go struct field {}.{path} of type {wanted}",
                self.inside
            ));
        }
    }

    fn say(&mut self, error: String) {
        self.found.error.get_or_insert(error);
    }
}

fn base64_offset(error: &base64::DecodeError, text: &str) -> usize {
    match error {
        base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => *at,
        base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => text.len() / 4 * 4,
    }
}

fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

fn go_name(of: &Type, types: &Types) -> String {
    match of {
        Type::String(name) | Type::Bool(name) | Type::Integer(name, _) => (*name).to_owned(),
        Type::Unsigned => "uint32".to_owned(),
        Type::Float => "float64".to_owned(),
        Type::Bytes => "[]uint8".to_owned(),
        Type::List(items) => format!("[]{}", go_name(items, types)),
        Type::Map(values) if **values == Type::Quantity => "v1.ResourceList".to_owned(),
        Type::Map(values) => format!("map[string]{}", go_name(values, types)),
        Type::Struct(at) => {
            types.get(*at).map_or_else(String::new, |s| s.name.rsplit('/').next().unwrap_or("").to_owned())
        }
        _ => "string".to_owned(),
    }
}

fn zero(of: &Type) -> Json {
    match of {
        Type::String(_) => "".into(),
        Type::Integer(..) | Type::Unsigned | Type::IntOrString => 0.into(),
        Type::Float => 0.into(),
        Type::Bool(_) => false.into(),
        Type::Quantity => "0".into(),
        Type::Duration => "0s".into(),
        Type::Struct(_) => json!({}),
        _ => Json::Null,
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(given) => !given,
        Json::Number(number) => number.as_f64() == Some(0.0),
        Json::String(text) => text.is_empty(),
        Json::Array(list) => list.is_empty(),
        Json::Object(map) => map.is_empty(),
    }
}
