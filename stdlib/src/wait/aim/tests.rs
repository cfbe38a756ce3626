use serde_json::{Value as Json, json};

use super::{Aim, Sight, Wanted};
use crate::path::Path;
use crate::wait::readiness::Readiness;

fn judge(aim: &Aim, object: &Json) -> Readiness {
    aim.judge(&Sight { object: Some(object), first: Some(object), ..Sight::default() })
}

fn condition(written: &str) -> Aim {
    Aim::Condition(Wanted::parse(written).unwrap())
}

#[test]
fn conditions_have_a_type_and_a_status() {
    let object = json!({"metadata": {"generation": 2}, "status": {"conditions": [
        {"type": "Available", "status": "False", "reason": "Few", "message": "too few", "observedGeneration": 2},
        {"type": "Ready", "status": "True", "observedGeneration": 1},
        {"type": "Synced", "status": "Yes"}
    ]}});
    assert_eq!(judge(&condition("Available"), &object), Readiness::not_yet("Available is False: Few: too few"));
    assert_eq!(judge(&condition("Available=false"), &object), Readiness::ready("Available is False"));
    assert_eq!(judge(&condition(" Synced = yes "), &object), Readiness::ready("Synced is Yes"));
    let old = judge(&condition("Ready"), &object);
    assert_eq!(old, Readiness::not_yet("Ready is True, but its controller has not seen its latest change yet"));
    let missing = judge(&condition("Healthy"), &object);
    assert_eq!(missing, Readiness::not_yet("it has no condition Healthy (it has: Available, Ready, Synced)"));
    assert!(matches!(judge(&condition("Ready"), &json!({})), Readiness::NotYet(_)));
    for wrong in ["", "=True", "Ready=", "Is Ready"] {
        assert!(Wanted::parse(wrong).unwrap_err().hint_text().is_some(), "{wrong}");
    }
}

#[test]
fn a_failed_job_does_not_become_complete() {
    let job = json!({"apiVersion": "batch/v1", "kind": "Job", "status": {"conditions": [
        {"type": "Failed", "status": "True", "reason": "DeadlineExceeded"}]}});
    assert_eq!(judge(&condition("Complete"), &job), Readiness::hopeless("it has failed: DeadlineExceeded"));
    assert_eq!(judge(&condition("Failed"), &job), Readiness::ready("Failed is True"));
}

#[test]
fn fields_are_compared_by_what_they_mean() {
    let object = json!({"spec": {"replicas": 3, "paused": false, "text": "3", "list": [1, {"a": 1.0}], "none": null}});
    let field = |path: &str, value: Json| Aim::Field { path: Path::parse(path).unwrap(), value };
    for (path, value) in [
        ("spec.replicas", json!(3)),
        ("spec.replicas", json!(3.0)),
        ("spec.replicas", json!("3")),
        ("spec.text", json!(3)),
        ("spec.paused", json!("false")),
        ("spec.paused", json!(false)),
        ("spec.list", json!([1.0, {"a": 1}])),
        ("spec.none", json!(null)),
        ("spec.absent", json!(null)),
    ] {
        assert!(judge(&field(path, value.clone()), &object).is_ready(), "{path} = {value}");
    }
    for (path, value, words) in [
        ("spec.replicas", json!(2), "spec.replicas is 3"),
        ("spec.list", json!([1]), "spec.list is [1,{\"a\":1.0}]"),
        ("spec.absent", json!(1), "spec.absent is not there"),
        ("spec.text", json!(null), "spec.text is \"3\""),
    ] {
        assert_eq!(judge(&field(path, value), &object), Readiness::not_yet(words));
    }
    let long = json!({"spec": "x".repeat(500)});
    assert!(judge(&field("spec", json!(1)), &long).words().chars().count() < 100);
}

#[test]
fn what_is_still_there_says_what_holds_it() {
    let judge = |object: Json| judge(&Aim::Deleted, &object);
    assert_eq!(judge(json!({})), Readiness::not_yet("nobody has deleted it"));
    let going = |rest: Json| {
        let mut object = json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}});
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        object
    };
    assert_eq!(judge(going(json!({}))), Readiness::not_yet("it is being deleted"));
    let namespace = going(json!({"spec": {"finalizers": ["kubernetes"]}, "status": {"conditions": [
        {"type": "NamespaceFinalizersRemaining", "status": "True", "message": "Some content in the namespace has finalizers remaining: x/y in 1 resource instances"},
        {"type": "NamespaceContentRemaining", "status": "False", "message": "nothing"}]}}));
    assert_eq!(
        judge(namespace),
        Readiness::not_yet(
            "it is being deleted: Some content in the namespace has finalizers remaining: x/y in 1 resource instances"
        )
    );
}
