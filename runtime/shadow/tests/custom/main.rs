//! Custom resources, all the way through the API: from a definition to its end. The words are those of the real API server;
//! `tests/fidelity` and `src/crd/live.rs` compare them.
#![recursion_limit = "256"]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod asking;
mod life;
mod objects;
mod versions;

use serde_json::{Value, json};

/// A definition with most of what a version can have.
fn boats() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "Fleet", "shortNames": ["bt"], "categories": ["all"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {
                    "status": {},
                    "scale": {"specReplicasPath": ".spec.masts", "statusReplicasPath": ".status.masts", "labelSelectorPath": ".status.selector"},
                },
                "selectableFields": [{"jsonPath": ".spec.port"}],
                "additionalPrinterColumns": [
                    {"name": "Masts", "type": "integer", "jsonPath": ".spec.masts"},
                    {"name": "Port", "type": "string", "jsonPath": ".spec.port", "priority": 1},
                ],
                "schema": {"openAPIV3Schema": {
                    "type": "object", "required": ["spec"],
                    "properties": {
                        "spec": {
                            "type": "object", "required": ["masts"],
                            "properties": {
                                "masts": {"type": "integer", "minimum": 1, "maximum": 5},
                                "port": {"type": "string", "default": "home", "maxLength": 10},
                                "name": {"type": "string", "maxLength": 20, "x-kubernetes-validations": [{"rule": "self.startsWith('HMS ')", "message": "is a ship"}]},
                                "crew": {
                                    "type": "array", "maxItems": 9, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                                    "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 20}, "age": {"type": "integer", "default": 30}}},
                                },
                                "load": {"type": "string", "maxLength": 20, "x-kubernetes-validations": [{"rule": "quantity(self).isLessThan(quantity('10Gi'))"}]},
                            },
                            "x-kubernetes-validations": [{"rule": "self.masts >= oldSelf.masts", "message": "masts stay"}],
                        },
                        "status": {"type": "object", "properties": {"masts": {"type": "integer"}, "selector": {"type": "string"}}},
                    },
                }},
            }],
        },
    })
}

fn boat(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Boat", "metadata": {"name": name}, "spec": spec})
}
