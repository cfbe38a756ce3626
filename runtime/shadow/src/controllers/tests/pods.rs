use std::time::Duration;

use serde_json::json;

use crate::Json;
use crate::controllers::fields::{condition, is_true, text};
use crate::controllers::testing::{Test, deployment, pod};

#[test]
fn a_pod_goes_through_the_stages_of_a_kubelet() {
    let mut test = Test::new(1);
    test.create("pods", pod("web", "nginx:1.27"));
    let begun = test.get("pods", "web");
    assert_eq!(begun["spec"]["nodeName"], "node-1");
    let status = &begun["status"];
    assert_eq!(status["phase"], "Pending");
    assert_eq!(status["containerStatuses"][0]["state"]["waiting"]["reason"], "ContainerCreating");
    assert_eq!(status["qosClass"], "BestEffort");
    let ready = condition(status, "Ready").unwrap();
    assert_eq!(ready["reason"], "ContainersNotReady");
    assert_eq!(ready["message"], "containers with unready status: [main]");
    assert!(is_true(status, "PodScheduled") && is_true(status, "Initialized"));
    assert!(test.has_event("web", "Scheduled", "Successfully assigned default/web to node-1"));
    test.finish();
    let status = &test.get("pods", "web")["status"];
    assert_eq!(status["phase"], "Running");
    assert_eq!((&status["podIP"], &status["hostIP"]), (&json!("10.244.0.2"), &json!("192.168.0.2")));
    let container = &status["containerStatuses"][0];
    assert_eq!(container["image"], "docker.io/library/nginx:1.27");
    assert!(text(&container["imageID"]).starts_with("docker.io/library/nginx@sha256:"));
    assert_eq!(text(&container["containerID"]).len(), "containerd://".len() + 64);
    for kind in ["Ready", "ContainersReady", "PodReadyToStartContainers"] {
        assert!(is_true(status, kind), "{kind}");
    }
    for (reason, message) in [("Pulling", "Pulling image \"nginx:1.27\""), ("Started", "Container started")] {
        assert!(test.has_event("web", reason, message), "{reason}");
    }
}

#[test]
fn init_containers_run_one_after_the_other_and_sidecars_stay() {
    let mut test = Test::new(1);
    let mut object = pod("web", "nginx");
    object["spec"]["initContainers"] = json!([
        {"name": "first", "image": "a"}, {"name": "proxy", "image": "b", "restartPolicy": "Always"}, {"name": "last", "image": "c"}]);
    test.create("pods", object);
    test.pass(Duration::from_millis(1500));
    let status = test.get("pods", "web")["status"].clone();
    assert_eq!(status["initContainerStatuses"][0]["state"]["terminated"]["reason"], "Completed");
    assert_eq!(status["initContainerStatuses"][1]["state"]["waiting"]["reason"], "PodInitializing");
    assert_eq!(
        condition(&status, "Initialized").unwrap()["message"],
        "containers with incomplete status: [proxy last]"
    );
    let took = test.finish() + Duration::from_millis(1500);
    assert_eq!(took, Duration::from_secs(4));
    let status = test.get("pods", "web")["status"].clone();
    assert!(is_true(&status, "Ready"));
    assert!(status["initContainerStatuses"][1]["state"]["running"].is_object());
}

#[test]
fn start_times_and_probes_count() {
    let mut test = Test::new(1);
    test.inject("start/slow=90s");
    let mut object = pod("web", "slow");
    object["spec"]["containers"][0]["readinessProbe"] = json!({"initialDelaySeconds": 20, "tcpSocket": {"port": 80}});
    test.create("pods", object);
    test.seconds(91);
    let status = test.get("pods", "web")["status"].clone();
    assert_eq!((&status["phase"], is_true(&status, "Ready")), (&json!("Running"), false));
    assert_eq!(test.finish(), Duration::from_secs(19));
    assert_eq!(test.ready(), 1);
}

