//! The OpenAPI documents in full, each part that occurs twice written once: one line a part, in which a reference to an
//! earlier line is its number between U+0001 and `;`. After the parts, each document has a line: its place, a tab, its
//! hash, a tab, its text.
//!
//! Two CustomResourceDefinitions of our own give the documents that the shadow makes others' from, by replacing names.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_testbed::Testbed;

use super::source::{JSON, get, post, text};
use crate::Error;

/// Shorter parts are cheaper written twice.
const WORTHWHILE: usize = 24;
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn read(testbed: &Testbed) -> Result<String, Error> {
    let mut parts = Parts::default();
    let mut lines = String::new();
    let mut add = |place: &str, url: &str| -> Result<(), Error> {
        let hash = url.split_once("?hash=").map(|(_, hash)| hash).unwrap_or_default();
        let part = parts.write(&get(testbed, url, JSON)?);
        lines.push_str(&format!("{place}\t{hash}\t{part}\n"));
        Ok(())
    };
    for (place, found) in get(testbed, "/openapi/v3", JSON)?["paths"].as_object().into_iter().flatten() {
        add(place, text(found, "serverRelativeURL"))?;
    }
    for (scope, group) in [("Namespaced", "namespaced.sample"), ("Cluster", "cluster.sample")] {
        post(testbed, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &sample(scope, group))?;
        let place = format!("apis/{group}/v7alpha7");
        let start = Instant::now();
        while get(testbed, "/openapi/v3", JSON)?["paths"].get(&place).is_none() {
            if start.elapsed() > PATIENCE {
                return Err(Error::Other(format!("no document of {place} came")));
            }
            pause();
        }
        add(&place, &format!("/openapi/v3/{place}"))?;
    }
    Ok(format!("{}\n{lines}", parts.lines.join("\n")))
}

/// A kind whose names occur nowhere else.
fn sample(scope: &str, group: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("xsamples.{group}")},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": "xsamples", "singular": "xsample", "kind": "Xsample", "listKind": "XsampleCollection"},
            "versions": [{
                "name": "v7alpha7",
                "served": true,
                "storage": true,
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"},
                },
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "properties": {
                        "replicas": {"type": "integer"},
                        "inner": {"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true},
                    }},
                    "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
                }}},
            }],
        },
    })
}

#[expect(clippy::disallowed_methods, reason = "a test bed lives in real time")]
fn pause() {
    std::thread::sleep(Duration::from_millis(100));
}

#[derive(Default)]
struct Parts {
    known: HashMap<String, usize>,
    lines: Vec<String>,
}

impl Parts {
    fn write(&mut self, value: &Value) -> String {
        let text = match value {
            Value::Object(map) => {
                let fields: Vec<String> = map
                    .iter()
                    .map(|(key, value)| format!("{}:{}", Value::from(key.as_str()), self.write(value)))
                    .collect();
                format!("{{{}}}", fields.join(","))
            }
            Value::Array(items) => {
                let items: Vec<String> = items.iter().map(|item| self.write(item)).collect();
                format!("[{}]", items.join(","))
            }
            other => other.to_string(),
        };
        if text.len() < WORTHWHILE {
            return text;
        }
        let number = *self.known.entry(text).or_insert_with_key(|text| {
            self.lines.push(text.clone());
            self.lines.len() - 1
        });
        format!("\u{1}{number};")
    }
}
