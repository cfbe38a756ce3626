//! CustomResourceDefinition: served under the names that it asks for.

use serde_json::Value as Json;

use super::Readiness;
use crate::fields::{condition, holds};

pub(super) fn readiness(object: &Json) -> Readiness {
    if let Some(names) = condition(object, "NamesAccepted").filter(|c| c.is_false()) {
        return Readiness::hopeless(format!("its names are taken: {}", names.words()));
    }
    if let Some(terminating) = condition(object, "Terminating").filter(|c| c.is_true()) {
        return Readiness::not_yet(format!("it is being deleted: {}", terminating.words()));
    }
    let accepted = holds(object, "NamesAccepted");
    match condition(object, "Established") {
        Some(established) if established.is_true() && accepted => Readiness::ready("it is established"),
        Some(established) if accepted => Readiness::not_yet(format!("it is not established: {}", established.words())),
        _ => Readiness::not_yet("its names are not accepted yet"),
    }
}
