//! What a Secret holds does not reach scripts in clear: its values become stand-ins of secrets.

use base64::Engine as _;
use serde_json::Value as Json;
use windlass_runtime::secret::{Origin, Secret};
use windlass_runtime::{Call, Result};

/// As [`hide`], for an object that was not read from a cluster: it may have `stringData`, and no namespace yet.
///
/// # Errors
/// As [`hide`].
pub(crate) fn hide_all(call: &Call<'_>, object: &mut Json, namespace: &str) -> Result<()> {
    if object.get("kind").and_then(Json::as_str) == Some("Secret") {
        let name = object.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default().to_owned();
        for (key, value) in object.get_mut("stringData").and_then(Json::as_object_mut).into_iter().flatten() {
            if let Some(text) = value.as_str() {
                let secret = Secret::new(Origin::Kubernetes(format!("{namespace}/{name}/{key}")), text);
                *value = call.session().secrets().register(secret)?.to_string().into();
            }
        }
    }
    hide(call, object)
}

/// Replaces the values in `data` of a Secret by stand-ins for what they decode to. Applied again, in `data` or
/// `stringData`, they are the same values. What is not text becomes `()`.
///
/// # Errors
/// Where the system has no random bytes.
pub(crate) fn hide(call: &Call<'_>, object: &mut Json) -> Result<()> {
    if object.get("kind").and_then(Json::as_str) != Some("Secret")
        || object.get("apiVersion").and_then(Json::as_str) != Some("v1")
    {
        return Ok(());
    }
    let at = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
    let name = format!("{}/{}", at("/metadata/namespace"), at("/metadata/name"));
    let Some(data) = object.get_mut("data").and_then(Json::as_object_mut) else { return Ok(()) };
    for (key, value) in data.iter_mut() {
        let decoded = value.as_str().and_then(|v| base64::engine::general_purpose::STANDARD.decode(v).ok());
        *value = match decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
            Some(text) => {
                let secret = Secret::new(Origin::Kubernetes(format!("{name}/{key}")), text);
                call.session().secrets().register(secret)?.to_string().into()
            }
            None => Json::Null,
        };
    }
    Ok(())
}
