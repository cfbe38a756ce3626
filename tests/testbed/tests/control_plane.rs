//! The test bed itself: what it promises to the tests that use it.
#![expect(clippy::unwrap_used, reason = "a test fails so")]

use std::time::{Duration, Instant};

use windlass_testbed::{Event, NOBODY, TESTER, Testbed, VIEWER, shared, skipped};

const DEPLOYMENT: &str = r"
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: registry.invalid/web:1, ports: [{containerPort: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
";

/// Asks `kubectl` again and again until it answers `wanted`.
fn eventually(testbed: &Testbed, arguments: &[&str], wanted: &str, limit: Duration) -> Duration {
    let start = Instant::now();
    loop {
        let output = testbed.kubectl(arguments).unwrap();
        if output.stdout.trim() == wanted {
            return start.elapsed();
        }
        assert!(start.elapsed() < limit, "kubectl {arguments:?} gave {output:?}, not {wanted:?}");
    }
}

/// Those of a test's own namespace: other tests write at the same time, elsewhere.
fn within<'a>(namespace: &str, events: Vec<&'a Event>) -> Vec<&'a Event> {
    let is_within = |event: &&Event| event.object.as_ref().is_some_and(|object| object.namespace == namespace);
    events.into_iter().filter(is_within).collect()
}

#[test]
fn a_deployment_becomes_ready_and_the_audit_log_tells_who_made_it() {
    let Some(testbed) = shared() else { return };
    let namespace = testbed.fresh_namespace("deployment").unwrap();
    let mark = testbed.audit_mark().unwrap();
    testbed.kubectl_ok(&["apply", "-n", &namespace, "-f", "-"], DEPLOYMENT).unwrap();
    let ready = ["get", "-n", &namespace, "deployment/web", "-o", "jsonpath={.status.readyReplicas}"];
    let took = eventually(testbed, &ready, "3", Duration::from_secs(5));
    assert!(took < Duration::from_secs(3), "three simulated pods took {took:?}");

    let addresses =
        ["get", "-n", &namespace, "endpointslices", "-o", "jsonpath={.items[*].endpoints[*].conditions.ready}"];
    eventually(testbed, &addresses, "true true true", Duration::from_secs(5));

    let audit = testbed.audit_since(mark).unwrap();
    let written = within(&namespace, audit.mutating_by(TESTER));
    let written = written.into_iter().filter_map(|event| event.object.as_ref());
    let names: Vec<_> = written.map(|object| (object.resource.as_str(), object.namespace.as_str())).collect();
    assert_eq!(names, [("deployments", namespace.as_str()), ("services", namespace.as_str())]);
    assert!(
        audit.events.iter().any(|event| event.user.starts_with("system:") && event.is_write()),
        "no controller wrote"
    );
}

#[test]
fn dry_runs_are_told_from_changes() {
    let Some(testbed) = shared() else { return };
    let namespace = testbed.fresh_namespace("dry-run").unwrap();
    testbed.kubectl_ok(&["create", "-n", &namespace, "configmap", "kept"], "").unwrap();
    let mark = testbed.audit_mark().unwrap();
    testbed.kubectl_ok(&["create", "-n", &namespace, "configmap", "tried", "--dry-run=server"], "").unwrap();
    testbed.kubectl_ok(&["delete", "-n", &namespace, "configmap", "kept", "--dry-run=server"], "").unwrap();
    let audit = testbed.audit_since(mark).unwrap();
    assert_eq!(within(&namespace, audit.mutating_by(TESTER)).len(), 0, "{audit:?}");
    assert_eq!(within(&namespace, audit.dry_runs_by(TESTER)).len(), 2, "{audit:?}");
    testbed.kubectl_ok(&["delete", "-n", &namespace, "configmap", "kept"], "").unwrap();
    assert_eq!(within(&namespace, testbed.audit_since(mark).unwrap().mutating_by(TESTER)).len(), 1);
}

#[test]
fn claims_are_provisioned_on_the_node_of_their_pod() {
    let Some(testbed) = shared() else { return };
    let namespace = testbed.fresh_namespace("volume").unwrap();
    testbed.storage_class("openebs-hostpath", "openebs.io/local").unwrap();
    let set = r"
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 2
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: db, image: registry.invalid/db:1}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec:
      storageClassName: openebs-hostpath
      accessModes: [ReadWriteOnce]
      resources: {requests: {storage: 5Gi}}
";
    testbed.kubectl_ok(&["apply", "-n", &namespace, "-f", "-"], set).unwrap();
    let ready = ["get", "-n", &namespace, "statefulset/db", "-o", "jsonpath={.status.readyReplicas}"];
    let took = eventually(testbed, &ready, "2", Duration::from_secs(15));
    assert!(took < Duration::from_secs(10), "two pods with volumes took {took:?}");
    let phases = ["get", "-n", &namespace, "pvc", "-o", "jsonpath={.items[*].status.phase}"];
    assert_eq!(testbed.kubectl_ok(&phases, "").unwrap(), "Bound Bound");

    testbed.kubectl_ok(&["delete", "-n", &namespace, "statefulset/db"], "").unwrap();
    testbed.kubectl_ok(&["delete", "-n", &namespace, "pvc", "--all", "--wait=false"], "").unwrap();
    let volumes = ["get", "pv", "-o", "jsonpath={.items[*].metadata.name}"];
    eventually(testbed, &volumes, "", Duration::from_secs(15));
}

