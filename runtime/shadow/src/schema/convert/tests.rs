use serde_json::json;

use super::*;

fn autoscaler() -> Json {
    json!({
        "kind": "HorizontalPodAutoscaler", "apiVersion": "autoscaling/v2",
        "metadata": {"name": "a", "annotations": {"own": "1"}},
        "spec": {
            "scaleTargetRef": {"kind": "Deployment", "name": "d", "apiVersion": "apps/v1"},
            "maxReplicas": 3,
            "metrics": [
                {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}},
                {"type": "Pods", "pods": {"metric": {"name": "m"}, "target": {"type": "AverageValue", "averageValue": "5"}}},
            ],
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 10, "policies": [
                {"type": "Pods", "value": 1, "periodSeconds": 60}]}},
        },
        "status": {"currentReplicas": 1, "desiredReplicas": 2, "currentMetrics": null},
    })
}

#[test]
fn an_autoscaler_comes_back_from_v1() {
    let v2 = autoscaler();
    let v1 = convert(&v2, "autoscaling/v2", "autoscaling/v1");
    assert_eq!(v1["apiVersion"], "autoscaling/v1");
    assert_eq!(v1["spec"]["targetCPUUtilizationPercentage"], 50);
    assert!(v1["spec"].get("metrics").is_none());
    assert_eq!(
        v1["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"],
        r#"[{"type":"Pods","pods":{"metricName":"m","targetAverageValue":"5"}}]"#
    );
    assert_eq!(
        v1["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/behavior"],
        concat!(
            r#"{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":10,"SelectPolicy":null,"#,
            r#""Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":60}],"Tolerance":null}}"#
        )
    );
    let mut expected = v2.clone();
    expected["spec"]["metrics"].as_array_mut().unwrap().reverse();
    assert_eq!(convert(&v1, "autoscaling/v1", "autoscaling/v2"), expected);
}

#[test]
fn v1_without_a_metric_means_eighty_percent() {
    let v1 = json!({"metadata": {"name": "a"}, "spec": {"maxReplicas": 2}});
    let v2 = convert(&v1, "autoscaling/v1", "autoscaling/v2");
    assert_eq!(v2["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"], 80);
}

#[test]
fn events_change_their_names() {
    let core = json!({"metadata": {"name": "e"}, "involvedObject": {"kind": "Pod"}, "message": "m", "count": 2, "type": "Normal"});
    let events = convert(&core, "v1", "events.k8s.io/v1");
    assert_eq!(
        (&events["regarding"]["kind"], &events["note"], &events["deprecatedCount"]),
        (&"Pod".into(), &"m".into(), &2.into())
    );
    assert_eq!(events["eventTime"], Json::Null);
    let back = convert(&events, "events.k8s.io/v1", "v1");
    assert_eq!(
        (&back["message"], &back["count"], &back["involvedObject"]),
        (&"m".into(), &2.into(), &json!({"kind": "Pod"}))
    );
}

#[test]
fn other_versions_differ_in_their_name() {
    let object = json!({"apiVersion": "a/v1", "kind": "K", "spec": {"x": 1}});
    assert_eq!(convert(&object, "a/v1", "a/v2"), json!({"apiVersion": "a/v2", "kind": "K", "spec": {"x": 1}}));
}
