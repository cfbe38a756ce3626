//! Objects as Kubernetes holds them inside: some refusals print them, with Go's names and all that is empty, or how two of
//! them differ. What pods and volumes are made of is here.

mod difference;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Map;

use crate::Json;

/// The types of `pkg/apis/core/types.go` (1.36.3) that pod templates, claims and volumes are made of, one a line: its name,
/// and each field as `Name:type`, or `Name=name:type` where its name in JSON is not just the other's with a small letter. A
/// type is `s` (text), `b`, `i`, `y` (bytes), `*T`, `[T`, `{T` (map), `.T` (printed as it is), or another one's name; `+T`
/// has its fields here.
const TABLE: &str = include_str!("internal.txt");

struct Field {
    /// Empty where all fields of the type are here.
    name: &'static str,
    json: String,
    of: &'static str,
}

fn types() -> &'static BTreeMap<&'static str, Vec<Field>> {
    static TYPES: OnceLock<BTreeMap<&'static str, Vec<Field>>> = OnceLock::new();
    TYPES.get_or_init(|| {
        let lines = TABLE.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(name, fields)| (name, fields.split(' ').map(field).collect())).collect()
    })
}

fn field(text: &'static str) -> Field {
    let Some((names, of)) = text.split_once(':') else {
        return Field { name: "", json: String::new(), of: text.trim_start_matches('+') };
    };
    let (name, json) = names.split_once('=').unwrap_or((names, ""));
    let json = if json.is_empty() { lowered(name) } else { json.to_owned() };
    Field { name, json, of }
}

fn lowered(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// A value of a type, such as `PodTemplateSpec`, in one line.
pub(crate) fn printed(of: &str, value: &Json) -> Json {
    inside(of, Some(value))
}

/// How two values of a type differ.
pub(crate) fn difference(of: &str, before: &Json, after: &Json) -> String {
    let lines = |value: &Json| difference::lines(&printed(of, value));
    difference::unified(&lines(before), &lines(after))
}

fn inside(of: &str, value: Option<&Json>) -> Json {
    let value = value.filter(|value| !value.is_null());
    let (first, rest) = of.split_at_checked(1).unwrap_or((of, ""));
    match (first, value) {
        ("*" | "[" | "{", None) => Json::Null,
        ("*", value) => inside(rest, value),
        ("[", Some(Json::Array(items))) => items.iter().map(|item| inside(rest, Some(item))).collect(),
        ("{", Some(Json::Object(fields))) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            fields.into_iter().map(|(key, value)| (key.clone(), inside(rest, Some(value)))).collect()
        }
        _ => match (types().get(of), of, value) {
            (Some(fields), _, value) => structure(of, fields, value.unwrap_or(&Json::Null)),
            (None, _, Some(value)) => value.clone(),
            (None, "s", None) => "".into(),
            (None, "b", None) => false.into(),
            (None, "i" | "IntOrString", None) => 0.into(),
            (None, "Quantity", None) => "0".into(),
            (None, "y" | "Time", None) => Json::Null,
            (None, _, None) => Json::Object(Map::new()),
        },
    }
}

fn structure(of: &str, fields: &[Field], value: &Json) -> Json {
    let mut printed = Map::new();
    for field in fields {
        match (of, field.name) {
            ("PodTemplateSpec" | "PersistentVolumeClaimTemplate", "") => {
                let metadata = value.get("metadata").and_then(Json::as_object);
                printed.extend(metadata.cloned().unwrap_or_default());
            }
            (_, "") => {
                if let Json::Object(inner) = inside(field.of, Some(value)) {
                    printed.extend(inner);
                }
            }
            ("PodSpec", "SecurityContext") => {
                // What a pod shares with its host is held here.
                let mut context = value.get("securityContext").cloned().unwrap_or_else(|| Json::Object(Map::new()));
                for shared in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"] {
                    if let (Some(given), Some(context)) = (value.get(shared), context.as_object_mut()) {
                        context.insert(shared.to_owned(), given.clone());
                    }
                }
                printed.insert(field.name.to_owned(), inside(field.of, Some(&context)));
            }
            (_, name) => drop(printed.insert(name.to_owned(), inside(field.of, value.get(&field.json)))),
        }
    }
    Json::Object(printed)
}

#[cfg(test)]
mod tests;
