use serde_json::json;

use super::*;
use crate::cluster::testing::{Answer, Mock, run};

fn document() -> Json {
    json!({"components": {"schemas": {
        "io.k8s.api.apps.v1.Deployment": {
            "type": "object", "description": "…",
            "properties": {
                "metadata": {"default": {}, "allOf": [{"$ref": "#/components/schemas/Meta"}]},
                "spec": {"allOf": [{"$ref": "#/components/schemas/Spec"}], "description": "…"}},
            "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "Deployment", "version": "v1"}]},
        "Meta": {"properties": {
            "finalizers": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
            "labels": {"type": "object", "additionalProperties": {"type": "string"}}}},
        "Spec": {"properties": {
            "replicas": {"type": "integer"},
            "selector": {"allOf": [{"$ref": "#/components/schemas/Selector"}]},
            "containers": {"type": "array", "items": {"allOf": [{"$ref": "#/components/schemas/Container"}]},
                "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
            "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": true},
            "loose": {"type": "object", "additionalProperties": true}}},
        "Selector": {"x-kubernetes-map-type": "atomic", "properties": {"matchLabels": {"type": "object"}}},
        "Container": {"properties": {
            "args": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "atomic"},
            "command": {"type": "array", "items": {"type": "string"}},
            "ports": {"type": "array", "items": {"$ref": "#/components/schemas/Port"}, "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["containerPort", "protocol"]}}},
        "Port": {"properties": {"protocol": {"type": "string", "default": "TCP"}}},
    }}})
}

fn server() -> Mock {
    Mock::new(|seen, _| match seen.uri.as_str() {
        "/openapi/v3" => Answer::ok(json!({"paths": {
            "apis/apps/v1": {"serverRelativeURL": "/openapi/v3/apis/apps/v1?hash=ABC"},
            "apis/evil/v1": {"serverRelativeURL": "https://evil.example/"}}})),
        "/openapi/v3/apis/apps/v1?hash=ABC" => Answer::ok(document()),
        _ => Answer::status(404, "NotFound", "not found"),
    })
}

#[test]
fn lists_are_known_by_path() {
    run(async {
        let mock = server();
        let schema = mock.cluster.schema("apps/v1", "Deployment").await.unwrap().unwrap();
        let list_type = |text: &str| schema.list_type(&FieldPath::parse(text).unwrap());
        assert_eq!(list_type(".spec.containers"), ListType::Keyed(vec!["name".into()]));
        assert_eq!(list_type(".spec.containers[name=\"a\"].args"), ListType::Atomic);
        assert_eq!(list_type(".spec.containers[0].command"), ListType::Atomic, "a list that says nothing is atomic");
        assert_eq!(
            list_type(".spec.containers[name=\"a\"].ports"),
            ListType::Keyed(vec!["containerPort".into(), "protocol".into()])
        );
        assert_eq!(list_type(".metadata.finalizers"), ListType::Set);
        assert_eq!(list_type(".spec.replicas"), ListType::Unknown);
        assert_eq!(list_type(".spec.none.deeper"), ListType::Unknown);
        assert!(schema.is_atomic_map(&FieldPath::parse(".spec.selector").unwrap()));
        let protocol = FieldPath::parse(".spec.containers[0].ports[0].protocol").unwrap();
        assert_eq!(schema.default_at(&protocol), Some(&json!("TCP")));
        let has = |text: &str| schema.has_field(&FieldPath::parse(text).unwrap());
        assert_eq!((has(".spec.replicas"), has(".spec.replcas"), has(".spec.free.x")), (Some(true), Some(false), None));
        assert_eq!(has(".metadata.labels.app"), Some(true));
        let nearest = |text: &str| schema.nearest(&FieldPath::parse(text).unwrap()).map(|p| p.to_string());
        assert_eq!(nearest(".spec.replcas").as_deref(), Some(".spec.replicas"));
        assert_eq!(nearest(".spec.containers[name=\"a\"].port").as_deref(), Some(".spec.containers[name=\"a\"].ports"));
        assert_eq!(nearest(".spec.zzz"), None);
    });
}

#[test]
fn documents_are_fetched_once_and_what_is_not_published_is_none() {
    run(async {
        let mock = server();
        for _ in 0..3 {
            assert!(mock.cluster.schema("apps/v1", "Deployment").await.unwrap().is_some());
            assert!(mock.cluster.schema("apps/v1", "Nonsense").await.unwrap().is_none());
        }
        assert_eq!(mock.seen().len(), 2);
        assert!(mock.cluster.schema("v1", "Pod").await.unwrap().is_none());
        assert!(mock.cluster.schema("evil/v1", "X").await.unwrap().is_none());
        mock.cluster.forget_schemas().await;
        assert!(mock.cluster.schema("apps/v1", "Deployment").await.unwrap().is_some());
        let none = Mock::new(|_, _| Answer::Text(404, "404 page not found"));
        assert!(none.cluster.schema("v1", "Pod").await.unwrap().is_none());
    });
}
