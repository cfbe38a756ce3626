//! HorizontalPodAutoscalers, in both versions.

use super::causes::Causes;
use super::names;
use crate::Json;
use crate::defaults::fields::{get, items, number, text};
use crate::quantity::Quantity;

pub(super) fn create(object: &Json, causes: &mut Causes) {
    check(object, causes);
}

pub(super) fn check(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    let least = number(spec, "minReplicas").unwrap_or(1);
    let most = number(spec, "maxReplicas").unwrap_or_default();
    if least < 1 {
        causes.invalid("spec.minReplicas", least, "must be greater than or equal to 1");
    }
    if most == 0 {
        causes.required("spec.maxReplicas", "must be set and greater than 0");
    } else if most < 0 {
        causes.invalid("spec.maxReplicas", most, "must be greater than or equal to 1");
    }
    if most < least {
        causes.invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`");
    }
    let target = get(spec, "scaleTargetRef");
    check_target(target, "spec.scaleTargetRef", causes);
    if text(target, "kind") != "ReplicationController" && !text(target, "apiVersion").contains('/') {
        let words = "apiVersion must specify API group";
        causes.invalid("spec.scaleTargetRef.apiVersion", text(target, "apiVersion"), words);
    }
    for (at, metric) in items(spec, "metrics").iter().enumerate() {
        check_metric(metric, &format!("spec.metrics[{at}]"), causes);
    }
    let from_outside = |metric: &Json| matches!(text(metric, "type"), "Object" | "External");
    if least == 0 && !items(spec, "metrics").iter().any(from_outside) {
        let words = "must specify at least one Object or External metric to support scaling to zero replicas";
        causes.forbidden("spec.metrics", words);
    }
    if let Some(share) = number(spec, "targetCPUUtilizationPercentage").filter(|share| *share < 1) {
        let field = "spec.metrics[0].resource.target.averageUtilization";
        causes.invalid(field, share, "must be greater than 0");
    }
    for name in ["scaleUp", "scaleDown"] {
        if let Some(rules) = get(spec, "behavior").get(name) {
            check_rules(rules, &format!("spec.behavior.{name}"), causes);
        }
    }
}

fn check_target(target: &Json, path: &str, causes: &mut Causes) {
    for name in ["kind", "name"] {
        let field = format!("{path}.{name}");
        match text(target, name) {
            "" => causes.required(&field, ""),
            value => causes.each(&field, value, names::path_segment(value)),
        }
    }
    let version = text(target, "apiVersion");
    if version.matches('/').count() > 1 {
        let words = format!("unexpected GroupVersion string: {version}");
        causes.invalid(&format!("{path}.apiVersion"), version, &words);
    }
}

const KINDS: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

fn check_metric(metric: &Json, path: &str, causes: &mut Causes) {
    let kind = text(metric, "type");
    let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
    let field = format!("{path}.type");
    if kind.is_empty() {
        causes.required(&field, "must specify a metric source type");
    }
    let expected = KINDS.iter().find(|(name, _)| *name == kind).map(|(_, field)| *field);
    if expected.is_none() {
        causes.unsupported(&field, kind, &kinds);
    }
    let order = ["object", "external", "pods", "resource", "containerResource"];
    let present: Vec<&str> = order.into_iter().filter(|name| metric.get(*name).is_some()).collect();
    if let Some(first) = present.first() {
        check_source(first, get(metric, first), &format!("{path}.{first}"), causes);
    }
    match expected {
        Some(expected) if metric.get(expected).is_none() => {
            let words = "must populate information for the given metric source";
            causes.required(&format!("{path}.{expected}"), words);
        }
        Some(_) => {}
        None => causes.unsupported(&field, kind, &kinds),
    }
    if present.len() != 1 {
        for other in present.iter().filter(|name| Some(**name) != expected) {
            causes.forbidden(&format!("{path}.{other}"), "must populate the given metric source only");
        }
    }
}

fn check_source(kind: &str, source: &Json, path: &str, causes: &mut Causes) {
    let target = get(source, "target");
    let at = format!("{path}.target");
    match kind {
        "resource" | "containerResource" => {
            for name in if kind == "resource" { &["name"][..] } else { &["name", "container"][..] } {
                if text(source, name).is_empty() {
                    let words =
                        if *name == "name" { "must specify a resource name" } else { "must specify a container" };
                    causes.required(&format!("{path}.{name}"), words);
                }
            }
        }
        _ => {
            if kind == "object" {
                check_target(get(source, "describedObject"), &format!("{path}.describedObject"), causes);
            }
            let name = text(get(source, "metric"), "name");
            let field = format!("{path}.metric.name");
            if name.is_empty() {
                causes.required(&field, "must specify a metric name");
            } else {
                causes.each(&field, name, names::path_segment(name));
            }
        }
    }
    check_metric_target(target, &at, causes);
    let (value, average, share) = (target.get("value"), target.get("averageValue"), target.get("averageUtilization"));
    let field = format!("{at}.averageValue");
    match kind {
        "resource" | "containerResource" => {
            if average.is_none() && share.is_none() {
                let words = "must set either a target raw value or a target utilization";
                causes.required(&format!("{at}.averageUtilization"), words);
            }
            if average.is_some() && share.is_some() {
                let words = "may not set both a target raw value and a target utilization";
                causes.forbidden(&field, words);
            }
        }
        "pods" if average.is_none() => causes.required(&field, "must specify a positive target averageValue"),
        "object" if value.is_none() && average.is_none() => {
            causes.required(&field, "must set either a target value or averageValue");
        }
        "external" if value.is_none() && average.is_none() => {
            causes.required(&field, "must set either a target value for metric or a per-pod target");
        }
        "external" if value.is_some() && average.is_some() => {
            let words = "may not set both a target value for metric and a per-pod target";
            causes.forbidden(&format!("{at}.value"), words);
        }
        _ => {}
    }
}

fn check_metric_target(target: &Json, path: &str, causes: &mut Causes) {
    let kind = text(target, "type");
    let known = ["Utilization", "Value", "AverageValue"];
    if kind.is_empty() {
        causes.required(&format!("{path}.type"), "must specify a metric target type");
    }
    if !known.contains(&kind) {
        let words = "must be either Utilization, Value, or AverageValue";
        causes.invalid(&format!("{path}.type"), kind, words);
    }
    for name in ["value", "averageValue"] {
        let read = get(target, name).as_str().and_then(|text| Quantity::parse(text).ok());
        if let Some(quantity) = read.filter(|quantity| *quantity <= Quantity::ZERO) {
            causes.invalid(&format!("{path}.{name}"), quantity.to_string(), "must be positive");
        }
    }
    if let Some(share) = number(target, "averageUtilization").filter(|share| *share < 1) {
        causes.invalid(&format!("{path}.averageUtilization"), share, "must be greater than 0");
    }
}

fn check_rules(rules: &Json, path: &str, causes: &mut Causes) {
    let window = number(rules, "stabilizationWindowSeconds");
    let field = format!("{path}.stabilizationWindowSeconds");
    match window {
        Some(seconds) if seconds < 0 => causes.invalid(&field, seconds, "must be greater than or equal to zero"),
        Some(seconds) if seconds > 3600 => causes.invalid(&field, seconds, "must be less than or equal to 3600"),
        _ => {}
    }
    if let Some(policy) = get(rules, "selectPolicy").as_str() {
        causes.one_of(&format!("{path}.selectPolicy"), policy, &["Disabled", "Max", "Min"]);
    }
    let policies = items(rules, "policies");
    if policies.is_empty() {
        causes.required(&format!("{path}.policies"), "must specify at least one Policy");
    }
    for (at, policy) in policies.iter().enumerate() {
        let path = format!("{path}.policies[{at}]");
        causes.one_of(&format!("{path}.type"), text(policy, "type"), &["Percent", "Pods"]);
        for name in ["value", "periodSeconds"] {
            let value = number(policy, name).unwrap_or_default();
            if value <= 0 {
                causes.invalid(&format!("{path}.{name}"), value, "must be greater than zero");
            }
            if name == "periodSeconds" && value > 1800 {
                causes.invalid(&format!("{path}.{name}"), value, "must be less than or equal to 1800");
            }
        }
    }
}
