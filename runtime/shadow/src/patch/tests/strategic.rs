use serde_json::json;

use crate::Json;
use crate::apply::tests::openapi;
use crate::error::ApiError;
use crate::patch::strategic;

/// A type with lists that are merged by `name` (`items`, with `items` of their own), as scalars (`set`), or not at all.
fn patched(object: Json, patch: Json) -> Result<Json, ApiError> {
    let item = |items: Json| {
        json!({"type": "object", "properties": {
            "name": {"type": "string"}, "value": {"type": "integer"}, "items": items,
            "map": {"type": "object", "additionalProperties": {"type": "string"}}}})
    };
    let items = |item: Json| {
        json!({"type": "array", "items": item, "x-kubernetes-patch-strategy": "merge",
            "x-kubernetes-patch-merge-key": "name"})
    };
    let scalars = json!({"type": "array", "items": {"type": "string"}});
    let mut set = scalars.clone();
    set["x-kubernetes-patch-strategy"] = "merge".into();
    let (schemas, id) = openapi::single(&json!({"type": "object", "properties": {
        "text": {"type": "string"}, "list": scalars, "set": set, "raw": {},
        "items": items(item(items(item(json!({"type": "string"}))))),
        "keyless": {"type": "array", "items": item(json!({})), "x-kubernetes-patch-strategy": "merge"},
        "struct": {"type": "object", "x-kubernetes-patch-strategy": "retainKeys",
            "properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
    }}));
    strategic(&object, &patch, &schemas, id)
}

#[test]
fn what_becomes_of_objects() {
    let items = |names: &str| -> Json { names.chars().map(|c| json!({"name": c.to_string()})).collect() };
    let letters = |letters: &str| -> Json { letters.chars().map(|c| Json::from(c.to_string())).collect() };
    let table = [
        // Maps, and lists that are not merged.
        (json!({"text": "a", "list": ["x"]}), json!({"text": "b", "list": ["y"]}), json!({"text": "b", "list": ["y"]})),
        (json!({"text": "a"}), json!({"text": null, "list": null}), json!({})),
        (json!({"struct": {"a": "1"}}), json!({"struct": {"b": "2"}}), json!({"struct": {"a": "1", "b": "2"}})),
        (
            json!({"struct": {"a": "1"}}),
            json!({"struct": {"$patch": "replace", "b": "2"}}),
            json!({"struct": {"b": "2"}}),
        ),
        (json!({"struct": {"a": "1"}}), json!({"struct": {"$patch": "delete"}}), json!({"struct": {}})),
        (json!({}), json!({"struct": {"$patch": "delete", "b": "2"}}), json!({})),
        (
            json!({"struct": {"a": "1"}}),
            json!({"struct": {"$retainKeys": ["b"], "b": "2"}}),
            json!({"struct": {"b": "2"}}),
        ),
        (json!({}), json!({"struct": {"a": "1", "b": null}}), json!({"struct": {"a": "1"}})),
        // Lists of maps: by their key, new ones where the patch has them.
        (json!({"items": items("abc")}), json!({"items": items("xb")}), json!({"items": items("xabc")})),
        (
            json!({"items": [{"name": "a", "value": 1}]}),
            json!({"items": [{"name": "a", "map": {"k": "v"}}]}),
            json!({"items": [{"name": "a", "value": 1, "map": {"k": "v"}}]}),
        ),
        (
            json!({"items": items("abc")}),
            json!({"items": [{"name": "b", "$patch": "delete"}]}),
            json!({"items": items("ac")}),
        ),
        (
            json!({"items": items("abc")}),
            json!({"items": [{"$patch": "replace"}, {"name": "z"}]}),
            json!({"items": items("z")}),
        ),
        (
            json!({"items": items("abc")}),
            json!({"$setElementOrder/items": items("cab")}),
            json!({"items": items("cab")}),
        ),
        (
            json!({"items": items("abcd")}),
            json!({"$setElementOrder/items": items("xca"), "items": items("x")}),
            json!({"items": items("xbcad")}),
        ),
        // As kubectl has it when one item takes another's place.
        (
            json!({"items": items("ab")}),
            json!({"$setElementOrder/items": items("ax"), "items": [{"name": "x"}, {"name": "b", "$patch": "delete"}]}),
            json!({"items": items("ax")}),
        ),
        (
            json!({"items": [{"name": "a", "items": items("xy")}]}),
            json!({"items": [{"name": "a", "items": [{"name": "x", "$patch": "delete"}, {"name": "z"}]}]}),
            json!({"items": [{"name": "a", "items": items("zy")}]}),
        ),
        (json!({}), json!({"items": [{"name": "a", "$patch": "delete"}, {"name": "b"}]}), json!({"items": items("b")})),
        // Lists of scalars.
        (json!({"set": letters("abc")}), json!({"set": letters("cd")}), json!({"set": letters("abcd")})),
        (
            json!({"set": letters("abc")}),
            json!({"$deleteFromPrimitiveList/set": letters("bx")}),
            json!({"set": letters("ac")}),
        ),
        (
            json!({"set": letters("abc")}),
            json!({"$setElementOrder/set": letters("dca"), "set": letters("d"), "$deleteFromPrimitiveList/set": letters("b")}),
            json!({"set": letters("dca")}),
        ),
    ];
    for (object, patch, wanted) in table {
        let got = patched(object.clone(), patch.clone()).unwrap_or_else(|error| panic!("{patch}: {error}"));
        assert_eq!(got, wanted, "{object} with {patch}");
    }
}

#[test]
fn what_is_wrong_with_patches() {
    let live = json!({"items": [{"name": "a"}], "struct": {"a": "1"}, "set": ["a"], "keyless": [{"name": "a"}],
        "raw": {"x": {"y": 1}}});
    let table = [
        (json!([]), 400, "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        (json!({"struct": {"$patch": "foo"}}), 500, "unknown patch type: foo in map: map[$patch:foo]"),
        (json!({"struct": {"$patch": 1}}), 500, "unknown patch type: %!s(int64=1) in map: map[$patch:1]"),
        (json!({"struct": {"$retainKeys": "a"}}), 400, "invalid patch format of retainKeys"),
        (json!({"struct": {"$retainKeys": ["a"], "b": "2"}}), 400, "invalid patch format of retainKeys"),
        (json!({"items": [{"value": 1}]}), 500, "map: map[value:1] does not contain declared merge key: name"),
        (
            json!({"items": [{"name": "a", "$patch": "merge"}]}),
            500,
            "merging lists cannot yet be specified in the patch",
        ),
        (
            json!({"items": [{"$patch": "delete"}]}),
            500,
            "map: map[$patch:delete] does not contain declared merge key: name",
        ),
        (json!({"items": ["x"]}), 500, "list element types are not identical: [[map[name:a]] [x]]"),
        (json!({"set": [["x"]]}), 500, "list element types are not identical: [[a] [[x]]]"),
        (json!({"keyless": [{"name": "a"}]}), 500, "cannot merge lists without merge key for struct"),
        (json!({"$setElementOrder/items": "x"}), 500, "expected a []interface {}, but received a string"),
        (json!({"$setElementOrderitems": []}), 400, "invalid patch format of setElementOrder list"),
        (json!({"$deleteFromPrimitiveListset": []}), 400, "invalid patch format of primitive list"),
        (
            json!({"$setElementOrder/items": [{"name": "x"}], "items": [{"name": "b"}]}),
            500,
            "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:x]]\n",
        ),
    ];
    for (patch, code, message) in table {
        let error = patched(live.clone(), patch.clone()).expect_err(&patch.to_string());
        assert_eq!((error.code, error.message.as_str()), (code, message), "{patch}");
    }
    let error = patched(json!({"set": [["a"]]}), json!({"set": ["b"]})).unwrap_err();
    assert_eq!((error.code, error.reason), (422, "Invalid"));
}
