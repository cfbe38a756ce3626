//! What is filled into HorizontalPodAutoscalers.

use serde_json::json;

use super::fields::{fill, set};
use crate::Json;

pub(super) fn version_1(object: &mut Json) {
    if let Some(spec) = object.get_mut("spec") {
        fill(spec, "minReplicas", 1);
        fill(spec, "targetCPUUtilizationPercentage", 80);
    }
}

pub(super) fn version_2(object: &mut Json) {
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "minReplicas", 1);
    let cpu = json!({"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}});
    fill(spec, "metrics", json!([{"type": "Resource", "resource": cpu}]));
    let Some(behavior) = spec.get_mut("behavior") else { return };
    let percent = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let pods = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    let up = json!({"stabilizationWindowSeconds": 0, "selectPolicy": "Max", "policies": [pods, percent.clone()]});
    let down = json!({"selectPolicy": "Max", "policies": [percent]});
    for (name, mut rules) in [("scaleUp", up), ("scaleDown", down)] {
        if let Some(Json::Object(given)) = behavior.get(name) {
            given.iter().for_each(|(name, value)| set(&mut rules, name, value.clone()));
        }
        set(behavior, name, rules);
    }
}
