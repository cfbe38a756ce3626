use serde_json::{Value as Json, json};
use windlass_runtime::event::What;

use crate::helm::testing::{With, copy_of, with_each};
use crate::testing::{Bed, Ran, on};

/// A copy of the chart whose hook is changed in one place.
fn with_hook(from: &str, to: &str) -> (tempfile::TempDir, String) {
    let (folder, web) = copy_of("web");
    let file = format!("{web}/templates/hook.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&file, text.replace(from, to)).unwrap();
    (folder, web)
}

/// What was told of the hook.
fn told(with: &With, ran: &Ran) -> String {
    let hook = format!("hook Job/web-prepare in {}", with.namespace);
    let of_hook = |what: &What| match what {
        What::Progress { subject, text } if *subject == hook => Some(text.clone()),
        _ => None,
    };
    ran.events.iter().filter_map(|event| of_hook(&event.what)).collect::<Vec<_>>().join("\n")
}

fn upgrade(with: &With, web: &str) -> Ran {
    with.run(&format!("helm::upgrade(\"web\", \"{web}\", #{{ NS, timeout: \"6s\" }})"))
}

/// The run failed, and says that this kept the hook.
fn is_diagnosed(with: &With, ran: &Ran, reason: &[&str]) -> Json {
    let error = ran.error();
    let message = error["message"].as_str().unwrap();
    assert_eq!(error["kind"], "timeout", "{error}");
    assert!(message.contains(&format!("hook Job/web-prepare in {}: ", with.namespace)), "{error}");
    assert!(message.ends_with("it is failed now, in revision 1"), "{error}");
    let hint = error["hint"].as_str().unwrap();
    assert!(hint.contains("; then put the release right with helm::recover(\"web\""), "{error}");
    assert!(hint.contains(", uninstall: true }"), "it is the first revision: {error}");
    let pod = &error["details"]["pods"][0];
    assert!(message.contains(&format!(": pod {}: ", pod["name"].as_str().unwrap())), "{error}");
    assert!(reason.iter().any(|reason| pod["reason"] == *reason), "{error}");
    let told = told(with, ran);
    assert!(reason.iter().any(|reason| told.contains(reason)), "{told}");
    error
}

#[on(shadow, live)]
fn a_hook_whose_image_is_not_found_is_told_of_and_diagnosed(bed: Bed) {
    with_each(&bed, |with| {
        let fault = windlass_testbed::FAULT;
        let annotated =
            format!("    metadata:\n      annotations: {{ {fault}: image-not-found }}\n    spec:\n      restartPolicy");
        let (_folder, web) = with_hook("    spec:\n      restartPolicy", &annotated);
        // The simulated cluster is told of it beforehand, the real one by the template.
        let job = json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "web-prepare" },
            "spec": { "template": { "spec": { "containers": [{ "name": "prepare", "image": "busybox:1.36" }] } } } });
        drop(with.bed.faulty(&with.namespace, job, "image-not-found"));
        let error = is_diagnosed(with, &upgrade(with, &web), &["ErrImagePull", "ImagePullBackOff"]);
        assert_eq!(error["details"]["pods"][0]["image"], "busybox:1.36", "{error}");
        with.bed.mend();
    });
}

#[on(shadow, live)]
fn a_hook_that_no_node_takes_is_told_of_and_diagnosed(bed: Bed) {
    with_each(&bed, |with| {
        let (_folder, web) =
            with_hook("      restartPolicy", "      nodeSelector: { nowhere: \"true\" }\n      restartPolicy");
        let ran = upgrade(with, &web);
        is_diagnosed(with, &ran, &["Unschedulable"]);
        assert!(told(with, &ran).contains("affinity/selector"), "{}", told(with, &ran));
    });
}

#[on(shadow, live)]
fn a_hook_that_ends_well_is_told_of_and_no_more(bed: Bed) {
    with_each(&bed, |with| {
        let ran = with.run("helm::upgrade(\"web\", WEB, #{ NS })");
        ran.value();
        assert!(!told(with, &ran).is_empty());
        // Somebody else's field is no hook's fault.
        let error = with.run("helm::upgrade(\"web\", WEB, #{ NS, values: #{ replicas: \"many\" } })").error();
        assert!(!error["message"].as_str().unwrap().contains("hook Job"), "{error}");
    });
}

#[on(shadow, live)]
fn hooks_of_a_rollback_have_its_time_and_are_diagnosed(bed: Bed) {
    with_each(&bed, |with| {
        let (_folder, web) = with_hook("helm.sh/hook: pre-install,pre-upgrade", "helm.sh/hook: pre-rollback");
        for replicas in [1, 2] {
            let set = format!("set: #{{ hangs: true, replicas: {replicas} }}");
            with.run(&format!("helm::upgrade(\"web\", \"{web}\", #{{ NS, {set} }})")).value();
        }
        let begun = std::time::Instant::now();
        let error = with.run("helm::rollback(\"web\", #{ NS, revision: 1, timeout: \"3s\" })").error();
        assert!(begun.elapsed() < std::time::Duration::from_secs(120), "Helm's own time is five minutes");
        assert_eq!(error["kind"], "timeout", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&format!("hook Job/web-prepare in {}: ", with.namespace)), "{error}");
    });
}

#[on(shadow, live)]
fn a_rollback_takes_fields_of_others_only_if_told(bed: Bed) {
    with_each(&bed, |with| {
        for replicas in [1, 2] {
            let set = format!("set: #{{ hook: false, replicas: {replicas} }}");
            with.run(&format!("helm::upgrade(\"web\", WEB, #{{ NS, {set} }})")).value();
        }
        with.bed.patch("deploy/web", &with.namespace, json!({ "spec": { "replicas": 5 } }));
        if with.path.to_string_lossy().contains("helm-v4") {
            let refused = with.run("helm::rollback(\"web\", #{ NS, revision: 1 })").error();
            assert_eq!(refused["kind"], "conflict", "{refused}");
            let hint = refused["hint"].as_str().unwrap();
            assert!(
                hint.contains("force_conflicts: true; then put the release right with helm::recover("),
                "{refused}"
            );
            with.run("helm::recover(\"web\", #{ NS, force_conflicts: true })").value();
            assert_eq!(with.get("deploy/web")["spec"]["replicas"], 2);
        }
        with.run("helm::rollback(\"web\", #{ NS, revision: 1, force_conflicts: true })").value();
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 1);
    });
}
