//! Merge patch (RFC 7386), as the API server understands it.

use crate::Json;
use crate::apply::printed::go_kind;
use crate::error::ApiError;

/// Applies a merge patch.
///
/// # Errors
/// 400 if the patch is no object.
pub(crate) fn merge(object: &Json, patch: &Json) -> Result<Json, ApiError> {
    let Json::Object(fields) = patch else {
        if patch.is_null() {
            return Err(ApiError::bad_request("Invalid JSON Patch"));
        }
        return Err(ApiError::bad_request(format!(
            "error decoding patch: json: cannot unmarshal {} into Go value of type map[string]interface {{}}",
            go_kind(patch)
        )));
    };
    let mut merged = object.clone();
    if let Json::Object(into) = &mut merged {
        merge_fields(into, fields);
    }
    Ok(merged)
}

type Fields = serde_json::Map<String, Json>;

fn merge_fields(into: &mut Fields, patch: &Fields) {
    for (name, value) in patch {
        match (into.get_mut(name), value) {
            (_, Json::Null) => {
                into.shift_remove(name);
            }
            (Some(Json::Object(held)), Json::Object(value)) => merge_fields(held, value),
            // What replaces a map keeps its nulls, and what comes anew does not.
            (Some(held @ Json::Object(_)), value) => *held = value.clone(),
            (_, value) => {
                into.insert(name.clone(), without_nulls(value));
            }
        }
    }
}

/// Without the null fields of all maps in it; null items of lists stay.
fn without_nulls(value: &Json) -> Json {
    match value {
        Json::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
        }
        Json::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
