//! Kinds of several versions.

use serde_json::{Value, json};

use super::asking::{Asked, DEFINITIONS};

const OLD: &str = "/apis/example.com/v1alpha1/lamps";
const NEW: &str = "/apis/example.com/v1/lamps";

fn version(name: &str, served: bool, storage: bool, fields: &Value) -> Value {
    let spec = json!({"type": "object", "properties": fields});
    json!({
        "name": name, "served": served, "storage": storage,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
    })
}

/// `v1alpha1` is deprecated, and knows a field less.
fn lamps() -> Value {
    let mut old = version("v1alpha1", true, false, &json!({"on": {"type": "boolean"}}));
    old["deprecated"] = true.into();
    let new = version(
        "v1",
        true,
        true,
        &json!({"on": {"type": "boolean"}, "colour": {"type": "string", "default": "white"}}),
    );
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "lamps.example.com"},
        "spec": {
            "group": "example.com", "scope": "Cluster", "names": {"plural": "lamps", "kind": "Lamp"},
            "versions": [old, new],
        },
    })
}

const DEPRECATED: &str = "example.com/v1alpha1 Lamp is deprecated; use example.com/v1 Lamp";

fn lamp(version: &str, spec: &Value) -> Value {
    json!({"apiVersion": format!("example.com/{version}"), "kind": "Lamp", "metadata": {"name": "a"}, "spec": spec})
}

#[test]
fn an_object_shows_in_each_version() {
    let asked = Asked::with(&[lamps()]);
    let made = asked.post(OLD, &lamp("v1alpha1", &json!({"on": true, "colour": "red"})));
    assert_eq!(made.warnings, [DEPRECATED, "unknown field \"spec.colour\""]);
    assert_eq!(made.is(201)["spec"], json!({"on": true}));
    let new = asked.get(&format!("{NEW}/a"));
    assert_eq!(new.warnings, Vec::<String>::new());
    let new = new.is(200);
    assert_eq!((&new["apiVersion"], &new["spec"]), (&json!("example.com/v1"), &json!({"on": true, "colour": "white"})));
    asked.merge(&format!("{NEW}/a"), &json!({"spec": {"colour": "red"}})).is(200);
    let old = asked.get(OLD).is(200);
    assert_eq!(
        (&old["apiVersion"], &old["items"][0]["apiVersion"]),
        (&json!("example.com/v1alpha1"), &json!("example.com/v1alpha1"))
    );
    assert_eq!(old["items"][0]["spec"], json!({"on": true}), "what this version does not know is left out");
}

#[test]
fn every_answer_of_a_deprecated_version_says_so() {
    let asked = Asked::with(&[lamps()]);
    asked.post(NEW, &lamp("v1", &json!({"on": true}))).is(201);
    let said = [DEPRECATED];
    let one = format!("{OLD}/a");
    for answer in [
        asked.get(OLD),
        asked.get(&one),
        asked.get(&format!("{OLD}/none")),
        asked.post(OLD, &lamp("v1alpha1", &json!({"on": true}))),
        asked.merge(&one, &json!({"spec": {"on": false}})),
        asked.delete(&one),
    ] {
        assert_eq!(answer.warnings, said, "{answer:?}");
    }
}

#[test]
fn the_version_of_the_store_can_change_and_need_not_be_served() {
    let asked = Asked::with(&[lamps()]);
    asked.post(OLD, &lamp("v1alpha1", &json!({"on": true}))).is(201);
    let path = format!("{DEFINITIONS}/lamps.example.com");
    let mut definition = asked.get(&path).is(200);
    let versions = definition["spec"]["versions"].as_array_mut().unwrap();
    versions[1]["storage"] = false.into();
    let bright =
        json!({"on": {"type": "boolean"}, "colour": {"type": "string"}, "bright": {"type": "integer", "default": 7}});
    versions.push(version("v2", false, true, &bright));
    let changed = asked.put(&path, &definition).is(200);
    assert_eq!(changed["status"]["storedVersions"], json!(["v1", "v2"]));
    assert_eq!(asked.get("/apis/example.com/v2/lamps").code, 404, "it is not served");
    let there = asked.get(&format!("{NEW}/a")).is(200);
    assert_eq!(there["spec"], json!({"on": true, "colour": "white"}));
    asked.merge(&format!("{NEW}/a"), &json!({"spec": {"on": false}})).is(200);

    definition = asked.get(&path).is(200);
    definition["spec"]["versions"][2]["served"] = true.into();
    asked.put(&path, &definition).is(200);
    let there = asked.get("/apis/example.com/v2/lamps/a").is(200);
    assert_eq!(there["spec"], json!({"on": false, "colour": "white", "bright": 7}));
    // The real one loses them as well where an owner has a version that the schema of the store's does not fit.
    assert!(there["metadata"].get("managedFields").is_none(), "{there}");
}
