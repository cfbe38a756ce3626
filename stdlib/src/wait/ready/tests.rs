use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_runtime::event::What;

use crate::testing::{Bed, Ran, Scripting as _, merged, on};

fn deployment(name: &str, replicas: u32, template: &Json) -> Json {
    merged(crate::testing::deployment(name, replicas), &json!({"spec": {"template": template}}))
}

fn apply(bed: &Bed, namespace: &str, object: Json) {
    bed.apply_as("kubectl", namespace, object);
}

/// Applies an object while a script runs.
fn apply_later(bed: &Bed, namespace: &str, object: Json, script: &str) -> Ran {
    let namespace = namespace.to_owned();
    let later = bed.meanwhile(|other| async move {
        other.sleep(Duration::from_millis(1500)).await;
        other.apply_as("kubectl", &namespace, object).await;
    });
    let ran = bed.run(script);
    later.done();
    ran
}

fn progress(ran: &Ran) -> Vec<String> {
    let text = |e: &windlass_runtime::event::Event| match &e.what {
        What::Progress { subject, text } => Some(format!("{subject}: {text}")),
        _ => None,
    };
    ran.events.iter().filter_map(text).collect()
}

#[on(shadow, live)]
fn a_deployment_that_comes_later_is_waited_for_and_returned(bed: Bed) {
    let ns = bed.namespace();
    let script = format!("wait::ready(\"deploy/web\", #{{ namespace: {ns:?}, timeout: \"60s\" }})");
    let ran = apply_later(&bed, &ns, deployment("web", 2, &json!({})), &script);
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

#[on(shadow, live)]
fn what_is_ready_costs_one_list_and_no_word(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, deployment("web", 1, &json!({})));
    bed.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?} }})")).value();
    let mark = bed.mark();
    let ran = bed.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?} }})"));
    assert_eq!(ran.value()["metadata"]["name"], "web");
    assert!(progress(&ran).is_empty(), "{:?}", progress(&ran));
    let audit = bed.asked_since(mark);
    // The watch that follows the list may or may not have been begun when the wait was over.
    let asked: Vec<_> = audit.by("tester").filter(|e| e.uri.contains(&ns)).collect();
    assert_eq!(asked.iter().filter(|e| e.verb == "list").count(), 1, "{asked:?}");
    assert!(asked.iter().all(|e| e.uri.contains("/deployments?") && e.verb != "get"), "{asked:?}");
}

#[on(shadow, live, node)]
fn a_wait_that_times_out_says_why_in_time_and_can_be_caught(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, bed.faulty(&ns, deployment("web", 1, &json!({})), "never-ready"));
    let begun = bed.now();
    let error = bed.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"4s\" }})")).error();
    assert!((bed.now() - begun) < Duration::from_secs(9), "{:?}", (bed.now() - begun));
    assert_eq!(error["kind"], "timeout");
    assert_eq!(error["resource"], format!("Deployment/web in {ns}"));
    let message = error["message"].as_str().unwrap();
    assert_eq!(message, format!("Deployment/web in {ns} is not ready after 4s: 0 of 1 replicas available"));
    let details = &error["details"];
    assert_eq!(details["pods"][0]["reason"], "ContainersNotReady", "{details:#}");
    assert_eq!(details["pods"][0]["image"], "example.invalid/web:1");
    let node = if bed.runs_containers() { windlass_testbed::REAL_NODE } else { "node-" };
    assert!(details["pods"][0]["node"].as_str().unwrap().starts_with(node));
    let events = details["events"].as_array().unwrap();
    assert!((1..=5).contains(&events.len()), "{events:?}");
    assert!(events.iter().any(|e| e["message"].as_str().unwrap().contains("Readiness probe failed")), "{events:?}");
    let caught = bed.run(&format!(
        "try {{ wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"1s\" }}) }} catch (e) {{ log::info(e.kind + e.details.object) }}"
    ));
    assert_eq!(caught.logs(), [format!("timeoutDeployment/web in {ns}")]);
}

#[on(shadow, live)]
fn a_pod_that_no_node_takes_is_hopeless_after_the_patience_and_not_before(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, deployment("web", 1, &json!({"spec": {"nodeSelector": {"disk": "golden"}}})));
    let begun = bed.now();
    let error = bed
        .run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"60s\", patience: \"3s\" }})"))
        .error();
    let took = bed.now() - begun;
    assert!(took > Duration::from_secs(3) && took < Duration::from_secs(15), "{took:?}");
    assert_eq!(error["kind"], "hopeless", "{error:#}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("will not become ready: 0 of 1 replicas available; pod web-"), "{message}");
    assert!(message.contains("Unschedulable") && message.ends_with("(no progress for 3s)"), "{message}");
    assert!(error["hint"].as_str().unwrap().contains("node selector"));
    assert_eq!(error["details"]["pods"][0]["reason"], "Unschedulable");
}

