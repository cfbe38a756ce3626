//! StatefulSet.

use serde_json::Value as Json;

use super::{Readiness, count, replicas, unobserved};
use crate::fields::{int, text};

pub(super) fn readiness(object: &Json) -> Readiness {
    if let Some(not_yet) = unobserved(object) {
        return not_yet;
    }
    let desired = replicas(object);
    if !is_on_delete(object)
        && let Some(not_yet) = updating(object)
    {
        return not_yet;
    }
    // Old controllers leave availableReplicas out where no minReadySeconds asks for it.
    let ready = count(object, "/status/readyReplicas");
    let available = int(object, "/status/availableReplicas").unwrap_or(ready).min(ready);
    let words =
        if desired == 0 { "scaled to 0".to_owned() } else { format!("{available} of {desired} replicas ready") };
    if count(object, "/status/replicas") > desired {
        return Readiness::not_yet(format!(
            "{} replicas are more than the {desired} asked for",
            count(object, "/status/replicas")
        ));
    }
    if available < desired { Readiness::NotYet(words) } else { Readiness::Ready(words) }
}

pub(super) fn rollout(object: &Json) -> Readiness {
    let stale = text(object, "/status/currentRevision") != text(object, "/status/updateRevision");
    if is_on_delete(object) && unobserved(object).is_none() && stale {
        return Readiness::hopeless(
            "its updateStrategy is OnDelete: pods get the new revision only when somebody deletes them",
        );
    }
    readiness(object)
}

fn is_on_delete(object: &Json) -> bool {
    text(object, "/spec/updateStrategy/type") == Some("OnDelete")
}

fn updating(object: &Json) -> Option<Readiness> {
    let kept = count(object, "/spec/updateStrategy/rollingUpdate/partition").min(replicas(object)).max(0);
    let (updated, wanted) = (count(object, "/status/updatedReplicas"), replicas(object) - kept);
    let (current, update) = (text(object, "/status/currentRevision"), text(object, "/status/updateRevision"));
    if updated < wanted {
        return Some(Readiness::not_yet(format!("{updated} of {wanted} replicas updated")));
    }
    (kept == 0 && update.is_some() && current != update && wanted > 0)
        .then(|| Readiness::not_yet("all replicas are updated; the new revision is being made the current one"))
}
