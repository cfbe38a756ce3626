use super::*;

fn named<'a>(list: &'a Json, key: &str, name: &str) -> &'a Json {
    list.as_array().unwrap().iter().find(|item| item[key] == name).unwrap()
}

#[test]
fn plain_discovery_tells_kinds_subresources_and_hashes() {
    let apps = Catalog::builtin().resource_list("apps", "v1").unwrap();
    assert_eq!(apps["apiVersion"], "v1");
    let deployments = named(&apps["resources"], "name", "deployments");
    assert_eq!(deployments["storageVersionHash"], "8aSe+NMegvE=");
    assert_eq!(deployments["shortNames"], json!(["deploy"]));
    let scale = named(&apps["resources"], "name", "deployments/scale");
    assert_eq!(
        (&scale["group"], &scale["version"], &scale["kind"]),
        (&"autoscaling".into(), &"v1".into(), &"Scale".into())
    );
    assert_eq!(Catalog::builtin().resource_list("apps", "v2"), None);
}

#[test]
fn groups_and_versions_have_kubernetes_order() {
    let catalog = Catalog::builtin();
    let groups = catalog.group_list();
    let names: Vec<&str> = groups["groups"].as_array().unwrap().iter().map(|g| g["name"].as_str().unwrap()).collect();
    assert_eq!(names[..3], ["apiregistration.k8s.io", "apps", "events.k8s.io"]);
    let autoscaling = catalog.group("autoscaling").unwrap();
    assert_eq!(autoscaling["preferredVersion"]["version"], "v2");
    assert_eq!(autoscaling["versions"][1]["groupVersion"], "autoscaling/v1");
    assert_eq!(catalog.group("none"), None);
    assert_eq!(catalog.group(""), None);
}

#[test]
fn versions_are_ordered_by_stability_then_number() {
    let mut versions = ["foo10", "v1alpha1", "v2", "v10", "v3beta1", "v11alpha2", "foo1", "v1", "v11beta2", "v3beta10"];
    versions.sort_by_key(|version| std::cmp::Reverse(version_rank(version)));
    assert_eq!(
        versions,
        ["v10", "v2", "v1", "v11beta2", "v3beta10", "v3beta1", "v11alpha2", "v1alpha1", "foo1", "foo10"]
    );
}

#[test]
fn a_custom_resource_comes_last_and_names_its_own_version() {
    let mut catalog = Catalog::builtin();
    let like = ResourceType::clone(catalog.get("", "v1", "configmaps").unwrap());
    catalog.insert(ResourceType {
        name: "widgets.example.com".into(),
        group: "example.com".into(),
        kind: "Widget".into(),
        plural: "widgets".into(),
        definition: Some(Arc::default()),
        ..like
    });
    let groups = catalog.aggregated(false);
    let last = groups["items"].as_array().unwrap().last().unwrap();
    assert_eq!(last["metadata"]["name"], "example.com");
    let kind = &last["versions"][0]["resources"][0]["responseKind"];
    assert_eq!(kind, &json!({"group": "example.com", "version": "v1", "kind": "Widget"}));
}
