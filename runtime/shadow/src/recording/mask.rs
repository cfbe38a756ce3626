//! Secrets without what is secret: the same keys, and values of the same length.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::Json;

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Replaces the values of a Secret.
pub(super) fn secret(secret: &mut Json) {
    values(secret);
    let Some(annotations) = secret.pointer_mut("/metadata/annotations").and_then(Json::as_object_mut) else { return };
    if let Some(applied) = annotations.get_mut(LAST_APPLIED) {
        match applied.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok()) {
            Some(mut last) => {
                values(&mut last);
                *applied = format!("{last}\n").into();
            }
            // What cannot be read may hold anything.
            None => drop(annotations.shift_remove(LAST_APPLIED)),
        }
    }
}

fn values(secret: &mut Json) {
    for value in secret.get_mut("data").and_then(Json::as_object_mut).into_iter().flat_map(|data| data.values_mut()) {
        let text = value.as_str().unwrap_or_default();
        let length = STANDARD.decode(text).map_or(text.len(), |bytes| bytes.len());
        *value = STANDARD.encode("x".repeat(length)).into();
    }
    let plain = secret.get_mut("stringData").and_then(Json::as_object_mut);
    for value in plain.into_iter().flat_map(|data| data.values_mut()) {
        *value = "x".repeat(value.as_str().map_or(1, str::len)).into();
    }
}
