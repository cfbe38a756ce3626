//! Service: ready when something answers behind it.

use serde_json::Value as Json;

use super::{Readiness, Related};
use crate::fields::{list, text};

/// Whether it depends on endpoints: all but names for something outside.
pub(super) fn needs_endpoints(object: &Json) -> bool {
    text(object, "/spec/type") != Some("ExternalName")
}

pub(super) fn readiness(object: &Json, related: &Related<'_>) -> Readiness {
    if !needs_endpoints(object) {
        let outside = text(object, "/spec/externalName").unwrap_or_default();
        return Readiness::ready(format!("it is a name for {outside}"));
    }
    if text(object, "/spec/clusterIP").is_none() {
        return Readiness::not_yet("it has no cluster IP yet");
    }
    let Some(slices) = &related.endpoint_slices else {
        return Readiness::hopeless("its EndpointSlices may not be read");
    };
    let (mut ready, mut all) = (0, 0);
    for endpoint in slices.iter().flat_map(|slice| list(slice, "/endpoints")) {
        let addresses = list(endpoint, "/addresses").len();
        all += addresses;
        // Left out, it means ready.
        if endpoint.pointer("/conditions/ready").and_then(Json::as_bool).unwrap_or(true) {
            ready += addresses;
        }
    }
    let selects = object.pointer("/spec/selector").and_then(Json::as_object).is_some_and(|s| !s.is_empty());
    match (ready, all) {
        (0, 0) if selects => Readiness::not_yet("no pod that it selects has an address"),
        (0, 0) => Readiness::not_yet("it has no selector, and nobody has given it endpoints"),
        (0, all) => Readiness::not_yet(format!("none of its {all} endpoints is ready")),
        (ready, all) => Readiness::ready(format!("{ready} of {all} endpoints ready")),
    }
}
