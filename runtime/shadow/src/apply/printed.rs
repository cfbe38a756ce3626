//! Values as the API server writes them: into keys of `fieldsV1`, and into messages, where it uses Go's formats.

use serde_json::Number;

use crate::Json;
use crate::go::quote;

/// A value as JSON: keys sorted, `<`, `>`, `&` and the line separators escaped.
pub(crate) fn json(value: &Json) -> String {
    match value {
        Json::String(text) => quoted(text),
        Json::Array(items) => format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(",")),
        Json::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{}:{}", quoted(key), json(value))).collect();
            format!("{{{}}}", fields.join(","))
        }
        Json::Number(number) => match number.as_f64() {
            // A whole number is written as one, however it was read.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e21 => format!("{float:.0}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// A text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    let mut said = String::with_capacity(text.len() + 2);
    for c in Json::from(text).to_string().chars() {
        match c {
            '<' => said.push_str("\\u003c"),
            '>' => said.push_str("\\u003e"),
            '&' => said.push_str("\\u0026"),
            '\u{2028}' => said.push_str("\\u2028"),
            '\u{2029}' => said.push_str("\\u2029"),
            c => said.push(c),
        }
    }
    said
}

/// A value in a path.
pub(crate) fn readable(value: &Json) -> String {
    match value {
        Json::String(text) => quote(text),
        Json::Number(number) => go_float(number),
        Json::Array(items) => format!("[{}]", items.iter().map(readable).collect::<Vec<_>>().join(",")),
        Json::Object(map) => map.iter().map(|(key, value)| format!("{key}={}", readable(value))).collect(),
        other => other.to_string(),
    }
}

/// Go's `%v`.
pub(crate) fn plain(value: &Json) -> String {
    match value {
        Json::Null => "<nil>".into(),
        Json::String(text) => text.clone(),
        Json::Number(number) if number.is_f64() => go_float(number),
        Json::Number(number) => number.to_string(),
        Json::Bool(flag) => flag.to_string(),
        Json::Array(items) => format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(" ")),
        Json::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}:{}", plain(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

/// Go's `%#v`.
pub(crate) fn sharp(value: &Json) -> String {
    match value {
        Json::Null => "interface {}(nil)".into(),
        Json::String(text) => quote(text),
        Json::Number(number) => go_float(number),
        Json::Bool(flag) => flag.to_string(),
        Json::Array(items) => format!("[]interface {{}}{{{}}}", items.iter().map(sharp).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let fields: Vec<String> =
                fields.iter().map(|(key, value)| format!("{}:{}", quote(key), sharp(value))).collect();
            format!("map[string]interface {{}}{{{}}}", fields.join(", "))
        }
    }
}

/// Go's `%T`.
pub(crate) fn type_name(value: &Json) -> &'static str {
    match value {
        Json::Null => "<nil>",
        Json::String(_) => "string",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::Bool(_) => "bool",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    }
}

/// A number where Go has read it as a float: with an exponent from a million on, or below 10⁻⁴.
fn go_float(number: &Number) -> String {
    let float = number.as_f64().unwrap_or_default();
    if float == 0.0 || (1e-4..1e6).contains(&float.abs()) {
        return format!("{float}");
    }
    let said = format!("{float:e}");
    let (digits, power) = said.split_once('e').unwrap_or((&said, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{digits}e{sign}{power:0>2}")
}

/// What Go's JSON decoder calls a kind of value.
pub(crate) fn go_kind(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::String(_) => "string",
        Json::Number(_) => "number",
        Json::Bool(_) => "bool",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// Go's `%s` of a value of any type.
pub(crate) fn go_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Null => "%!s(<nil>)".into(),
        Json::Number(_) | Json::Bool(_) => format!("%!s({}={})", type_name(value), plain(value)),
        Json::Array(items) => format!("[{}]", items.iter().map(go_text).collect::<Vec<_>>().join(" ")),
        Json::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}:{}", go_text(value))).collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}
