//! What may change in a pod.

use super::super::causes::Causes;
use crate::Json;
use crate::defaults::fields::{drop, get, items, items_mut, number, set, text};
use crate::schema::internal::difference;

/// A changed pod.
pub(in crate::validation) fn update(pod: &Json, old: &Json, causes: &mut Causes) {
    super::check(pod, causes);
    let (spec, before) = (get(pod, "spec"), get(old, "spec"));
    for list in ["containers", "initContainers"] {
        if items(spec, list).len() != items(before, list).len() {
            return causes.forbidden(&format!("spec.{list}"), "pod updates may not add or remove containers");
        }
        // Images are judged once more.
        for (at, container) in items(spec, list).iter().enumerate() {
            if text(container, "image").is_empty() {
                causes.required(&format!("spec.{list}[{at}].image"), "");
            }
        }
        super::trimmed_images(spec, list, causes);
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
    let fixed = as_before(spec, before);
    if fixed != *before {
        let words = "pod updates may not change fields other than `spec.containers[*].image`,\
                     `spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to \
                     existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was \
                     previously negative)";
        let how = difference("PodSpec", before, &fixed);
        causes.forbidden("spec", &format!("{words}\n{how}"));
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

/// A pod's spec, with what may change as it was.
fn as_before(spec: &Json, before: &Json) -> Json {
    let mut fixed = spec.clone();
    let negative = number(before, "terminationGracePeriodSeconds").is_some_and(|seconds| seconds < 0)
        && number(spec, "terminationGracePeriodSeconds") == Some(1);
    let more = if negative { "terminationGracePeriodSeconds" } else { "tolerations" };
    for name in ["activeDeadlineSeconds", "tolerations", "schedulingGates", more] {
        match before.get(name) {
            Some(value) => set(&mut fixed, name, value.clone()),
            None => {
                drop(&mut fixed, name);
            }
        }
    }
    for list in ["containers", "initContainers"] {
        let images: Vec<Json> = items(before, list).iter().map(|container| get(container, "image").clone()).collect();
        for (container, image) in items_mut(&mut fixed, list).zip(images) {
            set(container, "image", image);
        }
    }
    fixed
}
