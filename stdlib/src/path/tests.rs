use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;

fn set(path: &str, object: Json, value: Json) -> Result<Json> {
    let Value::Map(mut map) = Value::from(object) else { panic!("a map") };
    Path::parse(path)?.set(&mut map, value.into())?;
    Value::Map(map).into_json()
}

fn removed(path: &str, object: Json) -> Json {
    let Value::Map(mut map) = Value::from(object) else { panic!("a map") };
    Path::parse(path).unwrap().remove(&mut map);
    Value::Map(map).into_json().unwrap()
}

#[test]
fn keys_numbers_fields_and_quotes_lead_there() {
    let pod = json!({"spec": {"containers": [{"name": "a"}, {"name": "b", "port": 80}]}, "metadata": null});
    for (path, at) in [
        ("spec.containers[0].image", "/spec/containers/0/image"),
        ("spec.containers[name=b].image", "/spec/containers/1/image"),
        ("spec.containers[name=\"b\"].image", "/spec/containers/1/image"),
        ("spec.containers[port=80].image", "/spec/containers/1/image"),
        ("spec[\"node.name\"]", "/spec/node.name"),
        ("metadata.annotations.\"a.b/c\"", "/metadata/annotations/a.b~1c"),
        ("metadata.annotations.a/c", "/metadata/annotations/a~1c"),
        ("\"a\\\"b\\\\c\".d", "/a\"b\\c/d"),
        ("new", "/new"),
    ] {
        let set = set(path, pod.clone(), json!(7)).unwrap();
        assert_eq!(set.pointer(at), Some(&json!(7)), "{path}: {set}");
        assert_eq!(removed(path, set).pointer(at), None, "{path}");
    }
}

#[test]
fn an_error_shows_where_the_path_stops_matching() {
    let pod = json!({"spec": {"containers": [{"name": "a"}, {"name": "b"}], "replicas": 3}});
    for (path, message, hint) in [
        ("spec.containers[name=c].image", "no entry of `spec.containers` has the name \"c\"", "there are: a, b"),
        ("spec.containers[2].image", "`spec.containers` has 2 entries", "[0]"),
        ("spec.containers.image", "`spec.containers` is a list", "spec.containers[0]"),
        ("spec.replicas.x", "`spec.replicas` is a whole number, not a map", "look"),
        ("spec.replicas[0]", "`spec.replicas` is a whole number, not a list", "look"),
        ("spec.volumes[0]", "`spec.volumes` is not there", "set the whole list"),
        ("spec[0]", "`spec` is a map, not a list", "look"),
    ] {
        let error = set(path, pod.clone(), json!(1)).unwrap_err();
        assert_eq!(error.kind(), Kind::NotFound);
        assert!(error.message().starts_with(&format!("the path {path} stops matching: ")), "{error}");
        assert!(error.message().contains(message) && error.hint_text().unwrap().contains(hint), "{error:?}");
        assert_eq!(removed(path, pod.clone()), pod, "what is not there is not removed");
    }
}

#[test]
fn what_is_no_path_is_refused_and_shown() {
    for (path, good, expected) in [
        ("", "", "a key"),
        (".", ".", "a key"),
        ("a..b", "a.", "a key"),
        ("a.", "a.", "a key"),
        ("a[", "a[", "a number"),
        ("a[x]", "a[", "a number"),
        ("a[-1]", "a[", "a number"),
        ("a[99999999999999999999]", "a[", "a number"),
        ("a[=b]", "a[", "a number"),
        ("a[0", "a[0", "]"),
        ("a[0]b", "a[0]", "a dot"),
        ("a.\"b", "a.", "a closing quote"),
        ("a]", "a", "a dot"),
    ] {
        let error = Path::parse(path).unwrap_err();
        let shown = format!("is wrong after {good:?}: expected {expected}");
        assert!(error.message().contains(&shown), "{path}: {error}");
    }
    assert!(Path::parse(&vec!["a"; 65].join(".")).is_err());
    assert!(Path::parse(&vec!["a"; 64].join(".")).is_ok());
}

fn steps() -> impl Strategy<Value = Path> {
    let key = prop_oneof!["[a-z]{1,4}", "[a-z.\\[\\]\"\\\\/= ]{0,6}", "\\PC{0,4}"];
    let step = prop_oneof![
        4 => key.clone().prop_map(Step::Key),
        1 => (0..4_usize).prop_map(Step::Index),
        1 => ("[a-z]{1,3}", key.clone()).prop_map(|(field, value)| Step::Entry { field, value }),
    ];
    (key, prop::collection::vec(step, 0..6))
        .prop_map(|(first, rest)| Path(std::iter::once(Step::Key(first)).chain(rest).collect()))
}

fn values() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i32>().prop_map(Json::from),
        "[a-z]{0,3}".prop_map(Json::from)
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map("[a-z]{1,2}", inner, 0..4).prop_map(|m| Json::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_read_or_refused_and_never_more(text in "\\PC{0,30}|[a.\\[\\]\"=0\\\\]{0,12}") {
        if let Ok(path) = Path::parse(&text) {
            prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path);
        }
    }

    #[test]
    fn a_path_is_shown_as_it_is_read(path in steps()) {
        prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path);
    }

    #[test]
    fn what_was_set_is_there_and_setting_it_again_changes_nothing(path in steps(), object in values(), value in values()) {
        let Value::Map(mut object) = Value::from(json!({"a": object.clone(), "b": object})) else { unreachable!() };
        if path.set(&mut object, value.clone().into()).is_ok() {
            let once = Value::Map(object.clone()).into_json().unwrap();
            // An entry that is named by a field may not have that field any more.
            if !path.0.iter().any(|s| matches!(s, Step::Entry { .. })) {
                path.set(&mut object, value.into()).unwrap();
                prop_assert_eq!(&Value::Map(object.clone()).into_json().unwrap(), &once);
                prop_assert!(path.remove(&mut object));
            }
        }
    }

    #[test]
    fn removing_never_fails_and_adds_nothing(path in steps(), object in values()) {
        let Value::Map(mut object) = Value::from(json!({"a": object})) else { unreachable!() };
        let before = Value::Map(object.clone()).into_json().unwrap().to_string();
        let there = path.remove(&mut object);
        let after = Value::Map(object).into_json().unwrap().to_string();
        prop_assert_eq!(there, before != after);
    }
}

#[test]
fn paths_find_fields() {
    let object = json!({
        "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
        "spec": {"ports": [{"name": "http", "port": 80}, {"name": "https", "port": 443}], "odd]": 1},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]}
    });
    for (path, value) in [
        ("spec.ports[1].port", json!(443)),
        (".spec.ports[name=http].port", json!(80)),
        ("spec.ports[port=443].name", json!("https")),
        ("{.status.conditions[?(@.type==\"Ready\")].status}", json!("True")),
        ("status.conditions[type=Ready].status", json!("True")),
        ("metadata.labels[\"app.kubernetes.io/name\"]", json!("web")),
        ("metadata.labels.app\\.kubernetes\\.io/name", json!("web")),
        ("spec['odd]']", json!(1)),
    ] {
        assert_eq!(Path::parse(path).unwrap().find(&object), Some(&value), "{path}");
    }
    for absent in ["spec.ports[2].port", "spec.ports[name=x].port", "status.phase", "spec.ports.port", "status[0]"] {
        assert_eq!(Path::parse(absent).unwrap().find(&object), None, "{absent}");
    }
}
