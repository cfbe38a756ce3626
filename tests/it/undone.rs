//! The stock playbook `single-node` over a cluster that had some of the objects already, and taken back.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use windlass_support::{Bed, on};

use crate::mortal::Customer;
use crate::support::said;

const KINDS: [&str; 15] = [
    "namespaces",
    "storageclasses",
    "clusterroles",
    "clusterrolebindings",
    "configmaps",
    "secrets",
    "services",
    "serviceaccounts",
    "deployments",
    "statefulsets",
    "daemonsets",
    "ingresses",
    "persistentvolumeclaims",
    "cronjobs",
    "leases",
];

/// Every object as an undo has to bring it back: without what is counted, its status, and what controllers note.
fn objects(bed: &Bed) -> BTreeMap<String, Json> {
    let mut objects = BTreeMap::new();
    for mut object in KINDS.iter().flat_map(|kind| bed.list_everywhere(kind)) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
        let name = format!("{}/{} in {}", text("/kind"), text("/metadata/name"), text("/metadata/namespace"));
        // What the cluster's own parts renew, and the lock, which is given back but stays.
        if text("/kind") == "Lease" && text("/metadata/namespace") != "expertflow" {
            continue;
        }
        object.as_object_mut().unwrap().shift_remove("status");
        let metadata = object["metadata"].as_object_mut().unwrap();
        for counted in ["resourceVersion", "generation"] {
            metadata.shift_remove(counted);
        }
        if let Some(Json::Object(annotations)) = metadata.get_mut("annotations") {
            annotations.shift_remove("deployment.kubernetes.io/revision");
        }
        let mut owners = metadata.get("managedFields").and_then(Json::as_array).cloned().unwrap_or_default();
        owners.retain(|owner| owner["subresource"] != "status");
        owners.sort_by_key(ToString::to_string);
        metadata.insert("managedFields".to_owned(), owners.into());
        objects.insert(name, object);
    }
    objects
}

/// Somebody has put a part of the solution there by hand, each folder in another way.
fn by_hand(bed: &Bed, solution: &std::path::Path) {
    bed.create("", json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "expertflow", "labels": { "by": "hand" } } }));
    for (folder, server_side) in [("ConfigMaps", false), ("Services", true), ("Deployments", false)] {
        let folder = solution.join("cim").join(folder);
        match bed.testbed() {
            Some(testbed) => {
                let mut arguments = vec!["apply", "-n", "expertflow", "-f", folder.to_str().unwrap()];
                arguments.extend(server_side.then_some("--server-side"));
                testbed.kubectl_ok(&arguments, "").unwrap();
            }
            None => {
                for file in std::fs::read_dir(&folder).unwrap() {
                    let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
                    for document in windlass_runtime::yaml::read(&text, "a manifest").unwrap() {
                        let mut object = document.value;
                        object["metadata"]["namespace"] = "expertflow".into();
                        bed.apply_as("kubectl", "expertflow", object);
                    }
                }
            }
        }
    }
}

#[on(shadow, live)]
fn single_node_over_what_was_made_by_hand_is_taken_back_to_exactly_that(bed: Bed) {
    let bed = bed.alone();
    let Some(customer) = Customer::new(&bed.kubeconfig()) else { return };
    by_hand(&bed, &customer.acme.join("../solution"));
    let written = std::fs::read_to_string(customer.acme.join("customer.yaml")).unwrap();
    std::fs::write(customer.acme.join("customer.yaml"), format!("{written}conflicts: take\n")).unwrap();
    let before = objects(&bed);
    let acme = customer.acme.to_str().unwrap();
    // What was made by hand keeps some of its placeholders, which the last steps rightly find.
    let run = customer.user.command(&["run", acme, "--skip", "verify"]).output().unwrap();
    assert!(run.status.success(), "{}", said(&run));
    let between = objects(&bed);
    assert!(before.keys().any(|name| before[name] != between[name]), "the run has changed what was there");

    let planned = customer.user.command(&["undo", "--customer", acme, "--dry-run"]).output().unwrap();
    assert!(planned.status.success(), "{}", said(&planned));
    assert_eq!(objects(&bed), between, "a plan changes nothing");
    let plan = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert!(plan.contains("PersistentVolumeClaim/data-"), "{plan}");

    let undo = customer.user.command(&["undo", "--customer", acme, "--yes-to", "undo"]).output().unwrap();
    assert!(undo.status.success(), "{}", said(&undo));
    let mut after = objects(&bed);
    // The data stays, and with it the namespace that holds it, as the plan has said.
    let stays = |name: &str| {
        name.starts_with("PersistentVolumeClaim/")
            || name.ends_with(" in ef-external")
            || name == "Namespace/ef-external in "
    };
    after.retain(|name, _| before.contains_key(name) || !stays(name));
    for (name, object) in &before {
        assert_eq!(after.get(name), Some(object), "{name}");
    }
    let more: Vec<&String> = after.keys().filter(|name| !before.contains_key(*name)).collect();
    assert!(more.is_empty(), "{more:?}");
}
