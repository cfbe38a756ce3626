use serde_json::json;

use super::*;

const SALT: &str = "3f0a8a2e-uid-of-kube-system";

fn intent() -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web", "app.kubernetes.io/part-of": "shop"}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [{
                        "name": "c", "image": "web:1", "args": ["--a", "--b"],
                        "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                        "ports": [{"containerPort": 8080}, {"containerPort": 53, "protocol": "UDP"}],
                        "volumeMounts": [{"name": "v", "mountPath": "/data"}],
                    }],
                    "tolerations": [{"key": "x", "operator": "Exists"}],
                    "volumes": [{"name": "v", "emptyDir": {}}],
                },
            },
        },
    })
}

/// What 1.36 keeps for that intent.
fn applied() -> Json {
    json!({
        "f:metadata": {"f:annotations": {"f:windlass.dev/intent": {}},
            "f:labels": {"f:app": {}, "f:app.kubernetes.io/part-of": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:selector": {},
            "f:template": {
                "f:metadata": {"f:labels": {"f:app": {}}},
                "f:spec": {
                    "f:containers": {"k:{\"name\":\"c\"}": {
                        ".": {}, "f:name": {}, "f:image": {}, "f:args": {},
                        "f:env": {
                            "k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}},
                            "k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:value": {}}},
                        "f:ports": {
                            "k:{\"containerPort\":8080,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
                            "k:{\"containerPort\":53,\"protocol\":\"UDP\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}}},
                        "f:volumeMounts": {"k:{\"mountPath\":\"/data\"}": {".": {}, "f:mountPath": {}, "f:name": {}}},
                    }},
                    "f:tolerations": {},
                    "f:volumes": {"k:{\"name\":\"v\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
                },
            },
        },
    })
}

fn entry(manager: &str, operation: &str, fields: &Json) -> Json {
    json!({"manager": manager, "operation": operation, "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
        "time": "2026-01-01T00:00:00Z", "fieldsV1": fields})
}

fn live(entries: &[Json]) -> Json {
    let mut live = intent();
    live["metadata"]["annotations"] = json!({INTENT_ANNOTATION: intent_hash(&intent(), SALT)});
    live["metadata"]["managedFields"] = json!(entries);
    live
}

/// The object after somebody else's write took these fields.
fn taken(pointer: &str, field: &str) -> Json {
    let mut fields = applied();
    fields.pointer_mut(pointer).unwrap().as_object_mut().unwrap().shift_remove(field).unwrap();
    live(&[entry(APPLY_MANAGER, "Apply", &fields), entry("kubectl", "Update", &json!({}))])
}

const CONTAINER: &str = "/f:spec/f:template/f:spec/f:containers/k:{\"name\":\"c\"}";

fn assert_taken(live: &Json, path: &str) {
    match standing(live, &intent(), SALT) {
        Standing::Different(Difference::Taken(paths)) => {
            assert_eq!(paths.iter().map(ToString::to_string).collect::<Vec<_>>(), [path]);
        }
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn case_1_just_applied_is_unchanged() {
    assert_eq!(
        standing(&live(&[entry(APPLY_MANAGER, "Apply", &applied())]), &intent(), SALT),
        Standing::Unchanged { kept: vec![] }
    );
}

#[test]
fn case_2_the_status_controller_and_others_fields_do_not_matter() {
    let mut status = entry("kube-controller-manager", "Update", &json!({"f:status": {"f:replicas": {}}}));
    status["subresource"] = json!("status");
    let hpa = entry("kubectl", "Update", &json!({"f:metadata": {"f:annotations": {"f:note": {}}}}));
    assert!(matches!(
        standing(&live(&[status, entry(APPLY_MANAGER, "Apply", &applied()), hpa]), &intent(), SALT),
        Standing::Unchanged { .. }
    ));
}

#[test]
fn case_3_scaled_through_the_subresource() {
    assert_taken(&taken("/f:spec", "f:replicas"), ".spec.replicas");
}

#[test]
fn case_4_another_image() {
    assert_taken(&taken(CONTAINER, "f:image"), ".spec.template.spec.containers[name=\"c\"].image");
}

#[test]
fn case_5_atomic_args() {
    assert_taken(&taken(CONTAINER, "f:args"), ".spec.template.spec.containers[name=\"c\"].args");
}

#[test]
fn case_6_atomic_tolerations() {
    assert_taken(&taken("/f:spec/f:template/f:spec", "f:tolerations"), ".spec.template.spec.tolerations");
}

#[test]
fn case_7_a_label_removed() {
    let live = taken("/f:metadata/f:labels", "f:app.kubernetes.io/part-of");
    assert_taken(&live, ".metadata.labels[\"app.kubernetes.io/part-of\"]");
}

#[test]
fn case_8_an_env_variable_removed() {
    let live = taken(&format!("{CONTAINER}/f:env"), "k:{\"name\":\"B\"}");
    assert_taken(&live, ".spec.template.spec.containers[name=\"c\"].env[name=\"B\"]");
}

#[test]
fn case_9_a_co_owner_with_the_same_value_changes_nothing() {
    let other = entry("argocd", "Apply", &json!({"f:spec": {"f:replicas": {}}}));
    let live = live(&[other, entry(APPLY_MANAGER, "Apply", &applied())]);
    assert!(matches!(standing(&live, &intent(), SALT), Standing::Unchanged { .. }));
    let owners = owners_of(&FieldPath::parse(".spec.replicas").unwrap(), &live);
    assert_eq!(owners.iter().map(|o| o.manager.as_str()).collect::<Vec<_>>(), ["argocd", "windlass"]);
}

#[test]
fn case_10_taken_by_force() {
    let mut fields = applied();
    fields.pointer_mut(CONTAINER).unwrap().as_object_mut().unwrap().shift_remove("f:image");
    let thief = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"c\"}": {".": {}, "f:name": {}, "f:image": {}}}}}}});
    let live = live(&[entry(APPLY_MANAGER, "Apply", &fields), entry("argocd", "Apply", &thief)]);
    assert_taken(&live, ".spec.template.spec.containers[name=\"c\"].image");
    let image = FieldPath::parse(".spec.template.spec.containers[name=\"c\"].image").unwrap();
    assert_eq!(
        owners_of(&image, &live),
        [Owner { manager: "argocd".into(), operation: Operation::Apply, subresource: None }]
    );
}

