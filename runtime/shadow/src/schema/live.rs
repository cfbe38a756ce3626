//! The same questions to us and to the real API server.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;
use windlass_testbed::Testbed;

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

/// Puts a value in the place of every field of every type once, each in an object that is else empty.
fn each_field(
    schemas: &Schemas,
    id: GoId,
    seen: &mut BTreeSet<GoId>,
    wrap: &dyn Fn(Json) -> Json,
    found: &mut dyn FnMut(GoId, &dyn Fn(Json) -> Json),
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
        definition: Some(Arc::new(definition.clone())),
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
