use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_runtime::cluster::{ResourceId, Selector, WatchEvent};
use windlass_runtime::{Error, Kind, Moment};

use super::{Aim, End, Goal, Times, Vigil};
use crate::wait::around::label_selector;
use crate::wait::contact::Reply;

fn at(seconds: u64) -> Moment {
    Moment(Duration::from_secs(seconds))
}

/// When something is decided by the clock alone.
fn next(vigil: &Vigil) -> Option<Moment> {
    [vigil.verdict_at(), vigil.over_at()].into_iter().flatten().min()
}

fn goal(api_version: &str, kind: &str, plural: &str, name: &str, aim: Aim) -> Goal {
    Goal {
        id: ResourceId {
            cluster: "c".into(),
            api_version: api_version.into(),
            kind: kind.into(),
            plural: plural.into(),
            namespace: Some("shop".into()),
            name: name.into(),
        },
        aim,
        begun: at(0),
        times: Times {
            timeout: Duration::from_secs(600),
            stable_for: Duration::ZERO,
            patience: Duration::from_secs(60),
        },
    }
}

fn web(name: &str) -> Goal {
    goal("apps/v1", "Deployment", "deployments", name, Aim::Ready)
}

fn deployment(name: &str, available: u32) -> Json {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "uid": name, "generation": 1},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}}},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": available}
    })
}

fn replica_set(name: &str) -> Json {
    json!({"metadata": {"name": name, "uid": format!("{name}-rs"), "ownerReferences": [{"uid": name, "controller": true}],
        "annotations": {"deployment.kubernetes.io/revision": "1"}}})
}

fn pod(name: &str, of: &str, waiting: Option<&str>) -> Json {
    let state =
        waiting.map_or(json!({"running": {}}), |reason| json!({"waiting": {"reason": reason, "message": "why"}}));
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "uid": name, "ownerReferences": [{"uid": format!("{of}-rs"), "controller": true}]},
        "spec": {"nodeName": "n1"}, "status": {"containerStatuses": [{"name": "main", "ready": false, "state": state}]}
    })
}

/// Tells the source of this plural what there is.
fn tell(vigil: &mut Vigil, plural: &str, event: WatchEvent) {
    let source = (0..).find(|s| vigil.board.get(*s).of.plural == plural).unwrap();
    vigil.observe(source, Ok(event), Moment::default());
}

/// Looks, while the API server answers at once and has nothing new.
fn look(vigil: &mut Vigil, now: Moment) {
    vigil.look(now);
    for question in vigil.questions(now) {
        vigil.replied(&question, Reply::Read, now);
    }
    vigil.look(now);
}

fn plurals(vigil: &mut Vigil) -> Vec<(String, Selector)> {
    let fresh = vigil.board.take_fresh();
    fresh.into_iter().map(|s| (vigil.board.get(s).of.plural.clone(), vigil.board.get(s).selector.clone())).collect()
}

#[test]
fn one_object_is_watched_alone_and_several_of_a_kind_together() {
    let mut vigil = Vigil::new(vec![web("web")], at(0));
    assert_eq!(plurals(&mut vigil), [("deployments".to_owned(), Selector::name("web"))]);
    let mut vigil = Vigil::new(vec![web("web"), web("api")], at(0));
    assert_eq!(plurals(&mut vigil), [("deployments".to_owned(), Selector::default())]);
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 1), deployment("api", 1)]));
    look(&mut vigil, at(2));
    let guards = plurals(&mut vigil);
    let names: Vec<&str> = guards.iter().map(|(plural, _)| plural.as_str()).collect();
    assert_eq!(names, ["pods", "replicasets", "events"], "one watch a kind, for both");
    assert_eq!(guards[0].1, Selector::default());
}

#[test]
fn what_is_not_ready_is_looked_at_closer_only_after_a_moment() {
    let mut vigil = Vigil::new(vec![web("web")], at(0));
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 1)]));
    plurals(&mut vigil);
    look(&mut vigil, at(0));
    assert!(plurals(&mut vigil).is_empty());
    assert_eq!(vigil.guards_at(), at(1));
    look(&mut vigil, at(1));
    let guards = plurals(&mut vigil);
    assert_eq!(guards[0], ("pods".to_owned(), Selector::labels("app=web")));
    assert_eq!(guards[2].1.fields.as_deref(), Some("reason=FailedCreate"));
}

