//! Classes of runtimes.

use std::collections::BTreeSet;

use serde_json::json;

use super::causes::Causes;
use super::{metadata, names, pod};
use crate::Json;
use crate::defaults::fields::{get, items, text};
use crate::schema::internal::printed;

/// A class of runtimes.
pub(super) fn runtime_class(object: &Json, causes: &mut Causes) {
    match text(object, "handler") {
        "" => causes.required("handler", ""),
        handler => causes.each("handler", handler, names::dns_label(handler)),
    }
    if let Some(fixed) = get(object, "overhead").get("podFixed") {
        pod::resources::check(&json!({"limits": fixed}), "overhead", causes);
    }
    let scheduling = get(object, "scheduling");
    metadata::labels(get(scheduling, "nodeSelector"), "scheduling.nodeSelector", causes);
    pod::check_tolerations(scheduling, "scheduling.tolerations", causes);
    let mut seen = BTreeSet::new();
    for (at, toleration) in items(scheduling, "tolerations").iter().enumerate() {
        if !seen.insert(["key", "operator", "value", "effect"].map(|name| text(toleration, name))) {
            causes.duplicate(&format!("scheduling.tolerations[{at}]"), printed("Toleration", toleration));
        }
    }
}

pub(super) fn update_runtime_class(object: &Json, old: &Json, causes: &mut Causes) {
    runtime_class(object, causes);
    causes.immutable("handler", get(object, "handler"), get(old, "handler"));
}
