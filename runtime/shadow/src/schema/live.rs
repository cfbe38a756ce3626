//! The same questions to us and to the real API server.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use windlass_testbed::Testbed;

use super::convert::convert;
use super::go::{GoId, GoShape};
use super::*;
use crate::catalog::{Catalog, ResourceType, Subresource};

const JSON: &str = "application/json";

fn get(testbed: &Testbed, path: &str, accept: &str) -> Json {
    let answer = testbed.ask("GET", path, &[("Accept", accept)], "").unwrap();
    assert_eq!(answer.code, 200, "{path}: {}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

fn post(testbed: &Testbed, path: &str, body: &Json) -> (u16, Json) {
    let headers = [("Accept", JSON), ("Content-Type", JSON)];
    let answer = testbed.ask("POST", path, &headers, &body.to_string()).unwrap();
    (answer.code, serde_json::from_str(&answer.body).unwrap())
}

fn path_of(resource: &ResourceType) -> String {
    let root = if resource.group.is_empty() { "/api" } else { "/apis" };
    let namespace = if resource.namespaced { "/namespaces/default" } else { "" };
    format!("{root}/{}{namespace}/{}", group_version(&resource.group, &resource.version), resource.plural)
}

fn creatable() -> Vec<Arc<ResourceType>> {
    let can = |resource: &&Arc<ResourceType>| resource.verbs.iter().any(|verb| verb == "create");
    builtin().catalog.all().filter(can).cloned().collect()
}

fn root(resource: &ResourceType) -> (&Schemas, Id, GoId) {
    let (schemas, id) = resource.schema.as_ref().unwrap();
    (schemas, *id, schemas.go_ids[id])
}

/// Is shown the type of a field, and what makes an object with a value in its place.
type Place<'a> = dyn FnMut(GoId, &dyn Fn(Json) -> Json) + 'a;

/// Puts a value in the place of every field of every type once, each in an object that is else empty.
fn each_field(
    schemas: &Schemas,
    id: GoId,
    seen: &mut BTreeSet<GoId>,
    wrap: &dyn Fn(Json) -> Json,
    found: &mut Place<'_>,
) {
    match &schemas.go.get(id).shape {
        GoShape::Pointer(inner) => each_field(schemas, *inner, seen, wrap, found),
        GoShape::Slice(inner) => each_field(schemas, *inner, seen, &|value| wrap(json!([value])), found),
        GoShape::Map(inner) => each_field(schemas, *inner, seen, &|value| wrap(json!({"key": value})), found),
        GoShape::Struct(structure) if seen.insert(id) => {
            for field in &structure.fields {
                if matches!(field.name.as_str(), "kind" | "apiVersion") {
                    continue;
                }
                let wrap = |value: Json| wrap(json!({&field.name: value}));
                found(field.id, &wrap);
                each_field(schemas, field.id, seen, &wrap, found);
            }
        }
        _ => {}
    }
}

#[test]
fn discovery_is_the_real_one() {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let catalog = Catalog::builtin();
    let ours = |group: &Json| {
        builtin().groups.iter().any(|own| group["metadata"]["name"] == own.as_str() || group["name"] == own.as_str())
    };
    let list = |document: &Json, key: &str| -> Vec<Json> {
        document[key].as_array().unwrap().iter().filter(|group| ours(group)).cloned().collect()
    };
    let real = get(testbed, "/apis", crate::catalog::discovery::AGGREGATED);
    assert_eq!(list(&catalog.aggregated(false), "items"), list(&real, "items"));
    assert_eq!(catalog.aggregated(true), get(testbed, "/api", crate::catalog::discovery::AGGREGATED));
    assert_eq!(list(&catalog.group_list(), "groups"), list(&get(testbed, "/apis", JSON), "groups"));
    let real = get(testbed, "/api", JSON);
    let address = real["serverAddressByClientCIDRs"][0]["serverAddress"].as_str().unwrap();
    assert_eq!(crate::catalog::discovery::api_versions(address), real);
    assert_eq!(catalog.resource_list("", "v1").unwrap(), get(testbed, "/api/v1", JSON));
    for group in builtin().groups.iter().filter(|group| !group.is_empty()) {
        let real = get(testbed, &format!("/apis/{group}"), JSON);
        assert_eq!(catalog.group(group).unwrap(), real);
        for version in real["versions"].as_array().unwrap() {
            let version = version["version"].as_str().unwrap();
            let real = get(testbed, &format!("/apis/{group}/{version}"), JSON);
            assert_eq!(catalog.resource_list(group, version).unwrap(), real);
        }
    }
    assert_eq!(builtin().version, get(testbed, "/version", JSON));
}

#[test]
fn wrong_types_are_told_in_the_real_words() {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let wrong = [json!("text"), json!(1.5), json!(true), json!([1]), json!({"a": 1})];
    let (mut seen, mut asked, mut different) = (BTreeSet::new(), 0, Vec::new());
    for resource in creatable() {
        let (schemas, id, go) = root(&resource);
        each_field(schemas, go, &mut seen, &|value| value, &mut |_, wrap| {
            for offset in 0..2 {
                asked += 1;
                let mut object = wrap(wrong[(asked + offset) % wrong.len()].clone());
                object["kind"] = resource.kind.as_str().into();
                object["apiVersion"] = group_version(&resource.group, &resource.version).into();
                let (code, answer) = post(testbed, &format!("{}?dryRun=All", path_of(&resource)), &object);
                let real = answer["message"].as_str().unwrap_or_default();
                let decoded = code == 400 && real.contains("cannot be handled as");
                let sent = object.to_string();
                match check_fields(schemas, id, &mut object) {
                    Err(words) => {
                        let own = cannot_be_handled(&resource.kind, &resource.version, &words);
                        if own.message != real {
                            different.push(format!("{sent}\n  own  {own}\n  real {code} {real}"));
                        }
                    }
                    Ok(_) if decoded => different.push(format!("{sent}\n  own  fine\n  real {code} {real}")),
                    Ok(_) => {}
                }
            }
        });
    }
    assert!(asked > 2000, "{asked}");
    assert!(different.is_empty(), "{} of {asked} differ:\n{}", different.len(), different.join("\n"));
}

#[test]
fn unknown_fields_are_told_in_the_real_words() {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let (mut seen, mut asked) = (BTreeSet::new(), 0);
    for resource in creatable() {
        let (schemas, id, go) = root(&resource);
        each_field(schemas, go, &mut seen, &|value| value, &mut |_, wrap| {
            let mut object = wrap(json!({"nonsense": 1, "more \"nonsense\"": [{}]}));
            object["kind"] = resource.kind.as_str().into();
            object["apiVersion"] = group_version(&resource.group, &resource.version).into();
            let sent = object.clone();
            let Ok(unknown) = check_fields(schemas, id, &mut object) else { return };
            let path = format!("{}?dryRun=All&fieldValidation=Strict", path_of(&resource));
            let (code, answer) = post(testbed, &path, &sent);
            let real = answer["message"].as_str().unwrap_or_default();
            if unknown.is_empty() {
                assert!(!real.contains("strict decoding error"), "{sent}: {real}");
            } else {
                asked += 1;
                let own = cannot_be_handled(&resource.kind, &resource.version, &strict(&unknown));
                assert_eq!((own.code, own.message.as_str()), (code, real), "{sent}");
            }
        });
    }
    assert!(asked > 300, "{asked}");
}

#[test]
fn openapi_documents_are_the_real_ones() {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let (documents, catalog) = (documents::Documents::default(), Catalog::builtin());
    let real = get(testbed, "/openapi/v3", JSON);
    let index = documents.index(&catalog);
    for (place, own) in index["paths"].as_object().unwrap() {
        assert_eq!(*own, real["paths"][place], "{place}");
        let own: Json = serde_json::from_slice(&documents.get(&catalog, place).unwrap()).unwrap();
        assert_eq!(own, get(testbed, &format!("/openapi/v3/{place}"), JSON), "{place}");
    }
}

/// A definition, and the catalog's entry of it.
fn widgets() -> (Json, ResourceType) {
    let schema = json!({"type": "object", "description": "A widget.", "required": ["spec"], "properties": {
        "metadata": {"type": "object"},
        "spec": {"type": "object", "required": ["size"], "properties": {
            "size": {"type": "integer", "format": "int32", "minimum": 1, "nullable": true},
            "replicas": {"type": "integer", "default": 1},
            "port": {"x-kubernetes-int-or-string": true},
            "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "inner": {
                "type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true,
            },
            "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                "items": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}},
        }},
        "status": {"type": "object", "properties": {"replicas": {"type": "integer"}}},
    }});
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.my-shop.example.com"},
        "spec": {
            "group": "my-shop.example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "Widgets"},
            "versions": [{"name": "v1beta1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema},
                "selectableFields": [{"jsonPath": ".spec.size"}], "subresources": {"status": {}}}],
        },
    });
    let catalog = Catalog::builtin();
    let like = ResourceType::clone(catalog.get("", "v1", "configmaps").unwrap());
    let status = Subresource {
        name: "status".into(),
        group: "my-shop.example.com".into(),
        version: "v1beta1".into(),
        kind: "Widget".into(),
        verbs: ["get", "patch", "update"].map(str::to_owned).to_vec(),
    };
    let own = ResourceType {
        name: "widgets.my-shop.example.com".into(),
        group: "my-shop.example.com".into(),
        version: "v1beta1".into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
        singular: "widget".into(),
        short_names: Vec::new(),
        verbs: ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"]
            .map(str::to_owned)
            .to_vec(),
        subresources: vec![status],
        definition: Some(Arc::new(crate::crd::Version {
            definition: Arc::new(definition.clone()),
            ..Default::default()
        })),
        schema: None,
        storage_version: "my-shop.example.com/v1beta1".into(),
        ..like
    };
    (definition, own)
}

