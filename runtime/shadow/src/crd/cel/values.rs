//! From JSON to the values of expressions, by their schema: only what it declares can be seen.

use std::sync::Arc;

use ::cel::Value;
use ::cel::common::types::CelOptional;
use ::cel::common::value::Val;
use base64::Engine as _;

use super::super::props::Props;
use super::map;
use crate::Json;

/// Binds a value. A resource shows its type and its name too.
pub(super) fn bind(value: &Json, schema: &Props, resource: bool) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(is) => Value::Bool(*is),
        Json::Number(number) => match (schema.kind.as_str(), number.as_i64()) {
            ("number", _) | (_, None) => Value::Float(number.as_f64().unwrap_or_default()),
            (_, Some(whole)) => Value::Int(whole),
        },
        Json::String(text) => string(text, schema),
        Json::Array(items) => {
            let empty = Props::default();
            let own = schema.item().unwrap_or(&empty);
            Value::List(Arc::new(items.iter().map(|item| bind(item, own, own.embedded)).collect()))
        }
        Json::Object(fields) => match schema.value() {
            Some(own) => map(fields.iter().map(|(name, value)| (name.clone(), bind(value, own, own.embedded)))),
            None => {
                let declared = fields.iter().filter(|(_, value)| !value.is_null()).filter_map(|(name, value)| {
                    let own = schema.properties.get(name);
                    match name.as_str() {
                        "metadata" if resource => Some((name.clone(), metadata(value))),
                        "apiVersion" | "kind" if resource => {
                            Some((name.clone(), bind(value, &Props::default(), false)))
                        }
                        _ => own
                            .filter(|own| is_visible(own))
                            .and_then(|own| Some((escape(name)?, bind(value, own, own.embedded)))),
                    }
                });
                map(declared)
            }
        },
    }
}

/// Of the metadata, rules see the name.
fn metadata(value: &Json) -> Value {
    let names = ["name", "generateName"].into_iter();
    let texts = names.filter_map(|key| Some((key.to_owned(), Value::from(value.get(key)?.as_str()?.to_owned()))));
    map(texts)
}

/// What has no declared type cannot be seen.
pub(super) fn is_visible(schema: &Props) -> bool {
    match schema.kind.as_str() {
        _ if schema.int_or_string => true,
        "" => false,
        "array" => schema.item().is_some_and(is_visible),
        "object" => schema.value().is_none_or(is_visible),
        _ => true,
    }
}

fn string(text: &str, schema: &Props) -> Value {
    let plain = || Value::from(text.to_owned());
    if schema.kind != "string" {
        return plain();
    }
    match schema.format.as_str() {
        "byte" => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(text);
            bytes.map_or_else(|_| plain(), |bytes| Value::Bytes(Arc::new(bytes)))
        }
        "date-time" => chrono::DateTime::parse_from_rfc3339(text).map_or_else(|_| plain(), Value::Timestamp),
        "date" => chrono::DateTime::parse_from_rfc3339(&format!("{text}T00:00:00Z"))
            .map_or_else(|_| plain(), Value::Timestamp),
        "duration" => duration(text).map_or_else(plain, Value::Duration),
        _ => plain(),
    }
}

/// A duration as Go writes it: `1h30m`.
fn duration(text: &str) -> Option<chrono::Duration> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut nanoseconds = 0.0;
    while !rest.is_empty() && rest != "0" {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        let factor = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 6e10,
            "h" => 3.6e12,
            _ => return None,
        };
        nanoseconds += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    Some(chrono::Duration::nanoseconds((sign * nanoseconds) as i64))
}

/// A field's name as expressions write it; nothing for one that they cannot.
pub(super) fn escape(name: &str) -> Option<String> {
    const RESERVED: [&str; 21] = [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ];
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(allowed) {
        return None;
    }
    if RESERVED.contains(&name) {
        return Some(format!("__{name}__"));
    }
    let escaped =
        name.replace("__", "\u{1}").replace('.', "__dot__").replace('-', "__dash__").replace('/', "__slash__");
    Some(escaped.replace('\u{1}', "__underscores__"))
}

/// An optional value.
pub(super) fn optional(value: Option<Value>) -> Box<dyn Val> {
    match value.and_then(|value| Box::<dyn Val>::try_from(value).ok()) {
        Some(value) => Box::new(CelOptional::of(value)),
        None => Box::new(CelOptional::none()),
    }
}
