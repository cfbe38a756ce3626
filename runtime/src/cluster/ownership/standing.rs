//! Whether an object still is what was applied, known from the object alone.

use super::{Edits, FieldPath, INTENT_ANNOTATION, Json, applied_fields, intent_hash, is_secret, uncovered};

/// How a live object stands to an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is what was applied: no request is needed.
    Unchanged {
        /// The paths that apply leaves to partial changes made since.
        kept: Vec<FieldPath>,
    },
    /// It may have to be changed.
    Different(Difference),
}

/// Why an object may have to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// It was never applied, or its managedFields or annotation were wiped.
    NotApplied,
    /// Another intent was applied last.
    OtherIntent,
    /// Somebody else has changed or taken these fields since.
    Taken(Vec<FieldPath>),
    /// A Secret's values are others.
    OtherData,
}

/// Compares a live object, managedFields included, with an intent as [`intent_of`](super::intent_of) makes it.
#[must_use]
pub fn standing(live: &Json, intent: &Json, salt: &str) -> Standing {
    let api_version = intent.get("apiVersion").and_then(Json::as_str).unwrap_or_default();
    let noted = live.pointer("/metadata/annotations").and_then(|a| a.get(INTENT_ANNOTATION)).and_then(Json::as_str);
    let (Some(noted), Some(fields)) = (noted, applied_fields(live, api_version)) else {
        return Standing::Different(Difference::NotApplied);
    };
    if noted != intent_hash(intent, salt) {
        return Standing::Different(Difference::OtherIntent);
    }
    let kept = Edits::of(live).left_out(intent, salt);
    let mut taken = uncovered(fields, intent, &kept);
    // Nobody owns an empty list or a null: it is there if nothing is.
    taken.retain(|path| !(path.get(intent).is_some_and(is_void) && path.get(live).is_none_or(is_void)));
    if !taken.is_empty() {
        return Standing::Different(Difference::Taken(taken));
    }
    if is_secret(intent) && !same_data(live, intent) {
        return Standing::Different(Difference::OtherData);
    }
    Standing::Unchanged { kept }
}

fn is_void(value: &Json) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Whether each value of the intent is the live one, wherever base64 has been broken into lines.
fn same_data(live: &Json, intent: &Json) -> bool {
    let squeezed = |value: &Json| value.as_str().map(|v| v.split_ascii_whitespace().collect::<String>());
    let wanted = intent.get("data").and_then(Json::as_object);
    let same = |(name, value): (&String, &Json)| {
        live.get("data").and_then(|d| d.get(name)).and_then(squeezed) == squeezed(value)
    };
    wanted.is_none_or(|data| data.iter().all(same))
}
