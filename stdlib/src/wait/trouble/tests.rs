use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_runtime::Moment;

use super::{Patience, Progress, of_pod, pods_of, progress, troubles};

fn pod(name: &str, owner: &str, status: &Json) -> Json {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "uid": name, "labels": {"app": "web"}, "ownerReferences": [{"uid": owner, "controller": true}]},
        "spec": {"nodeName": "node-1", "containers": [{"name": "main", "image": "web:1"}]},
        "status": status
    })
}

fn waiting(reason: &str, message: &str) -> Json {
    json!({"phase": "Pending", "containerStatuses": [
        {"name": "main", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": reason, "message": message}}}]})
}

fn crashing() -> Json {
    json!({"phase": "Running", "containerStatuses": [{
        "name": "main", "ready": false, "restartCount": 4,
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 1m20s restarting failed container"}},
        "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}
    }]})
}

fn set(kind: &str) -> Json {
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"uid": "s", "generation": 1}, "spec": {"replicas": 1}, "status": {}})
}

#[test]
fn what_blocks_a_pod_and_what_does_not() {
    for reason in ["ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError"] {
        let found = of_pod(&pod("web-1", "s", &waiting(reason, "why"))).unwrap();
        assert_eq!(found.words(), format!("pod web-1: {reason}: why"));
        assert!(!found.hint().is_empty());
    }
    let init =
        json!({"initContainerStatuses": [{"name": "prepare", "state": {"waiting": {"reason": "ErrImagePull"}}}]});
    assert_eq!(of_pod(&pod("web-1", "s", &init)).unwrap().container.as_deref(), Some("prepare"));
    let found = of_pod(&pod("web-1", "s", &crashing())).unwrap();
    assert_eq!(
        found.words(),
        "pod web-1: CrashLoopBackOff: container main ended with exit code 137, OOMKilled, 4 restarts"
    );
    let unschedulable = json!({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]});
    assert_eq!(of_pod(&pod("web-1", "s", &unschedulable)).unwrap().reason, "Unschedulable");
    let starting = json!({"phase": "Running", "containerStatuses": [
        {"name": "main", "ready": false, "started": false, "restartCount": 0, "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]});
    for healthy in [starting, waiting("ContainerCreating", ""), waiting("PodInitializing", ""), json!({})] {
        assert_eq!(of_pod(&pod("web-1", "s", &healthy)), None, "{healthy}");
    }
}

#[test]
fn only_pods_of_the_newest_revision_count() {
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"uid": "d"}, "spec": {"replicas": 1}});
    let replica_set = |uid: &str, revision: &str| {
        json!({"metadata": {"uid": uid, "ownerReferences": [{"uid": "d", "controller": true}],
        "annotations": {"deployment.kubernetes.io/revision": revision}}})
    };
    let (old, new) = (replica_set("r9", "9"), replica_set("r10", "10"));
    let (broken, fine) = (pod("old", "r9", &crashing()), pod("new", "r10", &json!({})));
    let own = pods_of(&deployment, &[&broken, &fine], &[&old, &new]);
    assert_eq!(own, [&fine]);
    assert!(troubles(&deployment, &own, &[&old, &new], &[]).is_empty());

    let mut parallel = set("StatefulSet");
    parallel["status"]["updateRevision"] = json!("db-2");
    let mut replaced = pod("db-0", "s", &crashing());
    replaced["metadata"]["labels"]["controller-revision-hash"] = json!("db-1");
    assert_eq!(pods_of(&parallel, &[&replaced], &[]).len(), 1, "an ordered update waits for the broken old pod");
    parallel["spec"]["podManagementPolicy"] = json!("Parallel");
    assert!(pods_of(&parallel, &[&replaced], &[]).is_empty());

    let foreign = pod("other", "x", &crashing());
    assert!(pods_of(&set("StatefulSet"), &[&foreign], &[]).is_empty(), "same labels, another owner");
    let service = json!({"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"app": "web"}}});
    assert_eq!(pods_of(&service, &[&foreign], &[]).len(), 1);
}

#[test]
fn a_job_may_crash_as_often_as_its_own_limit_says() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"uid": "s"}, "spec": {}});
    let crashing = pod("job-1", "s", &crashing());
    assert!(troubles(&job, &[&crashing], &[], &[]).is_empty());
    let no_image = pod("job-1", "s", &waiting("ImagePullBackOff", ""));
    assert_eq!(troubles(&job, &[&no_image], &[], &[]).len(), 1);
}

#[test]
fn refused_pods_count_only_while_pods_are_missing() {
    let refusal = json!({"involvedObject": {"uid": "s"}, "reason": "FailedCreate", "message": "exceeded quota: none"});
    let db = set("StatefulSet");
    let found = troubles(&db, &[], &[], &[&refusal]);
    assert_eq!(found[0].words(), "FailedCreate: exceeded quota: none");
    let running = pod("db-0", "s", &json!({}));
    assert!(troubles(&db, &[&running], &[], &[&refusal]).is_empty(), "the event is of the past");
    let mut other = refusal.clone();
    other["involvedObject"]["uid"] = json!("x");
    assert!(troubles(&db, &[], &[], &[&other]).is_empty());
}

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

fn made(made: i64) -> Progress {
    Progress { generation: 1, uid: "u".into(), made }
}

#[test]
fn patience_counts_from_the_first_trouble_and_anew_with_each_progress() {
    let mut patience = Patience::default();
    assert_eq!(patience.look(at(0), false, &made(0)), None);
    assert_eq!(patience.look(at(100), true, &made(0)), Some(at(100)));
    assert_eq!(patience.look(at(159), true, &made(0)), Some(at(100)), "quiet trouble goes on");
    assert_eq!(patience.look(at(160), true, &made(1)), Some(at(160)), "a replica has become ready");
    assert_eq!(patience.look(at(170), true, &made(0)), Some(at(160)), "falling back is no progress");
    assert_eq!(patience.look(at(180), true, &made(1)), Some(at(160)), "nor is getting back to where it was");
    let newer = Progress { generation: 2, ..made(0) };
    assert_eq!(patience.look(at(190), true, &newer), Some(at(190)), "a new revision starts anew");
}

#[test]
fn a_short_run_between_two_crashes_does_not_end_the_trouble_and_a_long_one_does() {
    let mut patience = Patience::default();
    assert_eq!(patience.look(at(0), true, &made(0)), Some(at(0)));
    assert_eq!(patience.look(at(10), false, &made(0)), None);
    assert_eq!(patience.look(at(20), false, &made(0)), None);
    assert_eq!(patience.look(at(35), true, &made(0)), Some(at(0)));
    assert_eq!(patience.look(at(40), false, &made(0)), None);
    assert_eq!(patience.look(at(75), true, &made(0)), Some(at(75)));
    patience.forget();
    assert_eq!(patience.look(at(90), true, &made(0)), Some(at(90)), "what was not seen does not count");
}

#[test]
fn progress_is_what_is_updated_available_placed_and_ready() {
    let mut web = set("ReplicaSet");
    let none = progress(&web, &[]);
    web["status"] = json!({"readyReplicas": 1});
    assert!(progress(&web, &[]).made > none.made);
    let placed = pod("web-1", "s", &json!({}));
    assert!(progress(&set("ReplicaSet"), &[&placed]).made > none.made);
}
