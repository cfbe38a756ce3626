//! What is filled into Secrets.

use base64::Engine;

use super::fields::{drop, fill, map};
use crate::Json;

/// The type; and texts go to the data, over what is there.
pub(super) fn apply(object: &mut Json) {
    fill(object, "type", "Opaque");
    if let Some(Json::Object(texts)) = drop(object, "stringData")
        && !texts.is_empty()
        && let Some(data) = map(object, "data")
    {
        for (name, text) in texts {
            let text = base64::engine::general_purpose::STANDARD.encode(text.as_str().unwrap_or_default());
            data.insert(name, text.into());
        }
        data.sort_keys();
    }
}
