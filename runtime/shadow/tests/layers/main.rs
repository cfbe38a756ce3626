//! A cluster over a recorded one: what is seen of it, what comes up when it is written to, what never touches it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod cluster;

use std::time::Duration;

use cluster::Cluster;
use serde_json::{Value, json};
use windlass_shadow::fault::Fault;
use windlass_shadow::recording::{Recording, RecordingError};

const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/default/deployments/web";
const PODS: &str = "/api/v1/namespaces/default/pods";

/// A cluster with three nodes, a Deployment of two, its Service, a Secret and a custom resource.
fn source() -> Cluster {
    let cluster = Cluster::new(3);
    let labels = json!({"app": "web"});
    let pod = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    let web = json!({"metadata": {"name": "web"}, "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": pod}});
    cluster.post("/apis/apps/v1/namespaces/default/deployments", &web);
    cluster.post(
        "/api/v1/namespaces/default/services",
        &json!({"metadata": {"name": "web"}, "spec": {"selector": labels, "ports": [{"port": 80}]}}),
    );
    let applied =
        json!({"kind": "Secret", "data": {"key": "cGFzc3dvcmQ="}, "stringData": {"plain": "open"}}).to_string();
    let annotations = json!({"kubectl.kubernetes.io/last-applied-configuration": applied});
    let secret = json!({"metadata": {"name": "login", "annotations": annotations}, "data": {"key": "cGFzc3dvcmQ="}, "stringData": {"plain": "open"}});
    cluster.post("/api/v1/namespaces/default/secrets", &secret);
    let definition = json!({
        "metadata": {"name": "lamps.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"plural": "lamps", "kind": "Lamp"}, "versions": [{
            "name": "v1", "served": true, "storage": true,
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
        }]},
    });
    cluster.post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", &definition);
    cluster.post(
        "/apis/example.com/v1/lamps",
        &json!({"apiVersion": "example.com/v1", "kind": "Lamp", "metadata": {"name": "l"}, "on": true}),
    );
    cluster.wait(Duration::from_secs(60));
    cluster
}

fn over(recording: &Recording) -> Cluster {
    Cluster::over(recording.clone())
}

