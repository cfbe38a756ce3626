use serde_json::json;

use crate::Json;
use crate::controllers::fields::{condition, is_true, items};
use crate::controllers::testing::{Test, deployment, pod};
use crate::fault::Scene;
use crate::topology::Topology;

/// A Deployment whose pods bear a lost node for 300 s, as admission has it.
fn patient(name: &str, replicas: i64) -> Json {
    let mut object = deployment(name, replicas, "x");
    let bear = |key: &str| json!({"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300});
    object["spec"]["template"]["spec"]["tolerations"] =
        json!([bear("node.kubernetes.io/not-ready"), bear("node.kubernetes.io/unreachable")]);
    object
}

#[test]
fn a_lost_node_is_noticed_and_its_pods_are_replaced_after_five_minutes() {
    let mut test = Test::new(2);
    test.create("deployments.apps", patient("web", 4));
    test.finish();
    test.inject("node/node-1");
    test.seconds(49);
    assert!(is_true(&test.get("nodes", "node-1")["status"], "Ready"));
    test.seconds(2);
    let node = test.get("nodes", "node-1");
    let ready = condition(&node["status"], "Ready").unwrap();
    assert_eq!((&ready["status"], &ready["reason"]), (&json!("Unknown"), &json!("NodeStatusUnknown")));
    assert_eq!(ready["message"], "Kubelet stopped posting node status.");
    let taints: Vec<&Json> = items(&node["spec"]["taints"]).iter().map(|taint| &taint["effect"]).collect();
    assert_eq!(taints, ["NoSchedule", "NoExecute"]);
    assert_eq!(test.ready(), 2);
    test.seconds(298);
    assert_eq!(test.list("pods").len(), 4);
    test.seconds(5);
    // The old ones stay: nobody is there to end them.
    assert_eq!((test.list("pods").len(), test.ready()), (6, 4));
    let ending: Vec<Json> =
        test.list("pods").into_iter().filter(|p| p["metadata"]["deletionTimestamp"].is_string()).collect();
    assert_eq!(ending.len(), 2);
    let why = condition(&ending[0]["status"], "DisruptionTarget").unwrap();
    assert_eq!(why["message"], "Taint manager: deleting due to NoExecute taint");
    test.mend("node/node-1");
    test.seconds(5);
    assert_eq!((test.list("pods").len(), test.ready()), (4, 4));
    assert!(test.get("nodes", "node-1")["spec"]["taints"].is_null());
}

#[test]
fn a_short_loss_moves_nothing() {
    let mut test = Test::new(2);
    test.create("deployments.apps", patient("web", 4));
    test.finish();
    let before: Vec<Json> = test.list("pods").iter().map(|p| p["metadata"]["uid"].clone()).collect();
    test.inject("node/node-1");
    test.seconds(200);
    test.mend("node/node-1");
    test.seconds(400);
    let after: Vec<Json> = test.list("pods").iter().map(|p| p["metadata"]["uid"].clone()).collect();
    assert_eq!((after, test.ready()), (before, 4));
}

#[test]
fn pods_of_a_node_that_is_gone_are_collected() {
    let mut test = Test::new(2);
    test.create("deployments.apps", patient("web", 2));
    test.finish();
    test.delete("nodes", "node-1");
    assert_eq!(test.list("pods").len(), 2);
    test.seconds(45);
    assert_eq!((test.list("pods").len(), test.ready()), (2, 2));
    assert!(test.list("pods").iter().all(|pod| pod["spec"]["nodeName"] == "node-2"));
}

#[test]
fn the_out_of_service_taint_ends_what_is_terminating() {
    let mut test = Test::new(2);
    test.create("deployments.apps", patient("web", 2));
    test.finish();
    test.inject("node/node-1");
    test.seconds(400);
    assert_eq!(test.list("pods").len(), 3);
    let mut taints = items(&test.get("nodes", "node-1")["spec"]["taints"]).to_vec();
    taints.push(json!({"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}));
    test.set("nodes", "node-1", &["spec", "taints"], taints);
    assert_eq!(test.list("pods").len(), 2);
}

#[test]
fn a_cordoned_node_gets_the_taint_and_no_pods() {
    let mut test = Test::new(2);
    test.set("nodes", "node-1", &["spec", "unschedulable"], true);
    assert_eq!(test.get("nodes", "node-1")["spec"]["taints"][0]["key"], "node.kubernetes.io/unschedulable");
    test.create("deployments.apps", deployment("web", 3, "x"));
    test.finish();
    assert!(test.list("pods").iter().all(|pod| pod["spec"]["nodeName"] == "node-2"));
    test.set("nodes", "node-1", &["spec", "unschedulable"], false);
    assert!(test.get("nodes", "node-1")["spec"]["taints"].is_null());
}

#[test]
fn a_node_made_by_hand_joins() {
    let mut test = Test::new(0);
    test.create("nodes", json!({"metadata": {"name": "late", "labels": {"kubernetes.io/hostname": "late"}}}));
    let node = test.get("nodes", "late");
    assert_eq!(node["spec"]["podCIDR"], "10.244.0.0/24");
    assert_eq!(node["status"]["capacity"]["cpu"], "8");
    test.create("pods", pod("web", "x"));
    test.finish();
    assert_eq!(test.ready(), 1);
}

#[test]
fn namespaces_have_what_pods_need_and_are_emptied_when_they_go() {
    let mut test = Test::of(Topology::of(1), Scene::default());
    test.create("namespaces", json!({"metadata": {"name": "team"}}));
    let accounts = test.list("serviceaccounts");
    assert!(accounts.iter().any(|a| a["metadata"]["namespace"] == "team" && a["metadata"]["name"] == "default"));
    let mut web = deployment("web", 2, "x");
    web["metadata"]["namespace"] = json!("team");
    test.create("deployments.apps", web);
    let held = json!({"metadata": {"name": "held", "namespace": "team", "finalizers": ["example.com/hold"]}});
    test.create("configmaps", held);
    test.finish();
    test.delete("namespaces", "team");
    test.finish();
    let team = test.get("namespaces", "team");
    assert_eq!(team["status"]["phase"], "Terminating");
    let said = |kind: &str| condition(&team["status"], kind).unwrap()["message"].clone();
    assert_eq!(said("NamespaceContentRemaining"), "Some resources are remaining: configmaps. has 1 resource instances");
    let message = "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances";
    assert_eq!(said("NamespaceFinalizersRemaining"), message);
    assert!(test.list("pods").is_empty());
    let mut held = Json::clone(&crate::world::Objects::get(&test.world, "configmaps", "team", "held").unwrap());
    held["metadata"]["finalizers"] = json!([]);
    crate::world::Objects::update(&mut test.world, &crate::controllers::writer("test"), "configmaps", held).unwrap();
    test.settle();
    assert!(test.find("namespaces", "team").is_none());
    assert!(test.list("events").iter().all(|event| event["metadata"]["namespace"] != "team"));
}
