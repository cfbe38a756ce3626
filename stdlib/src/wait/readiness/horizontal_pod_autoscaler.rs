//! HorizontalPodAutoscaler: it finds its target and its metrics.

use serde_json::Value as Json;

use super::Readiness;
use crate::fields::{condition, int, is_stale};

pub(super) fn readiness(object: &Json) -> Readiness {
    if is_stale(object) {
        return Readiness::not_yet("its controller has not seen its latest change yet");
    }
    let Some(able) = condition(object, "AbleToScale") else {
        return Readiness::not_yet("its controller has not looked at it yet");
    };
    if !able.is_true() {
        return Readiness::not_yet(format!("it cannot scale: {}", able.words()));
    }
    match condition(object, "ScalingActive") {
        Some(active) if active.is_true() => {
            let replicas = int(object, "/status/currentReplicas").unwrap_or(0);
            Readiness::ready(format!("it is active, at {replicas} replicas"))
        }
        Some(active) if active.reason == "ScalingDisabled" => Readiness::ready("its target is scaled to 0"),
        Some(active) => Readiness::not_yet(format!("it is not active: {}", active.words())),
        None => Readiness::not_yet("it has not read its metrics yet"),
    }
}