#[test]
fn case_11_the_same_manager_by_a_plain_patch() {
    let mut fields = applied();
    fields["f:spec"].as_object_mut().unwrap().shift_remove("f:replicas");
    let plain = entry(APPLY_MANAGER, "Update", &json!({"f:spec": {"f:replicas": {}}}));
    assert_taken(&live(&[entry(APPLY_MANAGER, "Apply", &fields), plain]), ".spec.replicas");
}

#[test]
fn case_12_managed_fields_wiped() {
    assert_eq!(standing(&live(&[]), &intent(), SALT), Standing::Different(Difference::NotApplied));
    let wiped = live(&[entry("before-first-apply", "Update", &applied())]);
    assert_eq!(standing(&wiped, &intent(), SALT), Standing::Different(Difference::NotApplied));
}

#[test]
fn case_13_another_intent() {
    let live = live(&[entry(APPLY_MANAGER, "Apply", &applied())]);
    let mut less = intent();
    less["metadata"]["labels"].as_object_mut().unwrap().shift_remove("app");
    assert_eq!(
        standing(&live, &less, SALT),
        Standing::Different(Difference::OtherIntent),
        "covered, and yet to be removed"
    );
    let mut other = intent();
    other["spec"]["replicas"] = json!(2);
    assert_eq!(standing(&live, &other, SALT), Standing::Different(Difference::OtherIntent));
}

#[test]
fn case_14_the_annotation_is_gone_or_from_another_cluster() {
    let mut bare = live(&[entry(APPLY_MANAGER, "Apply", &applied())]);
    bare["metadata"].as_object_mut().unwrap().shift_remove("annotations");
    assert_eq!(standing(&bare, &intent(), SALT), Standing::Different(Difference::NotApplied));
    let live = live(&[entry(APPLY_MANAGER, "Apply", &applied())]);
    assert_eq!(standing(&live, &intent(), "another cluster"), Standing::Different(Difference::OtherIntent));
}

#[test]
fn an_apply_in_another_version_says_nothing_about_this_one() {
    let mut old = entry(APPLY_MANAGER, "Apply", &applied());
    old["apiVersion"] = json!("apps/v1beta2");
    assert_eq!(standing(&live(&[old]), &intent(), SALT), Standing::Different(Difference::NotApplied));
}