fn names(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

fn ready(list: &Value) -> usize {
    let conditions = |pod: &Value| pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    let is_ready = |pod: &&Value| conditions(pod).iter().any(|c| c["type"] == "Ready" && c["status"] == "True");
    list["items"].as_array().unwrap().iter().filter(is_ready).count()
}

#[test]
fn a_recorded_cluster_is_seen_as_it_was() {
    let source = source();
    let shadow = over(&source.record());
    let paths = source.lists();
    assert!(paths.len() > 50 && paths.iter().any(|path| path == "/apis/example.com/v1/lamps"), "{paths:?}");
    for path in paths.iter().filter(|path| *path != "/api/v1/secrets") {
        assert_eq!(shadow.unversioned(path), source.unversioned(path), "{path}");
    }
    assert_eq!(ready(&shadow.get(PODS)), 2);
    let secret = shadow.get("/api/v1/namespaces/default/secrets/login");
    assert_eq!(secret["data"], json!({"key": "eHh4eHh4eHg=", "plain": "eHh4eA=="}), "as long as before");
    let applied =
        secret["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"].as_str().unwrap();
    let applied: Value = serde_json::from_str(applied).unwrap();
    assert_eq!((&applied["data"]["key"], &applied["stringData"]["plain"]), (&json!("eHh4eHh4eHg="), &json!("xxxx")));
    assert_eq!(secret["metadata"]["managedFields"].as_array().unwrap().len(), 1);
}

#[test]
fn nothing_happens_by_itself() {
    let recording = source().record_without("pods");
    let shadow = over(&recording);
    let version = shadow.version();
    shadow.wait(Duration::from_secs(3600));
    assert_eq!(shadow.version(), version, "no controller looks after the base");
    assert_eq!(shadow.get(PODS)["items"], json!([]), "not even after what lacks its pods");
    shadow.merge(DEPLOYMENT, &json!({"metadata": {"annotations": {"a": "b"}}}));
    shadow.wait(Duration::from_secs(60));
    assert_eq!(ready(&shadow.get(PODS)), 2, "once it is written to, it is looked after");
}

#[test]
fn writes_stay_in_the_upper_layer() {
    let source = source();
    let recording = source.record();
    let (shadow, other) = (over(&recording), over(&recording));
    let before = shadow.get(PODS);
    shadow.merge(DEPLOYMENT, &json!({"spec": {"replicas": 3}}));
    shadow.wait(Duration::from_secs(60));
    let after = shadow.get(PODS);
    assert_eq!((names(&after).len(), ready(&after)), (3, 3), "two of them were there: nothing is doubled");
    assert!(names(&before).iter().all(|name| names(&after).contains(name)));
    let sets = shadow.get("/apis/apps/v1/namespaces/default/replicasets");
    assert_eq!(names(&sets).len(), 1, "the subtree came up with its owner");
    let slices = shadow.get(
        "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name!%3Dkubernetes",
    );
    assert_eq!(
        slices["items"][0]["endpoints"].as_array().unwrap().len(),
        3,
        "endpoints of base Services are computed anew"
    );
    assert_eq!(names(&other.get(PODS)), names(&before), "the base is as it was");
    assert_eq!(names(&over(&recording).get(PODS)), names(&before));
}

#[test]
fn what_is_deleted_stays_deleted() {
    let recording = source().record();
    let shadow = over(&recording);
    let path = "/api/v1/namespaces/default/secrets";
    let uid = shadow.get(&format!("{path}/login"))["metadata"]["uid"].clone();
    let version = shadow.version();
    shadow.delete(&format!("{path}/login"));
    assert_eq!(shadow.code(&format!("{path}/login")), 404);
    assert_eq!(names(&shadow.get(path)), Vec::<String>::new());
    let then = shadow.get(&format!("{path}?resourceVersion={version}&resourceVersionMatch=Exact"));
    assert_eq!(names(&then), ["login"], "it was there");
    let fork = shadow.fork();
    assert_eq!(fork.code(&format!("{path}/login")), 404);
    fork.post(path, &json!({"metadata": {"name": "login"}}));
    assert_ne!(fork.get(&format!("{path}/login"))["metadata"]["uid"], uid);
    assert_eq!(shadow.code(&format!("{path}/login")), 404, "two forks do not see each other");
}

#[test]
fn what_was_on_its_way_when_it_was_recorded_arrives() {
    let source = source();
    let template = json!({"spec": {"containers": [{"name": "c", "image": "y"}]}});
    source.merge(DEPLOYMENT, &json!({"spec": {"template": template}}));
    let recording = source.record();
    assert!(names(&source.get(PODS)).len() > 2, "in the middle of a rollout");
    let shadow = over(&recording);
    shadow.wait(Duration::from_secs(60));
    source.wait(Duration::from_secs(60));
    let pods = shadow.get(PODS);
    assert_eq!((names(&pods).len(), ready(&pods)), (2, 2), "{pods:#}");
    let now = |cluster: &Cluster| cluster.get(DEPLOYMENT)["status"]["updatedReplicas"].clone();
    assert_eq!(now(&shadow), now(&source));
}

#[test]
fn a_pod_of_the_base_is_replaced() {
    let shadow = over(&source().record());
    let pods = names(&shadow.get(PODS));
    shadow.delete(&format!("{PODS}/{}", pods[0]));
    shadow.wait(Duration::from_secs(60));
    let now = shadow.get(PODS);
    assert_eq!((names(&now).len(), ready(&now)), (2, 2));
    assert!(!names(&now).contains(&pods[0]) && names(&now).contains(&pods[1]));
}

#[test]
fn a_node_of_the_base_is_lost_with_its_pods() {
    let shadow = over(&source().record());
    let pods = shadow.get(PODS);
    let (pod, node) = (&pods["items"][0], pods["items"][0]["spec"]["nodeName"].as_str().unwrap());
    shadow.shadow.inject(Fault::Node { name: node.to_owned() });
    shadow.wait(Duration::from_secs(900));
    let now = shadow.get(PODS);
    let elsewhere = now["items"].as_array().unwrap().iter().filter(|pod| pod["spec"]["nodeName"] != node).count();
    assert!(elsewhere >= 2, "another pod took its place: {:?}", names(&now));
    let lost = shadow.get(&format!("{PODS}/{}", pod["metadata"]["name"].as_str().unwrap()));
    assert!(lost["metadata"]["deletionTimestamp"].is_string(), "it cannot end while its node is silent");
    assert_eq!(ready(&shadow.get(PODS)), 2);
}

#[test]
fn a_machine_that_joins_gets_what_runs_on_every_node() {
    let source = source();
    let labels = json!({"app": "agent"});
    let pod = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "c", "image": "x"}]}});
    let agent = json!({"metadata": {"name": "agent"}, "spec": {"selector": {"matchLabels": labels}, "template": pod}});
    source.post("/apis/apps/v1/namespaces/default/daemonsets", &agent);
    source.wait(Duration::from_secs(60));
    let shadow = over(&source.record());
    let agents = format!("{PODS}?labelSelector=app%3Dagent");
    assert_eq!(names(&shadow.get(&agents)).len(), 3);
    shadow.post("/api/v1/nodes", &json!({"metadata": {"name": "fourth"}}));
    shadow.wait(Duration::from_secs(60));
    assert_eq!(names(&shadow.get(&agents)).len(), 4);
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let bytes = source().record_bytes();
    assert!(matches!(Recording::read(&bytes[..bytes.len() / 2]), Err(RecordingError::Io(_))));
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut plain).unwrap();
    let whole = Recording::read(&plain[..]).unwrap();
    assert_eq!(whole.about().name, "source");
    let lines = plain.split_inclusive(|byte| *byte == b'\n').collect::<Vec<_>>();
    let cut = lines[..lines.len() - 3].concat();
    assert!(matches!(Recording::read(&cut[..]), Err(RecordingError::CutOff(left)) if left as usize == lines.len() - 4));
    let newer = String::from_utf8(plain).unwrap().replacen("\"windlassRecording\":1", "\"windlassRecording\":2", 1);
    assert!(matches!(Recording::read(newer.as_bytes()), Err(RecordingError::Newer(2))));
    assert!(matches!(Recording::read(&b"{}\n"[..]), Err(RecordingError::Other(_))));
    assert!(matches!(Recording::read(&b""[..]), Err(RecordingError::Other(_))));
}

#[test]
fn what_is_not_known_is_named() {
    let source = source();
    let recording = source.record_with(
        "gadgets.example.com",
        &json!({"kind": "Gadget", "apiVersion": "example.com/v1", "metadata": {"name": "g"}}),
    );
    assert_eq!(recording.unknown(), [("gadgets.example.com".to_owned(), 1)].into());
    assert_eq!(ready(&over(&recording).get(PODS)), 2);
}
