use serde_json::json;

use crate::Json;
use crate::controllers::fields::{condition, text};
use crate::controllers::testing::{Test, deployment, pod};
use crate::fault::Scene;
use crate::topology::{NodeSpec, Topology};

const LAST: &str = "no new claims to deallocate, preemption: 0/3 nodes are available: ";

fn why(test: &Test, name: &str) -> String {
    let object = test.get("pods", name);
    let scheduled = condition(&object["status"], "PodScheduled").unwrap();
    assert_eq!((text(&scheduled["status"]), text(&scheduled["reason"])), ("False", "Unschedulable"));
    let message = text(&scheduled["message"]).to_owned();
    assert!(test.has_event(name, "FailedScheduling", &message));
    message
}

fn asking(name: &str, requests: Json) -> Json {
    let mut object = pod(name, "x");
    object["spec"]["containers"][0]["resources"] = json!({"requests": requests});
    object
}

fn node_of(test: &Test, name: &str) -> String {
    text(&test.get("pods", name)["spec"]["nodeName"]).to_owned()
}

#[test]
fn too_large_a_pod_waits_for_a_larger_node() {
    let mut test = Test::new(3);
    test.create("pods", asking("big", json!({"cpu": "9", "memory": "33Gi"})));
    let expected = format!(
        "0/3 nodes are available: 3 Insufficient cpu, 3 Insufficient memory. {LAST}3 Preemption is not helpful for scheduling."
    );
    assert_eq!(why(&test, "big"), expected);
    let mut large = NodeSpec::new("large");
    large.capacity.extend([("cpu".to_owned(), "16".to_owned()), ("memory".to_owned(), "64Gi".to_owned())]);
    for node in (Topology { nodes: vec![large] }).objects(crate::world::Objects::wall(&test.world)) {
        test.world.join(node).unwrap();
    }
    test.finish();
    assert_eq!(node_of(&test, "big"), "large");
}

#[test]
fn a_full_node_could_be_helped_by_preemption_but_has_no_victims() {
    let mut test = Test::new(3);
    for name in ["a", "b", "c"] {
        test.create("pods", asking(name, json!({"cpu": "5"})));
    }
    test.create("pods", asking("d", json!({"cpu": "5"})));
    let expected =
        format!("0/3 nodes are available: 3 Insufficient cpu. {LAST}3 No preemption victims found for incoming pod.");
    assert_eq!(why(&test, "d"), expected);
    let free = node_of(&test, "b");
    test.delete("pods", "b");
    test.finish();
    assert_eq!(node_of(&test, "d"), free);
}

#[test]
fn taints_and_labels_are_told_apart() {
    let mut topology = Topology::of(3);
    topology.nodes[0].control_plane = true;
    topology.nodes[1].labels.insert("disk".into(), "ssd".into());
    let mut test = Test::of(topology, Scene::default());
    test.create("pods", {
        let mut object = pod("web", "x");
        object["spec"]["nodeSelector"] = json!({"disk": "nvme"});
        object
    });
    let expected = format!(
        "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match Pod's node affinity/selector. {LAST}3 Preemption is not helpful for scheduling."
    );
    assert_eq!(why(&test, "web"), expected);
    test.set("nodes", "node-3", &["metadata", "labels", "disk"], "nvme");
    assert_eq!(node_of(&test, "web"), "node-3");
}

fn away(name: &str, app: &str) -> Json {
    let mut object = pod(name, "x");
    object["metadata"]["labels"] = json!({"app": app});
    object["spec"]["affinity"] = json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
        {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"}]}});
    object
}

#[test]
fn hard_anti_affinity_keeps_the_fourth_of_three_nodes_waiting() {
    let mut test = Test::new(3);
    for name in ["a", "b", "c", "d"] {
        test.create("pods", away(name, "db"));
    }
    let expected = format!(
        "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules. {LAST}3 No preemption victims found for incoming pod."
    );
    assert_eq!(why(&test, "d"), expected);
    // It holds in the other direction, too.
    let mut plain = pod("plain", "x");
    plain["metadata"]["labels"] = json!({"app": "db"});
    test.create("pods", plain);
    let expected = format!(
        "0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules. {LAST}3 No preemption victims found for incoming pod."
    );
    assert_eq!(why(&test, "plain"), expected);
}

#[test]
fn affinity_goes_where_the_others_are_and_the_first_may_go_anywhere() {
    let mut test = Test::new(3);
    let near = |name: &str, app: &str, own: &str| {
        let mut object = pod(name, "x");
        object["metadata"]["labels"] = json!({"app": own});
        object["spec"]["affinity"] = json!({"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": app}}, "topologyKey": "kubernetes.io/hostname"}]}});
        object
    };
    test.create("pods", near("lonely", "cache", "web"));
    let expected = format!(
        "0/3 nodes are available: 3 node(s) didn't match pod affinity rules. {LAST}3 Preemption is not helpful for scheduling."
    );
    assert_eq!(why(&test, "lonely"), expected);
    test.create("pods", near("first", "cache", "cache"));
    test.create("pods", near("second", "cache", "cache"));
    assert_eq!(node_of(&test, "first"), node_of(&test, "second"));
    assert_eq!(node_of(&test, "lonely"), node_of(&test, "first"));
}

