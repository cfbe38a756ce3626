use serde_json::json;
use windlass_runtime::journal::{Intent, Journal as _, ResultRecord};
use windlass_runtime::undo::Undoing;

use crate::helm::testing::{With, chart, copy_of, with_each};
use crate::testing::{Bed, Cut, on};

#[on(shadow, live)]
fn a_release_is_installed_once_upgraded_and_taken_back(bed: Bed) {
    with_each(&bed, |with| {
        let install = "helm::upgrade(\"web\", WEB, #{ NS, wait: true, timeout: \"2m\" })";
        let first = with.run(install);
        let value = first.value();
        assert_eq!((&value["changed"], &value["object"]["revision"]), (&json!(true), &json!(1)), "{value:#}");
        assert_eq!((&value["object"]["status"], &value["object"]["version"]), (&json!("deployed"), &json!("1.0.0")));
        let diff = value["diff"].to_string();
        assert!(diff.contains("Deployment/web: created") && diff.contains("Secret/web: created"), "{diff}");
        assert_eq!(with.get("deploy/web")["status"]["readyReplicas"], 1);
        assert!(with.find("job/web-prepare").is_some(), "the hook has run");

        let second = with.run(install).value();
        assert_eq!(second["changed"], false, "{second:#}");
        assert_eq!(second["reason"], "revision 1 was made from this chart and these values");
        assert_eq!(second["object"]["revision"], 1);

        let third =
            with.run("helm::upgrade(\"web\", WEB, #{ NS, values: #{ replicas: 2 }, set: #{ colour: \"red\" } })");
        let value = third.value();
        assert_eq!(value["object"]["revision"], 2, "{value:#}");
        let diff = value["diff"].to_string();
        assert!(diff.contains("Deployment/web: spec.replicas: 1 → 2"), "{diff}");
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 2);

        assert!(with.undo(&third).unwrap()[0].changed());
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 1);
        assert_eq!(with.status("web")["description"], "Rollback to 1");
        let again = with.run(install).value();
        assert_eq!(again["changed"], false, "what was rolled back to is this chart: {again:#}");
        assert!(!with.undo(&third).unwrap()[0].changed(), "it is back already");

        let elses = with.run("helm::upgrade(\"web\", WEB, #{ NS, values: #{ replicas: 3 } })");
        assert_eq!(elses.value()["changed"], true);
        let conflict = with.undo(&first).unwrap_err();
        assert!(conflict.message().contains("has been changed since: it is in revision 4"), "{conflict}");
        assert!(with.undo(&elses).unwrap()[0].changed());
        // It is as the first run has left it.
        assert!(with.undo(&first).unwrap()[0].changed());
        assert!(with.find("deploy/web").is_none());
        assert!(!with.undo(&first).unwrap()[0].changed());
    });
}

#[on(shadow, live)]
fn a_first_install_is_undone_with_its_namespace(bed: Bed) {
    with_each(&bed, |with| {
        let name = format!("{}-made", with.namespace);
        let ran =
            with.run(&format!("helm::upgrade(\"web\", WEB, #{{ namespace: \"{name}\", create_namespace: true }})"));
        assert_eq!(ran.value()["changed"], true);
        let undone = with.undo(&ran).unwrap();
        assert!(undone.len() == 2 && undone[0].changed(), "{undone:#?}");
        assert!(with.bed.find("deploy/web", &name).is_none());
    });
}

#[on(shadow, live)]
fn what_somebody_else_upgraded_is_not_taken_for_ours(bed: Bed) {
    with_each(&bed, |with| {
        let script = "helm::upgrade(\"web\", WEB, #{ NS, set: #{ hook: false } })";
        with.run(script).value();
        with.helm_by_hand(&["upgrade", "web", &chart("web"), "--set", "hook=false,colour=green"]);
        let back = with.run(script).value();
        assert_eq!((&back["changed"], &back["object"]["revision"]), (&json!(true), &json!(3)), "{back:#}");
        with.helm_by_hand(&["upgrade", "web", &chart("web"), "--set", "hook=false", "--reset-values"]);
        let same = with.run(script).value();
        assert_eq!(same["changed"], false, "{same:#}");
        assert_eq!(same["reason"], "revision 4 has this chart and these values");
    });
}

