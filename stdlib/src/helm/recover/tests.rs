use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_runtime::cancel::Cancel;
use windlass_runtime::journal::{About, Journal, Point, Side, Store, Watched};
use windlass_runtime::report::RunStatus;
use windlass_runtime::secret::Keys;
use windlass_runtime::state_folder::UserFolders;
use windlass_runtime::undo::{self, Undoing};
use windlass_runtime::{Error, Kind};

use crate::helm::testing::{With, chart, copy_of, state, with_each};
use crate::testing::{Bed, Cut, on, runtime};

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

#[on(shadow, live)]
fn a_killed_upgrade_that_was_put_right_has_not_taken_effect(bed: Bed) {
    with_each(&bed, |with| {
        with.run("helm::upgrade(\"web\", WEB, #{ NS })").value();
        let cut = Cut::new(true);
        let upgrade = "helm::upgrade(\"web\", WEB, #{ NS, values: #{ replicas: 2 } })";
        with.run_with(upgrade, |session| session.journal(cut.journal())).error();
        let entries = cut.kept.entries().unwrap();
        let mark = entries[0].0.probe.data["to"]["mark"]["intent"].as_str().unwrap().to_owned();
        let label = format!("windlass.dev/intent={mark}");
        killed(with, &["upgrade", "web", &chart("web"), "--set", "hangs=true,replicas=2", "--labels", &label]);
        let unclear = with.undo_entries(&entries).unwrap_err();
        assert!(unclear.message().contains("is pending-upgrade; put it right with helm::recover"), "{unclear}");

        with.run("helm::recover(\"web\", #{ NS, after: \"1s\" })").value();
        let history = with.run("helm::history(\"web\", #{ NS }).map(|r| r.status)").value();
        assert_eq!(history, json!(["superseded", "pending-upgrade", "deployed"]));
        let undone = with.undo_entries(&entries).unwrap();
        assert!(matches!(undone[0].result, Undoing::HadNoEffect), "{undone:?}");
    });
}

#[on(shadow, live)]
fn an_undo_that_was_killed_in_a_rollback_goes_on(bed: Bed) {
    with_each(&bed, |with| {
        let (folder, web) = copy_of("web");
        let file = format!("{web}/templates/hook.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("pre-install,pre-upgrade", "pre-rollback")).unwrap();
        let upgrade = |replicas: u32| {
            let set = format!("set: #{{ hangs: true, replicas: {replicas} }}");
            with.run(&format!("helm::upgrade(\"web\", \"{web}\", #{{ NS, {set} }})"))
        };
        upgrade(1).value();
        let ran = upgrade(2);
        ran.value();
        let entries = ran.journal.entries().unwrap();
        let folders = UserFolders { config: folder.path().join("config"), state: folder.path().join("state") };
        let store = Store::open(&folders.state, Keys::of(&folders, Vec::new())).unwrap();
        let undo = |journal: Arc<dyn Journal>| {
            let done = journal.past().undone.clone();
            let session = runtime().session(bed.target()).program("helm", &with.path).state_folder(state());
            let session = session.journal(journal).open();
            let items = undo::plan(&session, &entries, &done, session.cancel())?;
            undo::start(undo::prepare(&session, "a-run", items))?.wait()
        };
        let begun = store.begin(About { what: "all".to_owned(), ..About::default() }).unwrap();
        let dies = Watched::new(Arc::new(begun), |point, side| match (point, side) {
            (Point::Intent, Side::After) => Err(Error::new(Kind::System, "cut")),
            _ => Ok(()),
        });
        assert_eq!(undo(Arc::new(dies)).unwrap().status, RunStatus::Failed);
        killed(with, &["rollback", "web", "1"]);
        assert_eq!(with.status("web")["status"], "pending-rollback");

        let killed = with.get("job/web-prepare")["metadata"]["uid"].clone();
        let namespace = with.namespace.clone();
        let hook = bed.meanwhile(|other| async move {
            let is_new = |job: Option<&Json>| job.is_some_and(|job| job["metadata"]["uid"] != killed);
            other.until("job/web-prepare", &namespace, is_new).await;
            other.patch("job/web-prepare", &namespace, json!({ "spec": { "suspend": false } })).await;
        });
        let run = store.runs().unwrap()[0].run.clone();
        let report = undo(Arc::new(store.resume(&run).unwrap())).unwrap();
        hook.done();
        assert_eq!(report.status, RunStatus::Ok, "{report:?}");
        assert_eq!(with.get("deploy/web")["spec"]["replicas"], 1);
        let status = with.status("web");
        assert_eq!((&status["status"], &status["description"]), (&json!("deployed"), &json!("Rollback to 1")));
    });
}
