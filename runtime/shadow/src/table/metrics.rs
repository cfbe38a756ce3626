//! What a HorizontalPodAutoscaler aims at, and where that stands.

use super::row::{Row, list, scalar, some_of, text};
use crate::Json;

const UNKNOWN: &str = "<unknown>";

/// The metrics of the spec with their current values, at most two of them.
pub(super) fn targets(row: &Row<'_>) -> String {
    // autoscaling/v1 knows the CPU only.
    if let Some(target) = row.object.pointer("/spec/targetCPUUtilizationPercentage") {
        let current = row.object.pointer("/status/currentCPUUtilizationPercentage");
        return format!("cpu: {}/{target}%", current.map_or_else(|| UNKNOWN.to_owned(), |c| format!("{c}%")));
    }
    let current = list(row.object, "/status/currentMetrics");
    let said: Vec<String> =
        row.list("/spec/metrics").iter().enumerate().map(|(i, spec)| metric(spec, current.get(i))).collect();
    if said.is_empty() { "<none>".to_owned() } else { some_of(&said, 2, ", ") }
}

fn metric(spec: &Json, status: Option<&Json>) -> String {
    let kind = text(spec, "/type");
    let (source, percent) = match kind {
        "External" => ("external", false),
        "Pods" => ("pods", false),
        "Object" => ("object", false),
        "Resource" => ("resource", true),
        "ContainerResource" => ("containerResource", true),
        _ => return "<unknown type>".to_owned(),
    };
    let target = |field: &str| spec.pointer(&format!("/{source}/target/{field}"));
    let current = |field: &str| status.and_then(|s| s.pointer(&format!("/{source}/current/{field}")));
    let known = |value: Option<&Json>| value.map_or_else(|| UNKNOWN.to_owned(), scalar);
    let share = |value: Option<&Json>, missing: &str| value.map_or_else(|| missing.to_owned(), |v| format!("{v}%"));
    if percent {
        let name = text(spec, &format!("/{source}/name"));
        return match target("averageValue") {
            Some(aim) => format!("{name}: {}/{}", known(current("averageValue")), scalar(aim)),
            None => {
                let aim = share(target("averageUtilization"), "<auto>");
                format!("{name}: {}/{aim}", share(current("averageUtilization"), UNKNOWN))
            }
        };
    }
    match (kind, target("averageValue")) {
        ("Pods", aim) => format!("{}/{}", known(current("averageValue")), aim.map(scalar).unwrap_or_default()),
        (_, Some(aim)) => format!("{}/{} (avg)", known(current("averageValue")), scalar(aim)),
        (_, None) => format!("{}/{}", known(current("value")), target("value").map(scalar).unwrap_or_default()),
    }
}