#[on(shadow, live)]
fn a_changed_file_of_the_chart_is_an_upgrade(bed: Bed) {
    with_each(&bed, |with| {
        let (_folder, web) = copy_of("web");
        let script = format!("helm::upgrade(\"web\", \"{web}\", #{{ NS }})");
        with.run(&script).value();
        let file = format!("{web}/templates/service.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("port: 80", "port: 8080")).unwrap();
        let value = with.run(&script).value();
        assert_eq!(value["changed"], true, "{value:#}");
        assert!(value["diff"].to_string().contains("Service/web: spec.ports"), "{value:#}");
    });
}

#[on(shadow, live)]
fn a_secret_among_the_values_shows_nowhere(bed: Bed) {
    const CANARY: &str = "tr0ub4dor-and-3";
    with_each(&bed, |with| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), CANARY).unwrap();
        let script = format!(
            "let t = secret::file(\"{}\"); let o = helm::upgrade(\"web\", WEB, #{{ NS, values: #{{ token: t }} }}); print(o);
             print(helm::values(\"web\", #{{ NS }})); print(helm::manifest(\"web\", #{{ NS }})); o",
            file.path().display()
        );
        let ran = with.run(&script);
        assert_eq!(ran.value()["changed"], true);
        assert!(!ran.everything().contains(CANARY), "{}", ran.everything());
        let data = with.get("secret/web")["data"]["token"].clone();
        assert_eq!(data, json!(base64::Engine::encode(&base64::engine::general_purpose::STANDARD, CANARY)));
        assert_eq!(with.run(&script).value()["changed"], false);
        let left = std::fs::read_dir(crate::helm::testing::state().join("private")).unwrap().flatten();
        let own = format!("{}-", std::process::id());
        assert!(left.count() <= 8, "folders of calls that run beside this one, {own}…");
    });
}

#[on(shadow, live)]
fn a_namespace_is_made_only_if_told_and_the_error_says_how(bed: Bed) {
    with_each(&bed, |with| {
        let missing = format!("{}-none", with.namespace);
        let error = with.run(&format!("helm::upgrade(\"web\", WEB, #{{ namespace: \"{missing}\" }})")).error();
        assert_eq!(error["kind"], "not_found", "{error}");
        assert!(error["hint"].as_str().unwrap().contains("create_namespace: true"), "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.ends_with(&format!("namespaces \"{missing}\" not found; the release is not there")), "{error}");
    });
}

#[on(shadow, live)]
fn mistakes_are_said_before_anything_changes(bed: Bed) {
    with_each(&bed, |with| {
        let (_folder, web) = copy_of("web");
        let archive = std::path::Path::new(&web).join("x.tgz");
        std::fs::write(&archive, "x").unwrap();
        for (call, kind, said) in [
            ("helm::upgrade(\"Web\", WEB, #{ NS })".to_owned(), "usage", "cannot be the name of a release"),
            ("helm::upgrade(\"web\", \"nowhere\", #{ NS })".to_owned(), "not_found", "there is no chart"),
            ("helm::upgrade(\"web\", WEB, #{ NS, version: \"1.0.0\" })".to_owned(), "usage", "is on this machine"),
            ("helm::upgrade(\"web\", WEB, #{ NS, vlaues: #{} })".to_owned(), "usage", "no option `vlaues`"),
            ("helm::upgrade(\"web\", WEB, #{ NS, verify: true })".to_owned(), "usage", "only an archive is signed"),
            (
                format!("helm::upgrade(\"web\", \"{}\", #{{ NS, digest: \"sha256:00\" }})", archive.display()),
                "rejected",
                "has the digest",
            ),
            (format!("helm::upgrade(\"web\", \"{}\", #{{ NS }})", archive.display()), "rejected", "cannot be rendered"),
            ("helm::status(\"web\", #{ NS })".to_owned(), "not_found", "there is no HelmRelease/web"),
            ("helm::rollback(\"web\", #{ NS })".to_owned(), "not_found", "there is no HelmRelease/web"),
        ] {
            let error = with.run(&call).error();
            assert_eq!(error["kind"], kind, "{call}: {error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{call}: {error}");
            assert!(error["hint"].is_string() || kind == "usage", "{call}: {error}");
        }
        assert!(with.find("deploy/web").is_none());
    });
}

#[on(shadow, live)]
fn without_helm_a_live_run_fails_and_a_rehearsal_says_what_it_does_not_know(bed: Bed) {
    let namespace = bed.namespace();
    let script = format!("helm::upgrade(\"web\", \"{}\", #{{ namespace: \"{namespace}\" }})", chart("web"));
    let ran = crate::testing::Scripting::run_with(&bed, &script, |b| b.program("helm", "/nonexistent/helm"));
    if bed.testbed().is_some() {
        let error = ran.error();
        assert_eq!((&error["kind"], &error["message"]), (&json!("not_found"), &json!("there is no helm in PATH")));
        assert!(error["hint"].as_str().unwrap().contains("WINDLASS_HELM"), "{error}");
    } else {
        assert_eq!(ran.value()["items"][0]["result"], "not_rendered");
        assert_eq!(ran.value()["changed"], false);
    }
}

