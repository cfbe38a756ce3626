use proptest::prelude::*;
use serde_json::json;

use super::*;

fn build(layers: &[(&str, Value)]) -> Values {
    layers.iter().fold(Values::builder(), |b, (name, value)| b.layer(name, value.clone())).build().unwrap()
}

fn leaves(values: &Values) -> Vec<String> {
    let leaf = |l: Leaf<'_>| format!("{}={} {}", l.path, l.value.map_or("hidden".into(), Value::to_string), l.layer);
    values.explain(None).into_iter().map(leaf).collect()
}

#[test]
fn maps_merge_and_the_rest_is_replaced() {
    let values = build(&[
        ("defaults", json!({"a": {"b": 1, "c": [1, {"x": 2}]}, "d": "x", "e": {"f": 1}})),
        ("customer", json!({"a": {"c": [3]}, "d": {"g": true}, "e": 5, "h": {}})),
    ]);
    assert_eq!(values.to_json(), json!({"a": {"b": 1, "c": [3]}, "d": {"g": true}, "e": 5, "h": {}}));
    assert_eq!(
        leaves(&values),
        ["a.b=1 defaults", "a.c[0]=3 customer", "d.g=true customer", "e=5 customer", "h={} customer"]
    );
    assert_eq!(values.origin("a.b"), Some("defaults"));
    assert_eq!(values.origin("a.c"), Some("customer"));
    assert_eq!(values.origin("a"), None, "two layers set parts of it");
    assert_eq!(values.origin("nothing"), None);
    assert_eq!(values.get("a.c[0]"), Some(&json!(3)));
    assert_eq!(values.get("a.c[1].x"), None);
    assert_eq!(values.get(""), None);
    assert_eq!(values.get("a..b"), None);
}

#[test]
fn null_removes() {
    let values = build(&[
        ("defaults", json!({"a": {"b": 1, "c": 2}, "d": 1, "list": [null, {"x": null}], "never": null})),
        ("customer", json!({"a": {"b": null}, "d": null, "new": {"x": null, "y": {"z": null}}})),
        ("empty", Value::Null),
    ]);
    assert_eq!(values.to_json(), json!({"a": {"c": 2}, "list": [null, {"x": null}], "new": {"y": {}}}));
    assert_eq!(
        leaves(&values),
        ["a.c=2 defaults", "list[0]=null defaults", "list[1].x=null defaults", "new.y={} customer"]
    );
    let emptied = build(&[("defaults", json!({"a": {"b": 1}})), ("customer", json!({"a": {"b": null}}))]);
    assert_eq!(leaves(&emptied), ["a={} customer"]);
    let kept = build(&[("defaults", json!({"a": {"b": 1}})), ("customer", json!({"a": {}}))]);
    assert_eq!(leaves(&kept), ["a.b=1 defaults"]);
    let filled = build(&[("defaults", json!({"a": {}})), ("customer", json!({"a": {"b": 1}}))]);
    assert_eq!(leaves(&filled), ["a.b=1 customer"]);
}

#[test]
fn assignments_change_a_part() {
    let values = Values::builder()
        .layer("defaults", json!({"hosts": [{"name": "a", "port": 1}, {"name": "b"}], "x": {"y": 1}, "gone": {"k": 1}}))
        .set("hosts[0].name=c,new.list[1]=v", Typing::Guess)
        .set("x.y=2,gone.k=null,nothing.there=null", Typing::Text)
        .set("gone.k=null,nothing.there=null,x\\.z=1", Typing::Guess)
        .build()
        .unwrap();
    assert_eq!(
        values.to_json(),
        json!({
            "hosts": [{"name": "c", "port": 1}, {"name": "b"}],
            "x": {"y": "2"},
            "gone": {},
            "nothing": {},
            "new": {"list": [null, "v"]},
            "x.z": 1,
        })
    );
    assert_eq!(values.origin("hosts[0].name"), Some("--set hosts[0].name"));
    assert_eq!(values.origin("hosts[0].port"), Some("defaults"));
    assert_eq!(values.origin("x.y"), Some("--set-string x.y"));
    assert_eq!(values.origin("gone"), Some("--set gone.k"));
    assert_eq!(values.origin("new.list[0]"), Some("--set new.list[1]"));
    assert_eq!(values.origin("x\\.z"), Some("--set x\\.z"));
}

