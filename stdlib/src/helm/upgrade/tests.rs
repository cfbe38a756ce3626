use serde_json::json;

use crate::helm::testing::{chart, copy_of, with_each};
use crate::testing::{Bed, on};

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

        let conflict = with.undo(&first).unwrap_err();
        assert!(conflict.message().contains("has been changed since: it is in revision 3"), "{conflict}");
        with.run("helm::uninstall(\"web\", #{ NS })").value();
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
        let left = std::fs::read_dir(crate::helm::testing::state().join("helm/private")).unwrap().flatten();
        let own = format!("{}-", std::process::id());
        assert!(left.count() <= 8, "folders of calls that run beside this one, {own}…");
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
fn images_that_a_chart_takes_from_elsewhere_are_warned_about(bed: Bed) {
    with_each(&bed, |with| {
        let script = "helm::upgrade(\"web\", WEB, #{ NS, set: #{ hook: false, sidecar: \"busybox:1.36\" }, images: #{ registry: \"mirror.local:5000\" } })";
        let ran = with.run(script);
        ran.value();
        let containers = with.get("deploy/web")["spec"]["template"]["spec"]["containers"].clone();
        assert_eq!(containers[0]["image"], "mirror.local:5000/nginx:1.27");
        let logs = ran.logs().join("\n");
        assert!(logs.contains("takes these images from elsewhere than `images` says: busybox:1.36"), "{logs}");
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
