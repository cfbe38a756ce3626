//! What controllers say of the kinds that make pods: counts that fit together.

use super::causes::Causes;
use crate::Json;
use crate::defaults::fields::{get, number};

/// What is wrong with the status of a changed object; nothing for kinds whose status is taken as it is.
pub(super) fn update(kind: &str, object: &Json, old: &Json, causes: &mut Causes) {
    let (counts, limited): (&[&str], &[&str]) = match kind {
        "Deployment" => (
            &[
                "observedGeneration",
                "replicas",
                "updatedReplicas",
                "readyReplicas",
                "availableReplicas",
                "unavailableReplicas",
                "terminatingReplicas",
                "collisionCount",
            ],
            &["updatedReplicas", "readyReplicas", "availableReplicas"],
        ),
        "ReplicaSet" | "ReplicationController" => (
            &[
                "replicas",
                "fullyLabeledReplicas",
                "readyReplicas",
                "availableReplicas",
                "observedGeneration",
                "terminatingReplicas",
            ],
            &["fullyLabeledReplicas", "readyReplicas", "availableReplicas"],
        ),
        "StatefulSet" => (
            &[
                "replicas",
                "readyReplicas",
                "currentReplicas",
                "updatedReplicas",
                "availableReplicas",
                "observedGeneration",
                "collisionCount",
            ],
            &["readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas"],
        ),
        "DaemonSet" => (
            &[
                "currentNumberScheduled",
                "numberMisscheduled",
                "desiredNumberScheduled",
                "numberReady",
                "observedGeneration",
                "updatedNumberScheduled",
                "numberAvailable",
                "numberUnavailable",
                "collisionCount",
            ],
            &[],
        ),
        _ => return,
    };
    let status = get(object, "status");
    let count = |name: &str| number(status, name).unwrap_or_default();
    for name in counts {
        causes.not_negative(&format!("status.{name}"), number(status, name));
    }
    for name in limited {
        if count(name) > count("replicas") {
            causes.invalid(&format!("status.{name}"), count(name), "cannot be greater than status.replicas");
        }
    }
    if !limited.is_empty() && count("availableReplicas") > count("readyReplicas") {
        let of = if kind == "StatefulSet" { "status." } else { "" };
        let words = format!("cannot be greater than {of}readyReplicas");
        causes.invalid("status.availableReplicas", count("availableReplicas"), &words);
    }
    let collisions = |object: &Json| number(get(object, "status"), "collisionCount");
    if counts.contains(&"collisionCount") && collisions(old).is_some_and(|before| count("collisionCount") < before) {
        causes.invalid("status.collisionCount", count("collisionCount"), "cannot be decremented");
    }
}