#[test]
fn what_is_no_map_is_not_gone_through() {
    let base = || Values::builder().layer("defaults", json!({"a": "text", "l": [1], "m": {"k": 1}}));
    for (set, message) in [
        ("a.b=1", "a.b cannot be set: a is a text, not a map (set by defaults)"),
        ("a[0]=1", "a[0] cannot be set: a is a text, not a list (set by defaults)"),
        ("l.x=1", "l.x cannot be set: l is a list, not a map (set by defaults)"),
        ("l[0].x=1", "l[0].x cannot be set: l[0] is a number, not a map (set by defaults)"),
        ("a.b=null", "a.b cannot be set: a is a text, not a map (set by defaults)"),
        ("m[0]=1", "m[0] cannot be set: m is a map, not a list (set by defaults)"),
    ] {
        let error = base().set(set, Typing::Guess).build().unwrap_err();
        assert_eq!(error.message(), message);
        assert_eq!(error.kind(), Kind::Values);
    }
    let error = Values::builder().layer("values.yaml", json!([1])).build().unwrap_err();
    assert_eq!(error.message(), "values.yaml is a list, not a map of values");
    assert!(base().set("a", Typing::Guess).build().is_err());
}

#[test]
fn files_are_read_as_kubectl_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("more.yaml");
    std::fs::write(&path, "mode: 0644\nproxy: yes\n").unwrap();
    let values = Values::builder().file(&path).build().unwrap();
    assert_eq!(values.to_json(), json!({"mode": 420, "proxy": true}));
    assert_eq!(values.origin("mode"), Some(path.to_str().unwrap()));
    std::fs::write(&path, "# nothing\n").unwrap();
    assert_eq!(Values::builder().file(&path).build().unwrap().to_json(), json!({}));
    std::fs::write(&path, "a: 1\n---\nb: 1\n").unwrap();
    assert_eq!(Values::builder().file(&path).build().unwrap_err().kind(), Kind::Malformed);
    assert_eq!(Values::builder().file(&folder.path().join("no")).build().unwrap_err().kind(), Kind::NotFound);
}

fn schema() -> Schema {
    let common = json!({
        "$id": "https://example.invalid/common.schema.json",
        "$defs": {
            "images": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "registry": {"type": "string", "description": "where images are pulled from"},
                    "pullPassword": {"$ref": "#/$defs/secret", "minLength": 12}
                }
            },
            "secret": {"type": "string", "writeOnly": true, "description": "a secret of the registry"}
        }
    });
    let root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["fqdn", "adminPassword"],
        "additionalProperties": false,
        "properties": {
            "fqdn": {"type": "string", "format": "hostname", "description": "the name under which the solution is reached"},
            "adminPassword": {"type": "string", "writeOnly": true, "pattern": "^[a-z]+$"},
            "replicas": {"type": "integer", "minimum": 1, "maximum": 9},
            "engine": {"enum": ["longhorn", "hostpath", 7]},
            "mode": {"type": ["string", "integer"]},
            "images": {"$ref": "../common.schema.json#/$defs/images"},
            "hosts": {
                "type": "array",
                "maxItems": 3,
                "items": {
                    "type": "object",
                    "required": ["name"],
                    "additionalProperties": false,
                    "properties": {"name": {"type": "string", "minLength": 1}, "token": {"type": "string", "writeOnly": true}}
                }
            },
            "proxy": {
                "oneOf": [
                    {"type": "boolean"},
                    {"type": "object", "required": ["url"], "properties": {"url": {"type": "string", "description": "its address"}}}
                ]
            },
            "tls": {
                "anyOf": [
                    {"properties": {"kind": {"const": "file"}, "path": {"type": "string"}}, "required": ["kind", "path"]},
                    {"properties": {"kind": {"const": "made"}, "days": {"type": "integer"}}, "required": ["kind", "days"]}
                ]
            },
            "labels": {"type": "object", "patternProperties": {"^secret": {"writeOnly": true, "type": "string"}}},
            "size": {"anyOf": [{"type": "integer"}, {"type": "string", "pattern": "Gi$"}, {"type": "null"}]}
        }
    });
    Schema::load(root, "single-node/values.schema.json", move |path| match path {
        "common.schema.json" => Ok(common.clone()),
        other => Err(Error::new(Kind::NotFound, format!("no {other}"))),
    })
    .unwrap()
}