#[test]
fn blocked_pods_are_hopeless_after_sixty_seconds_without_progress_and_not_before() {
    let mut vigil = Vigil::new(vec![web("web")], at(0));
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 0)]));
    look(&mut vigil, at(1));
    tell(
        &mut vigil,
        "pods",
        WatchEvent::Snapshot(vec![pod("web-1", "web", Some("ErrImagePull")), pod("web-2", "web", None)]),
    );
    tell(&mut vigil, "events", WatchEvent::Snapshot(Vec::new()));
    look(&mut vigil, at(2));
    assert!(!vigil.watched[0].status.contains("ErrImagePull"), "its ReplicaSets are not known yet");
    tell(&mut vigil, "replicasets", WatchEvent::Snapshot(vec![replica_set("web")]));
    look(&mut vigil, at(3));
    assert_eq!(vigil.watched[0].status, "0 of 2 replicas available; pod web-1: ErrImagePull: why");
    assert_eq!(next(&vigil), Some(at(63)));
    tell(&mut vigil, "pods", WatchEvent::Applied(pod("web-1", "web", Some("ImagePullBackOff"))));
    look(&mut vigil, at(50));
    assert!(vigil.watched[0].end.is_none());
    tell(&mut vigil, "deployments", WatchEvent::Applied(deployment("web", 1)));
    look(&mut vigil, at(60));
    assert_eq!(next(&vigil), Some(at(120)), "a replica more is progress");
    look(&mut vigil, at(119));
    assert!(vigil.watched[0].end.is_none());
    look(&mut vigil, at(120));
    let Some(End::Hopeless(troubles)) = &vigil.watched[0].end else { panic!("{:?}", vigil.watched[0].end) };
    assert_eq!(troubles[0].pod.as_deref(), Some("web-1"));
}

#[test]
fn a_crash_loop_waits_for_the_others_and_a_missing_image_does_not() {
    for (reason, hopeless_at) in [("CrashLoopBackOff", 110), ("ImagePullBackOff", 62)] {
        let mut vigil = Vigil::new(vec![web("web"), web("db")], at(0));
        tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 0), deployment("db", 0)]));
        look(&mut vigil, at(1));
        tell(
            &mut vigil,
            "pods",
            WatchEvent::Snapshot(vec![pod("web-1", "web", Some(reason)), pod("db-1", "db", None)]),
        );
        tell(&mut vigil, "replicasets", WatchEvent::Snapshot(vec![replica_set("web"), replica_set("db")]));
        tell(&mut vigil, "events", WatchEvent::Snapshot(Vec::new()));
        look(&mut vigil, at(2));
        assert_eq!(next(&vigil), Some(at(62)));
        tell(&mut vigil, "deployments", WatchEvent::Applied(deployment("db", 2)));
        look(&mut vigil, at(50));
        assert!(matches!(vigil.watched[1].end, Some(End::Reached(_))));
        look(&mut vigil, at(51));
        assert_eq!(next(&vigil), Some(at(hopeless_at)), "{reason}");
    }
}

#[test]
fn a_slow_start_is_healthy_until_the_time_is_over() {
    let mut vigil = Vigil::new(vec![web("web")], at(0));
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 0)]));
    look(&mut vigil, at(1));
    tell(
        &mut vigil,
        "pods",
        WatchEvent::Snapshot(vec![pod("web-1", "web", None), pod("web-2", "web", Some("ContainerCreating"))]),
    );
    tell(&mut vigil, "replicasets", WatchEvent::Snapshot(vec![replica_set("web")]));
    tell(&mut vigil, "events", WatchEvent::Snapshot(Vec::new()));
    for minute in 0..10 {
        look(&mut vigil, at(2 + minute * 59));
        assert!(vigil.watched[0].end.is_none());
        assert_eq!(next(&vigil), Some(at(600)));
    }
    look(&mut vigil, at(600));
    assert!(matches!(vigil.watched[0].end, Some(End::TimedOut)));
}

