//! APIService: the server behind it answers.

use serde_json::Value as Json;

use super::Readiness;
use crate::fields::condition;

pub(super) fn readiness(object: &Json) -> Readiness {
    match condition(object, "Available") {
        Some(available) if available.is_true() => Readiness::ready("it is available"),
        Some(available) => Readiness::not_yet(format!("it is not available: {}", available.words())),
        None => Readiness::not_yet("nobody has tried it yet"),
    }
}
