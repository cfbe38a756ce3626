use std::time::Duration;

use serde_json::json;

use crate::Json;
use crate::controllers::fields::{condition, is_true, items, text};
use crate::controllers::testing::{Test, template};

/// A Job as the API server completes it.
fn job(name: &str, image: &str) -> Json {
    let mut template = template(name, image);
    template["spec"]["restartPolicy"] = json!("Never");
    json!({
        "metadata": {"name": name},
        "spec": {
            "completions": 1, "parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed", "suspend": false,
            "podReplacementPolicy": "TerminatingOrFailed",
            "template": template,
        },
    })
}

#[test]
fn a_job_ends_well() {
    let mut test = Test::new(1);
    let mut object = job("sum", "x");
    object["spec"]["completions"] = json!(3);
    object["spec"]["parallelism"] = json!(2);
    test.create("jobs.batch", object);
    assert_eq!(test.list("pods").len(), 2);
    test.finish();
    let status = test.get("jobs.batch", "sum")["status"].clone();
    assert_eq!(status["succeeded"], 3);
    assert!(status["active"].is_null());
    assert_eq!((&status["ready"], &status["terminating"]), (&json!(0), &json!(0)));
    let kinds: Vec<&str> = items(&status["conditions"]).iter().map(|c| text(&c["type"])).collect();
    assert_eq!(kinds, ["SuccessCriteriaMet", "Complete"]);
    assert_eq!(condition(&status, "Complete").unwrap()["reason"], "CompletionsReached");
    assert!(status["completionTime"].is_string());
    assert!(test.has_event("sum", "Completed", "Job completed"));
    assert!(
        test.list("pods")
            .iter()
            .all(|pod| pod["metadata"]["finalizers"].is_null() && pod["status"]["phase"] == "Succeeded")
    );
}

#[test]
fn a_job_gives_up_after_its_limit_with_growing_pauses() {
    let mut test = Test::new(1);
    test.inject("crash/bad");
    let mut object = job("sum", "bad");
    object["spec"]["backoffLimit"] = json!(2);
    test.create("jobs.batch", object);
    let took = test.finish();
    // Three pods of 2 s each, pauses of 10 s and 20 s between them.
    assert!((Duration::from_secs(35)..Duration::from_secs(38)).contains(&took), "{took:?}");
    let status = test.get("jobs.batch", "sum")["status"].clone();
    assert_eq!(status["failed"], 3);
    let kinds: Vec<&str> = items(&status["conditions"]).iter().map(|c| text(&c["type"])).collect();
    assert_eq!(kinds, ["FailureTarget", "Failed"]);
    let failed = condition(&status, "Failed").unwrap();
    assert_eq!(
        (text(&failed["reason"]), text(&failed["message"])),
        ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    );
}

#[test]
fn a_job_that_takes_too_long_is_ended() {
    let mut test = Test::new(1);
    test.inject("start/slow=10m");
    let mut object = job("sum", "slow");
    object["spec"]["activeDeadlineSeconds"] = json!(60);
    test.create("jobs.batch", object);
    let took = test.finish();
    assert!((Duration::from_secs(60)..Duration::from_secs(62)).contains(&took), "{took:?}");
    let status = test.get("jobs.batch", "sum")["status"].clone();
    assert_eq!(condition(&status, "Failed").unwrap()["reason"], "DeadlineExceeded");
    assert!(test.list("pods").is_empty());
}

