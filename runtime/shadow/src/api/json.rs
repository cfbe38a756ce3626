//! JSON as Go reads it: the last of two fields of one name counts, and is told; errors in Go's words.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Map;

use crate::Json;

/// Reads a document, and what is twice in it, as `duplicate field "spec.replicas"`.
///
/// # Errors
/// Go's sentence about what is wrong.
pub(crate) fn read(bytes: &[u8]) -> Result<(Json, Vec<String>), String> {
    let found = Rc::default();
    let seed = Value { path: String::new(), found: Rc::clone(&found) };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(value) => Ok((value, found.take())),
        Err(error) => Err(words(&error, bytes)),
    }
}

fn words(error: &serde_json::Error, bytes: &[u8]) -> String {
    if error.is_eof() {
        return "unexpected end of JSON input".into();
    }
    let line = bytes.split(|byte| *byte == b'\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    let letter = line.get(error.column().saturating_sub(1)).map_or(' ', |byte| char::from(*byte));
    let said = error.to_string();
    if let Some((literal, next)) = line.get(..error.column().saturating_sub(1)).and_then(literal) {
        return format!("invalid character {} in literal {literal} (expecting {})", quoted(letter), quoted(next));
    }
    let place = if said.starts_with("expected `,` or `}`") {
        "after object key:value pair"
    } else if said.starts_with("expected `,` or `]`") {
        "after array element"
    } else if said.starts_with("expected `:`") {
        "after object key"
    } else if said.starts_with("key must be a string") {
        "looking for beginning of object key string"
    } else if said.starts_with("trailing characters") {
        "after top-level value"
    } else {
        "looking for beginning of value"
    };
    format!("invalid character {} {place}", quoted(letter))
}

/// The literal that this ends in the middle of, and the letter that comes next in it.
fn literal(before: &[u8]) -> Option<(&'static str, char)> {
    let letters = before.iter().rev().take_while(|byte| byte.is_ascii_alphabetic()).count();
    let begun = std::str::from_utf8(before.get(before.len() - letters..)?).ok().filter(|begun| !begun.is_empty())?;
    let literal = ["true", "false", "null"].into_iter().find(|literal| literal.starts_with(begun))?;
    Some((literal, literal.chars().nth(letters)?))
}

/// A letter, as Go quotes it.
fn quoted(letter: char) -> String {
    match letter {
        '\'' => "'\\''".into(),
        '"' => "'\"'".into(),
        other => format!("'{}'", crate::go::quote(&other.to_string()).trim_matches('"')),
    }
}

/// A map that comes again is read into the one that is there.
fn extend(map: &mut Map<String, Json>, more: Map<String, Json>) {
    for (key, value) in more {
        match (map.get_mut(&key), value) {
            (Some(Json::Object(there)), Json::Object(more)) => extend(there, more),
            (_, value) => drop(map.insert(key, value)),
        }
    }
}

struct Value {
    path: String,
    found: Rc<RefCell<Vec<String>>>,
}

impl<'de> DeserializeSeed<'de> for Value {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        let seed = |at: usize| Value { path: format!("{}[{at}]", self.path), found: Rc::clone(&self.found) };
        while let Some(item) = items.next_element_seed(seed(list.len()))? {
            list.push(item);
        }
        Ok(Json::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
        let mut map = Map::new();
        while let Some(key) = fields.next_key::<String>()? {
            let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            if map.contains_key(&key) {
                self.found.borrow_mut().push(format!("duplicate field {path:?}"));
            }
            let value = fields.next_value_seed(Value { path, found: Rc::clone(&self.found) })?;
            match (map.get_mut(&key), value) {
                (Some(Json::Object(there)), Json::Object(more)) => extend(there, more),
                (_, value) => drop(map.insert(key, value)),
            }
        }
        Ok(Json::Object(map))
    }
}