#[test]
fn what_was_scaled_after_apply_stays_while_the_manifest_is_the_same() {
    let mut scaled = taken("/f:spec", "f:replicas");
    let mut edits = Edits::default();
    let path = FieldPath::parse(".spec.replicas").unwrap();
    edits.note(&path, &intent(), SALT);
    let mut at_two = intent();
    at_two["spec"]["replicas"] = json!(2);
    edits.note(&path, &at_two, SALT);
    scaled["metadata"]["annotations"][EDITED_ANNOTATION] = edits.to_annotation().unwrap().into();
    scaled["spec"]["replicas"] = json!(3);
    assert_eq!(standing(&scaled, &intent(), SALT), Standing::Unchanged { kept: vec![path.clone()] });
    let mut five = intent();
    five["spec"]["replicas"] = json!(5);
    assert!(Edits::of(&scaled).left_out(&five, SALT).is_empty(), "the manifest says something new: no longer left out");
    let mut taken_over = scaled.clone();
    taken_over["metadata"]["managedFields"] = json!([entry(APPLY_MANAGER, "Apply", &applied())]);
    let noted = Edits::of(&taken_over);
    assert!(noted.is_empty(), "apply owns it again: leaving it out would give it up");
    let mut forgotten = Edits::of(&scaled);
    forgotten.forget(&path);
    assert_eq!(forgotten.to_annotation(), None);
}

#[test]
fn the_body_of_an_apply_carries_the_hash_of_the_whole_intent() {
    let path = FieldPath::parse(".spec.replicas").unwrap();
    let body = apply_body(&intent(), std::slice::from_ref(&path), SALT);
    assert_eq!(path.get(&body), None);
    assert_eq!(body["metadata"]["annotations"], json!({INTENT_ANNOTATION: intent_hash(&intent(), SALT)}));
    assert_eq!(body["spec"]["template"], intent()["spec"]["template"]);
}

#[test]
fn leaving_a_label_out_leaves_no_empty_map_to_be_covered() {
    let intent = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "labels": {"x": "1"}}});
    let fields = json!({"f:metadata": {"f:annotations": {"f:windlass.dev/intent": {}}}});
    assert!(!covers(&fields, &intent, &[]));
    assert!(covers(&fields, &intent, &[FieldPath::parse(".metadata.labels.x").unwrap()]));
}

#[test]
fn empty_lists_and_nulls_count_as_there_while_nothing_is() {
    let mut with_void = intent();
    with_void["spec"]["template"]["spec"]["initContainers"] = json!([]);
    with_void["spec"]["template"]["spec"]["nodeName"] = Json::Null;
    let mut live = live(&[entry(APPLY_MANAGER, "Apply", &applied())]);
    live["metadata"]["annotations"][INTENT_ANNOTATION] = intent_hash(&with_void, SALT).into();
    assert!(matches!(standing(&live, &with_void, SALT), Standing::Unchanged { .. }));
    live["spec"]["template"]["spec"]["initContainers"] = json!([{"name": "i"}]);
    assert!(matches!(standing(&live, &with_void, SALT), Standing::Different(Difference::Taken(_))));
}

#[test]
fn ports_of_one_number_are_told_apart_by_their_protocol() {
    let fields = json!({"f:spec": {"f:ports": {
        "k:{\"port\":53,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}, "f:targetPort": {}},
        "k:{\"port\":53,\"protocol\":\"UDP\"}": {".": {}, "f:port": {}, "f:protocol": {}}}}});
    let service = |tcp: Json, udp: Json| json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [udp, tcp]}});
    assert!(covers(
        &fields,
        &service(json!({"port": 53, "targetPort": 1}), json!({"port": 53, "protocol": "UDP"})),
        &[]
    ));
    let wrong = service(json!({"port": 53}), json!({"port": 53, "protocol": "UDP", "targetPort": 1}));
    assert_eq!(uncovered(&fields, &wrong, &[])[0].to_string(), ".spec.ports[port=53,protocol=\"UDP\"].targetPort");
}

#[test]
fn keys_that_a_custom_resource_defaults_fit_if_only_one_does() {
    let fields = json!({"f:spec": {"f:rules": {"k:{\"name\":\"a\",\"zone\":\"z\"}": {".": {}, "f:name": {}}}}});
    let object = |rule: Json| json!({"spec": {"rules": [rule]}});
    assert!(covers(&fields, &object(json!({"name": "a"})), &[]));
    assert!(!covers(&fields, &object(json!({"name": "b"})), &[]));
    assert!(!covers(&fields, &object(json!({"other": "a"})), &[]));
}

