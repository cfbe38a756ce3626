use serde_json::json;

use super::*;
use crate::schema::protobuf::wire::fields;

#[test]
fn every_place_of_the_index_has_a_document() {
    let documents = Documents::default();
    let catalog = Catalog::builtin();
    let index = documents.index(&catalog);
    let paths = index["paths"].as_object().unwrap();
    assert!(paths.contains_key("apis/apps/v1") && paths.contains_key("api/v1"), "{index}");
    assert!(paths.keys().all(|place| !place.contains("sample")), "{index}");
    for place in paths.keys() {
        let text = documents.get(&catalog, place).unwrap();
        let document: Json = serde_json::from_slice(&text).unwrap();
        assert_eq!(document["openapi"], "3.0.0", "{place}");
    }
    assert_eq!(documents.get(&catalog, "apis/none/v1"), None);
}

#[test]
fn kubectl_finds_the_field_validation_of_a_kind() {
    let text = Documents::default().get(&Catalog::builtin(), "apis/apps/v1").unwrap();
    let document: Json = serde_json::from_slice(&text).unwrap();
    let patch = &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    assert_eq!(
        patch["x-kubernetes-group-version-kind"],
        json!({"group": "apps", "version": "v1", "kind": "Deployment"})
    );
    let parameters = patch["parameters"].as_array().unwrap();
    assert!(parameters.iter().any(|parameter| parameter["name"] == "fieldValidation"), "{patch}");
}

fn widgets() -> Catalog {
    let definition = Arc::new(json!({"spec": {
        "names": {"listKind": "WidgetList"},
        "versions": [{"name": "v1beta1", "schema": {"openAPIV3Schema": {
            "type": "object",
            "properties": {"spec": {"type": "object", "properties": {"port": {"x-kubernetes-int-or-string": true}}}},
        }}}],
    }}));
    let mut catalog = Catalog::builtin();
    let like = ResourceType::clone(catalog.get("", "v1", "configmaps").unwrap());
    catalog.insert(ResourceType {
        name: "widgets.my-shop.example.com".into(),
        group: "my-shop.example.com".into(),
        version: "v1beta1".into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
        singular: "widget".into(),
        definition: Some(Arc::new(crate::crd::Version { definition, ..Default::default() })),
        schema: None,
        ..like
    });
    catalog
}

#[test]
fn custom_resources_have_documents_too() {
    let (documents, catalog) = (Documents::default(), widgets());
    let index = documents.index(&catalog);
    assert!(index["paths"]["apis/my-shop.example.com/v1beta1"].is_object(), "{index}");
    let text = documents.get(&catalog, "apis/my-shop.example.com/v1beta1").unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(!text.contains("ample.") || !text.contains("xsample"), "{text}");
    let document: Json = serde_json::from_str(&text).unwrap();
    let schema = &document["components"]["schemas"]["com.example.my-shop.v1beta1.Widget"];
    assert_eq!(schema["properties"]["spec"]["properties"]["port"]["anyOf"][0]["type"], "integer");
    assert!(schema["properties"]["metadata"]["allOf"].is_array(), "{schema}");
    assert!(document["components"]["schemas"]["com.example.my-shop.v1beta1.WidgetList"].is_object());
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    let root = "/apis/my-shop.example.com/v1beta1";
    let namespaced = format!("{root}/namespaces/{{namespace}}/widgets");
    assert_eq!(paths, [&namespaced, &format!("{namespaced}/{{name}}"), &format!("{root}/widgets")]);
    let patch = &document["paths"][&format!("{namespaced}/{{name}}")]["patch"];
    assert_eq!(patch["operationId"], "patchMyShopExampleComV1beta1NamespacedWidget");
}

#[test]
fn a_document_is_made_once_while_its_resources_stay() {
    let documents = Documents::default();
    let catalog = widgets();
    let place = "apis/my-shop.example.com/v1beta1";
    let first = documents.get(&catalog, place).unwrap();
    assert_eq!(first.as_ptr(), documents.get(&catalog, place).unwrap().as_ptr());
    let index = documents.index(&catalog);
    let mut changed = widgets();
    let other = changed.get("my-shop.example.com", "v1beta1", "widgets").unwrap();
    let other = ResourceType { kind: "Gadget".into(), ..ResourceType::clone(other) };
    changed.insert(other);
    assert_ne!(documents.get(&changed, place).unwrap(), first);
    assert_ne!(documents.index(&changed), index);
}

/// The messages of this number in a message.
fn messages(message: &[u8], number: u64) -> Vec<&[u8]> {
    let fields = fields(message).map(Result::unwrap).filter(|(at, _)| *at == number);
    fields.map(|(_, value)| value.bytes().unwrap()).collect()
}

/// The message at these numbers, each the only one of its own.
fn at<'a>(message: &'a [u8], numbers: &[u64]) -> &'a [u8] {
    numbers.iter().fold(message, |message, number| messages(message, *number)[0])
}

#[test]
fn the_second_version_says_the_same() {
    let (text, encoded) = Documents::default().second(&widgets());
    let document: Json = serde_json::from_slice(&text).unwrap();
    assert_eq!((&document["swagger"], &document["info"]["version"]), (&json!("2.0"), &json!("1.36")));
    let strategy = &document["definitions"]["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["strategy"];
    assert_eq!(strategy["$ref"], "#/definitions/io.k8s.api.apps.v1.DeploymentStrategy");
    assert_eq!(document["definitions"]["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["type"], "string");
    assert!(document["paths"].as_object().unwrap().keys().any(|path| path.contains("my-shop.example.com")));
    let path = "/api/v1/namespaces/{namespace}/configmaps/{name}";
    let put = &document["paths"][path]["put"];
    let body = json!({"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/io.k8s.api.core.v1.ConfigMap"}});
    assert_eq!(put["parameters"].as_array().unwrap().last(), Some(&body));
    assert_eq!(put["responses"]["200"]["schema"], body["schema"]);

    // As kubectl looks for what a kind takes.
    let paths = messages(at(&encoded, &[8]), 2);
    assert_eq!(paths.len(), document["paths"].as_object().unwrap().len());
    let found = paths.into_iter().find(|entry| at(entry, &[1]) == path.as_bytes()).unwrap();
    let patch = at(found, &[2, 8]);
    let kind = messages(patch, 13).into_iter().find(|any| at(any, &[1]) == b"x-kubernetes-group-version-kind").unwrap();
    let kind: Json = serde_json::from_slice(at(kind, &[2, 2])).unwrap();
    assert_eq!(kind, json!({"group": "", "version": "v1", "kind": "ConfigMap"}));
    let query = messages(patch, 8).into_iter().filter_map(|item| messages(at(item, &[1]), 2).into_iter().next());
    let names: Vec<&[u8]> = query.map(|parameter| at(parameter, &[3, 4])).collect();
    assert!(names.contains(&b"fieldValidation".as_slice()));
    let definitions = messages(at(&encoded, &[9]), 1);
    assert_eq!(definitions.len(), document["definitions"].as_object().unwrap().len());
}
