//! Objects of a custom kind: written, read, refused.

use serde_json::{Value, json};
use windlass_shadow::UNVALIDATED;

use super::asking::{Answer, Asked, BOATS};
use super::{boat, boats};

fn causes(answer: Answer) -> Vec<(String, String)> {
    let body = answer.is(422);
    let causes = body["details"]["causes"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    causes.map(|cause| (text(&cause["field"]), text(&cause["message"]))).collect()
}

#[test]
fn objects_are_pruned_and_completed() {
    let asked = Asked::with(&[boats()]);
    let answer = asked.post(BOATS, &boat("a", &json!({"masts": 2, "sails": 3, "crew": [{"name": "x"}]})));
    assert_eq!(answer.warnings, ["unknown field \"spec.sails\""]);
    let made = answer.is(201);
    assert_eq!(made["spec"], json!({"masts": 2, "crew": [{"name": "x", "age": 30}], "port": "home"}));
    let strict = asked.post(&format!("{BOATS}?fieldValidation=Strict"), &boat("b", &json!({"masts": 2, "sails": 3})));
    let words =
        "Boat in version \"v1\" cannot be handled as a Boat: strict decoding error: unknown field \"spec.sails\"";
    assert_eq!((strict.code, strict.message()), (400, words));
}

#[test]
fn objects_are_validated() {
    let asked = Asked::with(&[boats()]);
    let wrong = causes(asked.post(BOATS, &boat("a", &json!({"masts": 9, "name": "Bounty"}))));
    let words = [
        ("spec.masts", "Invalid value: 9: spec.masts in body should be less than or equal to 5"),
        ("spec.name", "Invalid value: \"Bounty\": is a ship"),
    ];
    assert_eq!(wrong, words.map(|(field, words)| (field.to_owned(), words.to_owned())));
    let twice = json!({"masts": 1, "crew": [{"name": "x"}, {"name": "x"}]});
    let wrong = causes(asked.post(BOATS, &boat("a", &twice)));
    assert_eq!(wrong[0], ("spec.crew[1]".to_owned(), "Duplicate value: {\"name\":\"x\"}".to_owned()));

    asked.post(BOATS, &boat("a", &json!({"masts": 3}))).is(201);
    let wrong = causes(asked.merge(&format!("{BOATS}/a"), &json!({"spec": {"masts": 2}})));
    assert_eq!(wrong, [("spec".to_owned(), "Invalid value: masts stay".to_owned())]);
    asked.merge(&format!("{BOATS}/a"), &json!({"spec": {"masts": 4}})).is(200);
}

#[test]
fn what_was_wrong_before_is_only_told() {
    let mut loose = boats();
    let rules = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/name/x-kubernetes-validations";
    loose.pointer_mut(rules).unwrap().as_array_mut().unwrap().clear();
    let asked = Asked::with(&[loose]);
    asked.post(BOATS, &boat("a", &json!({"masts": 1, "name": "Bounty"}))).is(201);
    let rule =
        json!([{"op": "add", "path": rules, "value": [{"rule": "self.startsWith('HMS ')", "message": "is a ship"}]}]);
    asked.operations("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/boats.example.com", &rule).is(200);
    let other = asked.merge(&format!("{BOATS}/a"), &json!({"spec": {"masts": 2}}));
    assert_eq!(other.warnings, ["spec.name: Invalid value: \"Bounty\": is a ship"]);
    other.is(200);
    assert_eq!(asked.merge(&format!("{BOATS}/a"), &json!({"spec": {"name": "Bounty II"}})).code, 422);
}

#[test]
fn a_rule_that_cannot_be_judged_is_told_and_kept_in_mind() {
    let asked = Asked::with(&[boats()]);
    let dry = asked.post(&format!("{BOATS}?dryRun=All"), &boat("a", &json!({"masts": 1, "load": "20Gi"})));
    assert!(dry.warnings[0].starts_with(UNVALIDATED), "{:?}", dry.warnings);
    dry.is(201);
    assert_eq!(asked.shadow.unvalidated(), [], "nothing came of it");
    let made = asked.post(BOATS, &boat("a", &json!({"masts": 1, "load": "20Gi"})));
    let told = made.warnings.clone();
    made.is(201);
    let [unvalidated] = asked.shadow.unvalidated().try_into().unwrap();
    assert_eq!(
        (&*unvalidated.resource, &*unvalidated.namespace, &*unvalidated.name),
        ("boats.example.com", "default", "a")
    );
    assert_eq!(unvalidated.why, told);
    assert_eq!(asked.shadow.fork().unvalidated().len(), 1);
    let mended = asked.merge(&format!("{BOATS}/a"), &json!({"spec": {"load": null}}));
    assert_eq!(mended.warnings, Vec::<String>::new());
    assert_eq!(asked.shadow.unvalidated(), []);

    asked.merge(&format!("{BOATS}/a"), &json!({"spec": {"load": "1Gi"}})).is(200);
    assert_eq!(asked.shadow.unvalidated().len(), 1);
    asked.delete(&format!("{BOATS}/a")).is(200);
    assert_eq!(asked.shadow.unvalidated(), [], "it is gone");
}

#[test]
fn status_and_scale_are_parts_of_their_own() {
    let asked = Asked::with(&[boats()]);
    let mut with_status = boat("a", &json!({"masts": 2}));
    with_status["status"] = json!({"masts": 7});
    let made = asked.post(BOATS, &with_status).is(201);
    assert_eq!((&made["status"], &made["metadata"]["generation"]), (&Value::Null, &json!(1)));
    let status = json!({"spec": {"masts": 5}, "status": {"masts": 2, "selector": "a=b", "odd": 1}});
    let written = asked.merge(&format!("{BOATS}/a/status"), &status).is(200);
    assert_eq!(written["spec"]["masts"], 2, "the status writes nothing else");
    assert_eq!(
        (&written["status"], &written["metadata"]["generation"]),
        (&json!({"masts": 2, "selector": "a=b"}), &json!(1))
    );

    let scale = asked.get(&format!("{BOATS}/a/scale")).is(200);
    assert_eq!((&scale["kind"], &scale["spec"]), (&json!("Scale"), &json!({"replicas": 2})));
    assert_eq!(scale["status"], json!({"replicas": 2, "selector": "a=b"}));
    asked.merge(&format!("{BOATS}/a/scale"), &json!({"spec": {"replicas": 3}})).is(200);
    let scaled = asked.get(&format!("{BOATS}/a")).is(200);
    assert_eq!((&scaled["spec"]["masts"], &scaled["metadata"]["generation"]), (&json!(3), &json!(2)));
    assert_eq!(asked.merge(&format!("{BOATS}/a/scale"), &json!({"spec": {"replicas": 9}})).code, 422);
}

#[test]
fn lists_are_narrowed_and_shown_as_the_definition_says() {
    let asked = Asked::with(&[boats()]);
    asked.post(BOATS, &boat("a", &json!({"masts": 1, "port": "away"}))).is(201);
    asked.post(BOATS, &boat("b", &json!({"masts": 2}))).is(201);
    let away = asked.get(&format!("{BOATS}?fieldSelector=spec.port%3Daway")).is(200);
    assert_eq!(
        away["items"].as_array().unwrap().iter().map(|item| &item["metadata"]["name"]).collect::<Vec<_>>(),
        ["a"]
    );
    let home = asked.get("/apis/example.com/v1/boats?fieldSelector=spec.port!%3Daway").is(200);
    assert_eq!(home["items"].as_array().unwrap().len(), 1);
    let wrong = asked.get(&format!("{BOATS}?fieldSelector=spec.masts%3D1"));
    assert_eq!((wrong.code, wrong.message()), (400, "field label not supported: spec.masts"));

    let table = asked.table(BOATS);
    let names: Vec<_> = table["columnDefinitions"].as_array().unwrap().iter().map(|column| &column["name"]).collect();
    assert_eq!(json!(names), json!(["Name", "Masts", "Port"]));
    assert_eq!(table["rows"][1]["cells"], json!(["b", 2, "home"]));
}

#[test]
fn a_watch_follows_a_field_that_can_be_selected() {
    let asked = Asked::with(&[boats()]);
    let begin = asked.get(BOATS).is(200)["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    asked.post(BOATS, &boat("a", &json!({"masts": 1, "port": "away"}))).is(201);
    asked.merge(&format!("{BOATS}/a"), &json!({"spec": {"port": "home"}})).is(200);
    let events = asked.watch(&format!("{BOATS}?watch=1&resourceVersion={begin}&fieldSelector=spec.port%3Daway"), 2);
    let types: Vec<_> = events.iter().map(|event| &event["type"]).collect();
    assert_eq!(json!(types), json!(["ADDED", "DELETED"]));
}

#[test]
fn fields_have_owners() {
    let asked = Asked::with(&[boats()]);
    let path = format!("{BOATS}/a");
    asked.apply(&path, "me", &boat("a", &json!({"masts": 1, "crew": [{"name": "x"}]}))).is(201);
    let both = boat("a", &json!({"masts": 1, "crew": [{"name": "y", "age": 5}]}));
    asked.apply(&path, "you", &both).is(200);
    let conflict = asked.apply(&path, "you", &boat("a", &json!({"masts": 2})));
    let words = "Apply failed with 1 conflict: conflict with \"me\": .spec.masts";
    assert_eq!((conflict.code, conflict.message()), (409, words));
    let left = asked.apply(&path, "me", &boat("a", &json!({"masts": 1}))).is(200);
    assert_eq!(left["spec"]["crew"], json!([{"name": "y", "age": 5}]));
    let stale =
        json!({"apiVersion": "example.com/v1", "kind": "Boat", "metadata": {"name": "a"}, "spec": {"masts": 1}});
    let refused = asked.put(&path, &stale);
    assert_eq!(
        refused.message(),
        "boats.example.com \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    );
}