#[on(shadow, live)]
fn a_claim_that_nobody_fulfils_is_named_with_what_was_said_of_it(bed: Bed) {
    let ns = bed.namespace();
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "golden", "resources": {"requests": {"storage": "1Gi"}}}
    });
    apply(&bed, &ns, claim);
    let volume = json!({"name": "data", "persistentVolumeClaim": {"claimName": "data"}});
    apply(&bed, &ns, deployment("web", 1, &json!({"spec": {"volumes": [volume]}})));
    let script =
        format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"60s\", patience: \"3s\" }})");
    let error = bed.run(&script).error();
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.starts_with("its pod waits for PersistentVolumeClaim/data, of StorageClass golden"), "{error:#}");
    let claim = &error["details"]["claims"][0];
    assert_eq!((&claim["name"], &claim["phase"]), (&json!("data"), &json!("Pending")), "{error:#}");
    assert_eq!(claim["message"], "storageclass.storage.k8s.io \"golden\" not found", "{error:#}");
    assert!(hint.ends_with("\"golden\" not found"), "{hint}");
}

#[on(shadow, live, node)]
fn blocked_containers_are_hopeless_with_their_reason_image_and_log(bed: Bed) {
    let ns = bed.namespace();
    for (fault, reason) in [("image-not-found", "ImagePullBackOff"), ("crash-loop", "CrashLoopBackOff")] {
        apply(&bed, &ns, bed.faulty(&ns, deployment(fault, 1, &json!({})), fault));
        let script = format!("wait::rollout(\"Deployment/{fault}\", #{{ namespace: {ns:?}, patience: \"2s\" }})");
        let error = bed.run(&script).error();
        assert_eq!(error["kind"], "hopeless", "{error:#}");
        let pod = &error["details"]["pods"][0];
        // A real node tries to pull it again and again, and says so in between.
        let is_trying = bed.runs_containers() && pod["reason"] == "ErrImagePull";
        let reason = if is_trying { "ErrImagePull" } else { reason };
        assert_eq!(pod["reason"], reason, "{error:#}");
        assert!(error["message"].as_str().unwrap().contains(reason), "{error:#}");
        assert_eq!(pod["container"], "main");
        let wanted = if bed.runs_containers() && fault == "image-not-found" { "not-found" } else { "web" };
        assert_eq!(pod["image"], format!("example.invalid/{wanted}:1"));
    }
}

#[on(shadow, live)]
fn a_refused_pod_is_hopeless_with_the_quota_named(bed: Bed) {
    let ns = bed.namespace();
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}});
    apply(&bed, &ns, quota);
    apply(&bed, &ns, deployment("web", 1, &json!({})));
    let set = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"},
        "spec": {"replicas": 1, "serviceName": "db", "selector": {"matchLabels": {"app": "db"}}, "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "main", "image": "example.invalid/db:1"}]}
        }}
    });
    apply(&bed, &ns, set);
    for workload in ["Deployment/web", "StatefulSet/db"] {
        let error = bed.run(&format!("wait::ready({workload:?}, #{{ namespace: {ns:?}, patience: \"2s\" }})")).error();
        assert_eq!(error["kind"], "hopeless", "{error:#}");
        assert!(error["message"].as_str().unwrap().contains("exceeded quota: none"), "{error:#}");
        assert!(error["hint"].as_str().unwrap().contains("quota"));
    }
}

#[on(shadow, live)]
fn what_was_never_there_is_told_with_the_nearest_name(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, deployment("web-server", 0, &json!({})));
    let error =
        bed.run(&format!("wait::ready(\"Deployment/web-servr\", #{{ namespace: {ns:?}, timeout: \"1s\" }})")).error();
    assert!(error["message"].as_str().unwrap().ends_with("is not ready after 1s: it does not exist yet"), "{error:#}");
    assert!(error["hint"].as_str().unwrap().contains("web-server"), "{error:#}");
    let error = bed.run("wait::ready(\"Deployment/web\", #{ namespace: \"nowhere-at-all\", timeout: \"1s\" })").error();
    assert!(error["hint"].as_str().unwrap().contains("no namespace nowhere-at-all"), "{error:#}");
    let begun = bed.now();
    let error = bed.run("wait::ready(\"Deploiment/web\", #{ timeout: \"60s\" })").error();
    assert_eq!(error["kind"], "not_found", "an unknown kind fails at once");
    assert!((bed.now() - begun) < Duration::from_secs(5));
}

