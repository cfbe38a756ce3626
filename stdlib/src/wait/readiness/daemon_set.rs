//! DaemonSet.

use serde_json::Value as Json;

use super::{Readiness, Related, count, placement, unobserved};
use crate::fields::{name, text};

/// Whether it must be asked if it should run anywhere: its own status says that it should not.
pub(super) fn needs_nodes(object: &Json) -> bool {
    count(object, "/status/desiredNumberScheduled") == 0
}

pub(super) fn readiness(object: &Json, related: &Related<'_>) -> Readiness {
    if let Some(not_yet) = unobserved(object) {
        return not_yet;
    }
    let desired = count(object, "/status/desiredNumberScheduled");
    if desired == 0 {
        return nowhere(object, related);
    }
    let on_delete = text(object, "/spec/updateStrategy/type") == Some("OnDelete");
    let updated = count(object, "/status/updatedNumberScheduled");
    let available = count(object, "/status/numberAvailable");
    if !on_delete && updated < desired {
        Readiness::not_yet(format!("{updated} of {desired} pods updated"))
    } else if available < desired {
        Readiness::not_yet(format!("{available} of {desired} pods available"))
    } else {
        Readiness::ready(format!("{available} of {desired} pods available"))
    }
}

pub(super) fn rollout(object: &Json, related: &Related<'_>) -> Readiness {
    let on_delete = text(object, "/spec/updateStrategy/type") == Some("OnDelete");
    let behind = count(object, "/status/updatedNumberScheduled") < count(object, "/status/desiredNumberScheduled");
    if on_delete && behind && unobserved(object).is_none() {
        return Readiness::hopeless(
            "its updateStrategy is OnDelete: pods get the new revision only when somebody deletes them",
        );
    }
    readiness(object, related)
}

fn nowhere(object: &Json, related: &Related<'_>) -> Readiness {
    let Some(template) = object.pointer("/spec/template/spec") else {
        return Readiness::not_yet("it has no pod template");
    };
    let nodes = related.nodes.as_deref().unwrap_or_default();
    match nodes.iter().find(|node| placement::daemon_may_run(template, node)) {
        Some(node) => Readiness::not_yet(format!("no pod is planned yet, though node {} matches", name(node))),
        None => Readiness::ready("no node matches it"),
    }
}
