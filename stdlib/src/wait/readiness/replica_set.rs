//! ReplicaSet and ReplicationController.

use serde_json::Value as Json;

use super::{Readiness, count, replicas, unobserved};
use crate::fields::condition;

pub(super) fn readiness(object: &Json) -> Readiness {
    if let Some(not_yet) = unobserved(object) {
        return not_yet;
    }
    let (desired, available) = (replicas(object), count(object, "/status/availableReplicas"));
    let words = format!("{available} of {desired} replicas available");
    if available >= desired && count(object, "/status/replicas") <= desired {
        return Readiness::Ready(words);
    }
    match condition(object, "ReplicaFailure") {
        Some(failure) if failure.is_true() => Readiness::not_yet(format!("{words}: {}", failure.words())),
        _ => Readiness::NotYet(words),
    }
}
