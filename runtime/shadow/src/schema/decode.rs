//! Reading objects of built-in types as the API server's Go code does, and writing them as it would.

mod special;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Map;

use super::go::{GoId, GoShape, GoStruct, GoTypes};
use crate::Json;

/// The API server tells no more unknown fields than this.
const MOST_UNKNOWN: usize = 100;

/// What became of a value: what its JSON is, and whether `omitempty` leaves it out.
pub(super) struct Coded {
    json: Json,
    empty: bool,
}

impl Coded {
    fn of(json: Json) -> Self {
        Self { json, empty: false }
    }

    /// A value that `omitempty` leaves out.
    fn nothing(json: Json) -> Self {
        Self { json, empty: true }
    }
}

/// What is wrong with a value.
pub(super) enum Fault {
    /// It has a wrong type: what it is, what it should be, and where: the struct and the field's path in it.
    Type {
        value: String,
        wanted: String,
        holder: Option<String>,
        field: String,
    },
    Other(String),
}

impl Fault {
    fn kind(value: impl Into<String>, wanted: impl Into<String>) -> Self {
        Fault::Type { value: value.into(), wanted: wanted.into(), holder: None, field: String::new() }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Fault::Other(words) => f.write_str(words),
            Fault::Type { value, wanted, holder: None, .. } => {
                write!(f, "json: cannot unmarshal {value} into Go value of type {wanted}")
            }
            Fault::Type { value, wanted, holder: Some(holder), field } => {
                write!(f, "json: cannot unmarshal {value} into Go struct field {holder}.{field} of type {wanted}")
            }
        }
    }
}

/// Reads a value and writes it again: fields it does not know are gone, and named in the result; what Go's encoder leaves
/// out is gone, what it writes without having got it is there; quantities and times are normal.
///
/// The error is the sentence of Go's decoder.
/// `given` keeps lists and maps that are there but empty where Go's encoder does: the API server's store does not tell them
/// from none.
pub(super) fn decode(types: &GoTypes, id: GoId, value: Json, given: bool) -> Result<(Json, Vec<String>), String> {
    let mut decoder = Decoder { given, ..Decoder::new(types, true) };
    let coded = decoder.run(id, value).map_err(|fault| fault.to_string())?;
    Ok((coded.json, decoder.unknown))
}

struct Decoder<'a> {
    types: &'a GoTypes,
    strict: bool,
    given: bool,
    /// Where we are, in the words for unknown fields: `spec.containers[0].name`.
    path: String,
    /// Where we are, in the words for wrong types, which know no places in lists and no keys of maps.
    fields: Vec<&'a str>,
    /// The struct that we are in.
    holder: Option<&'a str>,
    /// The first error that let reading go on; one of a type with code of its own ends it, and counts more.
    error: Option<Fault>,
    unknown: Vec<String>,
}

impl<'a> Decoder<'a> {
    fn new(types: &'a GoTypes, strict: bool) -> Self {
        Self {
            types,
            strict,
            given: false,
            path: String::new(),
            fields: Vec::new(),
            holder: None,
            error: None,
            unknown: Vec::new(),
        }
    }

    fn run(&mut self, id: GoId, value: Json) -> Result<Coded, Fault> {
        match self.value(id, value) {
            Err(fault) => Err(self.located(fault)),
            Ok(coded) => self.error.take().map_or(Ok(coded), Err),
        }
    }

    fn value(&mut self, id: GoId, value: Json) -> Result<Coded, Fault> {
        let types = self.types;
        let shape = &types.get(id).shape;
        if value.is_null() && !matches!(shape, GoShape::Special(_)) {
            return Ok(self.zero(id));
        }
        Ok(match (shape, value) {
            (GoShape::Pointer(inner), value) => Coded::of(self.value(*inner, value)?.json),
            (GoShape::Special(special), value) => self.special(*special, value)?,
            (GoShape::Struct(structure), Json::Object(map)) => self.structure(id, structure, map)?,
            (GoShape::Map(inner), Json::Object(map)) => self.map(*inner, map)?,
            (GoShape::Slice(inner), Json::Array(items)) => self.slice(*inner, items)?,
            (GoShape::String, Json::String(text)) => Coded { empty: text.is_empty(), json: text.into() },
            (GoShape::Bool, Json::Bool(truth)) => Coded { empty: !truth, json: truth.into() },
            (GoShape::Float, Json::Number(number)) => {
                Coded { empty: number.as_f64() == Some(0.0), json: number.into() }
            }
            (GoShape::Int(bits), Json::Number(number)) => match integer(&number, *bits) {
                Some(number) => Coded { empty: number == 0, json: number.into() },
                None => self.wrong(id, format!("number {number}")),
            },
            (GoShape::Bytes, Json::String(text)) => self.bytes(&text),
            (GoShape::Bytes, Json::Array(items)) => self.byte_list(&items),
            (_, value) => self.wrong(id, kind(&value).to_owned()),
        })
    }

    /// What Go writes of a value that was not given.
    fn zero(&self, id: GoId) -> Coded {
        match &self.types.get(id).shape {
            GoShape::Bool => Coded::nothing(false.into()),
            GoShape::Int(_) => Coded::nothing(0.into()),
            GoShape::Float => Coded::nothing(0.into()),
            GoShape::String => Coded::nothing("".into()),
            GoShape::Bytes | GoShape::Slice(_) | GoShape::Map(_) | GoShape::Pointer(_) => Coded::nothing(Json::Null),
            GoShape::Struct(structure) => {
                Coded::of(self.written(structure, structure.fields.iter().map(|_| None).collect()))
            }
            GoShape::Special(special) => Coded::of(special.zero()),
        }
    }