fn problems(value: &Value) -> Vec<String> {
    let mut all = json!({"fqdn": "a.example", "adminPassword": "x"});
    for (key, value) in value.as_object().unwrap() {
        all[key] = value.clone();
    }
    let values = build(&[("values.yaml", all)]);
    let errors = schema().validate(&values).err().unwrap_or_default();
    let show = |e: &Error| {
        assert_eq!(e.kind(), Kind::Values);
        match e.hint_text() {
            Some(hint) => format!("{} | {hint}", e.message()),
            None => e.message().to_owned(),
        }
    };
    errors.iter().map(show).collect()
}

#[test]
fn fitting_values_pass() {
    assert_eq!(
        problems(&json!({
            "replicas": 3, "engine": 7, "mode": "x", "images": {"registry": "r", "pullPassword": "long enough it is"},
            "hosts": [{"name": "a"}], "proxy": {"url": "x"}, "tls": {"kind": "made", "days": 3}, "size": "1Gi",
        })),
        [""; 0]
    );
}

#[test]
fn each_problem_says_what_where_from_and_what_to_do() {
    for (value, expected) in [
        (json!({"replicas": "3"}), vec!["replicas (set by values.yaml) is the text \"3\"; expected is a whole number"]),
        (json!({"replicas": 0}), vec!["replicas (set by values.yaml) is 0; expected is 1 or more"]),
        (json!({"replicas": 1.5}), vec!["replicas (set by values.yaml) is 1.5; expected is a whole number"]),
        (
            json!({"engine": "cstor"}),
            vec!["engine (set by values.yaml) is the text \"cstor\"; expected is one of \"longhorn\", \"hostpath\", 7"],
        ),
        (json!({"mode": true}), vec!["mode (set by values.yaml) is true; expected is a whole number or a text"]),
        (
            json!({"fqdn": "-a b-"}),
            vec![
                "fqdn (set by values.yaml) is the text \"-a b-\"; expected is a text of the form hostname | \
                 fqdn: the name under which the solution is reached",
            ],
        ),
        (
            json!({"images": {"regsitry": "x"}}),
            vec!["images.regsitry (set by values.yaml) is not known | did you mean \"registry\"?"],
        ),
        (
            json!({"images": {"zzz": "x", "regstry": "y"}}),
            vec![
                "images.zzz (set by values.yaml) is not known | images has the keys pullPassword, registry",
                "images.regstry (set by values.yaml) is not known | did you mean \"registry\"?",
            ],
        ),
        (
            json!({"hosts": [{"name": "a"}, {"token": "t"}]}),
            vec!["hosts[1].name is missing | set it with --set hosts[1].name=… or in values.yaml"],
        ),
        (
            json!({"hosts": [{"name": ""}, 5]}),
            vec![
                "hosts[0].name (set by values.yaml) is the text \"\"; expected is a text of at least 1 character",
                "hosts[1] (set by values.yaml) is 5; expected is a map",
            ],
        ),
        (json!({"hosts": {}}), vec!["hosts (set by values.yaml) is an empty map; expected is a list"]),
        (json!({"proxy": "x"}), vec!["proxy (set by values.yaml) is a text; expected is true or false, or a map"]),
        (
            json!({"proxy": {}}),
            vec!["proxy.url is missing: its address | set it with --set proxy.url=… or in values.yaml"],
        ),
        (
            json!({"proxy": {"url": 5}}),
            vec!["proxy.url (set by values.yaml) is 5; expected is a text | proxy.url: its address"],
        ),
        (
            json!({"tls": {"kind": "made"}}),
            vec!["tls.days is missing | set it with --set tls.days=… or in values.yaml"],
        ),
        (
            json!({"size": true}),
            vec!["size (set by values.yaml) is true; expected is a whole number, or a text, or nothing"],
        ),
        (
            json!({"size": "1"}),
            vec!["size (set by values.yaml) is the text \"1\"; expected is a text that matches Gi$"],
        ),
    ] {
        assert_eq!(problems(&value), expected, "{value}");
    }
}

