//! What `images` and `network` of the values do to every manifest: where images come from, how the outside is reached.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};
use windlass_runtime::{Call, Error, Kind, Result};

/// The ConfigMap that carries the certificate authorities into pods.
pub const CA_CONFIG_MAP: &str = "windlass-ca-bundle";
const CA_FOLDER: &str = "/etc/windlass/ca";

/// The values `images` and `network`, as far as manifests are concerned.
#[derive(Debug, Default)]
pub(super) struct Surroundings {
    registry: Option<String>,
    rewrite: Vec<(String, String)>,
    environment: Vec<(&'static str, String)>,
    ca_bundle: Option<String>,
}

impl Surroundings {
    /// Those of a session.
    pub(super) fn of(call: &Call<'_>) -> Result<Self> {
        let values = call.session().values();
        let text =
            |pointer: &str| values.pointer(pointer).and_then(Json::as_str).filter(|t| !t.is_empty()).map(str::to_owned);
        let mut found = Self { registry: text("/images/registry"), ..Self::default() };
        if let Some(rewrite) = values.pointer("/images/rewrite").and_then(Json::as_object) {
            found.rewrite =
                rewrite.iter().filter_map(|(from, to)| Some((from.clone(), to.as_str()?.to_owned()))).collect();
            found.rewrite.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        }
        if let Some(proxy) = text("/network/proxy") {
            let direct = values.pointer("/network/no_proxy").and_then(Json::as_array).into_iter().flatten();
            let direct: Vec<&str> = direct.filter_map(Json::as_str).collect();
            for (upper, lower) in [("HTTP_PROXY", "http_proxy"), ("HTTPS_PROXY", "https_proxy")] {
                found.environment.push((upper, proxy.clone()));
                found.environment.push((lower, proxy.clone()));
            }
            found.environment.push(("NO_PROXY", direct.join(",")));
            found.environment.push(("no_proxy", direct.join(",")));
        }
        if let Some(path) = text("/network/ca_bundle") {
            let pem = call.locate(&path)?.read_text().map_err(|e| e.context("network.ca_bundle"))?;
            if !pem.contains("-----BEGIN CERTIFICATE-----") {
                return Err(Error::new(
                    Kind::Malformed,
                    format!("network.ca_bundle: {path} holds no certificate in PEM form"),
                ));
            }
            found.ca_bundle = Some(pem);
        }
        Ok(found)
    }

    /// Reaches into every pod of these manifests; gives the objects that are needed besides.
    pub(super) fn reach(&self, manifests: &mut [Json], namespace: Option<&str>) -> Vec<Json> {
        let mut namespaces = BTreeSet::new();
        for manifest in manifests {
            let own = manifest.pointer("/metadata/namespace").and_then(Json::as_str).or(namespace).map(str::to_owned);
            let Some(pod) = pod_spec(manifest) else { continue };
            for list in ["initContainers", "containers", "ephemeralContainers"] {
                let containers = pod.get_mut(list).and_then(Json::as_array_mut).into_iter().flatten();
                for container in containers.filter_map(Json::as_object_mut) {
                    self.reach_container(container);
                }
            }
            if self.ca_bundle.is_some() {
                add_named(pod, "volumes", json!({ "name": CA_CONFIG_MAP, "configMap": { "name": CA_CONFIG_MAP } }));
                namespaces.insert(own);
            }
        }
        let Some(pem) = &self.ca_bundle else { return Vec::new() };
        let bundle = |namespace: Option<String>| {
            let mut object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": CA_CONFIG_MAP }, "data": { "ca.pem": pem } });
            if let Some(namespace) = namespace {
                object["metadata"]["namespace"] = namespace.into();
            }
            object
        };
        namespaces.into_iter().map(bundle).collect()
    }

