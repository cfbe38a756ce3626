//! Job: over at Complete or at Failed.

use serde_json::Value as Json;

use super::{Readiness, count};
use crate::fields::{condition, holds, int};

pub(super) fn readiness(object: &Json) -> Readiness {
    let wanted = int(object, "/spec/completions").unwrap_or(1);
    let succeeded = count(object, "/status/succeeded");
    if holds(object, "Complete") {
        return Readiness::ready(format!("complete, {succeeded} succeeded"));
    }
    for failed in ["Failed", "FailureTarget"] {
        if let Some(failed) = condition(object, failed).filter(|c| c.is_true()) {
            return Readiness::hopeless(format!("it has failed: {}", failed.words()));
        }
    }
    if object.pointer("/spec/suspend").and_then(Json::as_bool).unwrap_or(false) {
        return Readiness::not_yet("it is suspended");
    }
    let (active, failed) = (count(object, "/status/active"), count(object, "/status/failed"));
    let tries = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    Readiness::not_yet(format!("{succeeded} of {wanted} succeeded, {active} running{tries}"))
}
