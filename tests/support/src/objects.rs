//! Objects that tests need often.

use serde_json::{Value as Json, json};

/// An object of the core group with nothing but a name, such as a Namespace or a ConfigMap.
#[must_use]
pub fn bare(kind: &str, name: &str) -> Json {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
}

/// A ConfigMap with data.
#[must_use]
pub fn config_map(name: &str, data: &Json) -> Json {
    merged(bare("ConfigMap", name), &json!({"data": data}))
}

/// A Secret with data, given as texts.
#[must_use]
pub fn secret(name: &str, data: &Json) -> Json {
    merged(bare("Secret", name), &json!({"stringData": data, "type": "Opaque"}))
}

/// A Deployment of one container with a readiness probe, with the label `app` on its pods.
#[must_use]
pub fn deployment(name: &str, replicas: u32) -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [
                {"name": "main", "image": "example.invalid/web:1", "readinessProbe": {"tcpSocket": {"port": 80}}}
            ]}
        }}
    })
}

/// An object with another one laid over it: maps are merged, anything else is replaced.
#[must_use]
pub fn merged(mut object: Json, over: &Json) -> Json {
    fn merge(into: &mut Json, from: &Json) {
        match (into, from) {
            (Json::Object(into), Json::Object(from)) => {
                for (key, value) in from {
                    merge(into.entry(key.clone()).or_insert(Json::Null), value);
                }
            }
            (into, from) => *into = from.clone(),
        }
    }
    merge(&mut object, over);
    object
}
