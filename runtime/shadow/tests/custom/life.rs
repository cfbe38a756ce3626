//! Definitions: established, known everywhere, changed, deleted.

use std::time::Duration;

use serde_json::json;

use super::asking::{Asked, BOATS, DEFINITIONS};
use super::{boat, boats};

#[test]
fn a_definition_is_established_and_known_everywhere() {
    let asked = Asked::with(&[boats()]);
    let definition = asked.get(&format!("{DEFINITIONS}/boats.example.com")).is(200);
    let status = &definition["status"];
    let conditions: Vec<_> =
        status["conditions"].as_array().unwrap().iter().map(|c| (&c["type"], &c["status"])).collect();
    assert_eq!(json!(conditions), json!([["NamesAccepted", "True"], ["Established", "True"]]));
    assert_eq!(status["acceptedNames"]["listKind"], "Fleet");
    assert_eq!(status["storedVersions"], json!(["v1"]));

    let plain = asked.get("/apis/example.com/v1").is(200);
    let names: Vec<_> = plain["resources"].as_array().unwrap().iter().map(|r| &r["name"]).collect();
    assert_eq!(json!(names), json!(["boats", "boats/status", "boats/scale"]));
    assert!(
        asked.get("/apis").is(200)["groups"].as_array().unwrap().iter().any(|group| group["name"] == "example.com")
    );
    let aggregated = asked.aggregated("/apis");
    let group = aggregated["items"].as_array().unwrap().iter().find(|item| item["metadata"]["name"] == "example.com");
    let resource = &group.unwrap()["versions"][0]["resources"][0];
    assert_eq!((&resource["resource"], &resource["shortNames"]), (&json!("boats"), &json!(["bt"])));

    let index = asked.get("/openapi/v3").is(200);
    let place = index["paths"]["apis/example.com/v1"]["serverRelativeURL"].as_str().unwrap().to_owned();
    let document = asked.get(&place).is(200);
    let masts = &document["components"]["schemas"]["com.example.v1.Boat"]["properties"]["spec"]["properties"]["masts"];
    assert_eq!(masts["maximum"], 5);
    assert_eq!(asked.get(BOATS).is(200)["kind"], "Fleet");
}

#[test]
fn two_definitions_cannot_have_the_same_names() {
    let mut other = boats();
    other["metadata"]["name"] = "ships.example.com".into();
    other["spec"]["names"] = json!({"plural": "ships", "singular": "ship", "kind": "Boat", "shortNames": ["bt"]});
    let asked = Asked::with(&[boats(), other]);
    let path = format!("{DEFINITIONS}/ships.example.com");
    let refused = asked.get(&path).is(200);
    let condition = &refused["status"]["conditions"][0];
    assert_eq!((&condition["status"], &condition["reason"]), (&json!("False"), &json!("KindConflict")), "{condition}");
    assert_eq!(condition["message"], "\"Boat\" is already in use");
    assert_eq!(asked.get("/apis/example.com/v1/ships").code, 404);

    asked.delete(&format!("{DEFINITIONS}/boats.example.com")).is(200);
    let accepted = asked.get(&path).is(200);
    assert_eq!(accepted["status"]["conditions"][0]["status"], "True", "the names are free now");
    assert_eq!(asked.get("/apis/example.com/v1/ships").code, 200);
    assert_eq!(asked.get("/apis/example.com/v1/boats").code, 404);
}

#[test]
fn a_new_field_counts_for_objects_that_are_there() {
    let asked = Asked::with(&[boats()]);
    asked.post(BOATS, &boat("a", &json!({"masts": 1, "flag": "red"}))).is(201);
    let path = format!("{DEFINITIONS}/boats.example.com");
    let field = json!([{"op": "add", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/flag", "value": {"type": "string", "default": "blue"}}]);
    let patched = asked.operations(&path, &field);
    patched.is(200);
    let there = asked.get(&format!("{BOATS}/a")).is(200);
    assert_eq!(there["spec"]["flag"], "blue", "what was pruned is gone, and the default counts");
    assert_eq!(asked.get(BOATS).is(200)["items"][0]["spec"]["flag"], "blue");
    asked.merge(&format!("{BOATS}/a"), &json!({"spec": {"flag": "green"}})).is(200);
    assert_eq!(asked.get(&format!("{BOATS}/a")).is(200)["spec"]["flag"], "green");
    let event = asked.watch(&format!("{BOATS}?watch=1"), 1).remove(0);
    assert_eq!(event["object"]["spec"]["flag"], "green");
    let document = asked.get("/openapi/v3/apis/example.com/v1").is(200);
    assert!(document.to_string().contains("\"flag\""));
}

#[test]
fn a_definition_takes_its_objects_along() {
    let asked = Asked::with(&[boats()]);
    asked.post(BOATS, &boat("plain", &json!({"masts": 1}))).is(201);
    let mut held = boat("held", &json!({"masts": 1}));
    held["metadata"]["finalizers"] = json!(["example.com/keep"]);
    asked.post(BOATS, &held).is(201);
    let path = format!("{DEFINITIONS}/boats.example.com");
    asked.delete(&path).is(200);

    let ending = asked.get(&path).is(200);
    let conditions = ending["status"]["conditions"].as_array().unwrap();
    let terminating = conditions.iter().find(|c| c["type"] == "Terminating").unwrap();
    assert_eq!(
        (&terminating["status"], &terminating["reason"]),
        (&json!("True"), &json!("InstanceDeletionInProgress"))
    );
    assert_eq!(asked.get(BOATS).is(200)["items"].as_array().unwrap().len(), 1, "what nothing holds is gone");
    let refused = asked.post(BOATS, &boat("new", &json!({"masts": 1})));
    let words =
        "boats.example.com \"new\" is forbidden: create not allowed while custom resource definition is terminating";
    assert_eq!((refused.code, refused.message()), (403, words));
    let verbs = &asked.get("/apis/example.com/v1").is(200)["resources"][0]["verbs"];
    assert_eq!(verbs, &json!(["delete", "deletecollection", "get", "list", "watch"]));

    asked.merge(&format!("{BOATS}/held"), &json!({"metadata": {"finalizers": null}})).is(200);
    asked.wait(Duration::from_secs(5));
    assert_eq!(asked.get(&path).code, 404);
    assert_eq!(asked.get(BOATS).code, 404);
    assert_eq!(asked.get("/apis/example.com").code, 404);
}
