//! HorizontalPodAutoscalers: `autoscaling/v1` knows the CPU's utilization only, and keeps all else in annotations.

use serde_json::{Map, json};

use crate::Json;

const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const CURRENT_METRICS: &str = "autoscaling.alpha.kubernetes.io/current-metrics";
const CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";
const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const ANNOTATIONS: [&str; 6] = [
    METRICS,
    CURRENT_METRICS,
    CONDITIONS,
    BEHAVIOR,
    "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
    "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
];

/// What `v1` without any metric means, in percent.
const DEFAULT_UTILIZATION: i32 = 80;

/// A field in the annotations and its place in `v2`; `true` if the first is `0` where the second is absent.
type Pair = (&'static str, &'static str, bool);
/// The fields of a metric by its type, in the annotation's order.
type Metrics = [(&'static str, &'static [Pair]); 5];

const SPECS: Metrics = [
    (
        "object",
        &[
            ("target", "/describedObject", false),
            ("metricName", "/metric/name", false),
            ("targetValue", "/target/value", true),
            ("selector", "/metric/selector", false),
            ("averageValue", "/target/averageValue", false),
        ],
    ),
    (
        "pods",
        &[
            ("metricName", "/metric/name", false),
            ("targetAverageValue", "/target/averageValue", true),
            ("selector", "/metric/selector", false),
        ],
    ),
    (
        "resource",
        &[
            ("name", "/name", false),
            ("targetAverageUtilization", "/target/averageUtilization", false),
            ("targetAverageValue", "/target/averageValue", false),
        ],
    ),
    (
        "containerResource",
        &[
            ("name", "/name", false),
            ("targetAverageUtilization", "/target/averageUtilization", false),
            ("targetAverageValue", "/target/averageValue", false),
            ("container", "/container", false),
        ],
    ),
    (
        "external",
        &[
            ("metricName", "/metric/name", false),
            ("metricSelector", "/metric/selector", false),
            ("targetValue", "/target/value", false),
            ("targetAverageValue", "/target/averageValue", false),
        ],
    ),
];

const STATUSES: Metrics = [
    (
        "object",
        &[
            ("target", "/describedObject", false),
            ("metricName", "/metric/name", false),
            ("currentValue", "/current/value", true),
            ("selector", "/metric/selector", false),
            ("averageValue", "/current/averageValue", false),
        ],
    ),
    (
        "pods",
        &[
            ("metricName", "/metric/name", false),
            ("currentAverageValue", "/current/averageValue", true),
            ("selector", "/metric/selector", false),
        ],
    ),
    (
        "resource",
        &[
            ("name", "/name", false),
            ("currentAverageUtilization", "/current/averageUtilization", false),
            ("currentAverageValue", "/current/averageValue", true),
        ],
    ),
    (
        "containerResource",
        &[
            ("name", "/name", false),
            ("currentAverageUtilization", "/current/averageUtilization", false),
            ("currentAverageValue", "/current/averageValue", true),
            ("container", "/container", false),
        ],
    ),
    (
        "external",
        &[
            ("metricName", "/metric/name", false),
            ("metricSelector", "/metric/selector", false),
            ("currentValue", "/current/value", true),
            ("currentAverageValue", "/current/averageValue", false),
        ],
    ),
];

/// The fields of scaling rules and policies; the annotation has them with a capital letter.
const RULES: [&str; 4] = ["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"];
const POLICY: [&str; 3] = ["type", "value", "periodSeconds"];

