use std::time::Duration;

use serde_json::json;

use crate::Json;
use crate::controllers::fields::{condition, items, text};
use crate::controllers::testing::{Test, deployment, stateful_set, template};
use crate::world::Propagation;

fn sizes(test: &Test) -> Vec<(i64, i64)> {
    let mut sets: Vec<Json> = test.list("replicasets.apps");
    sets.sort_by_key(|set| set["metadata"]["annotations"]["deployment.kubernetes.io/revision"].to_string());
    sets.iter()
        .map(|set| (set["spec"]["replicas"].as_i64().unwrap(), set["status"]["readyReplicas"].as_i64().unwrap_or(0)))
        .collect()
}

#[test]
fn a_deployment_comes_up() {
    let mut test = Test::new(3);
    test.create("deployments.apps", deployment("web", 3, "nginx"));
    assert_eq!(test.ready(), 0);
    let took = test.finish();
    assert!(took < Duration::from_secs(3), "{took:?}");
    let web = test.get("deployments.apps", "web");
    let status = &web["status"];
    for (field, value) in [
        ("replicas", 3),
        ("updatedReplicas", 3),
        ("readyReplicas", 3),
        ("availableReplicas", 3),
        ("terminatingReplicas", 0),
    ] {
        assert_eq!(status[field], value, "{field}: {status}");
    }
    assert_eq!(status["observedGeneration"], web["metadata"]["generation"]);
    assert_eq!(web["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "1");
    let set = &test.list("replicasets.apps")[0];
    let name = text(&set["metadata"]["name"]);
    let available = condition(status, "Available").unwrap();
    assert_eq!((&available["status"], &available["reason"]), (&json!("True"), &json!("MinimumReplicasAvailable")));
    let progressing = condition(status, "Progressing").unwrap();
    assert_eq!(progressing["reason"], "NewReplicaSetAvailable");
    assert_eq!(progressing["message"], format!("ReplicaSet \"{name}\" has successfully progressed."));
    assert!(test.has_event("web", "ScalingReplicaSet", &format!("Scaled up replica set {name} from 0 to 3")));
    // One on each node.
    let nodes: std::collections::BTreeSet<String> =
        test.list("pods").iter().map(|p| p["spec"]["nodeName"].to_string()).collect();
    assert_eq!(nodes.len(), 3);
}

#[test]
fn a_rolling_update_keeps_within_surge_and_unavailability() {
    let mut test = Test::new(3);
    test.create("deployments.apps", deployment("web", 4, "nginx:1"));
    test.finish();
    test.set(
        "deployments.apps",
        "web",
        &["spec", "template", "spec", "containers"],
        json!([{"name": "main", "image": "nginx:2"}]),
    );
    for _ in 0..200 {
        assert!(sizes(&test).iter().map(|(size, _)| size).sum::<i64>() <= 5, "{:?}", sizes(&test));
        assert!(test.ready() >= 3, "{:?}", test.pods());
        test.pass(Duration::from_millis(100));
    }
    assert_eq!(sizes(&test), [(0, 0), (4, 4)]);
    assert_eq!(
        test.get("deployments.apps", "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "2"
    );
    assert_eq!(test.list("pods").len(), 4);
}

#[test]
fn going_back_takes_the_old_set_up_again_under_a_new_revision() {
    let mut test = Test::new(3);
    test.create("deployments.apps", deployment("web", 2, "a"));
    test.finish();
    let first = test.get("deployments.apps", "web")["spec"]["template"].clone();
    test.set(
        "deployments.apps",
        "web",
        &["spec", "template", "spec", "containers"],
        json!([{"name": "main", "image": "b"}]),
    );
    test.finish();
    test.set("deployments.apps", "web", &["spec", "template"], first);
    test.finish();
    assert_eq!(test.list("replicasets.apps").len(), 2);
    let web = test.get("deployments.apps", "web");
    assert_eq!(web["metadata"]["annotations"]["deployment.kubernetes.io/revision"], "3");
    let sets = test.list("replicasets.apps");
    let back = sets.iter().find(|set| set["spec"]["replicas"] == 2).unwrap();
    assert_eq!(back["metadata"]["annotations"]["deployment.kubernetes.io/revision-history"], "1");
}

#[test]
fn an_image_that_is_not_there_stops_the_rollout_and_the_deadline_says_so() {
    let mut test = Test::new(3);
    test.create("deployments.apps", deployment("web", 4, "good"));
    test.finish();
    test.inject("image/bad");
    test.set(
        "deployments.apps",
        "web",
        &["spec", "template", "spec", "containers"],
        json!([{"name": "main", "image": "bad"}]),
    );
    test.seconds(700);
    let web = test.get("deployments.apps", "web");
    let progressing = condition(&web["status"], "Progressing").unwrap();
    assert_eq!(progressing["status"], "False");
    assert_eq!(progressing["reason"], "ProgressDeadlineExceeded");
    assert!(text(&progressing["message"]).ends_with("\" has timed out progressing."));
    assert_eq!(test.ready(), 3);
    assert_eq!(condition(&web["status"], "Available").unwrap()["status"], "True");
    test.mend("image/bad");
    test.seconds(700);
    assert_eq!(test.ready(), 4);
    assert_eq!(
        condition(&test.get("deployments.apps", "web")["status"], "Progressing").unwrap()["reason"],
        "NewReplicaSetAvailable"
    );
}

#[test]
fn recreate_waits_for_the_last_old_pod() {
    let mut test = Test::new(2);
    let mut web = deployment("web", 2, "a");
    web["spec"]["strategy"] = json!({"type": "Recreate"});
    test.create("deployments.apps", web);
    test.finish();
    test.set(
        "deployments.apps",
        "web",
        &["spec", "template", "spec", "containers"],
        json!([{"name": "main", "image": "b"}]),
    );
    for _ in 0..60 {
        let images: std::collections::BTreeSet<String> =
            test.list("pods").iter().map(|p| p["spec"]["containers"][0]["image"].to_string()).collect();
        assert!(images.len() <= 1, "{images:?}");
        test.pass(Duration::from_millis(100));
    }
    assert_eq!(test.ready(), 2);
    assert_eq!(test.list("pods")[0]["spec"]["containers"][0]["image"], "b");
}

#[test]
fn a_paused_deployment_scales_but_does_not_roll() {
    let mut test = Test::new(2);
    test.create("deployments.apps", deployment("web", 2, "a"));
    test.finish();
    test.set("deployments.apps", "web", &["spec", "paused"], true);
    test.set(
        "deployments.apps",
        "web",
        &["spec", "template", "spec", "containers"],
        json!([{"name": "main", "image": "b"}]),
    );
    test.set("deployments.apps", "web", &["spec", "replicas"], 3);
    test.finish();
    assert_eq!(sizes(&test), [(3, 3)]);
    let web = test.get("deployments.apps", "web");
    let progressing = condition(&web["status"], "Progressing").unwrap();
    assert_eq!(
        (text(&progressing["reason"]), text(&progressing["message"])),
        ("DeploymentPaused", "Deployment is paused")
    );
    test.set("deployments.apps", "web", &["spec", "paused"], false);
    test.finish();
    assert_eq!(sizes(&test), [(0, 0), (3, 3)]);
}

#[test]
fn old_replica_sets_beyond_the_limit_are_deleted() {
    let mut test = Test::new(1);
    let mut web = deployment("web", 1, "v0");
    web["spec"]["revisionHistoryLimit"] = json!(2);
    test.create("deployments.apps", web);
    test.finish();
    for version in 1..6 {
        let containers = json!([{"name": "main", "image": format!("v{version}")}]);
        test.set("deployments.apps", "web", &["spec", "template", "spec", "containers"], containers);
        test.finish();
    }
    assert_eq!(test.list("replicasets.apps").len(), 3);
}

#[test]
fn deleting_a_deployment_takes_its_sets_and_pods_along_unless_they_are_orphaned() {
    let mut test = Test::new(1);
    test.create("deployments.apps", deployment("a", 2, "x"));
    test.create("deployments.apps", deployment("b", 2, "x"));
    test.create("deployments.apps", deployment("c", 2, "x"));
    test.finish();
    test.delete("deployments.apps", "a");
    test.delete_with("deployments.apps", "b", Some(Propagation::Orphan));
    test.delete_with("deployments.apps", "c", Some(Propagation::Foreground));
    // The owner waits for its dependents.
    assert!(test.find("deployments.apps", "c").is_some());
    test.finish();
    assert!(test.find("deployments.apps", "c").is_none());
    let sets = test.list("replicasets.apps");
    assert_eq!(sets.len(), 1);
    assert_eq!(sets[0]["metadata"]["labels"]["app"], "b");
    assert!(items(&sets[0]["metadata"]["ownerReferences"]).is_empty());
    assert_eq!(test.list("pods").len(), 2);
    // A Deployment of the same selector adopts what was left.
    test.create("deployments.apps", deployment("b", 2, "x"));
    test.finish();
    assert_eq!(test.list("replicasets.apps").len(), 1);
    assert_eq!(items(&test.list("replicasets.apps")[0]["metadata"]["ownerReferences"]).len(), 1);
}

#[test]
fn what_names_an_owner_that_never_was_is_collected() {
    let mut test = Test::new(1);
    let owner =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "00000000-0000-4000-8000-000000000000"});
    test.create("configmaps", json!({"metadata": {"name": "orphan", "ownerReferences": [owner]}}));
    assert!(test.find("configmaps", "orphan").is_none());
}

#[test]
fn stateful_pods_come_one_after_the_other_and_go_in_reverse() {
    let mut test = Test::new(3);
    test.create("statefulsets.apps", stateful_set("db", 3, "pg"));
    let names = |test: &Test| test.pods().into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
    assert_eq!(names(&test), ["db-0"]);
    test.pass(Duration::from_millis(1100));
    assert_eq!(names(&test), ["db-0", "db-1"]);
    test.finish();
    assert_eq!(test.ready(), 3);
    let set = test.get("statefulsets.apps", "db");
    for field in ["replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"] {
        assert_eq!(set["status"][field], 3, "{field}");
    }
    assert_eq!(set["status"]["currentRevision"], set["status"]["updateRevision"]);
    let pod = test.get("pods", "db-1");
    assert_eq!(pod["metadata"]["labels"]["statefulset.kubernetes.io/pod-name"], "db-1");
    assert_eq!((&pod["spec"]["hostname"], &pod["spec"]["subdomain"]), (&json!("db-1"), &json!("db")));
    test.set("statefulsets.apps", "db", &["spec", "replicas"], 1);
    assert!(test.get("pods", "db-2")["metadata"]["deletionTimestamp"].is_string());
    assert!(test.get("pods", "db-1")["metadata"]["deletionTimestamp"].is_null());
    test.finish();
    assert_eq!(names(&test), ["db-0"]);
}

#[test]
fn a_stateful_update_goes_from_the_highest_down_to_the_partition() {
    let mut test = Test::new(3);
    test.create("statefulsets.apps", stateful_set("db", 3, "pg:1"));
    test.finish();
    test.set("statefulsets.apps", "db", &["spec", "updateStrategy", "rollingUpdate", "partition"], 1);
    test.set(
        "statefulsets.apps",
        "db",
        &["spec", "template", "spec", "containers"],
        json!([{"name": "main", "image": "pg:2"}]),
    );
    test.finish();
    let images = |test: &Test| -> Vec<String> {
        test.list("pods").iter().map(|p| text(&p["spec"]["containers"][0]["image"]).to_owned()).collect()
    };
    assert_eq!(images(&test), ["pg:1", "pg:2", "pg:2"]);
    let set = test.get("statefulsets.apps", "db");
    assert_eq!((&set["status"]["currentReplicas"], &set["status"]["updatedReplicas"]), (&json!(1), &json!(2)));
    test.set("statefulsets.apps", "db", &["spec", "updateStrategy", "rollingUpdate", "partition"], 0);
    test.finish();
    assert_eq!(images(&test), ["pg:2", "pg:2", "pg:2"]);
    assert_eq!(test.list("controllerrevisions.apps").len(), 2);
}

#[test]
fn parallel_pods_come_at_once() {
    let mut test = Test::new(3);
    let mut set = stateful_set("db", 3, "pg");
    set["spec"]["podManagementPolicy"] = json!("Parallel");
    test.create("statefulsets.apps", set);
    assert_eq!(test.list("pods").len(), 3);
    test.finish();
    assert_eq!(test.ready(), 3);
}

fn daemons(image: &str) -> Json {
    json!({
        "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}}, "template": template("agent", image), "revisionHistoryLimit": 10,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        },
    })
}

#[test]
fn a_daemon_runs_on_each_node_that_it_tolerates() {
    let mut test = Test::new(3);
    test.set("nodes", "node-3", &["spec", "taints"], json!([{"key": "own", "effect": "NoSchedule"}]));
    test.create("daemonsets.apps", daemons("a"));
    test.finish();
    let status = test.get("daemonsets.apps", "agent")["status"].clone();
    assert_eq!((&status["desiredNumberScheduled"], &status["numberAvailable"]), (&json!(2), &json!(2)));
    // Also on one that is cordoned.
    test.set("nodes", "node-2", &["spec", "unschedulable"], true);
    test.set("nodes", "node-3", &["spec", "taints"], Json::Null);
    test.finish();
    assert_eq!(test.get("daemonsets.apps", "agent")["status"]["numberReady"], 3);
    test.set(
        "daemonsets.apps",
        "agent",
        &["spec", "template", "spec", "nodeSelector"],
        json!({"kubernetes.io/hostname": "node-1"}),
    );
    test.finish();
    assert_eq!(test.list("pods").len(), 1);
}

#[test]
fn a_daemons_update_takes_one_node_after_the_other() {
    let mut test = Test::new(4);
    test.create("daemonsets.apps", daemons("a"));
    test.finish();
    test.set(
        "daemonsets.apps",
        "agent",
        &["spec", "template", "spec", "containers"],
        json!([{"name": "main", "image": "b"}]),
    );
    for _ in 0..150 {
        assert!(test.ready() >= 3, "{:?}", test.pods());
        test.pass(Duration::from_millis(100));
    }
    assert!(test.list("pods").iter().all(|pod| pod["spec"]["containers"][0]["image"] == "b"));
    assert_eq!(test.get("daemonsets.apps", "agent")["status"]["updatedNumberScheduled"], 4);
}

#[test]
fn the_same_seed_gives_the_same_cluster() {
    let run = || {
        let mut test = Test::new(3);
        test.create("deployments.apps", deployment("web", 5, "a"));
        test.create("statefulsets.apps", stateful_set("db", 3, "pg"));
        test.finish();
        test.set(
            "deployments.apps",
            "web",
            &["spec", "template", "spec", "containers"],
            json!([{"name": "main", "image": "b"}]),
        );
        test.finish();
        (test.list("pods"), test.list("events"), test.list("replicasets.apps"))
    };
    assert_eq!(run(), run());
}
