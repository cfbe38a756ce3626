//! What is said of a patch that makes of an object what cannot be read.

use serde_json::Map;

use crate::Json;
use crate::error::{ApiError, Cause};
use crate::go::quote;
use crate::object::DEEPEST;

/// 422, about no object.
pub(super) fn refused(shown: &str, why: &str) -> ApiError {
    let cause = Cause {
        reason: "FieldValueInvalid",
        message: format!("Invalid value: {}: {why}", quote(shown)),
        field: "patch".into(),
    };
    ApiError::invalid("", "", "", &[cause])
}

/// A custom object, whose fields are always sorted.
pub(super) fn custom(patched: &Json) -> String {
    encode(&all_sorted(patched))
}

/// An object after a merge patch, as Go's library writes it: with the fields sorted wherever the patch has been.
pub(super) fn by_merge(patched: &Json, patch: &Json) -> String {
    encode(&sorted(patched, patch))
}

/// An object after a JSON patch, likewise.
pub(super) fn by_operations(patched: &Json, patch: &Json) -> String {
    let mut been = Json::Object(Map::new());
    for operation in patch.as_array().into_iter().flatten() {
        for key in ["path", "from"] {
            let path = operation.get(key).and_then(Json::as_str).unwrap_or_default();
            let steps: Vec<&str> = path.split('/').skip(1).take(DEEPEST).collect();
            let mut place = &mut been;
            for step in steps.split_last().map(|(_, before)| before).unwrap_or_default() {
                let Json::Object(fields) = place else { break };
                let step = step.replace("~1", "/").replace("~0", "~");
                place = fields.entry(step).or_insert_with(|| Json::Object(Map::new()));
            }
        }
    }
    encode(&sorted(patched, &been))
}

fn sorted(value: &Json, been: &Json) -> Json {
    match (value, been) {
        (Json::Object(fields), Json::Object(been)) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            let below = |key: &String, value: &Json| been.get(key).map_or_else(|| value.clone(), |b| sorted(value, b));
            fields.into_iter().map(|(key, value)| (key.clone(), below(key, value))).collect()
        }
        (Json::Array(items), Json::Object(been)) => {
            let below =
                |at: usize, item: &Json| been.get(&at.to_string()).map_or_else(|| item.clone(), |b| sorted(item, b));
            items.iter().enumerate().map(|(at, item)| below(at, item)).collect()
        }
        (value, Json::Array(_)) => all_sorted(value),
        _ => value.clone(),
    }
}

fn all_sorted(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(key, _)| *key);
            fields.into_iter().map(|(key, value)| (key.clone(), all_sorted(value))).collect()
        }
        Json::Array(items) => items.iter().map(all_sorted).collect(),
        other => other.clone(),
    }
}

/// JSON as Go writes it.
fn encode(value: &Json) -> String {
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// What Go's converter of maps says where its JSON decoder says this.
pub(super) fn restored(why: &str) -> String {
    let Some((given, into)) = why.strip_prefix("json: cannot unmarshal ").and_then(|rest| rest.split_once(" into Go "))
    else {
        return why.to_owned();
    };
    let into = into.rsplit_once(" of type ").map_or(into, |(_, into)| into);
    let (kind, number) = given.split_once(' ').unwrap_or((given, ""));
    let given = match kind {
        "object" => "map",
        "array" => "slice",
        "number" if number.contains('.') => "float64",
        "number" => "int64",
        other => other,
    };
    let simple = matches!(into, "string" | "bool" | "int" | "int32" | "int64" | "float64");
    if into.starts_with("[]") {
        format!("cannot restore slice from {given}")
    } else if into.starts_with("map[") {
        format!("cannot restore map from {given}")
    } else if into == "string" && given == "int64" {
        "cannot convert int64 to string".into()
    } else if simple {
        format!("unrecognized type: {into}")
    } else if matches!(given, "map" | "slice") {
        "unrecognized type: string".into()
    } else {
        format!("cannot restore struct from: {given}")
    }
}