pub(super) fn to_v1(object: &mut Json) {
    let mut kept = Map::new();
    let metrics = take_list(object, "/spec", "metrics");
    let utilization = metrics.iter().find_map(cpu_utilization).cloned();
    let others: Vec<Json> =
        metrics.iter().filter(|metric| cpu_utilization(metric).is_none()).map(|m| to_annotation(m, &SPECS)).collect();
    let current = take_list(object, "/status", "currentMetrics");
    let current_utilization = current.iter().filter(|metric| is_cpu(metric));
    let current_utilization = current_utilization
        .filter_map(|metric| metric.pointer("/resource/current/averageUtilization"))
        .next_back()
        .cloned();
    let current: Vec<Json> = current.iter().map(|metric| to_annotation(metric, &STATUSES)).collect();
    let conditions = take_list(object, "/status", "conditions");
    for (key, list) in [(METRICS, others), (CURRENT_METRICS, current), (CONDITIONS, conditions)] {
        if !list.is_empty() {
            kept.insert(key.into(), Json::Array(list).to_string().into());
        }
    }
    if let Some(behavior) = take(object, "/spec", "behavior") {
        kept.insert(BEHAVIOR.into(), capitals(&behavior).to_string().into());
    }
    put(object, "/spec", "targetCPUUtilizationPercentage", utilization);
    put(object, "/status", "currentCPUUtilizationPercentage", current_utilization);
    drop_annotations(object);
    if !kept.is_empty()
        && let Some(Json::Object(metadata)) = object.get_mut("metadata")
        && let Json::Object(annotations) = metadata.entry("annotations").or_insert_with(|| json!({}))
    {
        annotations.extend(kept);
    }
}

