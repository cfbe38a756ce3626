//! How a Job ends.

use jiff::Timestamp;
use serde_json::json;

use super::super::fields::{between, int, is_true, later, place_condition, stamp, text, time};
use super::super::pods::number;
use super::super::view::Phase;
use super::One;
use crate::Json;

/// How a Job ends, and why.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) good: bool,
    pub(super) reason: &'static str,
    pub(super) message: &'static str,
}

const REACHED: Outcome =
    Outcome { good: true, reason: "CompletionsReached", message: "Reached expected number of succeeded pods" };
const TOO_MANY: Outcome =
    Outcome { good: false, reason: "BackoffLimitExceeded", message: "Job has reached the specified backoff limit" };
const TOO_LONG: Outcome =
    Outcome { good: false, reason: "DeadlineExceeded", message: "Job was active longer than specified deadline" };

/// What is decided already: it was said before, or the Job has failed.
pub(super) fn of(one: &One<'_>) -> Option<Outcome> {
    if is_true(&one.status, "SuccessCriteriaMet") {
        return Some(REACHED);
    }
    let limit = number(&one.spec()["backoffLimit"], 6);
    let failed = int(&one.status["failed"]);
    let told = super::super::fields::condition(&one.status, "FailureTarget").map(|c| text(&c["reason"]));
    if told == Some(TOO_LONG.reason) {
        return Some(TOO_LONG);
    }
    if told.is_some() || failed > limit || restarted_too_often(one, limit) {
        return Some(TOO_MANY);
    }
    let deadline = one.spec()["activeDeadlineSeconds"].as_i64()?;
    let start = time(&one.status["startTime"])?;
    let over = between(one.now, later(start, deadline)).is_zero();
    (over && !one.suspended()).then_some(TOO_LONG)
}

/// With `OnFailure` it is the containers' restarts that count.
fn restarted_too_often(one: &One<'_>, limit: i64) -> bool {
    if one.spec()["template"]["spec"]["restartPolicy"] != "OnFailure" {
        return false;
    }
    let living = one.all.iter().filter(|pod| matches!(pod.phase, Phase::Running | Phase::Pending));
    let restarts: i64 = living.map(|pod| pod.restarts).sum();
    if limit == 0 { restarts > 0 } else { restarts >= limit }
}

/// Whether enough pods have ended well.
pub(super) fn success(one: &One<'_>, active: usize) -> Option<Outcome> {
    let succeeded = int(&one.status["succeeded"]);
    let enough = match one.spec()["completions"].as_i64() {
        None => succeeded > 0,
        Some(completions) => succeeded >= completions,
    };
    (enough && active == 0 && !one.suspended()).then_some(REACHED)
}

/// Sets a condition of a Job.
pub(super) fn set(status: &mut Json, kind: &str, value: &str, reason: &str, message: &str, now: Timestamp) {
    place_condition(
        status,
        json!({
            "type": kind, "status": value, "lastProbeTime": stamp(now), "lastTransitionTime": stamp(now),
            "reason": reason, "message": message,
        }),
    );
}
