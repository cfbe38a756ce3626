//! The stock playbooks as data: every file of values fits its schema, and the blueprint agrees with the example solution.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_playbooks::{names, tree};
use windlass_runtime::Error;
use windlass_runtime::customer::Customer;
use windlass_runtime::playbook::{Layers, Playbook, choose};
use windlass_runtime::values::{Schema, Values};
use windlass_runtime::yaml;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples")
}

fn text(path: &str) -> &'static str {
    std::str::from_utf8(tree().get(path).unwrap_or_else(|| panic!("{path} is built in"))).unwrap()
}

fn blueprint() -> Json {
    yaml::read_one(text("blueprint/components.yaml"), "components.yaml").unwrap()
}

fn internal() -> Vec<Json> {
    blueprint()["layouts"]["single"]["internal"].as_array().unwrap().clone()
}

/// The objects of a folder of the example solution.
fn objects(folder: &str) -> Vec<Json> {
    let folder = examples().join("solution/cim").join(folder);
    let files = std::fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path());
    let objects: Vec<Json> = files.flat_map(|f| yaml::read_file(&f).unwrap()).map(|d| d.value).collect();
    assert!(!objects.is_empty(), "{}", folder.display());
    objects
}

fn names_of(objects: &[Json]) -> BTreeSet<&str> {
    objects.iter().map(|o| o["metadata"]["name"].as_str().unwrap()).collect()
}

#[test]
fn every_file_of_a_playbook_is_built_in() {
    let names = names();
    assert!(names.contains(&"single-node"), "{names:?}");
    for name in names {
        for file in ["playbook.rhai", "values.yaml", "values.schema.json", "README.md"] {
            let path = format!("{name}/{file}");
            let on_disk = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).unwrap();
            assert_eq!(tree().get(&path), Some(&*on_disk), "{path}");
        }
    }
}

#[test]
fn what_the_steps_share_is_built_in() {
    assert!(text("steps/preflight.rhai").contains("import \"facts\""));
    assert!(text("steps/lib/facts.rhai").contains("fn components()"));
}

#[test]
fn the_blueprint_fits_its_schema() {
    let schema = serde_json::from_str(text("blueprint/components.schema.json")).unwrap();
    let schema = Schema::load(schema, "components.schema.json", |path| Err(Error::usage(path))).unwrap();
    let values = Values::builder().layer("components.yaml", blueprint()).build().unwrap();
    schema.validate(&values).unwrap();
    let broken = Values::builder().layer("a", serde_json::json!({"layouts": {"single": {"internal": [{}]}}})).build();
    schema.validate(&broken.unwrap()).unwrap_err();
}

#[test]
fn the_defaults_fit_their_schema_but_for_what_the_customer_gives() {
    for name in names() {
        let playbook = Playbook::stock(tree(), name).unwrap();
        let schema = Arc::new(playbook.schema(Some(tree())).unwrap().expect("a schema"));
        let values = playbook.values(Some(schema.clone()), &Layers::default()).unwrap();
        for problem in schema.validate(&values).err().unwrap_or_default() {
            assert!(problem.message().contains(" is missing"), "{name}: {problem:?}");
        }
    }
}

#[test]
fn every_example_of_a_customer_folder_fits_its_playbook() {
    let mut found = 0;
    for entry in std::fs::read_dir(examples()).unwrap() {
        let folder = entry.unwrap().path();
        if !Customer::is_at(&folder) {
            continue;
        }
        found += 1;
        let chosen = choose(Some(folder.to_str().unwrap()), None, Path::new("/"), Some(tree())).unwrap();
        let schema = Arc::new(chosen.playbook.schema(Some(tree())).unwrap().expect("a schema"));
        let layers = Layers { customer: chosen.customer.as_ref(), ..Layers::default() };
        let values = chosen.playbook.values(Some(schema.clone()), &layers).unwrap();
        schema.validate(&values).unwrap_or_else(|e| panic!("{}: {e:?}", folder.display()));
        let solution = values.get("solution").and_then(Json::as_str).unwrap();
        assert!(
            Path::new(solution).is_dir(),
            "{solution}: a relative path starts at the folder of the file that says it"
        );
    }
    assert!(found > 0);
}

#[test]
fn the_blueprint_and_the_example_solution_agree() {
    let (deployments, services, config_maps) = (objects("Deployments"), objects("Services"), objects("ConfigMaps"));
    let known = names_of(&config_maps);
    let components = internal();
    assert_eq!(components.len(), 21);
    assert_eq!(deployments.len(), 21);
    for component in &components {
        let name = component["name"].as_str().unwrap();
        let workload = component["workload"].as_str().unwrap();
        let begins = component["seen"]["workload"].as_str().unwrap_or(workload);
        let fits = |d: &&Json| {
            let candidate = d["metadata"]["name"].as_str().unwrap();
            candidate == workload || workload == "unknown" && candidate.starts_with(begins) && candidate.contains(name)
        };
        let found: Vec<&Json> = deployments.iter().filter(fits).collect();
        assert_eq!(found.len(), 1, "{name}");
        let container = &found[0]["spec"]["template"]["spec"]["containers"][0];
        let ports: Vec<&Json> =
            container["ports"].as_array().into_iter().flatten().map(|p| &p["containerPort"]).collect();
        if let Some(wanted) = component["container_ports"].as_array() {
            assert_eq!(ports, wanted.iter().collect::<Vec<_>>(), "{name}");
        }
        if let Some(service) = component["service"]["name"].as_str().filter(|s| *s != "unknown") {
            assert!(names_of(&services).contains(service), "{name}: {service}");
        }
        for map in component["config_maps"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            assert!(map == "unknown" || known.contains(map), "{name}: {map}");
        }
    }
}

#[test]
fn each_ingress_path_of_the_blueprint_is_served_by_both_controllers() {
    for controller in ["nginx", "traefik"] {
        let ingresses = serde_json::to_string(&objects(&format!("Ingresses/{controller}"))).unwrap();
        for component in internal() {
            let Some(path) = component["ingress"].as_str().filter(|p| *p != "unknown") else { continue };
            assert!(ingresses.contains(&format!("\"{path}")), "{controller}: {path}");
        }
    }
}

#[test]
fn the_schema_names_exactly_the_components_of_the_blueprint() {
    let schema: Json = serde_json::from_str(text("schema/common.schema.json")).unwrap();
    let in_schema: BTreeSet<&str> =
        schema["$defs"]["components"]["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    let components = internal();
    let in_blueprint: BTreeSet<&str> = components.iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(in_schema, in_blueprint);
}
