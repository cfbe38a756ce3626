//! What may change in a pod.

use super::super::causes::Causes;
use crate::Json;
use crate::defaults::fields::{drop, get, items, items_mut, number, set, text};

/// A changed pod.
pub(in crate::validation) fn update(pod: &Json, old: &Json, causes: &mut Causes) {
    super::check(pod, causes);
    let (spec, before) = (get(pod, "spec"), get(old, "spec"));
    for list in ["containers", "initContainers"] {
        if items(spec, list).len() != items(before, list).len() {
            return causes.forbidden(&format!("spec.{list}"), "pod updates may not add or remove containers");
        }
    }
    let field = "spec.activeDeadlineSeconds";
    if let Some(now) = number(spec, "activeDeadlineSeconds").filter(|now| !(0..=i64::from(i32::MAX)).contains(now)) {
        return causes.invalid(field, now, &format!("must be between 0 and {}, inclusive", i32::MAX));
    }
    match (number(spec, "activeDeadlineSeconds"), number(before, "activeDeadlineSeconds")) {
        (Some(now), Some(then)) if then < now => {
            return causes.invalid(field, now, "must be less than or equal to previous value");
        }
        (None, Some(_)) => causes.invalid(field, Json::Null, "must not update from a positive integer to nil value"),
        _ => {}
    }
    added_only(spec, before, causes);
    for (at, gate) in items(spec, "schedulingGates").iter().enumerate() {
        if !items(before, "schedulingGates").contains(gate) {
            let words = format!("only deletion is allowed, but found new scheduling gate '{}'", text(gate, "name"));
            causes.forbidden(&format!("spec.schedulingGates[{at}].name"), &words);
        }
    }
    if rest(spec) != rest(before) {
        let words = "pod updates may not change fields other than `spec.containers[*].image`,\
                     `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
                     existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                     previously negative)";
        causes.forbidden("spec", words);
    }
}

/// Tolerations may be added, and their time may change.
fn added_only(spec: &Json, before: &Json, causes: &mut Causes) {
    let timeless = |toleration: &Json| {
        let mut toleration = toleration.clone();
        drop(&mut toleration, "tolerationSeconds");
        toleration
    };
    let now: Vec<Json> = items(spec, "tolerations").iter().map(timeless).collect();
    if items(before, "tolerations").iter().any(|old| !now.contains(&timeless(old))) {
        let words = "existing toleration can not be modified except its tolerationSeconds";
        causes.forbidden("spec.tolerations", words);
    }
}

/// A pod's spec without what may change.
fn rest(spec: &Json) -> Json {
    let mut spec = spec.clone();
    for name in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] {
        drop(&mut spec, name);
    }
    for list in ["containers", "initContainers"] {
        items_mut(&mut spec, list).for_each(|container| set(container, "image", ""));
    }
    spec
}