#[test]
fn an_image_whose_name_is_none_is_told_and_another_name_mends_it() {
    let mut test = Test::new(1);
    test.create("pods", pod("web", "ngi nx"));
    test.seconds(600);
    let status = test.get("pods", "web")["status"].clone();
    let said =
        "Failed to apply default image tag \"ngi nx\": couldn't parse image name \"ngi nx\": invalid reference format";
    let container = &status["containerStatuses"][0];
    assert_eq!(container["state"]["waiting"], json!({"reason": "InvalidImageName", "message": said}));
    assert_eq!(
        (&status["phase"], &container["image"], &container["imageID"]),
        (&json!("Pending"), &json!("ngi nx"), &json!(""))
    );
    assert!(test.has_event("web", "InspectFailed", said) && test.has_event("web", "Failed", "Error: InvalidImageName"));
    let mut containers = test.get("pods", "web")["spec"]["containers"].clone();
    containers[0]["image"] = json!("nginx");
    test.set("pods", "web", &["spec", "containers"], containers);
    test.seconds(60);
    assert_eq!(test.ready(), 1);
}

#[test]
fn an_image_that_is_not_there_is_tried_again_with_growing_pauses() {
    let mut test = Test::new(1);
    test.inject("image/nope");
    test.create("pods", pod("web", "nope"));
    let waiting = |test: &Test| test.get("pods", "web")["status"]["containerStatuses"][0]["state"]["waiting"].clone();
    assert_eq!(waiting(&test)["reason"], "ErrImagePull");
    test.seconds(2);
    assert_eq!(waiting(&test)["reason"], "ImagePullBackOff");
    assert!(
        text(&waiting(&test)["message"])
            .starts_with("Back-off pulling image \"nope\": ErrImagePull: rpc error: code = NotFound")
    );
    assert!(test.has_event("web", "BackOff", "Back-off pulling image \"nope\""));
    let pulls = |test: &Test| -> i64 {
        let events = test.list("events");
        events.iter().filter(|e| e["message"] == "Pulling image \"nope\"").filter_map(|e| e["count"].as_i64()).sum()
    };
    // At 0, 10, 30, 70, 150, 310 seconds.
    test.seconds(158);
    assert_eq!(pulls(&test), 5);
    test.mend("image/nope");
    test.seconds(3);
    assert_eq!(test.ready(), 1);
}

