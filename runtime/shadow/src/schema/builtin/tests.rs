use super::*;
use crate::schema::{ListMerge, Shape};

fn object(schemas: &Schemas, name: &str) -> super::super::Object {
    match &schemas.node(schemas.named(name).unwrap()).shape {
        Shape::Object(object) => object.clone(),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn the_catalog_is_what_discovery_says() {
    let builtin = builtin();
    let structure = assets::structure();
    let structure: Json = serde_json::from_str(&structure).unwrap();
    let mut discovered = builtin.catalog.aggregated(true)["items"].as_array().unwrap().clone();
    discovered.extend(builtin.catalog.aggregated(false)["items"].as_array().unwrap().clone());
    for (own, real) in discovered.iter().zip(structure["groups"].as_array().unwrap()) {
        assert_eq!(own["metadata"], real["metadata"]);
        assert_eq!(own["versions"], real["versions"], "{}", real["metadata"]);
    }
    assert_eq!(discovered.len(), structure["groups"].as_array().unwrap().len());
}

#[test]
fn every_stored_resource_has_a_type_and_columns() {
    for resource in builtin().catalog.all() {
        if resource.verbs.iter().any(|verb| verb == "list") {
            let place = format!("{}/{} {}", resource.group, resource.version, resource.plural);
            let (schemas, id) = resource.schema.as_ref().unwrap_or_else(|| panic!("{place}"));
            assert!(schemas.go_ids.contains_key(id), "{place}");
            assert!(resource.columns.iter().any(|column| column["format"] == "name"), "{place}");
        }
    }
}

#[test]
fn storage_versions_are_known() {
    let catalog = &builtin().catalog;
    let scaler = catalog.get("autoscaling", "v1", "horizontalpodautoscalers").unwrap();
    assert_eq!((&*scaler.name, &*scaler.storage_version), ("horizontalpodautoscalers.autoscaling", "autoscaling/v2"));
    let events = catalog.get("events.k8s.io", "v1", "events").unwrap();
    assert_eq!((&*events.name, &*events.storage_version), ("events", "v1"));
}

#[test]
fn list_types_and_patch_strategies_are_kept_apart() {
    let schemas = &builtin().schemas;
    let pod = object(schemas, "io.k8s.api.core.v1.PodSpec");
    let containers = &pod.fields["containers"];
    assert!(containers.patch.merge && containers.patch.merge_key.as_deref() == Some("name"));
    match &schemas.node(containers.id).shape {
        Shape::List { merge, .. } => assert_eq!(*merge, ListMerge::Map(vec!["name".into()])),
        other => panic!("{other:?}"),
    }
    // Job conditions: merged by type in a patch, one value in server-side apply.
    let conditions = &object(schemas, "io.k8s.api.batch.v1.JobStatus").fields["conditions"];
    assert!(conditions.patch.merge);
    match &schemas.node(conditions.id).shape {
        Shape::List { merge, .. } => assert_eq!(*merge, ListMerge::Atomic),
        other => panic!("{other:?}"),
    }
    let port = object(schemas, "io.k8s.api.core.v1.ContainerPort");
    assert_eq!(port.fields["protocol"].default, Some("TCP".into()));
    assert_eq!(port.fields["containerPort"].default, Some(0.into()));
    assert_eq!(
        object(schemas, "io.k8s.api.core.v1.PodTemplateSpec").fields["metadata"].default,
        Some(serde_json::json!({}))
    );
}

#[test]
fn special_types_are_told() {
    let schemas = &builtin().schemas;
    let shape = |name: &str| schemas.node(schemas.named(name).unwrap()).shape.clone();
    assert_eq!(shape("io.k8s.apimachinery.pkg.api.resource.Quantity"), Shape::Quantity);
    assert_eq!(shape("io.k8s.apimachinery.pkg.util.intstr.IntOrString"), Shape::IntOrString);
    assert!(object(schemas, "io.k8s.apimachinery.pkg.runtime.RawExtension").open);
    assert!(object(schemas, "io.k8s.api.core.v1.NodeSelector").atomic);
    let claim = object(schemas, "io.k8s.api.core.v1.PersistentVolumeSpec").fields["claimRef"].id;
    match &schemas.node(claim).shape {
        Shape::Object(object) => assert!(!object.atomic && object.fields.contains_key("namespace")),
        other => panic!("{other:?}"),
    }
}

#[test]
fn decoding_is_fast() {
    let start = std::time::Instant::now();
    let read = read(&assets::structure());
    let took = start.elapsed();
    println!("{} types of resources in {took:?}", read.catalog.all().count());
    // A few milliseconds in release; there is much room for busy machines and debug builds.
    assert!(took.as_secs() < 2, "{took:?}");
}
