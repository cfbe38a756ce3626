//! Events: `v1` and `events.k8s.io/v1` differ in names.

use crate::Json;

/// The names in `v1` and in `events.k8s.io/v1`.
const NAMES: [(&str, &str); 7] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
];

pub(super) fn to_events(event: &mut Json) {
    NAMES.iter().for_each(|(core, events)| rename(event, core, events));
}

pub(super) fn to_core(event: &mut Json) {
    NAMES.iter().for_each(|(core, events)| rename(event, events, core));
}

fn rename(event: &mut Json, from: &str, to: &str) {
    if let Json::Object(map) = event
        && let Some(value) = map.remove(from)
    {
        map.insert(to.into(), value);
    }
}