#[test]
fn nothing_is_given_up_and_nothing_is_stable_while_the_connection_is_lost() {
    let mut goal = web("web");
    goal.times.stable_for = Duration::from_secs(30);
    let mut vigil = Vigil::new(vec![goal], at(0));
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 2)]));
    look(&mut vigil, at(0));
    assert_eq!(next(&vigil), Some(at(30)));
    assert_eq!(vigil.watched[0].status, "2 of 2 replicas available, and must stay so for 30s");
    tell(&mut vigil, "deployments", WatchEvent::Disconnected("connection refused".into()));
    look(&mut vigil, at(20));
    assert_eq!(vigil.watched[0].status, "2 of 2 replicas available (the connection is lost: connection refused)");
    look(&mut vigil, at(40));
    assert!(vigil.watched[0].end.is_none());
    assert_eq!(next(&vigil), Some(at(600)));
    tell(&mut vigil, "deployments", WatchEvent::Reconnected);
    look(&mut vigil, at(50));
    assert_eq!(next(&vigil), Some(at(80)), "what happened meanwhile was not seen: it starts anew");
    look(&mut vigil, at(80));
    assert!(matches!(vigil.watched[0].end, Some(End::Reached(_))));
}

#[test]
fn trouble_during_a_disconnection_does_not_count() {
    let mut vigil = Vigil::new(vec![web("web")], at(0));
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 0)]));
    look(&mut vigil, at(1));
    tell(&mut vigil, "pods", WatchEvent::Snapshot(vec![pod("web-1", "web", Some("CrashLoopBackOff"))]));
    tell(&mut vigil, "replicasets", WatchEvent::Snapshot(vec![replica_set("web")]));
    tell(&mut vigil, "events", WatchEvent::Snapshot(Vec::new()));
    look(&mut vigil, at(2));
    assert_eq!(next(&vigil), Some(at(62)));
    tell(&mut vigil, "pods", WatchEvent::Disconnected("reset".into()));
    look(&mut vigil, at(10));
    look(&mut vigil, at(100));
    assert!(vigil.watched[0].end.is_none());
    tell(&mut vigil, "pods", WatchEvent::Reconnected);
    look(&mut vigil, at(101));
    assert_eq!(next(&vigil), Some(at(161)));
}

#[test]
fn what_may_not_be_read_is_an_error_for_the_object_and_left_out_around_it() {
    let mut vigil = Vigil::new(vec![web("web")], at(0));
    vigil.observe(0, Err(Error::new(Kind::Forbidden, "you may not list deployments")), at(0));
    look(&mut vigil, at(0));
    assert!(matches!(&vigil.watched[0].end, Some(End::Failed(error)) if error.kind() == Kind::Forbidden));

    let mut vigil = Vigil::new(vec![web("web")], at(0));
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 0)]));
    look(&mut vigil, at(1));
    for source in 1..4 {
        vigil.observe(source, Err(Error::new(Kind::Forbidden, "you may not list pods")), at(1));
    }
    look(&mut vigil, at(100));
    assert!(vigil.watched[0].end.is_none(), "without pods, nothing is known to be blocked");
    assert!(vigil.known_pods(0).is_none());
    tell(&mut vigil, "deployments", WatchEvent::Applied(deployment("web", 2)));
    look(&mut vigil, at(101));
    assert!(matches!(vigil.watched[0].end, Some(End::Reached(_))));
}

#[test]
fn an_object_that_goes_gets_time_to_come_back() {
    let mut vigil = Vigil::new(vec![web("web")], at(0));
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(Vec::new()));
    look(&mut vigil, at(500));
    assert_eq!(next(&vigil), Some(at(600)), "what was never there is waited for to the end");
    tell(&mut vigil, "deployments", WatchEvent::Applied(deployment("web", 0)));
    look(&mut vigil, at(510));
    tell(&mut vigil, "deployments", WatchEvent::Deleted(deployment("web", 0)));
    look(&mut vigil, at(511));
    assert_eq!(vigil.watched[0].status, "it was deleted while it was waited for");
    assert_eq!(next(&vigil), Some(at(571)));
    tell(&mut vigil, "deployments", WatchEvent::Applied(deployment("web", 2)));
    look(&mut vigil, at(512));
    assert!(matches!(vigil.watched[0].end, Some(End::Reached(_))));
}

#[test]
fn a_deletion_is_of_the_object_that_was_there() {
    let settings = goal("v1", "ConfigMap", "configmaps", "settings", Aim::Deleted);
    let map =
        |uid: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings", "uid": uid}});
    let mut vigil = Vigil::new(vec![settings], at(0));
    tell(&mut vigil, "configmaps", WatchEvent::Snapshot(vec![map("one")]));
    look(&mut vigil, at(0));
    assert!(vigil.watched[0].end.is_none());
    tell(&mut vigil, "configmaps", WatchEvent::Snapshot(vec![map("two")]));
    look(&mut vigil, at(1));
    let Some(End::Reached(object)) = &vigil.watched[0].end else { panic!() };
    assert_eq!(object["metadata"]["uid"], "one", "what was waited for is the old one");
}

