//! Merging, comparing and taking apart, apart from owners.

use serde_json::json;

use super::cases::thing;
use crate::Json;
use crate::apply::compare::compare;
use crate::apply::element::display;
use crate::apply::fields::{fields_of, remove, with_named};
use crate::apply::merge::merge;
use crate::apply::set::Set;
use crate::apply::types::Types;
use crate::apply::{Reset, printed};

fn with_types(test: impl Fn(Types<'_>)) {
    let schemas = thing();
    test(Types::custom(Some((&schemas, schemas.named("Thing").unwrap()))));
}

fn paths(set: &Set) -> String {
    set.paths().iter().map(|path| display(path)).collect::<Vec<_>>().join(" ")
}

/// In the order of what there is, but for what the intent names, which is in its own order.
#[test]
fn merged_lists_are_in_order() {
    let table = [
        ("ab", "", "ab"),
        ("", "ab", "ab"),
        ("ab", "ba", "ba"),
        ("abc", "b", "abc"),
        ("abc", "xb", "axbc"),
        ("abc", "bx", "abcx"),
        ("abc", "cxa", "bcxa"),
        ("abcd", "dbxa", "cdbxa"),
        ("abcde", "ecb", "adecb"),
        ("abc", "xyz", "abcxyz"),
        ("cab", "abc", "abc"),
        ("aabc", "c", "aabc"),
        ("aabc", "a", "abc"),
    ];
    let set = |letters: &str| -> Json { letters.chars().map(|c| Json::from(c.to_string())).collect() };
    let items = |letters: &str| -> Json { letters.chars().map(|c| json!({"name": c.to_string()})).collect() };
    with_types(|types| {
        for (live, intent, merged) in table {
            let got = merge(types, &json!({"set": set(live)}), &json!({"set": set(intent)}));
            assert_eq!(got["set"], set(merged), "{live} with {intent}");
            let got = merge(types, &json!({"items": items(live)}), &json!({"items": items(intent)}));
            assert_eq!(got["items"], items(merged), "items {live} with {intent}");
        }
    });
}

#[test]
fn a_merge_takes_nothing_away() {
    with_types(|types| {
        let live = json!({"map": {"a": "1"}, "struct": {"number": 1}, "whole": {"a": "1"}, "list": ["x"]});
        let intent = json!({"map": {"b": "2"}, "struct": {"text": "t"}, "whole": {"b": "2"}, "list": []});
        let merged = json!({"map": {"a": "1", "b": "2"}, "struct": {"number": 1, "text": "t"}, "whole": {"b": "2"},
            "list": []});
        assert_eq!(merge(types, &live, &intent), merged);
    });
}

#[test]
fn what_is_compared() {
    let table = [
        (json!({"text": "a"}), json!({"text": "b"}), "", ".text", ""),
        (json!({"text": "a"}), json!({}), ".text", "", ""),
        (json!({"struct": {"number": 1}}), json!({}), ".struct .struct.number", "", ""),
        (json!({"map": {"a": "1"}}), json!({"map": {}}), ".map.a", "", ""),
        (json!({}), json!({"map": {}}), "", "", ".map"),
        (json!({"map": null}), json!({"map": {}}), "", ".map", ""),
        (json!({"whole": {"a": "1"}}), json!({"whole": {"a": "2"}}), "", ".whole", ""),
        (json!({"list": ["a"]}), json!({"list": ["b"]}), "", ".list", ""),
        (json!({"set": ["a", "b"]}), json!({"set": ["b", "a", "c"]}), "", "", ".set[=\"c\"]"),
        (
            json!({"items": [{"name": "a", "value": 1}]}),
            json!({"items": [{"name": "a"}, {"name": "b"}]}),
            ".items[name=\"a\"].value",
            "",
            ".items[name=\"b\"] .items[name=\"b\"].name",
        ),
        (
            json!({"items": [{"name": "a"}, {"name": "a"}]}),
            json!({"items": [{"name": "a"}]}),
            ".items[name=\"a\"]",
            "",
            ".items[name=\"a\"] .items[name=\"a\"].name",
        ),
        (json!({"set": ["a"]}), json!({"set": ["a", "a"]}), ".set[=\"a\"]", "", ".set[=\"a\"]"),
        (json!({"set": ["a", "a"]}), json!({"set": ["a", "a", "a"]}), "", ".set[=\"a\"]", ""),
        (json!({"number": 1}), json!({"number": 1.0}), "", "", ""),
        (json!({"any": 1}), json!({"any": "1"}), "", ".any", ""),
        (json!({"free": {"a": 1}}), json!({"free": {"a": {"b": 1}}}), "", ".free.a", ".free.a.b"),
    ];
    with_types(|types| {
        for (before, after, removed, modified, added) in &table {
            let found = compare(types, before, after);
            let found = (paths(&found.removed), paths(&found.modified), paths(&found.added));
            let wanted = ((*removed).to_owned(), (*modified).to_owned(), (*added).to_owned());
            assert_eq!(found, wanted, "{before} and {after}");
        }
    });
}

#[test]
fn fields_are_taken_out_of_a_value() {
    with_types(|types| {
        let value = json!({"text": "t", "map": {"a": "1", "b": "2"}, "whole": {"a": "1"}, "set": ["x", "y"],
            "items": [{"name": "a", "value": 1}, {"name": "b"}]});
        let gone = json!({"f:map": {"f:a": {}}, "f:set": {"v:\"y\"": {}}, "f:whole": {},
            "f:items": {"k:{\"name\":\"a\"}": {"f:value": {}}, "k:{\"name\":\"b\"}": {}}});
        let left = remove(types, &value, &Set::from_fields(&gone).unwrap());
        assert_eq!(left, json!({"text": "t", "map": {"b": "2"}, "set": ["x"], "items": [{"name": "a"}]}));
        // What is left empty is null.
        let gone = json!({"f:map": {"f:a": {}, "f:b": {}}, "f:set": {"v:\"x\"": {}, "v:\"y\"": {}}});
        let left = remove(types, &value, &Set::from_fields(&gone).unwrap());
        assert_eq!((&left["map"], &left["set"]), (&Json::Null, &Json::Null));
    });
}

#[test]
fn named_fields_on_the_way_are_members_keys_of_maps_are_not() {
    with_types(|types| {
        let value = json!({"struct": {"items": [{"name": "a"}], "map": {"k": "1"}}, "structs": {"x": {"number": 1}}});
        let set = fields_of(types, &value);
        assert_eq!(
            paths(&set),
            ".struct.items[name=\"a\"] .struct.items[name=\"a\"].name .struct.map.k .structs.x .structs.x.number"
        );
        assert_eq!(
            paths(&with_named(types, &set)),
            ".struct .structs .struct.items .struct.map .struct.items[name=\"a\"] .struct.items[name=\"a\"].name \
             .struct.map.k .structs.x .structs.x.number"
        );
    });
}

#[test]
fn each_resource_resets_what_the_real_one_does() {
    let all = json!({"f:metadata": {"f:labels": {"f:a": {}}, "f:ownerReferences": {}}, "f:spec": {"f:a": {}},
        "f:status": {"f:a": {}, "f:conditions": {}, "f:certificate": {}}});
    let kept = |resource: &str, subresource: &str| {
        paths(&Reset::built_in(resource, subresource).keep(Set::from_fields(&all).unwrap()))
    };
    let status = ".status.a .status.certificate .status.conditions";
    assert_eq!(kept("configmaps", ""), format!(".metadata.ownerReferences .metadata.labels.a .spec.a {status}"));
    assert_eq!(kept("deployments.apps", ""), ".metadata.ownerReferences .metadata.labels.a .spec.a");
    assert_eq!(kept("deployments.apps", "status"), format!(".metadata.ownerReferences {status}"));
    assert_eq!(kept("pods", "status"), format!(".metadata.labels.a {status}"));
    assert_eq!(kept("services", "status"), format!(".metadata.ownerReferences .metadata.labels.a {status}"));
    assert_eq!(kept("customresourcedefinitions.apiextensions.k8s.io", "status"), status);
    let csr = "certificatesigningrequests.certificates.k8s.io";
    assert_eq!(kept(csr, "approval"), ".metadata.ownerReferences .metadata.labels.a .status.a .status.conditions");
    // It puts these back, and takes them for written.
    assert_eq!(kept("pods", "resize"), kept("configmaps", ""));
}

#[test]
fn values_are_written_as_go_writes_them() {
    let value = json!({"b": 1, "a": ["x", null, true, 1_500_000.0], "c": "<&>"});
    assert_eq!(printed::plain(&value), "map[a:[x <nil> true 1.5e+06] b:1 c:<&>]");
    assert_eq!(printed::json(&value), r#"{"a":["x",null,true,1500000],"b":1,"c":"\u003c\u0026\u003e"}"#);
    assert_eq!(printed::sharp(&json!({"a": [1]})), r#"map[string]interface {}{"a":[]interface {}{1}}"#);
    assert_eq!(printed::go_text(&json!([3, "x", null])), "[%!s(int64=3) x %!s(<nil>)]");
    assert_eq!(printed::readable(&json!(0.000_012)), "1.2e-05");
}
