//! What `images` and `network` of the values do to charts, and to Helm itself.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value as Json, json};
use windlass_runtime::child::Child;
use windlass_runtime::options::{FromValue, Mismatch, Options as _};
use windlass_runtime::{Call, Options, Result, Value};
use zeroize::Zeroizing;

/// Where a chart's images are to come from: the playbook's `values.images`.
#[derive(Debug, Clone, Options)]
pub struct Images {
    /// The registry that takes the place of the one in each image's name.
    pub registry: Option<String>,
    /// The beginning of an image's name, and what takes its place.
    #[option(default = "#{}")]
    pub rewrite: BTreeMap<String, String>,
}

impl FromValue for Images {
    fn expects() -> String {
        "a map such as #{ registry: \"registry.example.com\" }".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match value {
            map @ Value::Map(_) => Images::read("images", map).map_err(Mismatch::Refused),
            other => Err(Mismatch::sort(&other)),
        }
    }
}

impl Images {
    /// The values that charts have in common for it; those of the script come before them.
    pub fn values(&self) -> Json {
        match &self.registry {
            Some(registry) => json!({ "global": {
                "imageRegistry": registry.trim_end_matches('/'),
                // Bitnami's charts refuse other registries than their own without it.
                "security": { "allowInsecureImages": true },
            } }),
            None => json!({}),
        }
    }

    /// The images of these objects that do not come from where they should.
    pub fn elsewhere(&self, objects: &[Json]) -> Vec<String> {
        let mut found: Vec<String> =
            objects.iter().flat_map(images_of).filter(|image| self.is_elsewhere(image)).collect();
        found.sort();
        found.dedup();
        found
    }

    fn is_elsewhere(&self, image: &str) -> bool {
        let within = |place: &str| image.starts_with(place.trim_end_matches('/'));
        if self.rewrite.values().any(|to| within(to)) {
            return false;
        }
        let rewritten = self.rewrite.keys().any(|from| image.starts_with(from.as_str()));
        rewritten || self.registry.as_deref().is_some_and(|registry| !within(registry))
    }
}

/// The images of an object's pods, wherever they stand in it.
fn images_of(object: &Json) -> Vec<String> {
    fn walk(value: &Json, found: &mut Vec<String>) {
        match value {
            Json::Object(map) => {
                for (key, value) in map {
                    let lists_containers =
                        matches!(key.as_str(), "containers" | "initContainers" | "ephemeralContainers");
                    if let (true, Some(containers)) = (lists_containers, value.as_array()) {
                        found.extend(containers.iter().filter_map(|c| c.get("image")?.as_str().map(str::to_owned)));
                    } else {
                        walk(value, found);
                    }
                }
            }
            Json::Array(items) => items.iter().for_each(|item| walk(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk(object, &mut found);
    found
}

/// Lets Helm reach repositories by the proxy of the session's values. Not for what talks to the cluster.
pub(super) fn through_proxy(call: &Call<'_>, child: Child) -> Child {
    let network = call.session().values().get("network");
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
    match call.session().values().pointer("/network/ca_bundle").and_then(Json::as_str).filter(|path| !path.is_empty()) {
        Some(path) => call.locate_on_disk(path).map(Some),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_from_elsewhere_are_found_in_any_pod() {
        let images = Images {
            registry: Some("mirror.local:5000".into()),
            rewrite: [("docker.io/bitnami/".to_owned(), "legacy.local/".to_owned())].into(),
        };
        assert_eq!(images.values()["global"]["imageRegistry"], "mirror.local:5000");
        let pod = |image: &str| json!({ "spec": { "template": { "spec": { "containers": [{ "image": image }] } } } });
        let objects = [
            pod("mirror.local:5000/a:1"),
            pod("legacy.local/redis:7"),
            pod("nginx:1"),
            pod("docker.io/bitnami/redis:7"),
        ];
        assert_eq!(images.elsewhere(&objects), ["docker.io/bitnami/redis:7", "nginx:1"]);
        assert!(Images { registry: None, rewrite: BTreeMap::new() }.elsewhere(&objects).is_empty());
    }
}
