use std::time::{Duration, Instant};

use serde_json::json;
use windlass_runtime::event::What;

use crate::testing::{Bed, Ran, live};

fn deployment(name: &str, replicas: u32, template: &serde_json::Value) -> String {
    let mut pod = json!({
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/web:1"}]}
    });
    merge(&mut pod, template);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": pod}
    })
    .to_string()
}

fn merge(into: &mut serde_json::Value, from: &serde_json::Value) {
    match (into, from) {
        (serde_json::Value::Object(into), serde_json::Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key.clone()).or_insert(serde_json::Value::Null), value);
            }
        }
        (into, from) => *into = from.clone(),
    }
}

fn apply(live: &Bed, namespace: &str, manifest: &str) {
    live.testbed.kubectl_ok(&["apply", "-n", namespace, "-f", "-"], manifest).unwrap();
}

/// Applies a manifest while a script runs.
fn apply_later(live: &Bed, namespace: &str, manifest: String, script: &str) -> Ran {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::park_timeout(Duration::from_millis(1500));
            apply(live, namespace, &manifest);
        });
        live.run(script)
    })
}

fn progress(ran: &Ran) -> Vec<String> {
    let text = |e: &windlass_runtime::event::Event| match &e.what {
        What::Progress { subject, text } => Some(format!("{subject}: {text}")),
        _ => None,
    };
    ran.events.iter().filter_map(text).collect()
}

#[test]
fn a_deployment_that_comes_later_is_waited_for_and_returned() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    let script = format!("wait::ready(\"deploy/web\", #{{ namespace: {ns:?}, timeout: \"60s\" }})");
    let ran = apply_later(&live, &ns, deployment("web", 2, &json!({})), &script);
    let object = ran.value();
    assert_eq!(object["kind"], "Deployment");
    assert_eq!(object["status"]["availableReplicas"], 2);
    let progress = progress(&ran);
    assert_eq!(progress[0], format!("Deployment/web in {ns}: it does not exist yet"));
    assert!(
        progress.iter().filter(|p| p.contains("does not exist")).count() >= 2,
        "said again each second: {progress:?}"
    );
}

#[test]
fn what_is_ready_costs_one_list_and_no_word() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(&live, &ns, &deployment("web", 1, &json!({})));
    live.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?} }})")).value();
    let mark = live.testbed.audit_mark().unwrap();
    let ran = live.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?} }})"));
    assert_eq!(ran.value()["metadata"]["name"], "web");
    assert!(progress(&ran).is_empty(), "{:?}", progress(&ran));
    let audit = live.testbed.audit_since(mark).unwrap();
    // The watch that follows the list may or may not have been begun when the wait was over.
    let asked: Vec<_> = audit.by("tester").filter(|e| e.uri.contains(&ns)).collect();
    assert_eq!(asked.iter().filter(|e| e.verb == "list").count(), 1, "{asked:?}");
    assert!(asked.iter().all(|e| e.uri.contains("/deployments?") && e.verb != "get"), "{asked:?}");
}

#[test]
fn a_wait_that_times_out_says_why_in_time_and_can_be_caught() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(
        &live,
        &ns,
        &deployment("web", 1, &json!({"metadata": {"annotations": {"windlass.test/fault": "never-ready"}}})),
    );
    let begun = Instant::now();
    let error =
        live.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"4s\" }})")).error();
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert_eq!(error["kind"], "timeout");
    assert_eq!(error["resource"], format!("Deployment/web in {ns}"));
    let message = error["message"].as_str().unwrap();
    assert_eq!(message, format!("Deployment/web in {ns} is not ready after 4s: 0 of 1 replicas available"));
    let details = &error["details"];
    assert_eq!(details["pods"][0]["reason"], "ContainersNotReady", "{details:#}");
    assert_eq!(details["pods"][0]["image"], "example.invalid/web:1");
    assert!(details["pods"][0]["node"].as_str().unwrap().starts_with("node-"));
    let events = details["events"].as_array().unwrap();
    assert!((1..=5).contains(&events.len()), "{events:?}");
    assert!(events.iter().any(|e| e["message"].as_str().unwrap().contains("Readiness probe failed")), "{events:?}");
    let caught = live.run(&format!(
        "try {{ wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"1s\" }}) }} catch (e) {{ log::info(e.kind + e.details.object) }}"
    ));
    assert_eq!(caught.logs(), [format!("timeoutDeployment/web in {ns}")]);
}

#[test]
fn a_pod_that_no_node_takes_is_hopeless_after_the_patience_and_not_before() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(&live, &ns, &deployment("web", 1, &json!({"spec": {"nodeSelector": {"disk": "golden"}}})));
    let begun = Instant::now();
    let error = live
        .run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"60s\", patience: \"3s\" }})"))
        .error();
    let took = begun.elapsed();
    assert!(took > Duration::from_secs(3) && took < Duration::from_secs(15), "{took:?}");
    assert_eq!(error["kind"], "hopeless", "{error:#}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("will not become ready: 0 of 1 replicas available; pod web-"), "{message}");
    assert!(message.contains("Unschedulable") && message.ends_with("(no progress for 3s)"), "{message}");
    assert!(error["hint"].as_str().unwrap().contains("node selector"));
    assert_eq!(error["details"]["pods"][0]["reason"], "Unschedulable");
}