#[on(shadow, live)]
fn an_object_deleted_while_it_is_waited_for_is_said(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, deployment("web", 1, &json!({"spec": {"nodeSelector": {"disk": "golden"}}})));
    let of = ns.clone();
    let later = bed.meanwhile(|other| async move {
        other.sleep(Duration::from_millis(1500)).await;
        other.delete("deployment/web", &of).await;
    });
    let ran = bed
        .run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"60s\", patience: \"3s\" }})"));
    later.done();
    let error = ran.error();
    assert_eq!(error["kind"], "hopeless", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("it was deleted while it was waited for"), "{error:#}");
}

#[on(shadow, live)]
fn stable_for_waits_on(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, deployment("web", 1, &json!({})));
    let begun = bed.now();
    let ran = bed.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, stable_for: \"2s\" }})"));
    ran.value();
    assert!((bed.now() - begun) >= Duration::from_secs(2));
    let error = bed
        .run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, stable_for: \"1m\", timeout: \"2s\" }})"))
        .error();
    assert_eq!(error["kind"], "timeout");
    assert!(error["message"].as_str().unwrap().contains("must stay so for 1m"), "{error:#}");
}

#[on(shadow, live)]
fn kinds_of_every_sort_become_ready(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, deployment("web", 1, &json!({})));
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
        apply(&bed, &ns, object.clone());
    }
    for name in ["svc/web", "svc/headless", "svc/outside", "Job/once", "cm/settings", "ds/all", "DaemonSet/all"] {
        bed.run(&format!("wait::ready({name:?}, #{{ namespace: {ns:?}, timeout: \"30s\" }})")).value();
    }
    bed.run(&format!(
        "wait::ready(\"Namespace/{ns}\"); wait::ready(\"APIService/v1.apps\"); wait::ready(\"node/node-1\")"
    ))
    .value();
    let lonely = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "lonely"}, "spec": {"selector": {"app": "nobody"}, "ports": [{"port": 80}]}});
    apply(&bed, &ns, lonely);
    let error = bed.run(&format!("wait::ready(\"svc/lonely\", #{{ namespace: {ns:?}, timeout: \"1s\" }})")).error();
    assert!(error["message"].as_str().unwrap().contains("no pod that it selects"), "{error:#}");
}

#[on(shadow, live)]
fn claims_are_bound_or_wait_for_a_consumer(bed: Bed) {
    let ns = bed.namespace();
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": format!("late-{ns}")},
        "provisioner": "openebs.io/local", "volumeBindingMode": "WaitForFirstConsumer"});
    apply(&bed, "", class);
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {
        "storageClassName": format!("late-{ns}"), "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}});
    apply(&bed, &ns, claim.clone());
    let ready = format!("wait::ready(\"pvc/data\", #{{ namespace: {ns:?}, timeout: \"30s\" }}).status.phase");
    assert_eq!(bed.run(&ready).value(), "Pending", "nobody uses it");
    let volume = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    apply(&bed, &ns, deployment("db", 1, &json!({"spec": {"volumes": volume}})));
    bed.run(&format!("wait::ready(\"Deployment/db\", #{{ namespace: {ns:?}, timeout: \"30s\" }})")).value();
    assert_eq!(bed.run(&ready).value(), "Bound");
    let lost = with_class(&claim, "no-such-class", "other");
    apply(&bed, &ns, lost);
    let error = bed.run(&format!("wait::ready(\"pvc/other\", #{{ namespace: {ns:?}, timeout: \"1s\" }})")).error();
    assert!(
        error["message"].as_str().unwrap().ends_with("it is not bound: there is no StorageClass no-such-class"),
        "{error:#}"
    );
}

fn with_class(claim: &Json, class: &str, name: &str) -> Json {
    merged(claim.clone(), &json!({"metadata": {"name": name}, "spec": {"storageClassName": class}}))
}

