use serde_json::json;

use super::*;

fn object() -> Json {
    json!({
        "metadata": {"name": "it", "labels": {"a.b/c": "x"}},
        "spec": {"count": 3, "share": 0.5, "on": true, "nothing": null, "ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "Other", "status": "False"}]},
    })
}

#[test]
fn paths_find_what_they_name() {
    let cases = [
        (".spec.count", json!([3])),
        (".spec.none", json!([])),
        (".metadata.labels['a.b/c']", json!(["x"])),
        (r".metadata.labels.a\.b/c", json!(["x"])),
        (".spec.ports[1].name", json!(["b"])),
        (".spec.ports[-1].port", json!([2])),
        (".spec.ports[*].port", json!([1, 2])),
        (".spec.ports[0:1].name", json!(["a"])),
        (r#".status.conditions[?(@.type=="Ready")].status"#, json!(["True"])),
        (".spec.ports[?(@.port>1)].name", json!(["b"])),
        ("..port", json!([1, 2])),
    ];
    for (path, expected) in cases {
        let object = object();
        let found = JsonPath::parse(path).unwrap_or_else(|| panic!("{path}")).find(&object).unwrap();
        assert_eq!(json!(found), expected, "{path}");
    }
    for wrong in [".spec[", ".spec.ports[x", ".a['b"] {
        assert!(JsonPath::parse(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn paths_that_would_not_end_are_none() {
    let nested = format!(".a{}@.b{}", "[?(@.a".repeat(2000), ")]".repeat(2000));
    assert!(JsonPath::parse(&nested).is_none());
    assert!(JsonPath::parse("..*..*..*").is_none());
}

#[test]
fn custom_columns_show_values_of_their_type_only() {
    let column = |kind: &str, path: &str| json!({"name": path, "type": kind, "jsonPath": path});
    let columns = [
        metadata_columns()[0].clone(),
        column("integer", ".spec.count"),
        column("integer", ".spec.on"),
        column("string", ".spec.count"),
        column("string", ".spec.nothing"),
        column("boolean", ".spec.on"),
        column("number", ".spec.share"),
        column("date", ".spec.when"),
        column("string", ".spec.ports"),
    ];
    let custom = custom::Columns::of(&columns);
    let now = "2030-01-01T00:00:00Z".parse().unwrap();
    let cells = custom.cells(&Row { object: &object(), now });
    let ports = r#"[{"name":"a","port":1},{"name":"b","port":2}]"#;
    assert_eq!(json!(cells), json!(["it", 3, null, "3", "<no value>", true, 0.5, null, ports]));
}
