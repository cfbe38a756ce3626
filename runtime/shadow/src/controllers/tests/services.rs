use serde_json::json;

use crate::Json;
use crate::controllers::fields::{condition, items, text};
use crate::controllers::testing::{Test, deployment, pod};

fn service(name: &str) -> Json {
    json!({
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "type": "ClusterIP", "clusterIP": "10.96.0.9", "selector": {"app": name},
            "ports": [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}],
        },
    })
}

fn web(replicas: i64) -> Json {
    let mut object = deployment("web", replicas, "x");
    object["spec"]["template"]["spec"]["containers"][0]["ports"] = json!([{"name": "web", "containerPort": 8080}]);
    object
}

/// Without the API server's own, which is there from the start.
fn slices(test: &Test) -> Vec<Json> {
    let all = test.list("endpointslices.discovery.k8s.io").into_iter();
    all.map(|slice| Json::clone(&slice)).filter(|slice| slice["metadata"]["name"] != "kubernetes").collect()
}

fn slice(test: &Test) -> Json {
    let all = slices(test);
    assert_eq!(all.len(), 1);
    all[0].clone()
}

#[test]
fn endpoints_follow_the_pods_readiness() {
    let mut test = Test::new(2);
    test.create("services", service("web"));
    assert!(slice(&test)["endpoints"].is_null());
    test.create("deployments.apps", web(2));
    test.finish();
    let endpoints = test.get("endpoints", "web");
    assert_eq!(items(&endpoints["subsets"][0]["addresses"]).len(), 2);
    assert_eq!(endpoints["subsets"][0]["ports"], json!([{"name": "http", "port": 8080, "protocol": "TCP"}]));
    let one = slice(&test);
    assert_eq!(one["ports"][0]["port"], 8080);
    assert_eq!(one["endpoints"][0]["conditions"], json!({"ready": true, "serving": true, "terminating": false}));
    assert_eq!(one["metadata"]["labels"]["kubernetes.io/service-name"], "web");
    let first = text(&test.list("pods")[0]["metadata"]["name"]).to_owned();
    test.delete("pods", &first);
    let leaving: Vec<Json> =
        items(&slice(&test)["endpoints"]).iter().filter(|e| e["conditions"]["terminating"] == true).cloned().collect();
    assert_eq!(leaving.len(), 1);
    assert_eq!(leaving[0]["conditions"], json!({"ready": false, "serving": true, "terminating": true}));
    test.finish();
    assert_eq!(items(&slice(&test)["endpoints"]).len(), 2);
    test.delete("services", "web");
    test.finish();
    assert!(slices(&test).is_empty());
    assert!(test.find("endpoints", "web").is_none());
}

#[test]
fn a_headless_service_may_publish_what_is_not_ready() {
    let mut test = Test::new(1);
    test.inject("never-ready/web");
    let mut headless = service("web");
    headless["spec"]["clusterIP"] = json!("None");
    headless["spec"]["ports"] = json!([{"port": 5432, "targetPort": 5432}]);
    test.create("services", headless.clone());
    headless["metadata"]["name"] = json!("early");
    headless["spec"]["publishNotReadyAddresses"] = json!(true);
    test.create("services", headless);
    test.create("pods", pod("web", "x"));
    test.finish();
    let late = test.get("endpoints", "web");
    assert!(late["subsets"][0]["addresses"].is_null());
    assert_eq!(items(&late["subsets"][0]["notReadyAddresses"]).len(), 1);
    assert_eq!(late["metadata"]["labels"]["service.kubernetes.io/headless"], "");
    assert_eq!(items(&test.get("endpoints", "early")["subsets"][0]["addresses"]).len(), 1);
}

#[test]
fn a_budget_counts_what_is_healthy() {
    let mut test = Test::new(2);
    test.create("deployments.apps", web(4));
    let budget = |name: &str, spec: Json| {
        let mut spec = spec;
        spec["selector"] = json!({"matchLabels": {"app": "web"}});
        json!({"metadata": {"name": name}, "spec": spec})
    };
    test.create("poddisruptionbudgets.policy", budget("most", json!({"maxUnavailable": "25%"})));
    test.create("poddisruptionbudgets.policy", budget("least", json!({"minAvailable": 4})));
    let most = test.get("poddisruptionbudgets.policy", "most")["status"].clone();
    assert_eq!((&most["currentHealthy"], &most["disruptionsAllowed"]), (&json!(0), &json!(0)));
    test.finish();
    let most = test.get("poddisruptionbudgets.policy", "most")["status"].clone();
    let numbers = |status: &Json| {
        ["expectedPods", "desiredHealthy", "currentHealthy", "disruptionsAllowed"].map(|f| status[f].as_i64().unwrap())
    };
    assert_eq!(numbers(&most), [4, 3, 4, 1]);
    assert_eq!(condition(&most, "DisruptionAllowed").unwrap()["reason"], "SufficientPods");
    let least = test.get("poddisruptionbudgets.policy", "least")["status"].clone();
    assert_eq!(numbers(&least), [4, 4, 4, 0]);
    assert_eq!(condition(&least, "DisruptionAllowed").unwrap()["reason"], "InsufficientPods");
}