#[test]
fn the_documents_of_custom_resources_are_the_real_ones() {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let (definition, resource) = widgets();
    let (code, answer) = post(testbed, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition);
    assert_eq!(code, 201, "{answer}");
    let mut catalog = Catalog::builtin();
    catalog.insert(resource);
    let place = "apis/my-shop.example.com/v1beta1";
    let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while get(testbed, "/openapi/v3", JSON)["paths"].get(place).is_none() {
        assert!(std::time::Instant::now() < until);
    }
    let own = documents::Documents::default().get(&catalog, place).unwrap();
    let own: Json = serde_json::from_slice(&own).unwrap();
    let real = get(testbed, &format!("/openapi/v3/{place}"), JSON);
    for (name, schema) in real["components"]["schemas"].as_object().unwrap() {
        assert_eq!(own["components"]["schemas"][name], *schema, "{name}");
    }
    for (path, real) in real["paths"].as_object().unwrap() {
        assert_eq!(own["paths"][path], *real, "{path}");
    }
    assert_eq!(own, real);
    let of_group = |list: &Json| {
        list["items"].as_array().unwrap().iter().find(|item| item["metadata"]["name"] == "my-shop.example.com").cloned()
    };
    let real = get(testbed, "/apis", crate::catalog::discovery::AGGREGATED);
    assert_eq!(of_group(&catalog.aggregated(false)), of_group(&real));
    let path = "/apis/my-shop.example.com/v1beta1";
    assert_eq!(catalog.resource_list("my-shop.example.com", "v1beta1").unwrap(), get(testbed, path, JSON));
}

