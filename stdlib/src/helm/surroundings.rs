//! What `network` of the values does to Helm.

use std::path::PathBuf;

use serde_json::Value as Json;
use windlass_runtime::child::Child;
use windlass_runtime::{Call, Result};
use zeroize::Zeroizing;

/// Lets Helm reach repositories by the proxy of the session's values. Not for what talks to the cluster.
pub(super) fn through_proxy(call: &Call<'_>, child: Child) -> Child {
    let values = call.session().values();
    let network = values.get("network");
    let Some(proxy) = network.and_then(|n| n.get("proxy")).and_then(Json::as_str) else { return child };
    let direct = network.and_then(|n| n.get("no_proxy")).and_then(Json::as_array).into_iter().flatten();
    let direct: Vec<&str> = direct.filter_map(Json::as_str).collect();
    let direct = direct.join(",");
    [("HTTPS_PROXY", proxy), ("HTTP_PROXY", proxy), ("NO_PROXY", direct.as_str())]
        .into_iter()
        .fold(child, |child, (name, value)| child.variable(name, Zeroizing::new(value.to_owned())))
}

/// The authorities of the session's values, for repositories.
pub(super) fn ca_bundle(call: &Call<'_>) -> Result<Option<PathBuf>> {
    let values = call.session().values();
    match values.pointer("/network/ca_bundle").and_then(Json::as_str).filter(|path| !path.is_empty()) {
        Some(path) => call.locate_on_disk(path).map(Some),
        None => Ok(None),
    }
}
