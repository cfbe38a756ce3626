//! Label selectors: whether they are well made, and what they match.

use super::causes::Causes;
use super::{metadata, names};
use crate::Json;
use crate::defaults::fields::{entries, get, items, text};

pub(crate) fn check(selector: &Json, field: &str, causes: &mut Causes) {
    metadata::labels(get(selector, "matchLabels"), &format!("{field}.matchLabels"), causes);
    for (at, requirement) in items(selector, "matchExpressions").iter().enumerate() {
        check_requirement(requirement, &format!("{field}.matchExpressions[{at}]"), false, causes);
    }
}

/// A requirement of a label selector, or of a node selector, which knows `Gt` and `Lt` besides.
pub(crate) fn check_requirement(requirement: &Json, field: &str, nodes: bool, causes: &mut Causes) {
    let values = items(requirement, "values");
    match text(requirement, "operator") {
        "In" | "NotIn" if values.is_empty() => {
            let words = "must be specified when `operator` is 'In' or 'NotIn'";
            causes.required(&format!("{field}.values"), words);
        }
        "Exists" | "DoesNotExist" if !values.is_empty() => {
            let words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            causes.forbidden(&format!("{field}.values"), words);
        }
        "Gt" | "Lt" if nodes && values.len() != 1 => {
            let words = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            causes.required(&format!("{field}.values"), words);
        }
        "Gt" | "Lt" if nodes => {}
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        other => causes.invalid(&format!("{field}.operator"), other, "not a valid selector operator"),
    }
    let key = text(requirement, "key");
    causes.each(&format!("{field}.key"), key, names::qualified(key));
    for (at, value) in values.iter().enumerate() {
        let value = value.as_str().unwrap_or_default();
        causes.each(&format!("{field}.values[{at}]"), value, names::label_value(value));
    }
}

/// Whether nothing is asked for.
pub(crate) fn is_empty(selector: &Json) -> bool {
    entries(selector, "matchLabels").next().is_none() && items(selector, "matchExpressions").is_empty()
}

/// Whether the selector can be read, as far as matching goes.
pub(crate) fn is_readable(selector: &Json) -> bool {
    let mut causes = Causes::default();
    check(selector, "", &mut causes);
    causes.0.is_empty()
}

/// Whether the labels match; no selector matches nothing, an empty one everything.
pub(crate) fn matches(selector: &Json, labels: &Json) -> bool {
    matches_by(selector, |key| labels.get(key).and_then(Json::as_str))
}

/// The same, for labels that are looked up.
pub(crate) fn matches_by<'a>(selector: &Json, label: impl Fn(&str) -> Option<&'a str>) -> bool {
    let equal = |(key, value): (&String, &Json)| label(key).is_some_and(|own| value == own);
    selector.is_object()
        && entries(selector, "matchLabels").all(equal)
        && items(selector, "matchExpressions").iter().all(|rule| {
            let own = label(text(rule, "key"));
            let among = own.is_some_and(|own| items(rule, "values").iter().any(|value| value == own));
            match text(rule, "operator") {
                "In" => among,
                "NotIn" => !among,
                "Exists" => own.is_some(),
                "DoesNotExist" => own.is_none(),
                _ => false,
            }
        })
}
