//! Where pods may run: affinity, tolerations, spread.

use super::super::causes::Causes;
use super::super::{names, selector};
use crate::Json;
use crate::defaults::fields::{get, items, number, text};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

pub(super) fn check_affinity(affinity: &Json, path: &str, causes: &mut Causes) {
    if let Some(node) = affinity.get("nodeAffinity") {
        if let Some(required) = node.get(REQUIRED) {
            check_node_selector(required, &format!("{path}.nodeAffinity.{REQUIRED}"), causes);
        }
        for (at, term) in items(node, PREFERRED).iter().enumerate() {
            let path = format!("{path}.nodeAffinity.{PREFERRED}[{at}]");
            check_weight(term, &path, causes);
            check_node_term(get(term, "preference"), &format!("{path}.preference"), causes);
        }
    }
    for kind in ["podAffinity", "podAntiAffinity"] {
        let Some(pods) = affinity.get(kind) else { continue };
        for (at, term) in items(pods, REQUIRED).iter().enumerate() {
            check_pod_term(term, &format!("{path}.{kind}.{REQUIRED}[{at}]"), causes);
        }
        for (at, term) in items(pods, PREFERRED).iter().enumerate() {
            let path = format!("{path}.{kind}.{PREFERRED}[{at}]");
            check_weight(term, &path, causes);
            check_pod_term(get(term, "podAffinityTerm"), &format!("{path}.podAffinityTerm"), causes);
        }
    }
}

fn check_weight(term: &Json, path: &str, causes: &mut Causes) {
    let weight = number(term, "weight").unwrap_or_default();
    if !(1..=100).contains(&weight) {
        causes.invalid(&format!("{path}.weight"), weight, "must be in the range 1-100");
    }
}

/// Terms of which one has to fit a node.
pub(crate) fn check_node_selector(of: &Json, path: &str, causes: &mut Causes) {
    let field = format!("{path}.nodeSelectorTerms");
    let terms = items(of, "nodeSelectorTerms");
    if terms.is_empty() {
        causes.required(&field, "must have at least one node selector term");
    }
    for (at, term) in terms.iter().enumerate() {
        check_node_term(term, &format!("{field}[{at}]"), causes);
    }
}

fn check_node_term(term: &Json, path: &str, causes: &mut Causes) {
    for (at, requirement) in items(term, "matchExpressions").iter().enumerate() {
        selector::check_requirement(requirement, &format!("{path}.matchExpressions[{at}]"), true, causes);
    }
    for (at, requirement) in items(term, "matchFields").iter().enumerate() {
        let path = format!("{path}.matchFields[{at}]");
        match text(requirement, "operator") {
            "In" | "NotIn" if items(requirement, "values").len() != 1 => {
                let words = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                causes.required(&format!("{path}.values"), words);
            }
            "In" | "NotIn" => {}
            other => causes.invalid(&format!("{path}.operator"), other, "not a valid selector operator"),
        }
        let key = text(requirement, "key");
        if key != "metadata.name" {
            causes.invalid(&format!("{path}.key"), key, "not a valid field selector key");
        }
    }
}

fn check_pod_term(term: &Json, path: &str, causes: &mut Causes) {
    for name in ["labelSelector", "namespaceSelector"] {
        if let Some(of) = term.get(name) {
            selector::check(of, &format!("{path}.{name}"), causes);
        }
    }
    for namespace in items(term, "namespaces").iter().filter_map(Json::as_str) {
        causes.each(&format!("{path}.namespace"), namespace, names::dns_label(namespace));
    }
    check_label_keys(term, path, causes);
    let key = text(term, "topologyKey");
    if key.is_empty() {
        causes.required(&format!("{path}.topologyKey"), "can not be empty");
    }
    causes.each(&format!("{path}.topologyKey"), key, names::qualified(key));
}

