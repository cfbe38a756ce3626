//! Label selectors and node selectors.

use crate::Json;
use crate::controllers::fields::{Labels, items, text};
use crate::validation::selector::matches_by;

/// Whether a `LabelSelector` selects these labels. An absent one selects nothing, an empty one everything.
pub(crate) fn selects(selector: &Json, labels: &Labels) -> bool {
    matches_by(selector, |key| labels.get(key).map(String::as_str))
}

/// Whether a plain map of labels, as a Service has it, selects these labels.
pub(crate) fn selects_map(selector: &Json, labels: &Labels) -> bool {
    selector
        .as_object()
        .is_some_and(|map| map.iter().all(|(key, value)| labels.get(key).map(String::as_str) == value.as_str()))
}

/// Whether one requirement holds for a value.
fn holds(rule: &Json, value: Option<&str>) -> bool {
    let among = || value.is_some_and(|value| items(&rule["values"]).iter().any(|v| v == value));
    let number = |v: &str| v.parse::<i64>().ok();
    let limit = || items(&rule["values"]).first().and_then(Json::as_str).and_then(number);
    match text(&rule["operator"]) {
        "In" => among(),
        "NotIn" => !among(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => matches!((value.and_then(number), limit()), (Some(v), Some(l)) if v > l),
        "Lt" => matches!((value.and_then(number), limit()), (Some(v), Some(l)) if v < l),
        _ => false,
    }
}

/// Whether one term of a `NodeSelector` holds. A term without any requirement selects nothing.
pub(crate) fn node_term(term: &Json, name: &str, labels: &Labels) -> bool {
    let expressions = items(&term["matchExpressions"]);
    let fields = items(&term["matchFields"]);
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    expressions.iter().all(|rule| holds(rule, labels.get(text(&rule["key"])).map(String::as_str)))
        && fields.iter().all(|rule| rule["key"] == "metadata.name" && holds(rule, Some(name)))
}

/// Whether a `NodeSelector` (terms joined by "or") selects a node.
pub(crate) fn node_selector(selector: &Json, name: &str, labels: &Labels) -> bool {
    items(&selector["nodeSelectorTerms"]).iter().any(|term| node_term(term, name, labels))
}

/// Whether a pod's `nodeSelector` and required node affinity let it onto a node.
pub(crate) fn node_fits(spec: &Json, name: &str, labels: &Labels) -> bool {
    if spec["nodeSelector"].is_object() && !selects_map(&spec["nodeSelector"], labels) {
        return false;
    }
    let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    required.is_null() || node_selector(required, name, labels)
}

/// Whether a toleration tolerates a taint.
pub(crate) fn tolerates(toleration: &Json, taint: &Json) -> bool {
    let effect = text(&toleration["effect"]);
    let key = text(&toleration["key"]);
    if !effect.is_empty() && effect != text(&taint["effect"]) {
        return false;
    }
    if !key.is_empty() && key != text(&taint["key"]) {
        return false;
    }
    let (ours, theirs) = (text(&toleration["value"]), text(&taint["value"]));
    match text(&toleration["operator"]) {
        "Exists" => true,
        "" | "Equal" => ours == theirs,
        _ => false,
    }
}

/// The first taint with one of these effects that no toleration covers.
pub(crate) fn untolerated<'a>(taints: &'a [Json], tolerations: &[Json], effects: &[&str]) -> Option<&'a Json> {
    taints
        .iter()
        .find(|taint| effects.contains(&text(&taint["effect"])) && !tolerations.iter().any(|t| tolerates(t, taint)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn label_selectors_join_by_and() {
        let selector = json!({"matchLabels": {"app": "a"}, "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["x", "y"]}, {"key": "old", "operator": "DoesNotExist"}]});
        assert!(selects(&selector, &labels(&[("app", "a"), ("tier", "y")])));
        assert!(!selects(&selector, &labels(&[("app", "a"), ("tier", "z")])));
        assert!(!selects(&selector, &labels(&[("app", "a"), ("tier", "x"), ("old", "")])));
        assert!(selects(&json!({}), &labels(&[])));
        assert!(!selects(&Json::Null, &labels(&[])));
    }

    #[test]
    fn not_in_holds_without_the_label() {
        let selector = json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]});
        assert!(selects(&selector, &labels(&[])));
        assert!(!selects(&selector, &labels(&[("a", "1")])));
    }

    #[test]
    fn node_terms_join_by_or_and_an_empty_term_selects_nothing() {
        let selector = json!({"nodeSelectorTerms": [{}, {"matchFields": [
            {"key": "metadata.name", "operator": "In", "values": ["n1"]}]}]});
        assert!(node_selector(&selector, "n1", &labels(&[])));
        assert!(!node_selector(&selector, "n2", &labels(&[])));
    }

    #[test]
    fn a_toleration_without_key_tolerates_all_of_its_effect() {
        let taint = json!({"key": "k", "value": "v", "effect": "NoExecute"});
        assert!(tolerates(&json!({"operator": "Exists"}), &taint));
        assert!(!tolerates(&json!({"operator": "Exists", "effect": "NoSchedule"}), &taint));
        assert!(tolerates(&json!({"key": "k", "value": "v"}), &taint));
        assert!(!tolerates(&json!({"key": "k", "value": "w"}), &taint));
    }
}