/// What differs between our reading of an object and the real server's answer to its creation, where that is neither a
/// default nor what the server makes of it: what we have must be there, and what is empty there must be here.
fn compare(own: &Json, real: &Json, path: &str, different: &mut Vec<String>) {
    match (own, real) {
        (Json::Object(own), Json::Object(real)) => {
            for (key, value) in own {
                match real.get(key) {
                    Some(real) => compare(value, real, &format!("{path}.{key}"), different),
                    None => different.push(format!("{path}.{key}: only we have {value}")),
                }
            }
            for (key, value) in real.iter().filter(|(key, _)| !own.contains_key(*key)) {
                if value.is_null() || *value == json!({}) || *value == json!([]) || *value == "" {
                    different.push(format!("{path}.{key}: only the real one has {value}"));
                }
            }
            let order = |map: &serde_json::Map<String, Json>, other: &serde_json::Map<String, Json>| -> Vec<String> {
                map.keys().filter(|key| other.contains_key(*key)).cloned().collect()
            };
            if order(own, real) != order(real, own) {
                different.push(format!("{path}: order {:?}, {:?}", order(own, real), order(real, own)));
            }
        }
        (Json::Array(own), Json::Array(real)) if own.len() == real.len() => {
            for (place, (own, real)) in own.iter().zip(real).enumerate() {
                compare(own, real, &format!("{path}[{place}]"), different);
            }
        }
        (own, real) if own == real => {}
        (own, real) => different.push(format!("{path}: own {own}, real {real}")),
    }
}