/// Keys whose values come from the pod itself.
fn check_label_keys(of: &Json, path: &str, causes: &mut Causes) {
    for name in ["matchLabelKeys", "mismatchLabelKeys"] {
        let keys = items(of, name);
        if !keys.is_empty() && of.get("labelSelector").is_none() {
            causes.forbidden(&format!("{path}.{name}"), "must not be specified when labelSelector is not set");
            continue;
        }
        for (at, key) in keys.iter().enumerate() {
            let key = key.as_str().unwrap_or_default();
            causes.each(&format!("{path}.{name}[{at}]"), key, names::qualified(key));
        }
    }
}

pub(super) fn check_spread(spec: &Json, path: &str, causes: &mut Causes) {
    let constraints = items(spec, "topologySpreadConstraints");
    for (at, constraint) in constraints.iter().enumerate() {
        let path = format!("{path}[{at}]");
        causes.positive(&format!("{path}.maxSkew"), number(constraint, "maxSkew").unwrap_or_default());
        let (key, action) = (text(constraint, "topologyKey"), text(constraint, "whenUnsatisfiable"));
        if key.is_empty() {
            causes.required(&format!("{path}.topologyKey"), "can not be empty");
        }
        causes.one_of(&format!("{path}.whenUnsatisfiable"), action, &["DoNotSchedule", "ScheduleAnyway"]);
        let mut rest = constraints.iter().skip(at + 1);
        if rest.any(|other| text(other, "topologyKey") == key && text(other, "whenUnsatisfiable") == action) {
            let field = format!("{path}.{{topologyKey, whenUnsatisfiable}}");
            causes.duplicate(&field, format!("{{{key}, {action}}}"));
        }
        if let Some(domains) = number(constraint, "minDomains") {
            let field = format!("{path}.minDomains");
            causes.positive(&field, domains);
            if action != "DoNotSchedule" {
                let words = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
                causes.invalid(&field, domains, &words);
            }
        }
        for name in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            if let Some(policy) = get(constraint, name).as_str() {
                causes.one_of(&format!("{path}.{name}"), policy, &["Honor", "Ignore"]);
            }
        }
        check_label_keys(constraint, &path, causes);
        if let Some(of) = constraint.get("labelSelector") {
            selector::check(of, &format!("{path}.labelSelector"), causes);
        }
    }
}

/// What a taint does.
pub(crate) fn check_effect(effect: &str, path: &str, causes: &mut Causes) {
    causes.one_of(path, effect, &["NoSchedule", "PreferNoSchedule", "NoExecute"]);
}

/// The tolerations of a pod.
pub(crate) fn check_tolerations(of: &Json, path: &str, causes: &mut Causes) {
    for (at, toleration) in items(of, "tolerations").iter().enumerate() {
        let path = format!("{path}[{at}]");
        let key = text(toleration, "key");
        let operator = text(toleration, "operator");
        let (value, effect) = (text(toleration, "value"), text(toleration, "effect"));
        if !key.is_empty() {
            causes.each(&format!("{path}.key"), key, names::qualified(key));
        }
        let field = format!("{path}.operator");
        if key.is_empty() && operator != "Exists" {
            let words = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
            causes.invalid(&field, operator, words);
        }
        if toleration.get("tolerationSeconds").is_some() && effect != "NoExecute" {
            let words = "effect must be 'NoExecute' when `tolerationSeconds` is set";
            causes.invalid(&format!("{path}.effect"), effect, words);
        }
        match operator {
            "" | "Equal" => {
                let words = names::label_value(value);
                if !words.is_empty() {
                    causes.invalid(&field, value, &words.join(";"));
                }
            }
            "Exists" if !value.is_empty() => {
                causes.invalid(&field, value, "value must be empty when `operator` is 'Exists'");
            }
            "Exists" => {}
            "Lt" | "Gt" => causes.unsupported(&field, operator, &["Equal", "Exists", "Lt", "Gt"]),
            _ => causes.unsupported(&field, operator, &["Equal", "Exists"]),
        }
        if !effect.is_empty() {
            check_effect(effect, &format!("{path}.effect"), causes);
        }
    }
}
