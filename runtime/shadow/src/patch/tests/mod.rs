mod strategic;

use serde_json::json;

use super::{json as json_patch, merge, unsupported};
use crate::Json;

#[test]
fn json_patches() {
    let object = json!({"a": {"b": ["x", "y"], "k/1": 1, "t~": 2}, "n": null});
    let table: &[(Json, Option<Json>)] = &[
        (json!([{"op": "add", "path": "/a/c", "value": 1}]), Some(json!({"b": ["x", "y"], "k/1": 1, "t~": 2, "c": 1}))),
        (
            json!([{"op": "add", "path": "/a/b/-", "value": "z"}]),
            Some(json!({"b": ["x", "y", "z"], "k/1": 1, "t~": 2})),
        ),
        (
            json!([{"op": "add", "path": "/a/b/0", "value": "z"}]),
            Some(json!({"b": ["z", "x", "y"], "k/1": 1, "t~": 2})),
        ),
        (
            json!([{"op": "add", "path": "/a/b/2", "value": "z"}]),
            Some(json!({"b": ["x", "y", "z"], "k/1": 1, "t~": 2})),
        ),
        (json!([{"op": "add", "path": "/a/b/3", "value": "z"}]), None),
        (json!([{"op": "add", "path": "/x/y", "value": 1}]), None),
        (json!([{"op": "add", "path": "", "value": {}}]), None),
        (
            json!([{"op": "remove", "path": "/a/k~11"}, {"op": "remove", "path": "/a/t~0"}]),
            Some(json!({"b": ["x", "y"]})),
        ),
        (json!([{"op": "remove", "path": "/a/b/-1"}]), Some(json!({"b": ["x"], "k/1": 1, "t~": 2}))),
        (json!([{"op": "remove", "path": "/a/b/2"}]), None),
        (json!([{"op": "remove", "path": "/a/c"}]), None),
        (json!([{"op": "replace", "path": "/a/b/1", "value": "z"}]), Some(json!({"b": ["x", "z"], "k/1": 1, "t~": 2}))),
        // Not what the RFC says, but what the API server does.
        (
            json!([{"op": "replace", "path": "/a/c", "value": 1}]),
            Some(json!({"b": ["x", "y"], "k/1": 1, "t~": 2, "c": 1})),
        ),
        (json!([{"op": "replace", "path": "/a/b/2", "value": "z"}]), None),
        (json!([{"op": "replace", "path": "", "value": {"a": 1}}]), Some(json!(1))),
        (json!([{"op": "move", "from": "/a/b", "path": "/a/c"}]), Some(json!({"k/1": 1, "t~": 2, "c": ["x", "y"]}))),
        (
            json!([{"op": "copy", "from": "/a/b/0", "path": "/a/c"}]),
            Some(json!({"b": ["x", "y"], "k/1": 1, "t~": 2, "c": "x"})),
        ),
        (json!([{"op": "test", "path": "/a/b", "value": ["x", "y"]}]), Some(object["a"].clone())),
        (json!([{"op": "test", "path": "/a/b", "value": ["y", "x"]}]), None),
        (json!([{"op": "test", "path": "/a/none", "value": null}]), Some(object["a"].clone())),
        (json!([{"op": "merge", "path": "/a"}]), None),
        (json!([{"op": "add", "value": 1}]), None),
        (json!([]), Some(object["a"].clone())),
    ];
    for (patch, wanted) in table {
        let got = json_patch(&object, patch);
        match (got, wanted) {
            (Ok(got), Some(wanted)) => assert_eq!(&got["a"], wanted, "{patch}"),
            (Err(error), None) => {
                assert_eq!((error.code, error.reason), (422, "Invalid"), "{patch}");
                assert_eq!(error.message, "the server rejected our request due to an error in our request");
            }
            (got, _) => panic!("{patch}: {got:?}"),
        }
    }
}

#[test]
fn a_json_patch_is_a_list_of_operations() {
    let message = |patch: Json| json_patch(&json!({}), &patch).unwrap_err().message;
    assert_eq!(
        message(json!({"a": 1})),
        "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"
    );
    assert_eq!(
        message(json!([{"op": 1}])),
        "error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.op of type string"
    );
    let many: Json = (0..10_001).map(|_| json!({"op": "test", "path": "/a", "value": null})).collect();
    assert_eq!(
        message(many),
        "Request entity is too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    );
}

#[test]
fn merge_patches() {
    let table = [
        (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
        (json!({"a": "b", "b": "c"}), json!({"a": null, "x": null}), json!({"b": "c"})),
        (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
        (json!({"a": {"b": "c", "d": 1}}), json!({"a": {"b": "d", "d": null}}), json!({"a": {"b": "d"}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
        (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        (json!({"a": "x"}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        (json!({}), json!({"a": [{"b": null}, null]}), json!({"a": [{}, null]})),
        (json!({"a": {"x": 1}}), json!({"a": [{"b": null}]}), json!({"a": [{"b": null}]})),
    ];
    for (object, patch, wanted) in table {
        assert_eq!(merge(&object, &patch).unwrap(), wanted, "{object} with {patch}");
    }
    let message = |patch: Json| merge(&json!({}), &patch).unwrap_err().message;
    assert_eq!(message(Json::Null), "Invalid JSON Patch");
    assert_eq!(
        message(json!([])),
        "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"
    );
}

#[test]
fn a_strategic_patch_of_a_custom_resource_is_refused() {
    let error = unsupported(true);
    assert_eq!((error.code, error.reason), (415, "UnsupportedMediaType"));
}

#[test]
fn a_patch_cannot_grow_without_bound() {
    let object = json!({"data": {"a": "b"}});
    let doubled: Vec<Json> =
        (0..60).map(|n| json!({"op": "copy", "from": "/data", "path": format!("/data/{n}")})).collect();
    let error = crate::patch::json(&object, &Json::Array(doubled)).unwrap_err();
    assert_eq!((error.code, error.reason), (413, "RequestEntityTooLarge"), "{error}");

    let deep = (1..200).map(|n| json!({"op": "add", "path": "/a".repeat(n), "value": {}})).collect();
    let error = crate::patch::json(&json!({}), &Json::Array(deep)).unwrap_err();
    assert_eq!(error.code, 422, "{error}");
}