#[test]
fn what_is_missing_is_described() {
    let errors = schema().validate(&Values::default()).unwrap_err();
    let [fqdn, password] = &errors[..] else { panic!("{errors:?}") };
    assert_eq!(fqdn.message(), "fqdn is missing: the name under which the solution is reached");
    assert_eq!(fqdn.hint_text(), Some("set it with --set fqdn=… or in values.yaml"));
    assert!(password.hint_text().unwrap().contains("not on the command line"), "{password:?}");
    assert_eq!(fqdn.detail_value().unwrap()["path"], "fqdn");
    let all = combine(errors);
    assert!(all.message().contains("2 problems") && all.message().contains("fqdn is missing"), "{all:?}");
    assert_eq!(all.detail_value().unwrap()["problems"].as_array().unwrap().len(), 2);
}

#[test]
fn no_secret_is_shown() {
    const SECRET: &str = "hunter2";
    for value in [
        json!({"adminPassword": SECRET}),
        json!({"adminPassword": [SECRET]}),
        json!({"adminPassword": {"value": SECRET}}),
        json!({"images": {"pullPassword": SECRET}}),
        json!({"images": [{"pullPassword": SECRET}]}),
        json!({"hosts": [{"token": [SECRET]}]}),
        json!({"hosts": [{}, {"token": [SECRET], "nmae": 1}]}),
        json!({"hosts": {"token": SECRET}}),
        json!({"labels": {"secretive": [SECRET]}}),
    ] {
        let all = problems(&value);
        assert!(!all.is_empty(), "{value}");
        assert!(!all.join("\n").contains(SECRET), "{value}: {all:?}");
    }
    let values = build(&[("l", json!({"adminPassword": SECRET, "hosts": [{"name": "a", "token": SECRET}]}))]);
    let leaves = values.explain(Some(&schema()));
    let hidden: Vec<_> = leaves.iter().map(|l| (l.path.to_string(), l.value.is_none())).collect();
    assert_eq!(
        hidden,
        [("adminPassword".into(), true), ("hosts[0].name".into(), false), ("hosts[0].token".into(), true)]
    );
    assert!(!format!("{leaves:?}").contains(SECRET));
}

#[test]
fn what_is_called_like_a_secret_or_stands_for_a_map_is_not_shown() {
    let reference = json!({"type": "object", "additionalProperties": false, "properties": {
        "env": {"type": "string"}, "file": {"type": "string"}, "generate": {"type": "string"}}});
    let root = json!({"properties": {
        "password": reference, "login": reference, "db": {"properties": {"apiKey": {"type": "integer"}}},
        "keycloak": {"type": "boolean"}}});
    let schema = Schema::load(root, "p/values.schema.json", |_| Err(Error::usage("nothing is read"))).unwrap();
    for (given, forms) in [
        (json!({"password": "hunter2"}), true),
        (json!({"login": "hunter2"}), true),
        (json!({"db": {"apiKey": "hunter2"}}), false),
    ] {
        let values = build(&[("l", given)]);
        let errors = schema.validate(&values).unwrap_err();
        let text = format!("{errors:?}{}", combine(errors.clone()).to_json());
        assert!(!text.contains("hunter2"), "{text}");
        assert_eq!(text.contains("{env: NAME}, {file: PATH}, {generate: NAME}"), forms, "{text}");
        assert!(!format!("{:?}", values.explain(Some(&schema))).contains("hunter2"));
    }
    let shown = schema.validate(&build(&[("l", json!({"keycloak": "yes"}))])).unwrap_err();
    assert!(shown[0].message().contains("\"yes\""), "{shown:?}");
    let values = build(&[("l", json!({"password": {"env": "NAME"}}))]);
    assert!(values.explain(Some(&schema))[0].value.is_some());
}