#[test]
fn objects_come_back_as_from_the_real_server() {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let namespace = testbed.fresh_namespace("schema").unwrap();
    let objects = include_str!("live_objects.json").replace("$NAMESPACE", &namespace);
    let objects: Vec<Json> = serde_json::from_str(&objects).unwrap();
    // Empty by default, which others see to.
    let defaults = [
        "PersistentVolume.spec.hostPath.type",
        "ValidatingWebhookConfiguration.webhooks[0].namespaceSelector",
        "ValidatingWebhookConfiguration.webhooks[0].objectSelector",
        "ValidatingAdmissionPolicy.spec.matchConstraints.namespaceSelector",
        "ValidatingAdmissionPolicy.spec.matchConstraints.objectSelector",
        "CustomResourceDefinition.status.storedVersions",
    ];
    let mut different = Vec::new();
    for mut object in objects {
        let kind = object["kind"].as_str().unwrap().to_owned();
        let version = object["apiVersion"].as_str().unwrap().to_owned();
        let resource = creatable()
            .into_iter()
            .find(|resource| resource.kind == kind && group_version(&resource.group, &resource.version) == version);
        let resource = resource.unwrap();
        let path = path_of(&resource).replace("/default/", &format!("/{namespace}/"));
        let (code, mut real) = post(testbed, &path, &object);
        if code != 201 {
            different.push(format!("{kind}: {code} {}", real["message"]));
            continue;
        }
        let (schemas, id, _) = root(&resource);
        // Defaults and admission aside, which others see to.
        for own in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "namespace"] {
            real["metadata"].as_object_mut().unwrap().remove(own);
        }
        let sent = object.clone();
        let unknown = check_fields(schemas, id, &mut object);
        assert_eq!(unknown, Ok(Vec::new()), "{sent}");
        let mut found = Vec::new();
        compare(&object, &real, &kind, &mut found);
        different.extend(found.into_iter().filter(|words| !defaults.iter().any(|path| words.starts_with(path))));
        let again = object.clone();
        assert_eq!(check_fields(schemas, id, &mut object), Ok(Vec::new()));
        assert_eq!(object, again);
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn quantities_come_back_as_from_the_real_server() {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let namespace = testbed.fresh_namespace("quantity").unwrap();
    let path = format!("/apis/storage.k8s.io/v1/namespaces/{namespace}/csistoragecapacities");
    let mut asked: Vec<Json> = [
        "",
        "x",
        "1x",
        "1.2.3",
        "1 Gi",
        " 1Gi ",
        "1e",
        "1E",
        "1e3",
        "1E3",
        "1e+3",
        "1e-3",
        "12e6",
        "+5",
        "-0",
        "005",
        "0.0",
        "000m",
        "1.500",
        "1.5",
        "1.0",
        "1000m",
        "1500m",
        "0.5Gi",
        "1.5Gi",
        "1.1Ki",
        "0.1Ki",
        "1023Mi",
        "1024Mi",
        "1025Mi",
        "2048Ki",
        "1048576",
        "1000000000",
        "1000k",
        "999999999999999999",
        "9999999999999999999",
        "100Ei",
        "1n",
        "1u",
        "0.1n",
        "0.3u",
        "1e-10",
        "1e-400",
        "1e100",
        "123456789012345678901234567890",
        "0.123456789012345678",
        "12.5G",
        "1.Gi",
        ".5",
        "5.",
        "1M",
        "1mi",
        "1KI",
        "1ki",
        "1000Ki",
        "8Mi",
        "16Mi",
        "1536Mi",
        "1e1",
        "1e2",
        "1e4",
        "120e4",
        "10E",
        "7Ei",
        "8Ei",
        "1P",
        "1Pi",
        "1T",
        "١",
    ]
    .map(Json::from)
    .to_vec();
    asked.extend([json!(1), json!(1.5), json!(1000000), json!(0), json!(0.001)]);
    let mut different = Vec::new();
    for quantity in asked {
        let object = json!({"apiVersion": "storage.k8s.io/v1", "kind": "CSIStorageCapacity", "metadata": {"generateName": "q-"},
            "storageClassName": "s", "capacity": quantity});
        let resource = builtin().catalog.get("storage.k8s.io", "v1", "csistoragecapacities").unwrap();
        let (code, real) = post(testbed, &path, &object);
        let (schemas, id, _) = root(resource);
        let mut own = object.clone();
        let own = match check_fields(schemas, id, &mut own) {
            Ok(_) => own["capacity"].clone(),
            Err(words) => cannot_be_handled(&resource.kind, "v1", &words).message.into(),
        };
        let real = if code == 201 { real["capacity"].clone() } else { real["message"].clone() };
        if own != real {
            different.push(format!("{quantity}: own {own}, real {real}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn times_texts_and_bytes_are_read_as_by_the_real_server() {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let namespace = testbed.fresh_namespace("times").unwrap();
    let mut asked = Vec::new();
    for time in [
        "2024-05-06T07:08:09Z",
        "2024-05-06T07:08:09.123456Z",
        "2024-05-06T07:08:09.5+02:00",
        "2024-05-06",
        "",
        "now",
        "2024-13-06T07:08:09.000000Z",
        "2024-02-30T07:08:09.000000Z",
        "2024-05-06T24:08:09.000000Z",
        "2024-05-06T07:60:09.000000Z",
        "2024-05-06T07:08:60.000000Z",
        "2024-05-06T07:08:09.000000",
        "2024-05-06T07:08:09.000000Zjunk",
        "2024-05-06 07:08:09Z",
        "2024-05-06t07:08:09Z",
        "24-05-06T07:08:09Z",
        "2024-05-06T07:08:09.123Z",
        "2024-05-06T07:08:09.1234567Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00.000000Z",
        "2024-05-06T07:08:09,5Z",
        "2024-05-06T7:08:09Z",
        "2024-05-06T07:08:09+25:00",
        "2024-05-06T07:08:09+0200",
    ] {
        for field in ["renewTime", "deletionTimestamp"] {
            let (metadata, spec) = if field == "renewTime" {
                (json!({"generateName": "t-"}), json!({"renewTime": time}))
            } else {
                (
                    json!({"generateName": "t-", "managedFields": [{"manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "time": time}]}),
                    json!({}),
                )
            };
            asked.push(
                json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}),
            );
        }
    }
    for bytes in [
        "",
        "YQ==",
        "YWI=",
        "YWJj",
        "YQ",
        "YWI",
        "Y",
        "YQ=",
        "YQ==YQ==",
        "Y Q==",
        "YWJj\nYWJj",
        "====",
        "YQ=a",
        "YWI==",
        "Y===",
        "YWJjYQ",
        "é",
    ] {
        asked.push(
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"generateName": "b-"}, "data": {"k": bytes}}),
        );
    }
    let mut different = Vec::new();
    for object in asked {
        let (resource, plural) = match object["kind"].as_str().unwrap() {
            "Lease" => {
                (builtin().catalog.get("coordination.k8s.io", "v1", "leases").unwrap(), "apis/coordination.k8s.io/v1")
            }
            _ => (builtin().catalog.get("", "v1", "secrets").unwrap(), "api/v1"),
        };
        let path = format!("/{plural}/namespaces/{namespace}/{}", resource.plural);
        let (code, real) = post(testbed, &path, &object);
        let (schemas, id, _) = root(resource);
        let mut own = object.clone();
        let read = check_fields(schemas, id, &mut own);
        let said = match (code, read) {
            (201, Ok(_)) => {
                let differ = ["spec", "data"].iter().any(|key| own.get(key) != real.get(key) && own[key] != json!({}));
                differ.then(|| format!("own {own}, real {real}"))
            }
            (400, Err(words)) => {
                let own = cannot_be_handled(&resource.kind, "v1", &words).message;
                (real["message"] != own.as_str()).then(|| format!("own {own}\n  real {}", real["message"]))
            }
            (_, read) => Some(format!("own {read:?}\n  real {code} {}", real["message"])),
        };
        different.extend(said.map(|said| format!("{object}\n  {said}")));
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn versions_are_converted_as_by_the_real_server() {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let namespace = testbed.fresh_namespace("convert").unwrap();
    let target = json!({"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"});
    let selector = json!({"matchLabels": {"a": "b"}});
    let metrics = json!([
        {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}},
        {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1024Mi"}}},
        {"type": "ContainerResource", "containerResource": {
            "name": "cpu", "container": "c", "target": {"type": "Utilization", "averageUtilization": 5}}},
        {"type": "Pods", "pods": {
            "metric": {"name": "m", "selector": selector}, "target": {"type": "AverageValue", "averageValue": "5"}}},
        {"type": "Object", "object": {
            "describedObject": target, "metric": {"name": "m"}, "target": {"type": "Value", "value": "5"}}},
        {"type": "Object", "object": {
            "describedObject": target, "metric": {"name": "n"}, "target": {"type": "AverageValue", "averageValue": "5"}}},
        {"type": "External", "external": {
            "metric": {"name": "m", "selector": selector}, "target": {"type": "Value", "value": "5"}}},
        {"type": "External", "external": {
            "metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "5"}}},
    ]);
    let behavior = json!({"scaleUp": {"policies": [{"type": "Percent", "value": 10, "periodSeconds": 15}], "tolerance": "0.05"},
        "scaleDown": {"stabilizationWindowSeconds": 0, "selectPolicy": "Disabled"}});
    let metadata = |name: &str| json!({"name": name, "annotations": {"own": "1"}});
    let scalers = format!("namespaces/{namespace}/horizontalpodautoscalers");
    let events = format!("namespaces/{namespace}/events");
    let regarding = json!({"kind": "Pod", "name": "p", "namespace": namespace});
    // What is made, where, and the other place where it is.
    let cases = [
        (
            "apis/autoscaling/v2",
            "apis/autoscaling/v1",
            &scalers,
            "a",
            json!({"metadata": metadata("a"), "spec": {
            "scaleTargetRef": target, "maxReplicas": 3, "metrics": metrics, "behavior": behavior}}),
        ),
        (
            "apis/autoscaling/v2",
            "apis/autoscaling/v1",
            &scalers,
            "b",
            json!({"metadata": {"name": "b"}, "spec": {
            "scaleTargetRef": target, "maxReplicas": 3, "minReplicas": 2}}),
        ),
        (
            "apis/autoscaling/v1",
            "apis/autoscaling/v2",
            &scalers,
            "c",
            json!({"metadata": metadata("c"), "spec": {
            "scaleTargetRef": target, "maxReplicas": 3, "targetCPUUtilizationPercentage": 40}}),
        ),
        (
            "apis/autoscaling/v1",
            "apis/autoscaling/v2",
            &scalers,
            "d",
            json!({"metadata": metadata("d"), "spec": {
            "scaleTargetRef": target, "maxReplicas": 3}}),
        ),
        (
            "api/v1",
            "apis/events.k8s.io/v1",
            &events,
            "e",
            json!({"metadata": metadata("e"), "involvedObject": regarding,
            "message": "m", "count": 3, "lastTimestamp": "2024-05-06T07:08:09Z", "source": {"component": "c"},
            "reportingComponent": "r", "type": "Normal", "reason": "R"}),
        ),
        (
            "apis/events.k8s.io/v1",
            "api/v1",
            &events,
            "f",
            json!({"metadata": metadata("f"), "regarding": regarding,
            "note": "n", "eventTime": "2024-05-06T07:08:09.123456Z", "reportingController": "a/b",
            "reportingInstance": "i", "action": "A", "type": "Normal", "reason": "R", "series": {
                "count": 2, "lastObservedTime": "2024-05-06T07:08:09.123456Z"}}),
        ),
    ];
    for (made, other, plural, name, object) in cases {
        let (code, answer) = post(testbed, &format!("/{made}/{plural}"), &object);
        assert_eq!(code, 201, "{answer}");
        let first = get(testbed, &format!("/{made}/{plural}/{name}"), JSON);
        let mut second = get(testbed, &format!("/{other}/{plural}/{name}"), JSON);
        let of = |object: &Json| object["apiVersion"].as_str().unwrap().to_owned();
        let mut own = convert(&first, &of(&first), &of(&second));
        // The controller may have written its status in between; the defaults of a version are others' business.
        for object in [&mut own, &mut second] {
            for (place, key) in [("/metadata", "resourceVersion"), ("/metadata", "managedFields"), ("", "status")] {
                object.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(key);
            }
            if let Some(Json::Object(annotations)) = object.pointer_mut("/metadata/annotations") {
                annotations.remove("autoscaling.alpha.kubernetes.io/conditions");
            }
        }
        let mut different = Vec::new();
        compare(&own, &second, name, &mut different);
        assert!(different.is_empty(), "{}", different.join("\n"));
    }
}
