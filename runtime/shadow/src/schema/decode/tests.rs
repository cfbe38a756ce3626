use serde_json::json;

use crate::Json;
use crate::schema::{builtin, check_fields};

fn read(group: &str, version: &str, plural: &str, mut object: Json) -> Result<(Json, Vec<String>), String> {
    let catalog = &builtin().catalog;
    let (schemas, id) = catalog.get(group, version, plural).unwrap().schema.as_ref().unwrap();
    let unknown = check_fields(schemas, *id, &mut object)?;
    Ok((object, unknown))
}

fn wrong(group: &str, version: &str, plural: &str, object: Json) -> String {
    read(group, version, plural, object).unwrap_err()
}

#[test]
fn unknown_fields_are_told_with_their_path() {
    let (object, unknown) = read(
        "apps",
        "v1",
        "deployments",
        json!({"spec": {"replcas": 1, "template": {"spec": {"containers": [{"name": "c", "imag": "x"}]}}}, "more": {}}),
    )
    .unwrap();
    assert_eq!(
        unknown,
        [
            r#"unknown field "spec.replcas""#,
            r#"unknown field "spec.template.spec.containers[0].imag""#,
            r#"unknown field "more""#
        ]
    );
    assert_eq!(object["spec"]["template"]["spec"]["containers"], json!([{"name": "c", "resources": {}}]));
    assert!(object.get("more").is_none());
}

#[test]
fn wrong_types_are_told_in_gos_words() {
    assert_eq!(
        wrong("apps", "v1", "deployments", json!({"spec": {"replicas": "3"}})),
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
    );
    assert_eq!(
        wrong("", "v1", "pods", json!({"spec": {"containers": [{"ports": [{"protocol": 1}]}]}})),
        "json: cannot unmarshal number into Go struct field ContainerPort.spec.containers.ports.protocol of type v1.Protocol"
    );
    assert_eq!(
        wrong("", "v1", "pods", json!({"spec": {"containers": {}}})),
        "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"
    );
    assert_eq!(
        wrong("", "v1", "pods", json!({"spec": {"volumes": [{"emptyDir": []}]}})),
        "json: cannot unmarshal array into Go struct field Volume.spec.volumes.VolumeSource.emptyDir of type v1.EmptyDirVolumeSource"
    );
}

#[test]
fn empties_go_and_what_go_always_writes_is_there() {
    let (object, _) = read(
        "apps",
        "v1",
        "deployments",
        json!({"metadata": {"labels": {}, "creationTimestamp": null, "name": "a"}, "spec": {"template": {"spec": {
            "volumes": [{"name": "v", "emptyDir": {}}], "nodeName": ""}}}}),
    )
    .unwrap();
    assert_eq!(
        object.to_string(),
        concat!(
            r#"{"metadata":{"name":"a"},"spec":{"selector":null,"template":{"metadata":{},"#,
            r#""spec":{"volumes":[{"name":"v","emptyDir":{}}],"containers":null}},"strategy":{}},"status":{}}"#
        )
    );
}