pub(super) fn to_v2(object: &mut Json) {
    let read = |key: &str| -> Option<Json> { serde_json::from_str(crate::object::annotation(object, key)?).ok() };
    let list = |key: &str| read(key).and_then(|list| list.as_array().cloned());
    let mut metrics: Vec<Json> =
        list(METRICS).unwrap_or_default().iter().map(|metric| from_annotation(metric, &SPECS)).collect();
    let current: Option<Vec<Json>> =
        list(CURRENT_METRICS).map(|metrics| metrics.iter().map(|metric| from_annotation(metric, &STATUSES)).collect());
    let conditions = list(CONDITIONS);
    let behavior = read(BEHAVIOR).map(|behavior| small_letters(&behavior)).filter(|behavior| *behavior != json!({}));
    match take(object, "/spec", "targetCPUUtilizationPercentage") {
        Some(utilization) => metrics.push(cpu(&utilization)),
        None if metrics.is_empty() => metrics.push(cpu(&DEFAULT_UTILIZATION.into())),
        None => {}
    }
    put(object, "/spec", "metrics", Some(metrics.into()));
    put(object, "/spec", "behavior", behavior);
    let own = take(object, "/status", "currentCPUUtilizationPercentage").map(|utilization| {
        json!([{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": utilization}}}])
    });
    put(object, "/status", "currentMetrics", current.map(Json::from).or(own));
    put(object, "/status", "conditions", conditions.map(Json::from));
    drop_annotations(object);
}

fn cpu(utilization: &Json) -> Json {
    let target = json!({"type": "Utilization", "averageUtilization": utilization});
    json!({"type": "Resource", "resource": {"name": "cpu", "target": target}})
}

fn is_cpu(metric: &Json) -> bool {
    metric["type"] == "Resource" && metric.pointer("/resource/name") == Some(&"cpu".into())
}

/// The utilization that a metric asks for, if it is one that `v1` has a field for.
fn cpu_utilization(metric: &Json) -> Option<&Json> {
    metric.pointer("/resource/target/averageUtilization").filter(|_| is_cpu(metric))
}

fn to_annotation(metric: &Json, metrics: &Metrics) -> Json {
    let mut out = Map::new();
    out.insert("type".into(), metric["type"].clone());
    for (kind, pairs) in metrics {
        let Some(source) = metric.get(kind) else { continue };
        let mut fields = Map::new();
        for (short, place, zero) in *pairs {
            match source.pointer(place) {
                Some(value) => drop(fields.insert((*short).into(), value.clone())),
                None if *zero => drop(fields.insert((*short).into(), "0".into())),
                None => {}
            }
        }
        out.insert((*kind).into(), fields.into());
    }
    out.into()
}

fn from_annotation(metric: &Json, metrics: &Metrics) -> Json {
    let mut out = Map::new();
    out.insert("type".into(), metric["type"].clone());
    for (kind, pairs) in metrics {
        let Some(Json::Object(source)) = metric.get(kind) else { continue };
        let mut fields = Map::new();
        for (short, place, _) in *pairs {
            let Some(value) = source.get(*short) else { continue };
            // An object's average goes without a value, which the annotation cannot leave out.
            if *place == "/target/value" && source.contains_key("averageValue") && *value == "0" {
                continue;
            }
            let mut path = place.trim_start_matches('/').split('/');
            match (path.next(), path.next()) {
                (Some(outer), Some(inner)) => {
                    let outer = fields.entry(outer).or_insert_with(|| json!({}));
                    outer[inner] = value.clone();
                }
                (Some(outer), None) => drop(fields.insert(outer.into(), value.clone())),
                _ => {}
            }
        }
        if let Some(target) = fields.get_mut("target") {
            target["type"] = target_type(kind, target).into();
        }
        out.insert((*kind).into(), fields.into());
    }
    out.into()
}

fn target_type(kind: &str, target: &Json) -> &'static str {
    let has = |key| target.get(key).is_some();
    match kind {
        "resource" | "containerResource" if has("averageUtilization") => "Utilization",
        "object" if !has("averageValue") => "Value",
        "external" if has("value") => "Value",
        _ => "AverageValue",
    }
}

fn capitals(behavior: &Json) -> Json {
    let fields = |source: &Json, names: &[&str]| -> Map<String, Json> {
        names.iter().map(|name| (capital(name), source.get(*name).cloned().unwrap_or(Json::Null))).collect()
    };
    let rules = |name: &str| -> Json {
        let Some(rules) = behavior.get(name) else { return Json::Null };
        let mut out = fields(rules, &RULES);
        if let Some(Json::Array(policies)) = out.get_mut("Policies") {
            policies.iter_mut().for_each(|policy| *policy = fields(policy, &POLICY).into());
        }
        out.into()
    };
    json!({"ScaleUp": rules("scaleUp"), "ScaleDown": rules("scaleDown")})
}

fn small_letters(behavior: &Json) -> Json {
    let fields = |source: &Json, names: &[&str]| -> Map<String, Json> {
        let known = |name: &&str| source.get(capital(name)).filter(|value| !value.is_null()).cloned();
        names.iter().filter_map(|name| Some(((*name).to_owned(), known(name)?))).collect()
    };
    let mut out = fields(behavior, &["scaleUp", "scaleDown"]);
    for rules in out.values_mut() {
        *rules = fields(rules, &RULES).into();
        if let Some(Json::Array(policies)) = rules.get_mut("policies") {
            policies.iter_mut().for_each(|policy| *policy = fields(policy, &POLICY).into());
        }
    }
    out.into()
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn drop_annotations(object: &mut Json) {
    if let Some(Json::Object(metadata)) = object.get_mut("metadata")
        && let Some(Json::Object(annotations)) = metadata.get_mut("annotations")
    {
        annotations.retain(|key, _| !ANNOTATIONS.contains(&key.as_str()));
    }
}

fn take(object: &mut Json, place: &str, key: &str) -> Option<Json> {
    object.pointer_mut(place)?.as_object_mut()?.remove(key)
}

fn take_list(object: &mut Json, place: &str, key: &str) -> Vec<Json> {
    match take(object, place, key) {
        Some(Json::Array(list)) => list,
        _ => Vec::new(),
    }
}

fn put(object: &mut Json, place: &str, key: &str, value: Option<Json>) {
    if let (Some(Json::Object(map)), Some(value)) = (object.pointer_mut(place), value) {
        map.insert(key.into(), value);
    }
}