#[test]
fn jobs_end_and_faults_show() {
    let Some(testbed) = shared() else { return };
    let namespace = testbed.fresh_namespace("pods").unwrap();
    testbed.kubectl_ok(&["create", "-n", &namespace, "job", "once", "--image=registry.invalid/job:1"], "").unwrap();
    let done = ["get", "-n", &namespace, "job/once", "-o", "jsonpath={.status.succeeded}"];
    eventually(testbed, &done, "1", Duration::from_secs(10));

    for (fault, reason) in
        [("image-not-found", "ImagePullBackOff"), ("crash-loop", "CrashLoopBackOff"), ("never-ready", "")]
    {
        let annotation = format!("--annotations={}={fault}", windlass_testbed::FAULT);
        testbed.kubectl_ok(&["run", "-n", &namespace, fault, "--image=registry.invalid/x:1", &annotation], "").unwrap();
        let pod = format!("pod/{fault}");
        let waiting =
            "jsonpath={.status.containerStatuses[0].ready} {.status.containerStatuses[0].state.waiting.reason}";
        let wanted = format!("false {reason}");
        eventually(testbed, &["get", "-n", &namespace, &pod, "-o", waiting], wanted.trim(), Duration::from_secs(10));
        let warnings = format!("--field-selector=type=Warning,involvedObject.name={fault}");
        let count = ["get", "-n", &namespace, "events", &warnings, "-o", "jsonpath={.items[*].type}"];
        eventually(testbed, &count, "Warning", Duration::from_secs(10));
    }
    let start = Instant::now();
    assert_eq!(testbed.kubectl_ok(&["logs", "-n", &namespace, "crash-loop"], "").unwrap(), "started\nready\n");
    assert_eq!(testbed.kubectl_ok(&["logs", "-n", &namespace, "crash-loop", "-p", "--tail=1"], "").unwrap(), "ready\n");
    assert!(!testbed.kubectl(&["exec", "-n", &namespace, "never-ready", "--", "true"]).unwrap().status.success());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn restricted_users_are_restricted() {
    let Some(testbed) = shared() else { return };
    let namespace = testbed.fresh_namespace("users").unwrap();
    let may = |user: &str, verb: &str| {
        let kubeconfig = testbed.kubeconfig_for(user).unwrap();
        let kubeconfig = kubeconfig.display().to_string();
        let output = testbed
            .kubectl(&["auth", "can-i", verb, "configmaps", "-n", &namespace, "--kubeconfig", &kubeconfig])
            .unwrap();
        output.stdout.trim() == "yes"
    };
    assert!(may(TESTER, "create") && may(VIEWER, "list"));
    assert!(!may(VIEWER, "create") && !may(NOBODY, "list"));
    assert!(testbed.kubeconfig_for("stranger").unwrap_err().to_string().contains("no user"));
}

#[test]
fn the_api_server_can_be_away_for_a_while() {
    if skipped() {
        return;
    }
    let testbed = Testbed::builder().start().unwrap();
    let namespace = testbed.fresh_namespace("outage").unwrap();
    testbed.stop_api_server();
    assert!(!testbed.kubectl(&["get", "nodes"]).unwrap().status.success());
    testbed.start_api_server().unwrap();
    testbed.kubectl_ok(&["apply", "-n", &namespace, "-f", "-"], DEPLOYMENT).unwrap();
    let ready = ["get", "-n", &namespace, "deployment/web", "-o", "jsonpath={.status.readyReplicas}"];
    eventually(&testbed, &ready, "3", Duration::from_secs(30));
    assert_eq!(testbed.process_ids().len(), 5);
}

#[test]
fn a_lost_node_is_noticed_its_pods_leave_and_it_comes_back() {
    if skipped() {
        return;
    }
    let testbed = Testbed::builder()
        .nodes(2)
        .node_labels("node-2", &[("site", "primary")])
        .unreachable_after(Duration::from_secs(4))
        .evict_after(Duration::from_secs(1))
        .start()
        .unwrap();
    let namespace = testbed.fresh_namespace("lost").unwrap();
    testbed.kubectl_ok(&["apply", "-n", &namespace, "-f", "-"], DEPLOYMENT).unwrap();
    let labelled = ["get", "nodes", "-l", "site=primary", "-o", "jsonpath={.items[*].metadata.name}"];
    assert_eq!(testbed.kubectl_ok(&labelled, "").unwrap(), "node-2");
    testbed.stop_node("node-2").unwrap();
    let ready = "jsonpath={.status.conditions[?(@.type==\"Ready\")].status}";
    eventually(&testbed, &["get", "node", "node-2", "-o", ready], "Unknown", Duration::from_secs(30));
    let running = [
        "get",
        "-n",
        &namespace,
        "pods",
        "-l",
        "app=web",
        "--field-selector=spec.nodeName=node-1",
        "-o",
        "name",
        "--no-headers",
    ];
    let start = Instant::now();
    while testbed.kubectl_ok(&running, "").unwrap().lines().count() != 3 {
        assert!(
            start.elapsed() < Duration::from_secs(40),
            "{}",
            testbed.kubectl_ok(&["get", "pods", "-A", "-o", "wide"], "").unwrap()
        );
    }
    testbed.start_node("node-2").unwrap();
    eventually(&testbed, &["get", "node", "node-2", "-o", ready], "True", Duration::from_secs(30));
}

#[test]
fn nothing_is_left_when_it_ends() {
    if skipped() {
        return;
    }
    let start = Instant::now();
    let testbed = Testbed::builder().progress(|_| {}).start().unwrap();
    let started = start.elapsed();
    assert!(started < Duration::from_secs(60), "the start took {started:?}");
    let ids = testbed.process_ids();
    let logs = testbed.logs();
    assert_eq!(ids.len(), 5);
    assert!(ids.iter().all(|id| alive(*id)) && logs.is_dir());
    drop(testbed);
    assert!(ids.iter().all(|id| !alive(*id)));
    assert!(!logs.exists() && !logs.parent().unwrap().exists());
}

/// Whether a process of that id runs, zombies not counted.
fn alive(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}
