use serde_json::json;

use super::*;

fn deployment() -> Json {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "resourceVersion": "1", "uid": "u", "generation": 1, "managedFields": [1],
            "annotations": {INTENT_ANNOTATION: "x"}},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [
            {"name": "a", "image": "web:1", "args": ["x"]}, {"name": "b", "image": "side:1"}]}}},
        "status": {"replicas": 1}})
}

fn short(before: &Json, after: &Json) -> String {
    Diff::between(Some(before), Some(after), &Guess).short()
}

#[test]
fn what_the_server_keeps_for_itself_is_no_difference() {
    let mut after = deployment();
    after["metadata"] = json!({"name": "web", "resourceVersion": "2", "uid": "v", "generation": 2,
        "annotations": {INTENT_ANNOTATION: "y", EDITED_ANNOTATION: "{}"}});
    after["status"] = json!({"replicas": 3});
    let diff = Diff::between(Some(&deployment()), Some(&after), &Guess);
    assert!(diff.is_empty() && diff.unified().is_empty(), "{}", diff.short());
}

#[test]
fn differences_are_named_by_path_whatever_the_order_of_keyed_elements() {
    let mut after = deployment();
    after["spec"]["replicas"] = json!(3);
    after["spec"]["template"]["spec"]["containers"] = json!([{"name": "b", "image": "side:2"}, {"name": "c", "image": "new"},
        {"name": "a", "image": "web:1", "args": ["x", "y"]}]);
    after["metadata"]["labels"] = json!({"app.kubernetes.io/name": "web"});
    assert_eq!(
        short(&deployment(), &after),
        "metadata.labels: added {\"app.kubernetes.io/name\":\"web\"}\n\
         spec.replicas: 1 → 3\n\
         spec.template.spec.containers[name=\"a\"].args: [\"x\"] → [\"x\",\"y\"]\n\
         spec.template.spec.containers[name=\"b\"].image: side:1 → side:2\n\
         spec.template.spec.containers[name=\"c\"]: added {\"name\":\"c\",\"image\":\"new\"}"
    );
}

#[test]
fn an_order_that_differs_is_said() {
    let mut after = deployment();
    after["spec"]["template"]["spec"]["containers"].as_array_mut().unwrap().reverse();
    assert_eq!(short(&deployment(), &after), "spec.template.spec.containers: in another order");
}

#[test]
fn the_schema_says_how_elements_are_told_apart() {
    struct Known;
    impl ListTypes for Known {
        fn list_type(&self, path: &FieldPath) -> ListType {
            match path.to_string().as_str() {
                ".spec.ports" => ListType::Keyed(vec!["port".into(), "protocol".into()]),
                ".metadata.finalizers" => ListType::Set,
                _ => ListType::Atomic,
            }
        }
    }
    let before = json!({"metadata": {"finalizers": ["a", "b"]}, "spec": {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53}], "x": [{"name": "q"}]}});
    let after = json!({"metadata": {"finalizers": ["b", "c"]}, "spec": {"ports": [{"port": 53, "nodePort": 1}, {"port": 53, "protocol": "UDP"}], "x": [{"name": "r"}]}});
    let diff = Diff::between(Some(&before), Some(&after), &Known);
    let paths: Vec<String> = diff.changes().iter().map(|c| c.path.to_string()).collect();
    assert_eq!(
        paths,
        [
            ".metadata.finalizers[=\"a\"]",
            ".metadata.finalizers[=\"c\"]",
            ".spec.ports[port=53,protocol=\"TCP\"].nodePort",
            ".spec.x"
        ]
    );
}

#[test]
fn elements_with_one_name_twice_are_shown_whole() {
    let before = json!({"l": [{"name": "a", "v": 1}, {"name": "a", "v": 2}, {"name": "b"}]});
    let after = json!({"l": [{"name": "a", "v": 1}, {"name": "b"}]});
    assert_eq!(Diff::between(Some(&before), Some(&after), &Guess).changes()[0].path.to_string(), ".l");
}

#[test]
fn the_unified_form_is_yaml() {
    let mut after = deployment();
    after["spec"]["replicas"] = json!(3);
    let text = Diff::between(Some(&deployment()), Some(&after), &Guess).unified();
    assert_eq!(
        text,
        "@@ -3,7 +3,7 @@\n metadata:\n   name: web\n spec:\n-  replicas: 1\n+  replicas: 3\n   template:\n     spec:\n       containers:\n"
    );
    let created = Diff::between(
        None,
        Some(&json!({"kind": "X", "data": {"a": "l1\nl2\n", "n": "0644", "y": "yes"}, "l": [["q"], {}, {"k": [1]}]})),
        &Guess,
    );
    assert_eq!(created.short(), "created");
    assert_eq!(
        created.unified(),
        "@@ -0,0 +1,12 @@\n+kind: X\n+data:\n+  a: |\n+    l1\n+    l2\n+  \"n\": \"0644\"\n+  \"y\": \"yes\"\n+l:\n+- - q\n+- {}\n+- k:\n+  - 1\n"
    );
}

#[test]
fn a_secrets_values_never_show() {
    let secret = |password: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "annotations":
            {"kubectl.kubernetes.io/last-applied-configuration": format!("{{\"data\":\"{password}\"}}"), "note": password.len().to_string()}},
            "data": {"password": password, "same": "c2FtZQ=="}, "stringData": {"plain": password}})
    };
    let (one, two) = (secret("aHVudGVyMg=="), secret("c3dvcmRmaXNo"));
    for (before, after) in [(Some(&one), Some(&two)), (None, Some(&one)), (Some(&one), None)] {
        let diff = Diff::between(before, after, &Guess);
        let all = format!("{}{}{}{diff:?}", diff.short(), diff.unified(), serde_json::to_string(&diff).unwrap());
        for leak in ["aHVudGVyMg", "c3dvcmRmaXNo", "c2FtZQ"] {
            assert!(!all.contains(leak), "{all}");
        }
        assert!(!diff.unified().contains(render::MARK));
    }
    let diff = Diff::between(Some(&one), Some(&two), &Guess);
    assert!(diff.short().contains("data.password: changed (hidden)"), "{}", diff.short());
    assert!(
        diff.unified().contains("-  password: (hidden)\n+  password: (hidden)\n   same: (hidden)\n"),
        "{}",
        diff.unified()
    );
    let mut gone = two.clone();
    gone.as_object_mut().unwrap().shift_remove("data");
    assert!(
        Diff::between(Some(&two), Some(&gone), &Guess)
            .short()
            .contains("data: removed {\"password\":\"(hidden)\",\"same\":\"(hidden)\"}")
    );
    let list = json!({"apiVersion": "v1", "kind": "Secret", "data": "broken"});
    assert!(!Diff::between(Some(&list), Some(&two), &Guess).short().contains("broken"));
}