#[test]
fn however_short_its_time_an_object_is_looked_at_once() {
    let mut short = web("web");
    short.times.timeout = Duration::ZERO;
    let mut vigil = Vigil::new(vec![short], at(0));
    look(&mut vigil, at(0));
    assert!(vigil.watched[0].end.is_none());
    assert_eq!(next(&vigil), Some(at(3)));
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 2)]));
    look(&mut vigil, at(0));
    assert!(matches!(vigil.watched[0].end, Some(End::Reached(_))));
}

#[test]
fn however_short_its_time_what_it_depends_on_is_looked_at_too() {
    let mut short = goal("v1", "Service", "services", "web", Aim::Ready);
    short.times.timeout = Duration::ZERO;
    let service =
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"clusterIP": "10.0.0.1"}});
    let mut vigil = Vigil::new(vec![short], at(0));
    tell(&mut vigil, "services", WatchEvent::Snapshot(vec![service]));
    look(&mut vigil, at(1));
    assert!(vigil.watched[0].end.is_none());
    tell(&mut vigil, "endpointslices", WatchEvent::Snapshot(Vec::new()));
    look(&mut vigil, at(1));
    assert!(matches!(vigil.watched[0].end, Some(End::TimedOut)));
    assert!(vigil.watched[0].status.contains("no selector"));
}

#[test]
fn changes_are_told_once_and_what_is_reached_at_once_is_not_worth_a_word() {
    let mut vigil = Vigil::new(vec![web("web")], at(0));
    look(&mut vigil, at(0));
    assert!(vigil.changes().is_empty());
    tell(&mut vigil, "deployments", WatchEvent::Snapshot(vec![deployment("web", 1)]));
    look(&mut vigil, at(0));
    assert_eq!(vigil.changes(), [("Deployment/web in shop".to_owned(), "1 of 2 replicas available".to_owned())]);
    look(&mut vigil, at(1));
    assert!(vigil.changes().is_empty());
    tell(&mut vigil, "deployments", WatchEvent::Applied(deployment("web", 2)));
    look(&mut vigil, at(2));
    assert_eq!(vigil.changes()[0].1, "2 of 2 replicas available");
}

#[test]
fn a_service_depends_on_its_own_endpoint_slices() {
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"clusterIP": "10.0.0.1", "selector": {"app": "web"}}});
    let slice = |service: &str| json!({"metadata": {"name": format!("{service}-x"), "labels": {"kubernetes.io/service-name": service}}, "endpoints": [{"addresses": ["10.1.0.1"]}]});
    let mut vigil = Vigil::new(vec![goal("v1", "Service", "services", "web", Aim::Ready), web("api")], at(0));
    tell(&mut vigil, "services", WatchEvent::Snapshot(vec![service]));
    look(&mut vigil, at(0));
    tell(&mut vigil, "endpointslices", WatchEvent::Snapshot(vec![slice("other")]));
    look(&mut vigil, at(0));
    assert_eq!(vigil.watched[0].status, "no pod that it selects has an address");
    tell(&mut vigil, "endpointslices", WatchEvent::Applied(slice("web")));
    look(&mut vigil, at(0));
    assert!(matches!(vigil.watched[0].end, Some(End::Reached(_))));
}

#[test]
fn selectors_of_workloads_and_services_are_label_selectors() {
    let of = |kind: &str, version: &str, selector: Json| {
        label_selector(&json!({"apiVersion": version, "kind": kind, "spec": {"selector": selector}}))
    };
    assert_eq!(of("Service", "v1", json!({"app": "web"})).as_deref(), Some("app=web"));
    let expressions = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["a", "b"]}, {"key": "old", "operator": "DoesNotExist"}]});
    assert_eq!(of("Deployment", "apps/v1", expressions).as_deref(), Some("app=web,tier in (a,b),!old"));
    assert_eq!(of("Service", "v1", json!(null)), None);
    assert_eq!(of("Deployment", "apps/v1", json!({"matchExpressions": [{"key": "a", "operator": "New"}]})), None);
}