    fn reach_container(&self, container: &mut Map<String, Json>) {
        if let Some(image) = container.get("image").and_then(Json::as_str) {
            let image = self.image(image);
            container.insert("image".to_owned(), image.into());
        }
        for (name, value) in &self.environment {
            add_named(container, "env", json!({ "name": name, "value": value }));
        }
        if self.ca_bundle.is_some() {
            add_named(container, "env", json!({ "name": "SSL_CERT_FILE", "value": format!("{CA_FOLDER}/ca.pem") }));
            add_named(
                container,
                "volumeMounts",
                json!({ "name": CA_CONFIG_MAP, "mountPath": CA_FOLDER, "readOnly": true }),
            );
        }
    }

    /// An image's name as it is pulled here: the longest beginning that is rewritten counts, before the registry.
    fn image(&self, image: &str) -> String {
        if let Some((from, to)) = self.rewrite.iter().find(|(from, _)| image.starts_with(from.as_str())) {
            return format!("{to}{}", &image[from.len()..]);
        }
        let Some(registry) = &self.registry else { return image.to_owned() };
        let rest = match image.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => rest,
            _ => image,
        };
        format!("{}/{rest}", registry.trim_end_matches('/'))
    }
}

/// Adds an element to a list of named ones, unless one of that name is there.
fn add_named(map: &mut Map<String, Json>, list: &str, element: Json) {
    let list = map.entry(list).or_insert_with(|| Json::Array(Vec::new()));
    if let Some(list) = list.as_array_mut()
        && !list.iter().any(|e| e.get("name") == element.get("name"))
    {
        list.push(element);
    }
}

/// The pod that a manifest is, or makes.
fn pod_spec(manifest: &mut Json) -> Option<&mut Map<String, Json>> {
    let pointer = match manifest.get("kind").and_then(Json::as_str)? {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => {
            "/spec/template/spec"
        }
        _ => return None,
    };
    manifest.pointer_mut(pointer)?.as_object_mut()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn surroundings() -> Surroundings {
        Surroundings {
            registry: Some("mirror.local:5000/".into()),
            rewrite: vec![("docker.io/bitnami/".into(), "mirror.local/legacy/".into())],
            environment: vec![("HTTP_PROXY", "http://proxy:3128".into())],
            ca_bundle: Some("-----BEGIN CERTIFICATE-----".into()),
        }
    }

    #[test]
    fn images_are_rewritten_by_the_longest_beginning_and_then_by_registry() {
        let s = surroundings();
        assert_eq!(s.image("docker.io/bitnami/redis:7"), "mirror.local/legacy/redis:7");
        assert_eq!(s.image("ghcr.io/x/y@sha256:00"), "mirror.local:5000/x/y@sha256:00");
        assert_eq!(s.image("nginx"), "mirror.local:5000/nginx");
        assert_eq!(s.image("library/nginx:1"), "mirror.local:5000/library/nginx:1");
        assert_eq!(Surroundings::default().image("nginx"), "nginx");
    }

    #[test]
    fn pods_of_every_kind_get_proxy_and_authorities_once_and_keep_their_own() {
        let pod =
            json!({ "containers": [{ "name": "a", "image": "a", "env": [{ "name": "HTTP_PROXY", "value": "own" }] }] });
        let mut manifests = vec![
            json!({ "kind": "Deployment", "metadata": { "namespace": "x" }, "spec": { "template": { "spec": pod } } }),
            json!({ "kind": "CronJob", "metadata": {}, "spec": { "jobTemplate": { "spec": { "template": { "spec": pod } } } } }),
            json!({ "kind": "Service", "metadata": {}, "spec": {} }),
        ];
        let s = surroundings();
        let more = s.reach(&mut manifests, Some("y"));
        let again = manifests.clone();
        s.reach(&mut manifests, Some("y"));
        assert_eq!(manifests[2], again[2]);
        let container = &manifests[0]["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["env"][0]["value"], "own");
        assert_eq!(container["volumeMounts"].as_array().map(Vec::len), Some(1));
        let namespaces: Vec<&str> = more.iter().filter_map(|m| m["metadata"]["namespace"].as_str()).collect();
        assert_eq!(namespaces, ["x", "y"]);
    }
}
