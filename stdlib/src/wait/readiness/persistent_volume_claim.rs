//! PersistentVolumeClaim: bound, or waiting for its first consumer with nobody to consume it.

use serde_json::Value as Json;

use super::{Readiness, Related};
use crate::fields::{entry, is_going, list, name, text};

pub(super) fn is_pending(object: &Json) -> bool {
    text(object, "/status/phase").unwrap_or("Pending") == "Pending"
}

pub(super) fn readiness(object: &Json, related: &Related<'_>) -> Readiness {
    match text(object, "/status/phase") {
        Some("Bound") => {
            let volume = text(object, "/spec/volumeName").unwrap_or("a volume");
            Readiness::ready(format!("it is bound to {volume}"))
        }
        Some("Lost") => Readiness::hopeless("its volume is lost"),
        _ => pending(object, related),
    }
}

fn pending(object: &Json, related: &Related<'_>) -> Readiness {
    let Some(class) = text(object, "/spec/storageClassName") else {
        return Readiness::not_yet("it is not bound, and has no storage class");
    };
    let Some(classes) = &related.storage_classes else {
        return Readiness::not_yet("it is not bound");
    };
    let Some(found) = classes.iter().find(|c| name(c) == class) else {
        return Readiness::not_yet(format!("it is not bound: there is no StorageClass {class}"));
    };
    let late = text(found, "/volumeBindingMode") == Some("WaitForFirstConsumer");
    let planned = entry(object, "/metadata/annotations", "volume.kubernetes.io/selected-node");
    match (late, planned, &related.pods) {
        (true, None, Some(pods)) => match pods.iter().find(|pod| !is_going(pod) && uses(pod, name(object))) {
            Some(pod) => {
                Readiness::not_yet(format!("it is not bound: its first pod, {}, is not scheduled yet", name(pod)))
            }
            None => Readiness::ready("it is bound when the first pod uses it (WaitForFirstConsumer)"),
        },
        (true, Some(node), _) => Readiness::not_yet(format!("its volume is being made for node {node}")),
        _ => Readiness::not_yet(format!("its volume is being made by StorageClass {class}")),
    }
}

fn uses(pod: &Json, claim: &str) -> bool {
    list(pod, "/spec/volumes").iter().any(|v| text(v, "/persistentVolumeClaim/claimName") == Some(claim))
}