#[test]
fn hard_spreading_waits_and_soft_spreading_only_prefers() {
    let mut test = Test::new(3);
    let spread = |name: &str, how: &str| {
        let mut object = pod(name, "x");
        object["metadata"]["labels"] = json!({"app": how});
        object["spec"]["topologySpreadConstraints"] = json!([{"maxSkew": 1, "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": how, "labelSelector": {"matchLabels": {"app": how}}}]);
        object
    };
    test.set("nodes", "node-3", &["spec", "unschedulable"], true);
    for name in ["a", "b", "c"] {
        test.create("pods", spread(name, "DoNotSchedule"));
    }
    let expected = format!(
        "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match pod topology spread constraints. {LAST}1 Preemption is not helpful for scheduling, 2 No preemption victims found for incoming pod."
    );
    assert_eq!(why(&test, "c"), expected);
    for name in ["d", "e", "f"] {
        test.create("pods", spread(name, "ScheduleAnyway"));
    }
    assert_ne!(node_of(&test, "d"), node_of(&test, "e"));
    assert!(!node_of(&test, "f").is_empty());
}

#[test]
fn ports_of_the_node_are_taken_once() {
    let mut test = Test::new(1);
    let with_port = |name: &str| {
        let mut object = pod(name, "x");
        object["spec"]["containers"][0]["ports"] = json!([{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]);
        object
    };
    test.create("pods", with_port("a"));
    test.create("pods", with_port("b"));
    assert!(
        why(&test, "b")
            .starts_with("0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports. ")
    );
}

#[test]
fn without_nodes_there_is_nothing_to_say_about_them() {
    let mut test = Test::new(0);
    test.create("pods", pod("web", "x"));
    assert_eq!(why(&test, "web"), "no nodes available to schedule pods");
}

#[test]
fn a_gated_pod_waits_for_its_gates() {
    let mut test = Test::new(1);
    let mut object = pod("web", "x");
    object["spec"]["schedulingGates"] = json!([{"name": "example.com/later"}]);
    test.create("pods", object);
    let scheduled = condition(&test.get("pods", "web")["status"], "PodScheduled").unwrap().clone();
    assert_eq!(scheduled["reason"], "SchedulingGated");
    assert_eq!(scheduled["message"], "Scheduling is blocked due to non-empty scheduling gates");
    test.set("pods", "web", &["spec", "schedulingGates"], json!([]));
    test.finish();
    assert_eq!(test.ready(), 1);
}

#[test]
fn preferences_count_but_do_not_bind() {
    let mut topology = Topology::of(3);
    topology.nodes[2].site = Some("north".into());
    let mut test = Test::of(topology, Scene::default());
    for number in 0..5 {
        let mut object = asking(&format!("p{number}"), json!({"cpu": "3"}));
        object["spec"]["affinity"] = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 50, "preference": {"matchExpressions": [
                {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["north"]}]}}]}});
        test.create("pods", object);
    }
    let there: Vec<String> = (0..5).map(|number| node_of(&test, &format!("p{number}"))).collect();
    assert_eq!(there.iter().filter(|node| *node == "node-3").count(), 2, "{there:?}");
    assert!(there.iter().all(|node| !node.is_empty()));
}

#[test]
fn replicas_are_spread_evenly() {
    let mut test = Test::new(5);
    test.create("deployments.apps", deployment("web", 15, "x"));
    test.finish();
    let mut counts = std::collections::BTreeMap::new();
    for pod in test.list("pods") {
        *counts.entry(text(&pod["spec"]["nodeName"]).to_owned()).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<i32>>(), [3; 5]);
}
