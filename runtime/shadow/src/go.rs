//! Values as Go prints them: the server's words contain them.

use std::fmt::Write as _;

use crate::Json;

/// A text in quotes, as `%q` prints it.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{b}' => quoted.push_str("\\v"),
            '\u{c}' => quoted.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => {
                let _ = write!(quoted, "\\x{:02x}", c as u32);
            }
            c if c.is_control() || matches!(c as u32, 0x2028 | 0x2029 | 0xfeff | 0xa0 | 0x200b..=0x200f) => {
                let _ = write!(quoted, "\\u{:04x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A number, as `%v` prints it: the shortest digits, with an exponent from 1e+21 on and below 1e-04.
pub(crate) fn float(number: f64) -> String {
    exponent_from(number, 21)
}

fn exponent_from(number: f64, large: i32) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string();
    }
    let scientific = format!("{number:e}");
    let exponent: i32 = scientific.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or_default();
    if (-4..large).contains(&exponent) {
        return number.to_string();
    }
    let (digits, _) = scientific.split_once('e').unwrap_or((&scientific, ""));
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A JSON value, as Go's encoder writes a map: keys in order, `<`, `>` and `&` escaped.
pub(crate) fn json(value: &Json) -> String {
    let mut text = String::new();
    write_json(value, true, &mut text);
    text
}

/// A JSON value, as Go's encoder writes a struct: its fields as they come.
pub(crate) fn structure(value: &Json) -> String {
    let mut text = String::new();
    write_json(value, false, &mut text);
    text
}

fn write_json(value: &Json, sorted: bool, out: &mut String) {
    match value {
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            if sorted {
                fields.sort_by_key(|(key, _)| *key);
            }
            out.push('{');
            for (index, (key, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_text(key, out);
                out.push(':');
                write_json(value, sorted, out);
            }
            out.push('}');
        }
        Json::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write_json(item, sorted, out);
            }
            out.push(']');
        }
        Json::String(text) => write_text(text, out),
        Json::Number(number) if number.is_f64() => {
            out.push_str(&exponent_from(number.as_f64().unwrap_or_default(), 21));
        }
        scalar => {
            let _ = write!(out, "{scalar}");
        }
    }
}

fn write_text(text: &str, out: &mut String) {
    let plain = Json::String(text.to_owned()).to_string();
    for c in plain.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
}

/// A value, as `%v` prints a scalar; lists and objects as JSON.
pub(crate) fn print(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(number) if number.is_f64() => float(number.as_f64().unwrap_or_default()),
        Json::Null => "<nil>".to_owned(),
        Json::Object(_) | Json::Array(_) => json(value),
        scalar => scalar.to_string(),
    }
}
