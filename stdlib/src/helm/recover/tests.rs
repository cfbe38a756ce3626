use serde_json::{Value as Json, json};
use windlass_runtime::cancel::Cancel;
use windlass_runtime::{Error, Kind};

use crate::helm::testing::{With, chart, with_each};
use crate::testing::{Bed, on};

/// Waits until the hook is there, or is as it is to be.
fn until(with: &With, is_so: fn(Option<&Json>) -> bool) {
    let (other, namespace) = (with.bed.other(), with.namespace.clone());
    with.bed.wait(async move { other.until("job/web-prepare", &namespace, is_so).await });
}

/// Somebody's Helm is killed while its hook hangs.
fn killed(with: &With, arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "somebody else's Helm")]
    let mut helm = std::process::Command::new(&with.path);
    helm.args(arguments).args(["--namespace", &with.namespace, "--kubeconfig"]).arg(with.bed.kubeconfig());
    for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "KUBECACHEDIR"] {
        helm.env(name, folder.path());
    }
    let mut child = helm.stderr(std::process::Stdio::null()).spawn().unwrap();
    until(with, |job| job.is_some_and(|job| job["spec"]["suspend"] == true));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[on(shadow, live)]
fn what_a_killed_helm_left_pending_is_put_right(bed: Bed) {
    with_each(&bed, |with| {
        let web = chart("web");
        with.run("helm::upgrade(\"web\", WEB, #{ NS })").value();
        killed(with, &["upgrade", "web", &web, "--set", "hangs=true,replicas=2"]);
        assert_eq!(with.status("web")["status"], "pending-upgrade");
        let refused = with.run("helm::upgrade(\"web\", WEB, #{ NS })").error();
        assert_eq!(refused["kind"], "conflict", "{refused}");
        assert!(refused["hint"].as_str().unwrap().contains("helm::recover(\"web\", #{ namespace: "), "{refused}");

        let recovered = with.run("helm::recover(\"web\", #{ NS, after: \"1s\" })");
        let value = recovered.value();
        assert_eq!((&value["changed"], &value["object"]["status"]), (&json!(true), &json!("deployed")), "{value:#}");
        assert_eq!(with.status("web")["description"], "Rollback to 1");
        let again = with.run("helm::recover(\"web\", #{ NS })").value();
        assert_eq!(again["reason"], "it is deployed (revision 3)", "{again:#}");
        assert_eq!(with.run("helm::upgrade(\"web\", WEB, #{ NS })").value()["changed"], false);
    });
}

#[on(shadow, live)]
fn a_first_install_that_hangs_is_uninstalled_by_consent(bed: Bed) {
    with_each(&bed, |with| {
        killed(with, &["install", "web", &chart("web"), "--set", "hangs=true"]);
        let pending = with.run("helm::upgrade(\"web\", WEB, #{ NS })").error();
        assert!(pending["hint"].as_str().unwrap().contains(", uninstall: true })"), "{pending}");
        let refused = with.run("helm::recover(\"web\", #{ NS, after: \"1s\" })").error();
        assert_eq!(refused["kind"], "conflict", "{refused}");
        assert!(refused["message"].as_str().unwrap().contains("pending-install"), "{refused}");
        let value = with.run("helm::recover(\"web\", #{ NS, after: \"1s\", uninstall: true })").value();
        assert_eq!(value["changed"], true, "{value:#}");
        assert_eq!(value["diff"], json!([]), "its hook hung before anything else was made: {value:#}");
        let reason = value["items"][0]["reason"].as_str().unwrap();
        assert!(reason.starts_with("none of its objects is there; its hooks have made what stays"), "{reason}");
        assert!(reason.ends_with(": Job/web-prepare") && with.find("job/web-prepare").is_some(), "{reason}");
        assert_eq!(with.run("helm::list(#{ NS })").value(), json!([]));
        assert_eq!(with.run("helm::upgrade(\"web\", WEB, #{ NS })").value()["changed"], true);
    });
}

#[on(shadow, live)]
fn a_cancel_ends_helm_in_order_and_says_what_became_of_the_release(bed: Bed) {
    with_each(&bed, |with| {
        let cancel = Cancel::root();
        let script = "helm::upgrade(\"web\", WEB, #{ NS, set: #{ hangs: true }, timeout: \"5m\" })";
        let stop = || {
            until(with, |job| job.is_some());
            cancel.stop(Error::new(Kind::Cancelled, "stopped by the test"));
        };
        let begun = std::time::Instant::now();
        let ran = std::thread::scope(|threads| {
            let stopper = threads.spawn(stop);
            let ran = with.run_with(script, |builder| builder.cancel(cancel.clone()));
            stopper.join().unwrap();
            ran
        });
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
        let error = ran.error();
        assert_eq!(error["kind"], "cancelled", "{error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("HelmRelease/web in") && message.contains("was being changed; it is "), "{error}");
        let status = with.status("web")["status"].as_str().unwrap().to_owned();
        assert!(message.contains(&format!("it is {status} now, in revision 1")), "{status}: {error}");
    });
}