    fn structure(&mut self, id: GoId, structure: &'a GoStruct, map: Map<String, Json>) -> Result<Coded, Fault> {
        let types = self.types;
        let mut read: Vec<Option<Coded>> = structure.fields.iter().map(|_| None).collect();
        let (outer, depth, length) = (self.holder, self.fields.len(), self.path.len());
        for (key, value) in map {
            let Some(place) = structure.place(&key) else {
                self.unknown_field(&key);
                continue;
            };
            let field = &structure.fields[place];
            self.holder = Some(types.short_name(id));
            if !field.through.is_empty() {
                self.fields.push(&field.through);
            }
            self.fields.push(&field.name);
            self.enter(&key);
            read[place] = Some(self.value(field.id, value)?);
            self.path.truncate(length);
            self.fields.truncate(depth);
        }
        self.holder = outer;
        Ok(Coded::of(self.written(structure, read)))
    }

    /// The JSON of a struct, its fields in the order of the struct.
    fn written(&self, structure: &GoStruct, read: Vec<Option<Coded>>) -> Json {
        let mut map = Map::new();
        for (field, read) in structure.fields.iter().zip(read) {
            let Coded { json, empty } = read.unwrap_or_else(|| self.zero(field.id));
            // The only `omitzero` is that of a time, whose zero is null.
            if !(field.omit.empty && empty || field.omit.zero && json.is_null()) {
                map.insert(field.name.clone(), json);
            }
        }
        map.into()
    }

    fn map(&mut self, inner: GoId, map: Map<String, Json>) -> Result<Coded, Fault> {
        let length = self.path.len();
        let mut read = Vec::with_capacity(map.len());
        for (key, value) in map {
            self.enter(&key);
            let coded = self.value(inner, value)?;
            self.path.truncate(length);
            // Bytes lose the difference between none and null on their way through the store.
            let bytes = matches!(self.types.get(inner).shape, GoShape::Bytes);
            read.push((key, if bytes && coded.json.is_null() { "".into() } else { coded.json }));
        }
        if read.is_empty() {
            return Ok(Coded::nothing(if self.given { Map::new().into() } else { Json::Null }));
        }
        read.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Coded::of(Json::Object(read.into_iter().collect())))
    }

    fn slice(&mut self, inner: GoId, items: Vec<Json>) -> Result<Coded, Fault> {
        let length = self.path.len();
        let mut read = Vec::with_capacity(items.len());
        for (place, item) in items.into_iter().enumerate() {
            if self.strict {
                self.path.push_str(&format!("[{place}]"));
            }
            read.push(self.value(inner, item)?.json);
            self.path.truncate(length);
        }
        Ok(match read.is_empty() {
            true => Coded::nothing(if self.given { Json::Array(read) } else { Json::Null }),
            false => Coded::of(read.into()),
        })
    }

    fn bytes(&mut self, text: &str) -> Coded {
        let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        match special::base64_error(&text) {
            None => Coded { empty: text.is_empty(), json: text.into() },
            Some(place) => {
                let words = format!("illegal base64 data at input byte {place}");
                self.error.get_or_insert(Fault::Other(words));
                Coded::nothing(Json::Null)
            }
        }
    }

    /// Bytes may also be given as numbers.
    fn byte_list(&mut self, items: &[Json]) -> Coded {
        let mut bytes = Vec::with_capacity(items.len());
        for item in items {
            match item.as_u64().and_then(|number| u8::try_from(number).ok()) {
                Some(byte) => bytes.push(byte),
                None if item.is_null() => bytes.push(0),
                None => {
                    let value = if item.is_number() { format!("number {item}") } else { kind(item).to_owned() };
                    let fault = self.located(Fault::kind(value, "uint8"));
                    self.error.get_or_insert(fault);
                    return Coded::nothing(Json::Null);
                }
            }
        }
        Coded { empty: bytes.is_empty(), json: STANDARD.encode(bytes).into() }
    }

    fn enter(&mut self, key: &str) {
        if self.strict {
            if !self.path.is_empty() {
                self.path.push('.');
            }
            self.path.push_str(key);
        }
    }

    fn unknown_field(&mut self, key: &str) {
        if self.strict && self.unknown.len() < MOST_UNKNOWN {
            let dot = if self.path.is_empty() { "" } else { "." };
            let said = format!("unknown field {}", crate::go::quote(&format!("{}{dot}{key}", self.path)));
            if !self.unknown.contains(&said) {
                self.unknown.push(said);
            }
        }
    }

    /// Notes an error; reading goes on.
    fn wrong(&mut self, id: GoId, value: String) -> Coded {
        if self.error.is_none() {
            self.error = Some(self.located(Fault::kind(value, self.types.words(id))));
        }
        self.zero(id)
    }

    /// Adds where we are.
    fn located(&self, fault: Fault) -> Fault {
        match fault {
            Fault::Type { value, wanted, holder, field } => {
                let fields = self.fields.iter().copied().chain(Some(field.as_str()).filter(|field| !field.is_empty()));
                let field = fields.collect::<Vec<_>>().join(".");
                Fault::Type { value, wanted, holder: self.holder.map(str::to_owned).or(holder), field }
            }
            other => other,
        }
    }
}

/// A whole number that fits, written without a point.
fn integer(number: &serde_json::Number, bits: u32) -> Option<i64> {
    number.as_i64().filter(|number| bits == 64 || i32::try_from(*number).is_ok())
}

/// What Go's decoder calls a value.
fn kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests;
