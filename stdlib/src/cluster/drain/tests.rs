use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::testing::{Bed, Scripting as _, bare, deployment, merged, on};

/// Pods that run on this node only.
fn on_node(workload: Json, node: &str) -> Json {
    merged(
        workload,
        &json!({ "spec": { "template": { "spec": { "nodeSelector": { "kubernetes.io/hostname": node } } } } }),
    )
}

fn budget(bed: &Bed, namespace: &str, app: &str, available: u32) {
    let spec = json!({ "minAvailable": available, "selector": { "matchLabels": { "app": app } } });
    let budget =
        json!({ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": { "name": app }, "spec": spec });
    bed.create(namespace, budget);
    let (other, of, what) = (bed.other(), namespace.to_owned(), format!("pdb/{app}"));
    bed.wait(async move {
        let counted = |b: Option<&Json>| b.is_some_and(|b| b["status"]["currentHealthy"].as_u64() > Some(0));
        other.until(&what, &of, counted).await;
    });
}

fn running(bed: &Bed, namespace: &str, node: &str) -> usize {
    let pods = bed.list("Pod", namespace);
    pods.iter().filter(|p| p["spec"]["nodeName"] == node && p["metadata"].get("deletionTimestamp").is_none()).count()
}

#[on(shadow, live)]
fn pods_go_daemon_sets_stay_and_a_second_run_changes_nothing(bed: Bed) {
    let bed = bed.alone();
    let namespace = bed.namespace();
    bed.create(&namespace, deployment("web", 3));
    let mut agent = merged(deployment("agent", 1), &json!({ "kind": "DaemonSet" }));
    agent["spec"].as_object_mut().unwrap().remove("replicas");
    bed.create(&namespace, agent);
    bed.until_rolled_out("deploy/web", &namespace);
    bed.until_rolled_out("ds/agent", &namespace);
    let script = "cluster::drain(\"node-1\")";
    let first = bed.run(script);
    assert_eq!(first.value()["changed"], true);
    assert_eq!(running(&bed, &namespace, "node-1"), 1, "the DaemonSet's");
    let mut done: Vec<String> = first.report.steps[0].outcome.iter().map(|item| item.resource.clone()).collect();
    let count = done.len();
    done.sort();
    done.dedup();
    assert_eq!(done.len(), count, "each is evicted once: {done:?}");
    assert_eq!(first.logs(), ["Node/node-1 keeps 1 pod of a DaemonSet"]);
    let mark = bed.mark();
    let second = bed.run(script).value();
    assert_eq!((&second["changed"], &second["reason"]), (&json!(false), &json!("it is cordoned and empty already")));
    assert!(bed.writes_since(mark, "/").is_empty());
    bed.until_rolled_out("deploy/web", &namespace);
    assert!(bed.undo(&first).unwrap().iter().any(windlass_runtime::undo::Undone::changed));
    assert_eq!(bed.get("node/node-1", "")["spec"].get("unschedulable"), None);
}

#[on(shadow, live)]
fn what_would_be_lost_is_refused_before_anything_changes(bed: Bed) {
    let bed = bed.alone();
    let namespace = bed.namespace();
    let containers = json!([{ "name": "main", "image": "example.invalid/x:1" }]);
    let pod = json!({ "nodeName": "node-2", "containers": containers });
    bed.create(&namespace, merged(bare("Pod", "alone"), &json!({ "spec": pod })));
    let data = json!({ "spec": { "template": { "spec": { "volumes": [{ "name": "cache", "emptyDir": {} }] } } } });
    bed.create(&namespace, on_node(merged(deployment("cached", 1), &data), "node-2"));
    bed.until_rolled_out("deploy/cached", &namespace);
    let mark = bed.mark();
    let error = bed.run("cluster::drain(\"node-2\")").error();
    assert_eq!(error["kind"], "rejected");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Node/node-2 is not drained, and nothing was changed: "), "{message}");
    assert!(message.contains("Pod/alone in ") && message.contains("no controller makes it anew"), "{message}");
    assert!(message.contains("would lose the data of its emptyDir cache"), "{message}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("force: true") && hint.contains("delete_emptydir_data: true"), "{hint}");
    assert!(bed.writes_since(mark, "/").is_empty());
    assert_eq!(bed.get("node/node-2", "")["spec"].get("unschedulable"), None);

    let ran = bed.run("cluster::drain(\"node-2\", #{ force: true, delete_emptydir_data: true })");
    assert_eq!(ran.value()["changed"], true);
    assert_eq!(running(&bed, &namespace, "node-2"), 0);
    use windlass_runtime::journal::Journal;
    let permits = ran.journal.entries().unwrap()[0].0.permits.join("; ");
    assert!(permits.contains("lose what they keep") && permits.contains("are lost"), "{permits}");
}

#[on(shadow, live)]
fn a_budget_that_holds_a_pod_is_named_and_waited_for(bed: Bed) {
    let bed = bed.alone();
    let namespace = bed.namespace();
    bed.create(&namespace, on_node(deployment("db", 2), "node-3"));
    bed.until_rolled_out("deploy/db", &namespace);
    budget(&bed, &namespace, "db", 2);
    let error = bed.run("cluster::drain(\"node-3\", #{ timeout: \"3s\" })").error();
    assert_eq!(error["kind"], "timeout", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("Node/node-3 was not drained within 3s: 2 left: Pod/db-"), "{message}");
    assert!(message.contains("The disruption budget db needs 2 healthy pods and has 2 currently"), "{message}");
    assert_eq!(error["details"]["pods"].as_array().unwrap().len(), 2);
    assert_eq!(running(&bed, &namespace, "node-3"), 2, "none was evicted");

    let of = namespace.clone();
    let later = bed.meanwhile(|other| async move {
        other.sleep(Duration::from_secs(1)).await;
        other.patch("pdb/db", &of, json!({ "spec": { "minAvailable": 0 } })).await;
    });
    assert_eq!(bed.run("cluster::drain(\"node-3\", #{ timeout: \"60s\" })").value()["changed"], true);
    later.done();
    assert_eq!(running(&bed, &namespace, "node-3"), 0);
}

#[on(shadow, live)]
fn what_is_no_node_is_refused(bed: Bed) {
    assert_eq!(bed.run("cluster::drain(\"nobody\")").error()["kind"], "not_found");
    let error = bed.run("cluster::drain(\"ns/default\")").error();
    assert!(error["message"].as_str().unwrap().contains("cannot be drained: only a Node can"), "{error}");
    let error = bed.run("cluster::drain(\"node-1\", #{ ignore_daemonset: true })").error();
    assert!(error["hint"].as_str().unwrap().contains("ignore_daemonsets"), "{error}");
}