#[test]
fn blocked_containers_are_hopeless_with_their_reason_image_and_log() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    for (fault, reason) in [("image-not-found", "ImagePullBackOff"), ("crash-loop", "CrashLoopBackOff")] {
        let fault_of = json!({"metadata": {"annotations": {"windlass.test/fault": fault}}});
        apply(&live, &ns, &deployment(fault, 1, &fault_of));
        let script = format!("wait::rollout(\"Deployment/{fault}\", #{{ namespace: {ns:?}, patience: \"2s\" }})");
        let error = live.run(&script).error();
        assert_eq!(error["kind"], "hopeless", "{error:#}");
        assert!(error["message"].as_str().unwrap().contains(reason), "{error:#}");
        let pod = &error["details"]["pods"][0];
        assert_eq!(pod["reason"], reason, "{error:#}");
        assert_eq!(pod["container"], "main");
        assert_eq!(pod["image"], "example.invalid/web:1");
    }
}

#[test]
fn a_refused_pod_is_hopeless_with_the_quota_named() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    apply(&live, &ns, &quota.to_string());
    apply(&live, &ns, &deployment("web", 1, &json!({})));
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "main", "image": "example.invalid/db:1"}]}
        }}
    });
    apply(&live, &ns, &set.to_string());
    for workload in ["Deployment/web", "StatefulSet/db"] {
        let error = live.run(&format!("wait::ready({workload:?}, #{{ namespace: {ns:?}, patience: \"2s\" }})")).error();
        assert_eq!(error["kind"], "hopeless", "{error:#}");
        assert!(error["message"].as_str().unwrap().contains("exceeded quota: none"), "{error:#}");
        assert!(error["hint"].as_str().unwrap().contains("quota"));
    }
}

#[test]
fn what_was_never_there_is_told_with_the_nearest_name() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(&live, &ns, &deployment("web-server", 0, &json!({})));
    let error =
        live.run(&format!("wait::ready(\"Deployment/web-servr\", #{{ namespace: {ns:?}, timeout: \"1s\" }})")).error();
    assert!(error["message"].as_str().unwrap().ends_with("is not ready after 1s: it does not exist yet"), "{error:#}");
    assert!(error["hint"].as_str().unwrap().contains("web-server"), "{error:#}");
    let error =
        live.run("wait::ready(\"Deployment/web\", #{ namespace: \"nowhere-at-all\", timeout: \"1s\" })").error();
    assert!(error["hint"].as_str().unwrap().contains("no namespace nowhere-at-all"), "{error:#}");
    let begun = Instant::now();
    let error = live.run("wait::ready(\"Deploiment/web\", #{ timeout: \"60s\" })").error();
    assert_eq!(error["kind"], "not_found", "an unknown kind fails at once");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_object_deleted_while_it_is_waited_for_is_said() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(&live, &ns, &deployment("web", 1, &json!({"spec": {"nodeSelector": {"disk": "golden"}}})));
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::park_timeout(Duration::from_millis(1500));
            live.testbed.kubectl_ok(&["delete", "deployment", "web", "-n", &ns], "").unwrap();
        });
        live.run(&format!(
            "wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"60s\", patience: \"3s\" }})"
        ))
    });
    let error = ran.error();
    assert_eq!(error["kind"], "hopeless", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("it was deleted while it was waited for"), "{error:#}");
}

#[test]
fn stable_for_waits_on() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(&live, &ns, &deployment("web", 1, &json!({})));
    let begun = Instant::now();
    let ran = live.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, stable_for: \"2s\" }})"));
    ran.value();
    assert!(begun.elapsed() >= Duration::from_secs(2));
    let error = live
        .run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, stable_for: \"1m\", timeout: \"2s\" }})"))
        .error();
    assert_eq!(error["kind"], "timeout");
    assert!(error["message"].as_str().unwrap().contains("must stay so for 1m"), "{error:#}");
}

