//! Sets of fields, and `fieldsV1`.

use serde_json::json;

use crate::Json;
use crate::apply::element::{Element, display};
use crate::apply::set::Set;

fn set(fields: &Json) -> Set {
    Set::from_fields(fields).unwrap()
}

#[test]
fn fields_v1_comes_back_as_it_was_in_the_right_order() {
    let fields = json!({
        "f:metadata": {"f:labels": {".": {}, "f:app.kubernetes.io/name": {}}},
        "f:spec": {
            "f:list": {"i:0": {}, "i:10": {}, "i:2": {}},
            "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}},
                "k:{\"port\":443,\"protocol\":\"TCP\"}": {".": {}}},
            "f:set": {"v:\"a\"": {}, "v:\"b\\u003cc\"": {}, "v:1": {}, "v:true": {}},
            "f:a": {}, "f:a.b": {}, "f:Z": {}},
    });
    let written = set(&fields).to_fields();
    let order: Vec<&String> = written["f:spec"].as_object().unwrap().keys().collect();
    assert_eq!(order, ["f:Z", "f:a", "f:a.b", "f:list", "f:ports", "f:set"]);
    let order: Vec<&String> = written["f:spec"]["f:set"].as_object().unwrap().keys().collect();
    assert_eq!(order, ["v:1", "v:\"a\"", "v:\"b\\u003cc\"", "v:true"]);
    let order: Vec<&String> = written["f:spec"]["f:list"].as_object().unwrap().keys().collect();
    assert_eq!(order, ["i:0", "i:2", "i:10"]);
    // An item with nothing below it is a member by itself.
    assert_eq!(written["f:spec"]["f:ports"]["k:{\"port\":443,\"protocol\":\"TCP\"}"], json!({}));
    assert_eq!(set(&written), set(&fields));
}

#[test]
fn an_item_is_called_the_same_however_its_key_is_written() {
    let one = set(&json!({"k:{\"protocol\":\"TCP\",\"port\":80}": {}}));
    let other = set(&json!({"k:{\"port\":80.0,\"protocol\":\"TCP\"}": {}}));
    assert_eq!(one, other);
    assert_eq!(other.to_fields().as_object().unwrap().keys().next().unwrap(), "k:{\"port\":80,\"protocol\":\"TCP\"}");
}

#[test]
fn what_is_not_known_is_left_out_and_what_is_wrong_is_said() {
    assert_eq!(set(&json!({"x:1": {}, "f:a": {}})), set(&json!({"f:a": {}})));
    assert!(set(&json!({})).is_empty());
    for (key, error) in
        [("f", "key must be 2 characters long:"), ("fa", "missing colon: fa"), ("i:x", "parsing \"x\": invalid syntax")]
    {
        assert_eq!(Set::from_fields(&json!({key: {}})).unwrap_err(), error);
    }
    assert!(Set::from_fields(&json!({"k:{": {}})).is_err());
    assert!(Set::from_fields(&json!({"f:a": 1})).is_err());
}

#[test]
fn operations_treat_parents_and_children_apart() {
    let both = set(&json!({"f:a": {".": {}, "f:b": {}}, "f:c": {}}));
    let parent = set(&json!({"f:a": {}}));
    let child = set(&json!({"f:a": {"f:b": {}}}));
    assert_eq!(both.difference(&parent), set(&json!({"f:a": {"f:b": {}}, "f:c": {}})));
    assert_eq!(both.difference(&child), set(&json!({"f:a": {}, "f:c": {}})));
    assert_eq!(both.without_trees(&parent), set(&json!({"f:c": {}})));
    assert_eq!(both.without_trees(&child), set(&json!({"f:a": {}, "f:c": {}})));
    assert!(parent.intersection(&child).is_empty());
    assert_eq!(both.intersection(&child), child);
    assert_eq!(parent.clone().union(&child), set(&json!({"f:a": {".": {}, "f:b": {}}})));
    let path = [Element::field("a"), Element::field("b")];
    assert!(child.has(&path) && !child.has(&path[..1]) && !parent.has(&path));
}

#[test]
fn paths_are_named_as_in_messages_those_of_a_level_first() {
    let fields = set(&json!({"f:a": {"f:b": {}}, "f:c": {}, "f:l": {"k:{\"name\":\"x\",\"port\":80}": {"f:v": {}},
        "v:\"q\\\"\"": {}, "i:3": {}}}));
    let paths: Vec<String> = fields.paths().iter().map(|path| display(path)).collect();
    assert_eq!(paths, [".c", ".a.b", ".l[=\"q\\\"\"]", ".l[3]", ".l[name=\"x\",port=80].v"]);
}
