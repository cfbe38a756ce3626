use serde_json::json;

use super::*;
use crate::cluster::testing::config_map;

#[allow(clippy::needless_pass_by_value, reason = "the parts are built in the calls")]
fn object(data: Json, labels: Json) -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "uid": "u", "resourceVersion": "9",
        "labels": labels, "managedFields": []}, "data": data, "status": {"x": 1}})
}

fn wanted(before: &Json, after: &Json, live: &Json) -> Result<Json> {
    former_values(&config_map("a"), before, after, live, &Guess)
}

#[test]
fn values_and_absences_come_back_and_what_others_did_stays() {
    let before = object(json!({"x": "1", "gone": "g"}), json!({"l": "1"}));
    let after = object(json!({"x": "2", "new": "n"}), json!({"l": "1"}));
    let mut live = after.clone();
    live["metadata"]["resourceVersion"] = json!("12");
    live["metadata"]["labels"]["other"] = json!("o");
    live["data"]["theirs"] = json!("t");
    let wanted = wanted(&before, &after, &live).unwrap();
    assert_eq!(wanted["data"], json!({"x": "1", "theirs": "t", "gone": "g"}));
    assert_eq!(wanted["metadata"]["labels"], json!({"l": "1", "other": "o"}));
    assert_eq!(wanted["metadata"]["resourceVersion"], "12");
}

#[test]
fn an_untouched_object_becomes_exactly_what_it_was() {
    let mut before = object(json!({"x": "1"}), json!({"l": "1"}));
    before["immutable"] = json!(false);
    let after = object(json!({"x": "2"}), json!({"l": "1", "m": "2"}));
    let mut live = after.clone();
    live["metadata"]["resourceVersion"] = json!("12");
    let wanted = wanted(&before, &after, &live).unwrap();
    assert_eq!(content(&wanted), content(&before));
    assert_eq!((&wanted["metadata"]["resourceVersion"], &wanted["status"]), (&json!("12"), &json!({"x": 1})));
}

#[test]
fn what_others_changed_since_is_refused_by_path() {
    let before = object(json!({"x": "1", "y": "1"}), json!({}));
    let after = object(json!({"x": "2", "y": "2"}), json!({}));
    let mut live = after.clone();
    live["data"]["x"] = json!("3");
    let error = wanted(&before, &after, &live).unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(error.detail_value().unwrap(), &json!({"paths": [".data.x"]}));
    live["data"]["x"] = json!("1");
    assert_eq!(wanted(&before, &after, &live).unwrap()["data"], json!({"x": "1", "y": "1"}), "put back already");
}