#[on(shadow, live, node)]
fn a_crash_loop_shows_the_last_log_lines(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, bed.faulty(&ns, deployment("web", 1, &json!({})), "crash-loop"));
    let error =
        bed.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, patience: \"1s\" }})")).error();
    let details = &error["details"];
    assert_eq!(details["log"]["container"], "main", "{error:#}");
    let lines = details["log"]["lines"].as_array().unwrap();
    assert!((1..=20).contains(&lines.len()), "{lines:?}");
    if bed.runs_containers() {
        // Of the run before, whatever the present one has written.
        assert_eq!(lines, &["started", "ready"], "{error:#}");
    }
    assert!(error["message"].as_str().unwrap().contains("container main ended with exit code 1, "), "{error:#}");
    assert!(error["hint"].as_str().unwrap().contains("exit code"));
}

#[on(shadow, node)]
fn an_image_that_is_not_found_ends_the_wait_within_a_minute(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, bed.faulty(&ns, deployment("web", 1, &json!({})), "image-not-found"));
    let begun = bed.now();
    let error = bed.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?} }})")).error();
    assert!((bed.now() - begun) < Duration::from_secs(60), "{:?}", bed.now() - begun);
    assert_eq!(error["kind"], "hopeless", "{error:#}");
    let pod = &error["details"]["pods"][0];
    assert!(["ImagePullBackOff", "ErrImagePull"].contains(&pod["reason"].as_str().unwrap()), "{error:#}");
    let image = pod["image"].as_str().unwrap();
    assert!(error["message"].as_str().unwrap().contains(pod["reason"].as_str().unwrap()), "{error:#}");
    assert!(error.to_string().contains(image) && image.starts_with("example.invalid/"), "{error:#}");
}

#[on(shadow, live)]
fn a_failed_job_is_hopeless_at_once(bed: Bed) {
    let ns = bed.namespace();
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "late"}, "spec": {
        "activeDeadlineSeconds": 1, "template": {
            "metadata": {"annotations": {"windlass.test/fault": "never-ready"}},
            "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.invalid/job:1"}]}}}});
    apply(&bed, &ns, job);
    let begun = bed.now();
    for wait in ["wait::ready(\"Job/late\",", "wait::condition(\"Job/late\", \"Complete\","] {
        let error = bed.run(&format!("{wait} #{{ namespace: {ns:?}, timeout: \"60s\" }})")).error();
        assert_eq!(error["kind"], "hopeless", "{error:#}");
        assert!(error["message"].as_str().unwrap().contains("DeadlineExceeded"), "{error:#}");
    }
    bed.run(&format!("wait::condition(\"Job/late\", \"Failed\", #{{ namespace: {ns:?} }})")).value();
    assert!((bed.now() - begun) < Duration::from_secs(30));
}

#[on(shadow, live)]
fn an_object_that_comes_back_is_another_one_and_may_become_ready(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, bed.faulty(&ns, deployment("web", 1, &json!({})), "never-ready"));
    let (at, of) = (bed.clone(), ns.clone());
    let later = bed.meanwhile(|other| async move {
        other.sleep(Duration::from_millis(1500)).await;
        other.delete("deployment/web", &of).await;
        at.mend();
        other.apply_as("kubectl", &of, deployment("web", 1, &json!({}))).await;
    });
    let ran = bed.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"60s\" }})"));
    later.done();
    assert_eq!(ran.value()["status"]["availableReplicas"], 1);
}

#[on(shadow, live)]
fn a_node_that_is_not_well_and_a_budget_without_room_are_named(bed: Bed) {
    let bed = bed.alone();
    let ns = bed.namespace();
    let here = json!({"spec": {"nodeSelector": {"kubernetes.io/hostname": "node-2"}}});
    apply(&bed, &ns, bed.faulty(&ns, deployment("web", 1, &here), "never-ready"));
    let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}});
    bed.create(&ns, budget);
    let (other, of) = (bed.other(), ns.clone());
    bed.wait(async move {
        other.until("pdb/web", &of, |b| b.is_some_and(|b| b["status"]["expectedPods"] == 1)).await;
        let bound = |p: &Json| p["spec"]["nodeName"] == "node-2";
        while !other.list("Pod", &of).await.iter().any(bound) {
            other.sleep(Duration::from_millis(50)).await;
        }
    });
    bed.run("cluster::cordon(\"node-2\")").value();
    let error = bed.run(&format!("wait::ready(\"Deployment/web\", #{{ namespace: {ns:?}, timeout: \"3s\" }})")).error();
    let details = &error["details"];
    assert_eq!(details["budgets"], json!([{"name": "web", "healthy": 0, "desired": 1}]), "{error:#}");
    assert_eq!((&details["nodes"][0]["name"], &details["nodes"][0]["cordoned"]), (&json!("node-2"), &json!(true)));
}
