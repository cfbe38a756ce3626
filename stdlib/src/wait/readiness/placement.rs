//! On which nodes a DaemonSet's pods may run: node selector, required node affinity, taints.

use serde_json::Value as Json;

use crate::fields::{entry, list, name, text};

/// Taints that the DaemonSet controller makes every pod of its own tolerate.
const ALWAYS_TOLERATED: [&str; 6] = [
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unschedulable",
];

/// Whether the DaemonSet controller puts a pod of this template onto the node.
pub(super) fn daemon_may_run(template: &Json, node: &Json) -> bool {
    if let Some(wanted) = text(template, "/nodeName")
        && wanted != name(node)
    {
        return false;
    }
    let selected = template
        .pointer("/nodeSelector")
        .and_then(Json::as_object)
        .is_none_or(|labels| labels.iter().all(|(key, value)| entry(node, "/metadata/labels", key) == value.as_str()));
    let required = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms";
    let terms = list(template, required);
    let tolerations = list(template, "/tolerations");
    selected
        && (template.pointer(required).is_none() || terms.iter().any(|term| matches(term, node)))
        && list(node, "/spec/taints").iter().all(|taint| is_tolerated(taint, tolerations))
}

fn matches(term: &Json, node: &Json) -> bool {
    let (labels, fields) = (list(term, "/matchExpressions"), list(term, "/matchFields"));
    if labels.is_empty() && fields.is_empty() {
        return false;
    }
    let label = |e: &Json| holds(e, text(e, "/key").and_then(|key| entry(node, "/metadata/labels", key)));
    let field = |e: &Json| text(e, "/key") == Some("metadata.name") && holds(e, Some(name(node)));
    labels.iter().all(label) && fields.iter().all(field)
}

fn holds(expression: &Json, value: Option<&str>) -> bool {
    let among = || list(expression, "/values").iter().any(|v| v.as_str() == value);
    let limit = || list(expression, "/values").first().and_then(Json::as_str).and_then(|v| v.parse::<i64>().ok());
    let number = || value.and_then(|v| v.parse::<i64>().ok());
    match text(expression, "/operator").unwrap_or_default() {
        "In" => value.is_some() && among(),
        "NotIn" => value.is_none() || !among(),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => number().zip(limit()).is_some_and(|(n, l)| n > l),
        "Lt" => number().zip(limit()).is_some_and(|(n, l)| n < l),
        _ => false,
    }
}

fn is_tolerated(taint: &Json, tolerations: &[Json]) -> bool {
    let (key, effect) = (text(taint, "/key").unwrap_or_default(), text(taint, "/effect").unwrap_or_default());
    if effect == "PreferNoSchedule" || ALWAYS_TOLERATED.contains(&key) {
        return true;
    }
    tolerations.iter().any(|toleration| {
        let any_value = text(toleration, "/operator") == Some("Exists");
        text(toleration, "/effect").is_none_or(|e| e == effect)
            && text(toleration, "/key").map_or(any_value, |k| k == key)
            && (any_value || text(toleration, "/value") == text(taint, "/value"))
    })
}