#[on(shadow, live)]
fn a_chart_that_takes_images_from_elsewhere_is_refused_with_its_values_named(bed: Bed) {
    with_each(&bed, |with| {
        let upgrade = |set: &str, images: &str| {
            with.run(&format!("helm::upgrade(\"web\", WEB, #{{ NS, set: #{{ {set} }}, images: #{{ {images} }} }})"))
        };
        let mirror = "registry: \"mirror.local:5000\"";
        let refused = upgrade("sidecar: \"busybox:1.37\"", mirror).error();
        assert_eq!(refused["kind"], "values", "{refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains("busybox:1.36 should be mirror.local:5000/busybox:1.36;"), "the hook's: {message}");
        assert!(message.ends_with("busybox:1.37 should be mirror.local:5000/busybox:1.37 by sidecar"), "{message}");
        assert!(refused["hint"].as_str().unwrap().contains("helm show values"), "{refused}");
        assert!(with.find("deploy/web").is_none(), "nothing has changed");

        let given = upgrade("hook: false, sidecar: \"mirror.local:5000/busybox:1.37\"", mirror).value();
        assert_eq!(given["changed"], true, "{given:#}");
        let containers = with.get("deploy/web")["spec"]["template"]["spec"]["containers"].clone();
        assert_eq!(containers[0]["image"], "mirror.local:5000/nginx:1.27");
        let stays = format!("{mirror}, rewrite: #{{ \"busybox:\": \"busybox:\" }}");
        assert_eq!(upgrade("sidecar: \"busybox:1.37\"", &stays).value()["changed"], true);
        assert_eq!(upgrade("sidecar: \"busybox:1.37\"", &stays).value()["changed"], false);
        assert_eq!(upgrade("sidecar: \"busybox:1.37\"", mirror).error()["kind"], "values", "not as it was agreed");
        assert_eq!(upgrade("hook: false", "").value()["changed"], true, "nothing is asked for");
    });
}

#[on(shadow, live)]
fn the_sessions_images_are_meant_if_a_script_names_none(bed: Bed) {
    with_each(&bed, |with| {
        let values = json!({ "images": { "registry": "mirror.local:5000", "auth": { "username": "u" } } });
        let of_session = |script: &str| with.run_with(script, |builder| builder.values(values.clone()));
        of_session("helm::upgrade(\"web\", WEB, #{ NS, set: #{ hook: false } })").value();
        let image = |with: &crate::helm::testing::With| {
            with.get("deploy/web")["spec"]["template"]["spec"]["containers"][0]["image"].clone()
        };
        assert_eq!(image(with), "mirror.local:5000/nginx:1.27");
        let given = "helm::upgrade(\"web\", WEB, #{ NS, set: #{ hook: false }, images: values.images })";
        assert_eq!(of_session(given).value()["changed"], false, "the same, with the credentials left aside");
        of_session("helm::upgrade(\"web\", WEB, #{ NS, images: #{} })").value();
        assert_eq!(image(with), "nginx:1.27");
    });
}

#[on(shadow, live)]
fn definitions_that_a_chart_brings_are_there_for_its_objects(bed: Bed) {
    with_each(&bed, |with| {
        let script = format!("helm::upgrade(\"w\", \"{}\", #{{ NS, wait: true, timeout: \"1m\" }})", chart("widgets"));
        let value = with.run(&script).value();
        assert!(value["diff"].to_string().contains("Widget/w: created"), "{value:#}");
        assert_eq!(with.get("Widget/w")["spec"]["size"], 1);
        assert_eq!(with.run(&script).value()["changed"], false);
    });
}

#[on(shadow, live)]
fn a_wait_for_a_release_that_cannot_start_says_why(bed: Bed) {
    with_each(&bed, |with| {
        let workload = crate::testing::deployment("web", 1);
        // The simulated cluster is told of it beforehand, the real one by the template.
        drop(with.bed.faulty(&with.namespace, workload, "image-not-found"));
        let (_folder, web) = copy_of("web");
        let file = format!("{web}/templates/deployment.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let fault = format!("    metadata:\n      annotations: {{ {}: image-not-found }}\n", windlass_testbed::FAULT);
        std::fs::write(&file, text.replace("    metadata:\n      labels", &format!("{fault}      labels"))).unwrap();
        let script = format!(
            "helm::upgrade(\"web\", \"{web}\", #{{ NS, set: #{{ hook: false }}, wait: true, timeout: \"3s\" }})"
        );
        let error = with.run(&script).error();
        assert_eq!(error["kind"], "timeout", "{error}");
        assert!(error["message"].as_str().unwrap().contains("HelmRelease/web"), "{error}");
        assert!(error["details"]["object"].as_str().unwrap().contains("Deployment/web"), "{error}");
        with.bed.mend();
    });
}

#[on(shadow, live)]
fn several_upgrades_in_one_run_are_taken_back_one_after_the_other(bed: Bed) {
    with_each(&bed, |with| {
        let upgrade = |replicas: u32| {
            format!("helm::upgrade(\"web\", WEB, #{{ NS, set: #{{ hook: false, replicas: {replicas} }} }});")
        };
        let ran = with.run(&[upgrade(1), upgrade(2), upgrade(3), "true".to_owned()].concat());
        assert_eq!(ran.value(), true);
        let undone = with.undo(&ran).unwrap();
        assert!(undone.len() == 3 && undone.iter().all(windlass_runtime::undo::Undone::changed), "{undone:?}");
        assert!(with.find("deploy/web").is_none(), "it was not there before");

        with.run(&upgrade(1)).value();
        let ran = with.run(&[upgrade(2), upgrade(3), "true".to_owned()].concat());
        assert_eq!(ran.value(), true);
        let undone = with.undo(&ran).unwrap();
        assert!(undone.len() == 2 && undone.iter().all(windlass_runtime::undo::Undone::changed), "{undone:?}");
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 1);
    });
}

/// What a run leaves that dies around its one change of the release `web`.
fn cut(with: &With, script: &str, before_acting: bool) -> Vec<(Intent, Option<ResultRecord>)> {
    let cut = Cut::new(before_acting);
    let error = with.run_with(script, |session| session.journal(cut.journal())).error();
    assert!(error["message"].as_str().unwrap().starts_with("cut"), "{error}");
    let entries = cut.kept.entries().unwrap();
    assert!(entries.len() == 1 && entries[0].1.is_none(), "{entries:?}");
    entries
}

#[on(shadow, live)]
fn a_cut_between_intent_and_result_is_probed_rightly(bed: Bed) {
    with_each(&bed, |with| {
        let upgrade = |replicas: u32| {
            format!("helm::upgrade(\"web\", WEB, #{{ NS, set: #{{ hook: false, replicas: {replicas} }} }})")
        };
        let uninstall = "helm::uninstall(\"web\", #{ NS, keep_history: true })";
        let had_no_effect = |script: &str| {
            let undone = with.undo_entries(&cut(with, script, true)).unwrap();
            assert!(matches!(undone[0].result, Undoing::HadNoEffect), "{script}: {undone:?}");
        };
        let is_taken_back = |script: &str| {
            let undone = with.undo_entries(&cut(with, script, false)).unwrap();
            assert!(undone.len() == 1 && undone[0].changed(), "{script}: {undone:?}");
        };
        had_no_effect(&upgrade(1));
        assert!(with.find("deploy/web").is_none());
        is_taken_back(&upgrade(1));
        assert!(with.find("deploy/web").is_none(), "the install is undone");

        with.run(&upgrade(1)).value();
        had_no_effect(&upgrade(2));
        assert_eq!(with.status("web")["revision"], 1);
        is_taken_back(&upgrade(2));
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 1);
        assert_eq!(with.status("web")["description"], "Rollback to 1");

        // Somebody else makes the revision that was meant, after the cut.
        let entries = cut(with, &upgrade(4), true);
        let number = with.status("web")["revision"].as_i64().unwrap() + 1;
        with.helm_by_hand(&["upgrade", "web", &chart("web"), "--set", "hook=false,replicas=5"]);
        assert_eq!(with.status("web")["revision"], number);
        let undone = with.undo_entries(&entries).unwrap();
        assert!(matches!(undone[0].result, Undoing::HadNoEffect), "{undone:?}");
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 5, "theirs stays");
        with.run(&upgrade(1)).value();

        had_no_effect(uninstall);
        assert!(with.find("deploy/web").is_some());
        is_taken_back(uninstall);
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 1);
        let entries = cut(with, "helm::uninstall(\"web\", #{ NS })", false);
        let undone = with.undo_entries(&entries).unwrap();
        assert!(matches!(&undone[0].result, Undoing::Cannot(why) if why.contains("keep_history")), "{undone:?}");
    });
}