#[test]
fn a_crash_loop_waits_longer_each_time() {
    let mut test = Test::new(1);
    test.inject("crash/bad");
    test.create("pods", pod("web", "bad"));
    let status = |test: &Test| test.get("pods", "web")["status"]["containerStatuses"][0].clone();
    test.pass(Duration::from_millis(3200));
    // Started at 1 s, crashed at 2 s, at once again, crashed at 3 s: now it waits.
    let now = status(&test);
    assert_eq!(now["restartCount"], 1);
    assert_eq!(now["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert!(
        text(&now["state"]["waiting"]["message"])
            .starts_with("back-off 10s restarting failed container=main pod=web_default(")
    );
    assert_eq!(now["lastState"]["terminated"]["exitCode"], 1);
    assert_eq!(now["lastState"]["terminated"]["reason"], "Error");
    test.seconds(11);
    assert_eq!(status(&test)["restartCount"], 2);
    assert!(text(&status(&test)["state"]["waiting"]["message"]).starts_with("back-off 20s "));
    test.seconds(21);
    assert!(text(&status(&test)["state"]["waiting"]["message"]).starts_with("back-off 40s "));
    test.seconds(3600);
    assert!(text(&status(&test)["state"]["waiting"]["message"]).starts_with("back-off 5m0s "));
    let restarts = status(&test)["restartCount"].as_i64().unwrap();
    assert!((14..=18).contains(&restarts), "{restarts}");
    assert_eq!(test.get("pods", "web")["status"]["phase"], "Running");
    test.mend("crash/bad");
    test.seconds(400);
    assert_eq!(test.ready(), 1);
}

#[test]
fn a_hopeless_crash_loop_is_no_reason_to_let_time_pass() {
    let mut test = Test::new(1);
    test.inject("crash/bad");
    test.create("pods", pod("web", "bad"));
    let took = test.finish();
    assert!(took < Duration::from_secs(700), "{took:?}");
    assert!(test.settle().weak.is_some());
}

#[test]
fn what_is_never_ready_runs() {
    let mut test = Test::new(1);
    test.inject("never-ready/web");
    test.create("pods", pod("web", "x"));
    test.finish();
    let pod = test.get("pods", "web");
    assert_eq!((&pod["status"]["phase"], test.ready()), (&json!("Running"), 0));
}

#[test]
fn a_deleted_pod_ends_after_its_containers() {
    let mut test = Test::new(1);
    test.create("pods", pod("web", "x"));
    test.finish();
    test.delete("pods", "web");
    let ending = test.get("pods", "web");
    assert_eq!(ending["metadata"]["deletionGracePeriodSeconds"], 30);
    assert!(test.has_event("web", "Killing", "Stopping container main"));
    assert_eq!(test.finish(), Duration::from_secs(1));
    assert!(test.find("pods", "web").is_none());
}

#[test]
fn a_config_map_that_is_missing_holds_the_pod_until_it_comes() {
    let mut test = Test::new(1);
    let mut mounted = pod("a", "x");
    mounted["spec"]["volumes"] = json!([{"name": "settings", "configMap": {"name": "settings"}}]);
    let mut named = pod("b", "x");
    named["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "password"}}]);
    test.create("pods", mounted);
    test.create("pods", named);
    test.finish();
    let waiting =
        |test: &Test, name: &str| test.get("pods", name)["status"]["containerStatuses"][0]["state"]["waiting"].clone();
    assert_eq!(waiting(&test, "a")["reason"], "ContainerCreating");
    let message = "MountVolume.SetUp failed for volume \"settings\" : configmap \"settings\" not found";
    assert!(test.has_event("a", "FailedMount", message));
    assert_eq!(
        waiting(&test, "b"),
        json!({"reason": "CreateContainerConfigError", "message": "secret \"password\" not found"})
    );
    test.create("configmaps", json!({"metadata": {"name": "settings"}}));
    test.create("secrets", json!({"metadata": {"name": "password"}}));
    test.finish();
    assert_eq!(test.ready(), 2);
}

#[test]
fn readiness_gates_hold_the_pod_back() {
    let mut test = Test::new(1);
    let mut object = pod("web", "x");
    object["spec"]["readinessGates"] = json!([{"conditionType": "example.com/ok"}]);
    test.create("pods", object);
    test.finish();
    let ready = condition(&test.get("pods", "web")["status"], "Ready").unwrap().clone();
    assert_eq!(ready["message"], "corresponding condition of pod readiness gate \"example.com/ok\" does not exist.");
}

#[test]
fn a_fork_goes_on_where_it_was() {
    let mut test = Test::new(2);
    test.create("deployments.apps", deployment("web", 4, "x"));
    test.pass(Duration::from_millis(500));
    let mut other = test.engine.fork();
    let mut world = test.world.fork(test.world.clock().clone());
    other.run(&mut world);
    test.engine = other;
    test.world = world;
    test.settle();
    test.finish();
    assert_eq!(test.ready(), 4);
    assert_eq!(test.list("pods").len(), 4);
}

#[test]
fn addresses_are_given_once_and_again_when_they_are_free() {
    let mut test = Test::new(1);
    for name in ["a", "b", "c"] {
        test.create("pods", pod(name, "x"));
    }
    test.finish();
    test.delete("pods", "b");
    test.finish();
    test.create("pods", pod("d", "x"));
    test.finish();
    let mut addresses: Vec<String> =
        test.list("pods").iter().map(|p: &Json| p["status"]["podIP"].to_string()).collect();
    addresses.sort();
    assert_eq!(addresses, ["\"10.244.0.2\"", "\"10.244.0.3\"", "\"10.244.0.4\""]);
}
