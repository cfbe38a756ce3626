//! Types that decode themselves.

use super::{Coded, Decoder, Fault, integer, kind};
use crate::Json;
use crate::quantity;
use crate::schema::go::Special;
use crate::schema::time;

const SCHEMA: &str = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

impl Special {
    /// What Go writes of a value that was not given.
    pub(super) fn zero(self) -> Json {
        match self {
            Special::Quantity => "0".into(),
            Special::IntOrString => 0.into(),
            Special::SchemaOrBool => false.into(),
            Special::Time | Special::MicroTime | Special::Raw | Special::SchemaOrArray | Special::SchemaOrNames => {
                Json::Null
            }
        }
    }
}

impl Decoder<'_> {
    pub(super) fn special(&mut self, special: Special, value: Json) -> Result<Coded, Fault> {
        let micro = special == Special::MicroTime;
        let json = match (special, value) {
            (Special::Raw, value) => value,
            (Special::SchemaOrBool, Json::Null) => return Err(Fault::Other(BOOL_OR_SCHEMA.into())),
            (_, Json::Null) => special.zero(),
            (Special::Quantity, value) => {
                let text = value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
                quantity::canonical(&text).map_err(|words| Fault::Other(words.into()))?.into()
            }
            (Special::IntOrString, Json::Number(number)) => {
                integer(&number, 32).ok_or_else(|| Fault::kind(format!("number {number}"), "int32"))?.into()
            }
            (Special::IntOrString, value @ Json::String(_)) => value,
            (Special::IntOrString, value) => return Err(Fault::kind(kind(&value), "int32")),
            (Special::Time | Special::MicroTime, Json::String(text)) => {
                time::write(time::parse(&text, micro).map_err(Fault::Other)?, micro)
            }
            (Special::Time | Special::MicroTime, value) => return Err(Fault::kind(kind(&value), "string")),
            (Special::SchemaOrBool, value @ Json::Bool(_)) => value,
            (Special::SchemaOrBool | Special::SchemaOrArray | Special::SchemaOrNames, value @ Json::Object(_)) => {
                self.schema(value)?
            }
            (Special::SchemaOrBool, _) => return Err(Fault::Other(BOOL_OR_SCHEMA.into())),
            (Special::SchemaOrArray, Json::Array(items)) if !items.is_empty() => {
                items.into_iter().map(|item| self.schema(item)).collect::<Result<Vec<_>, _>>()?.into()
            }
            (Special::SchemaOrNames, Json::Array(items)) if !items.is_empty() => {
                let wrong_item = items.iter().find(|item| !item.is_string() && !item.is_null());
                match wrong_item {
                    Some(item) => return Err(Fault::kind(kind(item), "string")),
                    None => items.into(),
                }
            }
            (Special::SchemaOrArray | Special::SchemaOrNames, _) => Json::Null,
        };
        Ok(Coded::of(json))
    }

    /// A JSONSchemaProps that is decoded by itself: unknown fields in it are not told.
    fn schema(&mut self, value: Json) -> Result<Json, Fault> {
        match self.types.named(SCHEMA) {
            Some(id) => Ok(Decoder::new(self.types, false).run(id, value)?.json),
            None => Ok(value),
        }
    }
}

const BOOL_OR_SCHEMA: &str = "boolean or JSON schema expected";

/// Where Go's base64 decoder stops, if the text is wrong.
pub(super) fn base64_error(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let end = bytes.iter().position(|byte| !letter(*byte)).unwrap_or(bytes.len());
    let padding = &bytes[end..];
    match (end % 4, padding) {
        (0, []) | (2, [b'=', b'=']) | (3, [b'=']) => None,
        // A text that breaks off is wrong where its last group begins.
        (2 | 3, []) | (1, []) => Some(end - end % 4),
        (2, [b'=']) => Some(end + 1),
        (2, [b'=', b'=', _, ..]) => Some(end + 2),
        (2, [b'=', ..]) => Some(end),
        (3, [b'=', _, ..]) => Some(end + 1),
        _ => Some(end),
    }
}