#[on(shadow, live)]
fn what_is_there_already_is_taken_over_only_if_told(bed: Bed) {
    with_each(&bed, |with| {
        with.bed.create(&with.namespace, crate::testing::secret("web", &json!({ "token": "mine" })));
        let upgrade = |options: &str| {
            with.run(&format!("helm::upgrade(\"web\", WEB, #{{ NS, set: #{{ hook: false }}, {options} }})"))
        };
        let refused = upgrade("").error();
        assert_eq!(refused["kind"], "conflict", "{refused}");
        assert!(refused["hint"].as_str().unwrap().contains("take_ownership: true"), "{refused}");
        assert_eq!(upgrade("take_ownership: true").value()["changed"], true);
        let labels = with.get("secret/web")["metadata"]["labels"].clone();
        assert_eq!(labels["app.kubernetes.io/managed-by"], "Helm");
    });
}

#[on(shadow, live)]
fn fields_of_others_are_taken_only_if_told(bed: Bed) {
    with_each(&bed, |with| {
        let four = with.path.to_string_lossy().contains("helm-v4");
        let upgrade = |replicas: u32, options: &str| {
            with.run(&format!(
                "helm::upgrade(\"web\", WEB, #{{ NS, set: #{{ hook: false, replicas: {replicas} }}, {options} }})"
            ))
        };
        upgrade(1, "").value();
        with.bed.patch("deploy/web", &with.namespace, json!({ "spec": { "replicas": 3 } }));
        let second = upgrade(2, "");
        if four {
            let refused = second.error();
            assert_eq!(refused["kind"], "conflict", "{refused}");
            assert!(refused["hint"].as_str().unwrap().contains("force_conflicts: true"), "{refused}");
        } else {
            second.value();
        }
        assert_eq!(upgrade(4, "force_conflicts: true").value()["changed"], true);
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 4);
    });
}

