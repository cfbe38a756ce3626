//! Deployment.

use serde_json::Value as Json;

use super::{Readiness, count, replicas, unobserved};
use crate::fields::condition;

pub(super) fn readiness(object: &Json) -> Readiness {
    if let Some(not_yet) = unobserved(object) {
        return not_yet;
    }
    let desired = replicas(object);
    let (updated, available) = (count(object, "/status/updatedReplicas"), count(object, "/status/availableReplicas"));
    // Replicas of the old revision also count as available: the new ones are available when no old one is left.
    let old = count(object, "/status/replicas") - updated;
    if updated < desired {
        Readiness::not_yet(format!("{updated} of {desired} replicas updated{}", why_paused(object)))
    } else if old > 0 {
        Readiness::not_yet(format!("{old} replicas of the old revision still run"))
    } else if available < desired {
        Readiness::not_yet(format!("{available} of {desired} replicas available"))
    } else if desired == 0 {
        Readiness::ready("scaled to 0")
    } else {
        Readiness::ready(format!("{available} of {desired} replicas available"))
    }
}

pub(super) fn rollout(object: &Json) -> Readiness {
    if let Some(not_yet) = unobserved(object) {
        return not_yet;
    }
    match condition(object, "Progressing") {
        Some(progressing) if progressing.reason == "ProgressDeadlineExceeded" => {
            Readiness::hopeless(format!("its rollout is stuck: {}", progressing.words()))
        }
        _ => readiness(object),
    }
}

fn why_paused(object: &Json) -> &'static str {
    let paused = object.pointer("/spec/paused").and_then(Json::as_bool).unwrap_or(false);
    if paused { ", and its rollout is paused" } else { "" }
}