#[test]
fn references_go_to_the_caller_only() {
    let load = |reference: &str| {
        Schema::load(json!({"properties": {"a": {"$ref": reference}}}), "p/values.schema.json", |path| {
            Err(Error::new(Kind::NotFound, format!("asked for {path}")))
        })
        .unwrap_err()
    };
    for (reference, asked) in [
        ("x.json", "asked for p/x.json"),
        ("./q/x.json#/a", "asked for p/q/x.json"),
        ("../x.json", "asked for x.json"),
        ("../../../etc/passwd", "asked for etc/passwd"),
        ("/etc/passwd", "asked for etc/passwd"),
        ("a%20c.json", "asked for p/a c.json"),
    ] {
        let error = load(reference);
        assert!(error.message().contains(asked), "{reference}: {error:?}");
    }
    for reference in ["https://example.invalid/x.json", "file:///etc/passwd", "//example.invalid/x", "values://other/x"]
    {
        let error = load(reference);
        assert!(error.message().contains("is not read"), "{reference}: {error:?}");
        assert_eq!(error.kind(), Kind::Malformed);
    }
    let error = Schema::load(json!({"type": 5}), "x", |_| Ok(json!({}))).unwrap_err();
    assert!(error.message().contains("x is no valid JSON Schema"), "{error:?}");
}

#[test]
fn a_schema_that_goes_in_circles_ends() {
    let schema = Schema::load(
        json!({"$ref": "#/$defs/node", "$defs": {"node": {
            "properties": {"next": {"$ref": "#/$defs/node"}, "key": {"type": "string", "writeOnly": true}},
            "additionalProperties": false
        }}}),
        "s.json",
        |_| Ok(json!({})),
    )
    .unwrap();
    assert!(schema.is_secret(&Path::parse("next.next.next.key").unwrap()));
    assert!(!schema.is_secret(&Path::parse("next.next").unwrap()));
    let values = build(&[("l", json!({"next": {"next": {"keys": 1}}}))]);
    let errors = schema.validate(&values).unwrap_err();
    assert_eq!(errors[0].hint_text(), Some("did you mean \"key\"?"), "{errors:?}");
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), any::<i8>().prop_map(Value::from), "[a-c]{0,2}".prop_map(Value::from)];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::vec(("[a-d]", inner), 0..4).prop_map(|all| Value::Object(all.into_iter().collect())),
        ]
    })
}

/// The merge in its plainest form.
fn merged(below: Option<&Value>, above: &Value) -> Value {
    let Value::Object(above) = above else { return above.clone() };
    let mut result = below.and_then(Value::as_object).cloned().unwrap_or_default();
    for (key, value) in above {
        if value.is_null() {
            result.remove(key);
        } else {
            let value = merged(result.get(key), value);
            result.insert(key.clone(), value);
        }
    }
    result.into()
}

proptest! {
    #[test]
    fn layers_merge_and_every_leaf_has_its_origin(
        layers in prop::collection::vec(any_value().prop_filter("a map", Value::is_object), 1..4),
        sets in prop::collection::vec("[a-d](\\.[a-d]|\\[[0-2]\\]){0,3}=(1|null|x|\\{\\})", 0..3),
    ) {
        let mut builder = Values::builder();
        let mut expected = json!({});
        for (i, layer) in layers.iter().enumerate() {
            builder = builder.layer(&format!("layer {i}"), layer.clone());
            expected = merged(Some(&expected), layer);
        }
        if sets.is_empty() {
            prop_assert_eq!(&builder.build().unwrap().to_json(), &expected);
            return Ok(());
        }
        for set in &sets {
            builder = builder.set(set, Typing::Guess);
        }
        // Some go through a text; what remains must be consistent.
        let Ok(values) = builder.build() else { return Ok(()) };
        let leaves = values.explain(None);
        prop_assert_eq!(leaves.len(), values.origins.len(), "{:?} {:?}", leaves, values.origins);
        for leaf in leaves {
            prop_assert!(!leaf.layer.is_empty(), "{} in {}", leaf.path, values.to_json());
            prop_assert_eq!(values.origin_at(&leaf.path), Some(leaf.layer));
            prop_assert_eq!(values.at(&leaf.path), leaf.value);
        }
    }
}