#[on(shadow, live)]
fn what_else_is_waited_for_is_the_scripts_choice(bed: Bed) {
    with_each(&bed, |with| {
        let upgrade = |wait_for: &str| {
            with.run(&format!(
                "helm::upgrade(\"web\", WEB, #{{ NS, set: #{{ hook: false }}, timeout: \"20s\", wait_for: [{wait_for}] }})"
            ))
        };
        upgrade("#{ ready: \"Deployment/web\" }, #{ exists: \"Service/web\" }").value();
        assert_eq!(with.get("deploy/web")["status"]["readyReplicas"], 1, "in the release's namespace");
        let error = upgrade("#{ exists: \"cm/never\", timeout: \"1s\" }").error();
        assert_eq!(error["kind"], "timeout", "{error}");
        assert!(error["message"].as_str().unwrap().contains("ConfigMap/never in"), "{error}");
    });
}

#[on(shadow, because = "what is said of the program is said before a cluster is asked")]
fn an_old_helm_is_warned_about_once_and_a_very_old_one_refused(bed: Bed) {
    let ran = |version: &str| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("helm");
        std::fs::write(&path, format!("#!/bin/sh\n[ \"$1\" = version ] && echo {version}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let script = "for n in 0..2 { helm::repo(\"registry\", \"oci://registry.example.invalid/charts\"); }";
        crate::testing::Scripting::run_with(&bed, script, |builder| {
            builder.program("helm", &path).state_folder(crate::helm::testing::state())
        })
    };
    for (version, instead) in [("v3.20.1", "3.20.2"), ("v4.1.3+g1234", "4.1.4")] {
        let ran = ran(version);
        ran.value();
        let warned: Vec<_> =
            ran.logs().into_iter().filter(|line| line.contains("can be made to write outside")).collect();
        assert!(warned.len() == 1 && warned[0].contains(instead), "{version}: {warned:?}");
    }
    for version in ["v3.20.2", "v4.1.4"] {
        assert_eq!(ran(version).logs(), Vec::<String>::new(), "{version}");
    }
    let refused = ran("v3.19.9").error();
    assert!(refused["message"].as_str().unwrap().ends_with("is Helm 3.19.9, which is too old"), "{refused}");
    assert!(refused["hint"].as_str().unwrap().contains("3.20.2 or later"), "{refused}");
    assert!(ran("hello").error()["message"].as_str().unwrap().ends_with("does not say its version"));
}
