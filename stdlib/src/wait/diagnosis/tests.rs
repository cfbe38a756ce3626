use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_runtime::cluster::{ResourceId, WatchEvent};
use windlass_runtime::{Kind, Moment};

use super::{describe, error_of};
use crate::wait::aim::Aim;
use crate::wait::contact::Reply;
use crate::wait::evidence::{Evidence, Log};
use crate::wait::vigil::{Goal, Times, Vigil};

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

fn job(aim: Aim) -> Goal {
    Goal {
        id: ResourceId {
            cluster: "c".into(),
            api_version: "batch/v1".into(),
            kind: "Job".into(),
            plural: "jobs".into(),
            namespace: Some("shop".into()),
            name: "import".into(),
        },
        aim,
        begun: at(0),
        times: Times {
            timeout: Duration::from_secs(90),
            stable_for: Duration::ZERO,
            patience: Duration::from_secs(60),
        },
    }
}

fn after(aim: Aim, objects: Vec<Json>, moment: Moment) -> Vigil {
    let mut vigil = Vigil::new(vec![job(aim)], at(0));
    vigil.observe(0, Ok(WatchEvent::Snapshot(objects)), moment);
    vigil.look(moment);
    for question in vigil.questions(moment) {
        vigil.replied(&question, Reply::Read, moment);
    }
    vigil.look(moment);
    vigil
}

fn object(status: Json) -> Json {
    json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "import", "uid": "j"}, "spec": {}, "status": status})
}

fn failed_pod() -> Json {
    json!({
        "metadata": {"name": "import-1"},
        "spec": {"nodeName": "n1", "containers": [{"name": "side", "image": "side:1"}, {"name": "main", "image": "import:2"}]},
        "status": {"phase": "Failed", "containerStatuses": [
            {"name": "side", "ready": true, "state": {"running": {}}},
            {"name": "main", "ready": false, "restartCount": 1, "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}]}
    })
}

#[test]
fn a_hopeless_wait_says_object_reason_and_evidence() {
    let status = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "too often"}]});
    let vigil = after(Aim::Ready, vec![object(status)], at(5));
    let evidence = Evidence {
        pods: vec![failed_pod()],
        events: vec![json!({"type": "Warning", "reason": "BackOff", "message": "again", "count": 3,
            "involvedObject": {"kind": "Pod", "name": "import-1"}, "lastTimestamp": "2026-01-01T00:00:00Z"})],
        log: Some(Log { pod: "import-1".into(), container: "main".into(), lines: vec!["no database".into()] }),
        ..Evidence::default()
    };
    let error = error_of(&vigil.watched[0], &evidence, &[]);
    assert_eq!(error.kind(), Kind::Hopeless);
    assert_eq!(
        error.message(),
        "Job/import in shop will not become ready: it has failed: BackoffLimitExceeded: too often"
    );
    assert_eq!(error.resource_name(), Some("Job/import in shop"));
    assert_eq!(error.hint_text(), Some("e.details has its pods, newest events and log lines"));
    assert_eq!(
        error.detail_value().unwrap(),
        &json!({
            "object": "Job/import in shop",
            "status": "it has failed: BackoffLimitExceeded: too often",
            "pods": [{"name": "import-1", "reason": "Error", "message": "container main ended with exit code 2",
                "container": "main", "image": "import:2", "node": "n1", "restarts": 1}],
            "events": [{"type": "Warning", "reason": "BackOff", "message": "again", "object": "Pod/import-1", "count": 3,
                "last": "2026-01-01T00:00:00Z"}],
            "log": {"pod": "import-1", "container": "main", "lines": ["no database"]}
        })
    );
}

#[test]
fn a_timeout_says_how_long_and_what_to_do() {
    let hint = |aim: Aim, objects: Vec<Json>, evidence: &Evidence| {
        let vigil = after(aim, objects, at(90));
        let error = error_of(&vigil.watched[0], evidence, &[]);
        assert_eq!(error.kind(), Kind::Timeout);
        (error.message().to_owned(), error.hint_text().unwrap().to_owned())
    };
    let none = Evidence::default();
    let (message, text) = hint(Aim::Ready, vec![object(json!({"active": 1}))], &none);
    assert_eq!(message, "Job/import in shop is not ready after 1m30s: 0 of 1 succeeded, 1 running");
    assert!(text.contains("`timeout`"));
    let (message, text) = hint(Aim::Exists, vec![], &none);
    assert_eq!(message, "Job/import in shop does not exist after 1m30s: it does not exist yet");
    assert!(text.contains("is it applied"));
    let event = |kind: &str, reason: &str| json!({"type": kind, "reason": reason, "message": "secret \"key\" not found", "involvedObject": {"kind": "Pod", "name": "import-1"}});
    let events = vec![event("Warning", "FailedMount"), event("Normal", "Scheduled")];
    let (_, text) = hint(Aim::Ready, vec![object(json!({"active": 1}))], &Evidence { events, ..Evidence::default() });
    assert_eq!(text, "Pod/import-1: FailedMount: secret \"key\" not found");
    let api = json!({"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": "import", "uid": "a"}, "spec": {"service": {"namespace": "shop", "name": "api"}}});
    let (_, text) = hint(Aim::Ready, vec![api], &none);
    assert_eq!(text, "who is to answer is behind Service/api in shop: look at its pods and their logs");
    let near = Evidence { names: vec!["imports".into(), "other".into()], ..Evidence::default() };
    assert!(hint(Aim::Ready, vec![], &near).1.contains("imports"));
    let nowhere = Evidence { namespace_missing: true, ..Evidence::default() };
    assert!(hint(Aim::Ready, vec![], &nowhere).1.contains("no namespace shop"));
    let mut going = object(json!({}));
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    going["metadata"]["finalizers"] = json!(["example.invalid/hold"]);
    let (message, text) = hint(Aim::Deleted, vec![going], &none);
    assert_eq!(
        message,
        "Job/import in shop is still there after 1m30s: it is being deleted; its finalizers hold it: example.invalid/hold"
    );
    assert!(text.contains("finalizer"));
    assert!(hint(Aim::Deleted, vec![object(json!({}))], &none).1.contains("cluster::delete"));
}

#[test]
fn pods_are_described_by_what_keeps_them() {
    let pod = |status: Json| {
        describe(
            &json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "main", "image": "i:1"}]}, "status": status}),
        )
    };
    let creating = pod(
        json!({"containerStatuses": [{"name": "main", "ready": false, "state": {"waiting": {"reason": "ContainerCreating"}}}]}),
    );
    assert_eq!(
        (&creating["reason"], &creating["image"], &creating["node"]),
        (&json!("ContainerCreating"), &json!("i:1"), &json!(null))
    );
    let ready = pod(json!({"conditions": [{"type": "Ready", "status": "True"}]}));
    assert_eq!((&ready["reason"], &ready["container"]), (&json!("Ready"), &json!(null)));
    let unready = pod(
        json!({"conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "m"}],
        "containerStatuses": [{"name": "main", "ready": false, "state": {"running": {}}}]}),
    );
    assert_eq!(
        (&unready["reason"], &unready["message"], &unready["container"]),
        (&json!("ContainersNotReady"), &json!("m"), &json!("main"))
    );
    assert_eq!(pod(json!({}))["reason"], "Pending");
}