#[test]
fn kinds_of_every_sort_become_ready() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(&live, &ns, &deployment("web", 1, &json!({})));
    let pod =
        json!({"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.invalid/job:1"}]}});
    let objects = [
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "headless"}, "spec": {"clusterIP": "None", "selector": {"app": "web"}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "outside"}, "spec": {"type": "ExternalName", "externalName": "example.invalid"}}),
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "once"}, "spec": {"template": pod}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}),
        json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "all"}, "spec": {"selector": {"matchLabels": {"app": "all"}}, "template": {
            "metadata": {"labels": {"app": "all"}}, "spec": {"containers": [{"name": "main", "image": "example.invalid/all:1"}]}}}}),
    ];
    for object in &objects {
        apply(&live, &ns, &object.to_string());
    }
    for name in ["svc/web", "svc/headless", "svc/outside", "Job/once", "cm/settings", "ds/all", "DaemonSet/all"] {
        live.run(&format!("wait::ready({name:?}, #{{ namespace: {ns:?}, timeout: \"30s\" }})")).value();
    }
    live.run(&format!(
        "wait::ready(\"Namespace/{ns}\"); wait::ready(\"APIService/v1.apps\"); wait::ready(\"node/node-1\")"
    ))
    .value();
    let lonely = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "lonely"}, "spec": {"selector": {"app": "nobody"}, "ports": [{"port": 80}]}});
    apply(&live, &ns, &lonely.to_string());
    let error = live.run(&format!("wait::ready(\"svc/lonely\", #{{ namespace: {ns:?}, timeout: \"1s\" }})")).error();
    assert!(error["message"].as_str().unwrap().contains("no pod that it selects"), "{error:#}");
}

#[test]
fn claims_are_bound_or_wait_for_a_consumer() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": format!("late-{ns}")},
        "provisioner": "openebs.io/local", "volumeBindingMode": "WaitForFirstConsumer"});
    live.testbed.kubectl_ok(&["apply", "-f", "-"], &class.to_string()).unwrap();
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "storageClassName": format!("late-{ns}"), "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    apply(&live, &ns, &claim.to_string());
    let ready = format!("wait::ready(\"pvc/data\", #{{ namespace: {ns:?}, timeout: \"30s\" }}).status.phase");
    assert_eq!(live.run(&ready).value(), "Pending", "nobody uses it");
    let volume = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    apply(&live, &ns, &deployment("db", 1, &json!({"spec": {"volumes": volume}})));
    live.run(&format!("wait::ready(\"Deployment/db\", #{{ namespace: {ns:?}, timeout: \"30s\" }})")).value();
    assert_eq!(live.run(&ready).value(), "Bound");
    let lost = with_class(&claim, "no-such-class", "other");
    apply(&live, &ns, &lost);
    let error = live.run(&format!("wait::ready(\"pvc/other\", #{{ namespace: {ns:?}, timeout: \"1s\" }})")).error();
    assert!(
        error["message"].as_str().unwrap().ends_with("it is not bound: there is no StorageClass no-such-class"),
        "{error:#}"
    );
}

fn with_class(claim: &serde_json::Value, class: &str, name: &str) -> String {
    let mut claim = claim.clone();
    claim["spec"]["storageClassName"] = json!(class);
    claim["metadata"]["name"] = json!(name);
    claim.to_string()
}

#[test]
fn a_crash_loop_shows_the_last_log_lines() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(
        &live,
        &ns,
        &deployment("web", 1, &json!({"metadata": {"annotations": {"windlass.test/fault": "crash-loop"}}})),
    );
    let error =
        live.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, patience: \"1s\" }})")).error();
    let details = &error["details"];
    assert_eq!(details["log"]["container"], "main", "{error:#}");
    let lines = details["log"]["lines"].as_array().unwrap();
    assert!((1..=20).contains(&lines.len()), "{lines:?}");
    assert!(
        error["message"].as_str().unwrap().contains("container main ended with exit code 1, 5 restarts"),
        "{error:#}"
    );
    assert!(error["hint"].as_str().unwrap().contains("exit code"));
}

#[test]
fn a_failed_job_is_hopeless_at_once() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "late"}, "spec": {
        "activeDeadlineSeconds": 1, "template": {
            "metadata": {"annotations": {"windlass.test/fault": "never-ready"}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.invalid/job:1"}]}}}});
    apply(&live, &ns, &job.to_string());
    let begun = Instant::now();
    for wait in ["wait::ready(\"Job/late\",", "wait::condition(\"Job/late\", \"Complete\","] {
        let error = live.run(&format!("{wait} #{{ namespace: {ns:?}, timeout: \"60s\" }})")).error();
        assert_eq!(error["kind"], "hopeless", "{error:#}");
        assert!(error["message"].as_str().unwrap().contains("DeadlineExceeded"), "{error:#}");
    }
    live.run(&format!("wait::condition(\"Job/late\", \"Failed\", #{{ namespace: {ns:?} }})")).value();
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[test]
fn an_object_that_comes_back_is_another_one_and_may_become_ready() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(
        &live,
        &ns,
        &deployment("web", 1, &json!({"metadata": {"annotations": {"windlass.test/fault": "never-ready"}}})),
    );
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::park_timeout(Duration::from_millis(1500));
            live.testbed.kubectl_ok(&["delete", "deployment", "web", "-n", &ns], "").unwrap();
            apply(&live, &ns, &deployment("web", 1, &json!({})));
        });
        live.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"60s\" }})"))
    });
    assert_eq!(ran.value()["status"]["availableReplicas"], 1);
}