#[test]
fn a_quota_shows_what_is_used() {
    let mut test = Test::new(2);
    let hard = json!({"requests.cpu": "4", "requests.memory": "8Gi", "pods": "10", "count/deployments.apps": "3", "services": "5"});
    test.create("resourcequotas", json!({"metadata": {"name": "team"}, "spec": {"hard": hard}}));
    let mut object = web(2);
    object["spec"]["template"]["spec"]["containers"][0]["resources"] =
        json!({"requests": {"cpu": "250m", "memory": "512Mi"}});
    test.create("deployments.apps", object);
    test.create("services", service("web"));
    test.finish();
    let status = test.get("resourcequotas", "team")["status"].clone();
    assert_eq!(status["hard"], test.get("resourcequotas", "team")["spec"]["hard"]);
    let used = json!({"requests.cpu": "500m", "requests.memory": "1Gi", "pods": "2", "count/deployments.apps": "1", "services": "2"});
    assert_eq!(status["used"], used);
}

#[test]
fn an_autoscaler_says_that_there_are_no_metrics() {
    let mut test = Test::new(1);
    test.create("deployments.apps", web(2));
    test.create("horizontalpodautoscalers.autoscaling", json!({
        "metadata": {"name": "web"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}, "minReplicas": 1, "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}],
        },
    }));
    test.finish();
    let status = test.get("horizontalpodautoscalers.autoscaling", "web")["status"].clone();
    assert_eq!(status["currentReplicas"], 2);
    let active = condition(&status, "ScalingActive").unwrap();
    assert_eq!(active["reason"], "FailedGetResourceMetric");
    assert_eq!(
        active["message"],
        "the HPA was unable to compute the replica count: failed to get cpu utilization: unable to get metrics for \
         resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested \
         resource (get pods.metrics.k8s.io)"
    );
}

#[test]
fn an_autoscaler_keeps_its_target_within_its_bounds() {
    let mut test = Test::new(1);
    test.create("deployments.apps", web(1));
    let scaler = |name: &str, least: i64, most: i64| {
        let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
        json!({
            "metadata": {"name": name},
            "spec": {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": most},
        })
    };
    test.create("horizontalpodautoscalers.autoscaling", scaler("web", 3, 5));
    test.finish();
    let web = test.get("deployments.apps", "web");
    assert_eq!((&web["spec"]["replicas"], &web["status"]["readyReplicas"]), (&json!(3), &json!(3)));
    let owners = web["metadata"]["managedFields"].as_array().unwrap();
    assert!(
        owners.iter().any(|o| o["subresource"] == "scale" && o["fieldsV1"] == json!({"f:spec": {"f:replicas": {}}}))
    );
    test.set("deployments.apps", "web", &["spec", "replicas"], json!(9));
    test.finish();
    assert_eq!(test.get("deployments.apps", "web")["spec"]["replicas"], 5);
    let status = test.get("horizontalpodautoscalers.autoscaling", "web")["status"].clone();
    assert_eq!((&status["currentReplicas"], &status["desiredReplicas"]), (&json!(5), &json!(5)));
    // Two that disagree come to no end, and hold nobody up.
    test.create("horizontalpodautoscalers.autoscaling", scaler("other", 1, 2));
    test.finish();
}

#[test]
fn a_group_of_the_api_can_be_asked_when_somebody_behind_its_service_is_ready() {
    let mut test = Test::new(1);
    let resource = "apiservices.apiregistration.k8s.io";
    test.create(
        resource,
        json!({
            "metadata": {"name": "v1.shop.example"},
            "spec": {
                "group": "shop.example", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 10,
                "service": {"namespace": "default", "name": "web", "port": 81},
            },
        }),
    );
    let said = |test: &Test| {
        let api = test.get_in("", resource, "v1.shop.example");
        let available = condition(&api["status"], "Available").unwrap().clone();
        format!("{} {}: {}", text(&available["status"]), text(&available["reason"]), text(&available["message"]))
    };
    assert_eq!(said(&test), r#"False ServiceNotFound: service/web in "default" is not present"#);
    test.create("services", service("web"));
    assert_eq!(said(&test), r#"False ServicePortError: service/web in "default" is not listening on port 81"#);
    test.set_in("", resource, "v1.shop.example", &["spec", "service", "port"], 80);
    assert_eq!(
        said(&test),
        r#"False MissingEndpoints: endpointslices for service/web in "default" have no addresses with port name "http""#
    );
    test.create("deployments.apps", web(1));
    test.finish();
    assert_eq!(said(&test), "True Passed: all checks passed");
    test.set("deployments.apps", "web", &["spec", "replicas"], 0);
    test.finish();
    assert!(said(&test).starts_with("False MissingEndpoints"), "{}", said(&test));
}

#[test]
fn a_group_that_the_api_server_serves_itself_is_available() {
    let mut test = Test::new(0);
    let resource = "apiservices.apiregistration.k8s.io";
    let spec = json!({"group": "shop.example", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 10});
    test.create(resource, json!({"metadata": {"name": "v1.shop.example"}, "spec": spec}));
    let api = test.get_in("", resource, "v1.shop.example");
    assert_eq!(condition(&api["status"], "Available").unwrap()["reason"], "Local");
}
