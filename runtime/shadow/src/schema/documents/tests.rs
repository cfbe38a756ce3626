use serde_json::json;

use super::*;

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
