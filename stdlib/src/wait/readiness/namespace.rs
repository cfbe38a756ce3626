//! Namespace.

use serde_json::Value as Json;

use super::Readiness;
use crate::fields::text;

pub(super) fn readiness(object: &Json) -> Readiness {
    match text(object, "/status/phase") {
        Some("Active") => Readiness::ready("it is active"),
        Some(phase) => Readiness::not_yet(format!("its phase is {phase}")),
        None => Readiness::not_yet("it has no phase yet"),
    }
}