#[test]
fn sets_are_covered_value_by_value() {
    let fields = json!({"f:metadata": {"f:finalizers": {".": {}, "v:\"a/b\"": {}}}});
    let object = |list: Json| json!({"metadata": {"finalizers": list}});
    assert!(covers(&fields, &object(json!(["a/b"])), &[]));
    assert_eq!(uncovered(&fields, &object(json!(["a/b", "c"])), &[])[0].to_string(), ".metadata.finalizers[=\"c\"]");
}

#[test]
fn owned_paths_are_spelt_out() {
    let paths: Vec<String> =
        owned_paths(&json!({"f:spec": {"f:ports": {".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": {"f:port": {}}}},
        "f:metadata": {"f:finalizers": {"v:\"a\"": {}}}}))
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(paths, [".spec.ports", ".spec.ports[port=80,protocol=\"TCP\"].port", ".metadata.finalizers[=\"a\"]"]);
}

#[test]
fn a_part_of_an_atomic_list_belongs_to_the_lists_owner() {
    let live = live(&[entry(APPLY_MANAGER, "Apply", &applied())]);
    let part = FieldPath::parse(".spec.template.spec.tolerations[0].key").unwrap();
    assert_eq!(owners_of(&part, &live).len(), 1);
    assert!(owners_of(&FieldPath::parse(".spec.paused").unwrap(), &live).is_empty());
    assert_eq!(owners_of(&FieldPath::parse(".spec.template").unwrap(), &live).len(), 1, "something below it");
}

#[test]
fn the_hash_is_of_the_content_and_keyed() {
    let a = json!({"a": 1, "b": {"c": [1, 2], "d": null}});
    let b = json!({"b": {"d": null, "c": [1, 2]}, "a": 1});
    assert_eq!(value_hash(&a, SALT), value_hash(&b, SALT));
    assert_ne!(value_hash(&a, SALT), value_hash(&a, "x"));
    assert_ne!(value_hash(&json!([1, 2]), SALT), value_hash(&json!([2, 1]), SALT));
    assert_ne!(value_hash(&json!(["a,b"]), SALT), value_hash(&json!(["a", "b"]), SALT));
    assert_eq!(value_hash(&a, SALT).len(), 32);
}

fn secret(password: &str) -> Json {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"password": password}})
}

#[test]
fn a_secrets_values_are_compared_and_leave_no_hash() {
    assert_eq!(intent_hash(&secret("YQ=="), SALT), intent_hash(&secret("Yg=="), SALT));
    let mut renamed = secret("YQ==");
    renamed["data"] = json!({"other": "YQ=="});
    assert_ne!(intent_hash(&renamed, SALT), intent_hash(&secret("YQ=="), SALT));
    let mut fields = entry(APPLY_MANAGER, "Apply", &json!({"f:data": {"f:password": {}}}));
    fields["apiVersion"] = json!("v1");
    let mut live = secret("YQ==");
    live["metadata"]["annotations"] = json!({INTENT_ANNOTATION: intent_hash(&secret("x"), SALT)});
    live["metadata"]["managedFields"] = json!([fields]);
    assert!(matches!(standing(&live, &secret("YQ=\n="), SALT), Standing::Unchanged { .. }));
    assert_eq!(standing(&live, &secret("Yg=="), SALT), Standing::Different(Difference::OtherData));
    let mut edits = Edits::default();
    edits.note(&FieldPath::of(["data", "password"]), &live, SALT);
    assert!(edits.is_empty());
}

#[test]
fn an_intent_holds_what_the_manifest_asks_for_and_nothing_else() {
    let manifest = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "uid": "u", "resourceVersion": "1",
        "creationTimestamp": null, "annotations": {INTENT_ANNOTATION: "x"}}, "stringData": {"a": "b"}, "status": {}});
    assert_eq!(
        intent_of(&manifest, true),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "Yg=="}})
    );
    let custom = json!({"apiVersion": "x.dev/v1", "kind": "X", "metadata": {"name": "s"}, "status": {"a": 1}});
    assert_eq!(intent_of(&custom, false), custom);
}
