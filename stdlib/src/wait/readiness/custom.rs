//! Any other kind, by the conventions of conditions (kstatus), else by a phase, else by existing.

use serde_json::Value as Json;

use super::Readiness;
use crate::fields::{condition, is_stale, text};

/// Conditions that say when an object serves its purpose, the most telling first.
const POSITIVE: [&str; 8] =
    ["Ready", "Available", "Healthy", "Established", "Programmed", "Complete", "Completed", "Succeeded"];
/// Conditions that say that it never will.
const NEGATIVE: [&str; 2] = ["Stalled", "Failed"];
/// Conditions that say that its controller is at work.
const WORKING: [&str; 2] = ["Reconciling", "Progressing"];
/// Phases in which an object serves its purpose.
const PHASES: [&str; 15] = [
    "active",
    "available",
    "bound",
    "complete",
    "completed",
    "deployed",
    "done",
    "established",
    "healthy",
    "online",
    "ready",
    "running",
    "succeeded",
    "synced",
    "valid",
];

pub(super) fn readiness(object: &Json) -> Readiness {
    if is_stale(object) {
        return Readiness::not_yet("its controller has not seen its latest change yet");
    }
    for kind in NEGATIVE {
        if let Some(found) = condition(object, kind).filter(|c| c.is_true()) {
            return Readiness::hopeless(format!("{kind}: {}", found.words()));
        }
    }
    let generation = object.pointer("/metadata/generation").and_then(Json::as_i64);
    let positive = POSITIVE.iter().find_map(|kind| condition(object, kind).map(|found| (*kind, found)));
    if let Some((kind, found)) = positive {
        let old = matches!((found.generation, generation), (Some(seen), Some(now)) if seen < now);
        return match found.status {
            _ if old => Readiness::not_yet(format!("its condition {kind} speaks of an earlier generation")),
            "True" => reconciling(object).unwrap_or_else(|| Readiness::ready(format!("{kind} is True"))),
            status => Readiness::not_yet(match found.words() {
                words if words == status => format!("{kind} is {status}"),
                words => format!("{kind} is {status}: {words}"),
            }),
        };
    }
    if let Some(not_yet) = reconciling(object) {
        return not_yet;
    }
    match text(object, "/status/phase").or_else(|| text(object, "/status/state")) {
        Some(phase) if PHASES.contains(&phase.to_ascii_lowercase().as_str()) => {
            Readiness::ready(format!("its phase is {phase}"))
        }
        Some(phase) => Readiness::not_yet(format!("its phase is {phase}")),
        None => Readiness::ready("it exists"),
    }
}

fn reconciling(object: &Json) -> Option<Readiness> {
    // Progressing is also left at True by controllers that are done; only kstatus' own word keeps a ready object waiting.
    let ready = POSITIVE.iter().any(|kind| condition(object, kind).is_some());
    let working = if ready { &WORKING[..1] } else { &WORKING[..] };
    working.iter().find_map(|kind| {
        let found = condition(object, kind).filter(|c| c.is_true())?;
        Some(Readiness::not_yet(format!("{kind}: {}", found.words())))
    })
}
