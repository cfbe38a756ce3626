//! Runs of Helm that end in the middle, or of which it cannot be read what they did: nobody takes them for undone.

use std::os::unix::fs::PermissionsExt as _;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::json;
use tower::BoxError;
use windlass_runtime::change::ResultWord;
use windlass_runtime::journal::Journal as _;
use windlass_runtime::target::Target;
use windlass_runtime::undo::Undoing;
use windlass_support::Through;

use crate::helm::testing::{With, copy_of, with_each};
use crate::testing::{Bed, Ran, on};

/// The cluster to a user who may not read the revisions of releases any more as soon as this is in them.
fn unreadable(bed: &Bed, text: &'static str) -> Through {
    Through::new(bed.target(), move |request: Request<Body>, client| async move {
        let lists = request.method() == "GET" && request.uri().path().ends_with("/secrets");
        let (parts, body) = client.send(request).await?.into_parts();
        if !lists {
            return Ok::<_, BoxError>(Response::from_parts(parts, body));
        }
        let answer = body.collect().await?.to_bytes();
        if !String::from_utf8_lossy(&answer).contains(text) {
            return Ok(Response::from_parts(parts, Body::from(answer)));
        }
        let refused =
            json!({ "kind": "Status", "code": 403, "reason": "Forbidden", "message": "secrets is forbidden" });
        Ok(Response::builder().status(403).body(Body::from(refused.to_string().into_bytes()))?)
    })
}

/// What the journal has of the last change of a run that failed.
fn word(ran: &Ran) -> ResultWord {
    assert!(ran.error()["message"].is_string());
    let entries = ran.journal.entries().unwrap();
    entries.last().unwrap().1.as_ref().unwrap().results[0]
}

#[on(shadow, live)]
fn what_helm_has_done_is_not_taken_for_undone_if_it_cannot_be_read(bed: Bed) {
    with_each(&bed, |with| {
        let blind = unreadable(&bed, "sh.helm.release.v1.web.v1");
        let ran = with.run_on(blind, "helm::upgrade(\"web\", WEB, #{ NS, set: #{ hook: false } })", |b| b);
        assert_eq!(word(&ran), ResultWord::Unknown, "{}", ran.error());
        assert_eq!(with.status("web")["status"], "deployed");
        assert!(with.undo(&ran).unwrap()[0].changed());
        assert!(with.find("deploy/web").is_none());
    });
}

#[on(shadow, live)]
fn a_failed_helm_counts_as_having_left_something_if_that_cannot_be_read(bed: Bed) {
    with_each(&bed, |with| {
        let blind = unreadable(&bed, "sh.helm.release.v1.web.v1");
        let script = "helm::upgrade(\"web\", WEB, #{ NS, set: #{ hangs: true }, timeout: \"1s\" })";
        let ran = with.run_on(blind, script, |b| b);
        assert_eq!(word(&ran), ResultWord::Unknown, "{}", ran.error());
        let message = ran.error()["message"].as_str().unwrap().to_owned();
        assert!(message.contains("; how it is cannot be read: "), "{message}");
        assert_eq!(with.status("web")["status"], "failed");
        assert!(with.undo(&ran).unwrap()[0].changed());
        assert_eq!(with.run("helm::list(#{ NS })").value(), json!([]));
    });
}

/// A chart with a Job that runs after the release's objects are deleted, and never ends.
fn hanging_at_the_end() -> (tempfile::TempDir, String) {
    let (folder, web) = copy_of("web");
    let file = format!("{web}/templates/hook.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("pre-install,pre-upgrade", "post-delete")).unwrap();
    (folder, web)
}

#[on(shadow, live)]
fn an_uninstall_whose_last_hook_fails_has_uninstalled(bed: Bed) {
    with_each(&bed, |with| {
        let (_folder, web) = hanging_at_the_end();
        with.run(&format!("helm::upgrade(\"web\", \"{web}\", #{{ NS, set: #{{ hangs: true }} }})")).value();
        let ran = with.run("helm::uninstall(\"web\", #{ NS, timeout: \"1s\" })");
        assert_eq!(word(&ran), ResultWord::Unknown, "{}", ran.error());
        assert!(with.find("deploy/web").is_none());
        let undone = with.undo(&ran).unwrap();
        assert!(matches!(&undone[0].result, Undoing::Cannot(why) if why.contains("keep_history")), "{undone:?}");
    });
}

/// What comes of an uninstall that is killed when the release's objects are deleted.
fn killed_halfway(with: &With, target: impl Target) -> Ran {
    let (folder, web) = hanging_at_the_end();
    with.run(&format!("helm::upgrade(\"web\", \"{web}\", #{{ NS, set: #{{ hangs: true }} }})")).value();
    let (path, now) = (folder.path().join("helm"), folder.path().join("now"));
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = uninstall ] || exec '{helm}' \"$@\"\n'{helm}' \"$@\" &\n\
         until [ -e '{now}' ]; do sleep 0.1; done\nkill -9 $!\nwait\nexit 1\n",
        helm = with.path.display(),
        now = now.display()
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let namespace = with.namespace.clone();
    let killer = with.bed.meanwhile(|other| async move {
        other.until("job/web-prepare", &namespace, |job| job.is_some()).await;
        std::fs::write(now, "").unwrap();
    });
    let uninstall = "helm::uninstall(\"web\", #{ NS, keep_history: true })";
    let ran = with.run_on(target, uninstall, |builder| builder.program("helm", &path));
    killer.done();
    assert_eq!(with.status("web")["status"], "uninstalling");
    ran
}

#[on(shadow, live)]
fn an_uninstall_that_was_killed_halfway_is_not_taken_for_undone(bed: Bed) {
    with_each(&bed, |with| {
        let ran = killed_halfway(with, bed.target());
        assert_eq!(word(&ran), ResultWord::Unknown, "{}", ran.error());
        assert!(ran.error()["message"].as_str().unwrap().contains("it is uninstalling now"), "{}", ran.error());
        let refused = with.undo(&ran).unwrap_err();
        assert!(refused.message().contains("is uninstalling; put it right with helm::recover"), "{refused}");
    });
}

#[on(shadow, live)]
fn nor_is_one_after_which_nothing_can_be_read(bed: Bed) {
    with_each(&bed, |with| {
        let ran = killed_halfway(with, unreadable(&bed, "\"status\":\"uninstalling\""));
        assert_eq!(word(&ran), ResultWord::Unknown, "{}", ran.error());
        assert!(ran.error()["message"].as_str().unwrap().contains("; how it is cannot be read: "), "{}", ran.error());
    });
}