#[test]
fn indexes_are_done_once_each() {
    let mut test = Test::new(1);
    let mut object = job("sum", "x");
    object["spec"]["completions"] = json!(4);
    object["spec"]["parallelism"] = json!(3);
    object["spec"]["completionMode"] = json!("Indexed");
    test.create("jobs.batch", object);
    assert!(test.list("pods").iter().all(|pod| text(&pod["metadata"]["name"]).starts_with("sum-")));
    test.finish();
    let status = test.get("jobs.batch", "sum")["status"].clone();
    assert_eq!((&status["completedIndexes"], &status["succeeded"]), (&json!("0-3"), &json!(4)));
    let mut indexes: Vec<String> = test
        .list("pods")
        .iter()
        .map(|pod| text(&pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"]).to_owned())
        .collect();
    indexes.sort();
    assert_eq!(indexes, ["0", "1", "2", "3"]);
}

#[test]
fn a_suspended_job_has_no_pods() {
    let mut test = Test::new(1);
    let mut object = job("sum", "x");
    object["spec"]["suspend"] = json!(true);
    test.create("jobs.batch", object);
    test.finish();
    assert!(test.list("pods").is_empty());
    assert!(is_true(&test.get("jobs.batch", "sum")["status"], "Suspended"));
    test.set("jobs.batch", "sum", &["spec", "suspend"], false);
    test.finish();
    let status = test.get("jobs.batch", "sum")["status"].clone();
    assert!(is_true(&status, "Complete"));
    assert_eq!(condition(&status, "Suspended").unwrap()["reason"], "JobResumed");
}

#[test]
fn a_finished_job_is_deleted_after_its_time() {
    let mut test = Test::new(1);
    let mut object = job("sum", "x");
    object["spec"]["ttlSecondsAfterFinished"] = json!(100);
    test.create("jobs.batch", object);
    test.seconds(50);
    assert!(is_true(&test.get("jobs.batch", "sum")["status"], "Complete"));
    test.seconds(60);
    assert!(test.find("jobs.batch", "sum").is_none());
    assert!(test.list("pods").is_empty());
}

fn cron(policy: &str) -> Json {
    let mut job = job("night", "x");
    job["spec"].as_object_mut().unwrap().remove("selector");
    json!({
        "metadata": {"name": "night"},
        "spec": {
            "schedule": "*/10 * * * *", "concurrencyPolicy": policy, "suspend": false,
            "successfulJobsHistoryLimit": 2, "failedJobsHistoryLimit": 1, "jobTemplate": {"spec": job["spec"]},
        },
    })
}

/// What the API server does to a new Job.
fn complete_jobs(test: &mut Test) {
    for job in test.list("jobs.batch") {
        if job["spec"]["selector"].is_null() {
            test.set(
                "jobs.batch",
                text(&job["metadata"]["name"]),
                &["spec", "selector"],
                json!({"matchLabels": {"app": "night"}}),
            );
        }
    }
}

#[test]
fn a_cron_job_makes_a_job_at_each_time_and_keeps_the_last_ones() {
    let mut test = Test::new(1);
    test.create("cronjobs.batch", cron("Allow"));
    assert_eq!(test.settle().strong, Some(Duration::from_secs(600)));
    for round in 1..=4 {
        test.seconds(600);
        complete_jobs(&mut test);
        test.seconds(30);
        assert_eq!(test.list("jobs.batch").len(), round.min(2), "round {round}");
        test.seconds(0);
    }
    let status = test.get("cronjobs.batch", "night")["status"].clone();
    assert_eq!(status["lastScheduleTime"], "2030-01-01T00:40:00Z");
    assert!(status["lastSuccessfulTime"].is_string());
    assert!(status["active"].is_null());
    let minutes = 1_893_456_000 / 60 + 40;
    assert!(test.find("jobs.batch", &format!("night-{minutes}")).is_some());
    test.set("cronjobs.batch", "night", &["spec", "suspend"], true);
    test.seconds(3600);
    assert_eq!(test.list("jobs.batch").len(), 2);
}

#[test]
fn a_cron_job_that_forbids_it_starts_nothing_beside_a_running_one() {
    let mut test = Test::new(1);
    test.inject("start/x=15m");
    test.create("cronjobs.batch", cron("Forbid"));
    test.seconds(600);
    complete_jobs(&mut test);
    test.seconds(605);
    assert_eq!(test.list("jobs.batch").len(), 1);
    assert!(test.events("night").iter().any(|(reason, _)| reason == "JobAlreadyActive"));
    assert_eq!(items(&test.get("cronjobs.batch", "night")["status"]["active"]).len(), 1);
}
