//! What a line gives, made to be read.

mod kinds;
mod pager;
pub(super) mod table;

use serde_json::Value as Json;
use windlass_runtime::{Result, Session, Value, yaml};

use super::desk::Desk;
use super::form::Form;
use crate::clean::{clean, line};
use crate::io::json_escaped;
use crate::plain::plain;
use crate::style::Style;

pub(super) use pager::paged;

/// Shows a value.
pub(super) fn value(desk: &Desk, session: &Session, value: Value, form: Form) -> Result<()> {
    let json = plain(value)?;
    let style = desk.ui().out_style;
    let now = session.clock().wall();
    let text = match form {
        Form::Json => format!("{}\n", json_escaped(&format!("{json:#}"))),
        Form::Yaml => coloured(&yaml::write(&json)?, style),
        Form::Table => table::of(&json, now, style).unwrap_or_else(|| tree(&json, style)),
        Form::Auto => match &json {
            Json::Null => return Ok(()),
            // What was changed has been told.
            Json::Object(map) if is_outcome(map) => outcome(map, style),
            Json::String(text) => format!("{}\n", clean(text)),
            Json::Array(items) if items.iter().any(Json::is_object) => {
                table::of(&json, now, style).unwrap_or_else(|| tree(&json, style))
            }
            json => tree(json, style),
        },
    };
    paged(desk, &session.mask(&text))
}

/// Whether a line of a difference says nothing but that the object was made, or is gone.
pub(super) fn says_no_more(text: &str) -> bool {
    matches!(text.trim(), "created" | "deleted")
}

/// A line of a difference, in its colour.
pub(super) fn difference(text: &str, style: Style) -> String {
    let shown = clean(text);
    match text.trim_start().chars().next() {
        Some('+') => style.green(shown),
        Some('-') => style.red(shown),
        _ => shown,
    }
}

/// Shows rows below their heads.
pub(super) fn rows(desk: &Desk, session: &Session, heads: &[&str], rows: &[Vec<String>]) -> Result<()> {
    let heads: Vec<String> = heads.iter().map(|head| (*head).to_owned()).collect();
    paged(desk, &session.mask(&table::written(&heads, rows, desk.ui().out_style)))
}

/// A value in one line, cut to this length.
pub(super) fn in_line(session: &Session, value: &Value, longest: usize) -> String {
    let text = match plain(value.clone()) {
        Ok(Json::Null) => "nothing".to_owned(),
        Ok(Json::String(text)) => format!("{text:?}"),
        Ok(Json::Array(items)) if items.len() > 5 => format!("[{} items]", items.len()),
        Ok(json) => json.to_string(),
        Err(_) => format!("[{}]", value.sort()),
    };
    let text = line(&session.mask(&text));
    if text.chars().count() <= longest {
        return text;
    }
    format!("{}…", text.chars().take(longest).collect::<String>())
}

fn is_outcome(map: &serde_json::Map<String, Json>) -> bool {
    ["changed", "items", "object", "reason"].iter().all(|key| map.contains_key(*key))
}

/// What came of a change, in a line.
fn outcome(map: &serde_json::Map<String, Json>, style: Style) -> String {
    match (map.get("changed"), map.get("reason")) {
        (Some(Json::Bool(true)), _) => format!("{}\n", style.green("changed")),
        (_, Some(Json::String(reason))) => format!("unchanged: {}\n", line(reason)),
        _ => "unchanged\n".to_owned(),
    }
}

/// Data as YAML; of an object of a cluster, who owns its fields is left out.
fn tree(json: &Json, style: Style) -> String {
    let mut shown = json.clone();
    let is_object = |json: &Json| json.get("kind").is_some() && json.get("metadata").is_some();
    let mut folded = false;
    if is_object(&shown)
        && let Some(metadata) = shown.get_mut("metadata").and_then(Json::as_object_mut)
    {
        folded = metadata.shift_remove("managedFields").is_some();
    }
    let text = yaml::write(&shown).unwrap_or_else(|_| format!("{shown:#}\n"));
    let note =
        if folded { style.dim("# metadata.managedFields is left out: | yaml shows it\n") } else { String::new() };
    format!("{}{note}", coloured(&text, style))
}

/// YAML with its keys in colour.
fn coloured(text: &str, style: Style) -> String {
    let key = |text: &str| {
        let indent = text.len() - text.trim_start_matches([' ', '-']).len();
        let (before, rest) = text.split_at(indent);
        match rest.split_once(':') {
            Some((key, after))
                if !key.starts_with(['"', '\'', '#', '|']) && (after.is_empty() || after.starts_with(' ')) =>
            {
                format!("{before}{}:{after}", style.blue(key))
            }
            _ => text.to_owned(),
        }
    };
    text.lines().map(|text| format!("{}\n", key(&clean(text)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_owns_the_fields_of_an_object_is_left_out() {
        let object =
            serde_json::json!({ "kind": "Pod", "metadata": { "name": "a", "managedFields": [1] }, "x": "\u{1b}[2J" });
        let text = tree(&object, Style::off());
        assert!(text.contains("name: a") && text.contains("managedFields is left out"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
