use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use super::*;
use crate::cluster::testing::{Answer, Mock, Seen, run};

fn resource(plural: &str, kind: &str, short: &[&str], scope: &str) -> Json {
    json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": scope,
        "singularResource": kind.to_lowercase(), "shortNames": short, "verbs": ["get", "list", "watch"],
        "subresources": [{"subresource": "status"}]})
}

fn group(name: &str, versions: &[(&str, Vec<Json>)]) -> Json {
    let versions: Vec<Json> =
        versions.iter().map(|(v, r)| json!({"version": v, "resources": r, "freshness": "Current"})).collect();
    json!({"metadata": {"name": name}, "versions": versions})
}

fn aggregated(seen: &Seen, with_crd: bool) -> Answer {
    let list = |items: Vec<Json>| Answer::ok(json!({"kind": "APIGroupDiscoveryList", "items": items}));
    if seen.path() == "/api" {
        let core = vec![
            resource("pods", "Pod", &["po"], "Namespaced"),
            resource("namespaces", "Namespace", &["ns"], "Cluster"),
            resource("events", "Event", &["ev"], "Namespaced"),
        ];
        return list(vec![group("", &[("v1", core)])]);
    }
    let mut groups = vec![
        group("apps", &[("v1", vec![resource("deployments", "Deployment", &["deploy"], "Namespaced")])]),
        group("batch", &[("v1", vec![resource("jobs", "Job", &[], "Namespaced")])]),
        group("batch.volcano.sh", &[("v1alpha1", vec![resource("jobs", "Job", &["vcjob"], "Namespaced")])]),
        group(
            "networking.k8s.io",
            &[("v1", vec![resource("networkpolicies", "NetworkPolicy", &["netpol"], "Namespaced")])],
        ),
        group(
            "crd.projectcalico.org",
            &[("v1", vec![resource("networkpolicies", "NetworkPolicy", &[], "Namespaced")])],
        ),
        group("events.k8s.io", &[("v1", vec![resource("events", "Event", &["ev"], "Namespaced")])]),
        group(
            "autoscaling",
            &[
                ("v2", vec![resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", &["hpa"], "Namespaced")]),
                ("v1", vec![resource("horizontalpodautoscalers", "HorizontalPodAutoscaler", &["hpa"], "Namespaced")]),
            ],
        ),
        group("velero.io", &[("v1", vec![resource("backups", "Backup", &[], "Namespaced")])]),
        group("longhorn.io", &[("v1beta2", vec![resource("backups", "Backup", &["lhb"], "Namespaced")])]),
    ];
    if with_crd {
        groups.push(group(
            "cstor.openebs.io",
            &[("v1", vec![resource("cstorpoolclusters", "CStorPoolCluster", &["cspc"], "Namespaced")])],
        ));
    }
    list(groups)
}

#[test]
fn kinds_are_found_by_every_name() {
    run(async {
        let mock = Mock::new(|seen, _| aggregated(seen, false));
        for word in [
            "Deployment",
            "deployment",
            "deployments",
            "DEPLOY",
            "deployments.apps",
            "Deployment.v1.apps",
            "deploy.apps",
        ] {
            let kind = mock.cluster.kind(word).await.unwrap();
            assert_eq!((kind.kind.as_str(), kind.api_version().as_str()), ("Deployment", "apps/v1"), "{word}");
        }
        assert_eq!(mock.seen().len(), 2, "two requests, once");
        assert!(mock.seen()[0].accept.contains("as=APIGroupDiscoveryList"));
        assert_eq!(mock.cluster.kind("hpa").await.unwrap().version, "v2", "the preferred version");
        assert_eq!(mock.cluster.kind("hpa.v1.autoscaling").await.unwrap().version, "v1");
        assert_eq!(mock.cluster.kind("ev").await.unwrap().group, "", "the core group first");
        assert_eq!(mock.cluster.kind("job").await.unwrap().group, "batch", "then the built-in one");
        assert_eq!(mock.cluster.kind("NetworkPolicy").await.unwrap().group, "networking.k8s.io");
        assert_eq!(mock.cluster.kind("jobs.batch.volcano.sh").await.unwrap().group, "batch.volcano.sh");
        assert!(!mock.cluster.kind("Namespace").await.unwrap().namespaced);
        assert!(mock.cluster.kind("po").await.unwrap().has_subresource("status"));
        assert_eq!(mock.cluster.kind("pods.v1").await.unwrap().kind, "Pod");
    });
}

#[test]
fn several_kinds_of_one_name_are_told_apart() {
    run(async {
        let mock = Mock::new(|seen, _| aggregated(seen, false));
        let error = mock.cluster.kind("Backup").await.unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        assert!(error.message().contains("Backup.velero.io, Backup.longhorn.io"), "{error}");
        assert_eq!(mock.cluster.kind("Backup.longhorn.io").await.unwrap().group, "longhorn.io");
        assert_eq!(mock.cluster.kind("lhb").await.unwrap().group, "longhorn.io");
    });
}

#[test]
fn an_unknown_kind_is_looked_for_once_more_and_then_named() {
    run(async {
        let installed = Arc::new(AtomicBool::new(false));
        let server = Arc::clone(&installed);
        let mock = Mock::new(move |seen, _| aggregated(seen, server.load(Ordering::SeqCst)));
        let error = mock.cluster.kind("Deploymnet").await.unwrap_err();
        assert_eq!((error.kind(), error.hint_text()), (Kind::NotFound, Some("did you mean Deployment?")));
        assert_eq!(mock.seen().len(), 4);
        installed.store(true, Ordering::SeqCst);
        assert_eq!(mock.cluster.kind("cspc").await.unwrap().kind, "CStorPoolCluster");
        let error = mock.cluster.kind_of("apps/v1beta1", "Deployment").await.unwrap_err();
        assert_eq!(error.hint_text(), Some("it serves Deployment in apps/v1"));
        assert_eq!(
            mock.cluster.kind_of("cstor.openebs.io/v1", "CStorPoolCluster").await.unwrap().plural,
            "cstorpoolclusters"
        );
    });
}

#[test]
fn a_kind_is_waited_for_after_its_definition() {
    run(async {
        let mock = Mock::new(|seen, n| aggregated(seen, n > 20));
        let wait = mock.cluster.kind_of_within("cstor.openebs.io/v1", "CStorPoolCluster", Duration::from_secs(10));
        assert_eq!(wait.await.unwrap().plural, "cstorpoolclusters");
        let wait = mock.cluster.kind_of_within("none.dev/v1", "Nothing", Duration::from_secs(3));
        assert_eq!(wait.await.unwrap_err().kind(), Kind::NotFound);
        assert!(crate::clock::Clock::now(&mock.clock).0 < Duration::from_secs(8));
    });
}

#[test]
fn the_plain_form_serves_as_well_and_a_dead_group_hides_no_other() {
    run(async {
        let mock = Mock::new(|seen, _| match seen.path() {
            "/api" => Answer::ok(json!({"kind": "APIVersions", "versions": ["v1"]})),
            "/apis" => Answer::ok(json!({"kind": "APIGroupList", "groups": [
                {"name": "metrics.k8s.io", "versions": [{"version": "v1beta1"}], "preferredVersion": {"version": "v1beta1"}},
                {"name": "autoscaling", "versions": [{"version": "v1"}, {"version": "v2"}], "preferredVersion": {"version": "v2"}}]})),
            "/apis/metrics.k8s.io/v1beta1" => Answer::status(503, "ServiceUnavailable", "no endpoints"),
            "/api/v1" => Answer::ok(json!({"kind": "APIResourceList", "resources": [
                {"name": "pods", "kind": "Pod", "namespaced": true, "singularName": "pod", "shortNames": ["po"], "verbs": ["get"]},
                {"name": "pods/log", "kind": "Pod", "namespaced": true, "verbs": ["get"]}]})),
            _ => Answer::ok(json!({"kind": "APIResourceList", "resources": [
                {"name": "horizontalpodautoscalers", "kind": "HorizontalPodAutoscaler", "namespaced": true, "singularName": "", "shortNames": ["hpa"], "verbs": ["get"]}]})),
        });
        let pod = mock.cluster.kind("po").await.unwrap();
        assert_eq!((pod.namespaced, pod.subresources.clone()), (true, vec!["log".to_owned()]));
        assert_eq!(mock.cluster.kind("horizontalpodautoscaler").await.unwrap().version, "v2");
        assert_eq!(mock.cluster.discovery().await.unwrap().silent_groups(), ["metrics.k8s.io"]);
        let error = mock.cluster.kind("zzz").await.unwrap_err();
        assert!(error.hint_text().unwrap().contains("metrics.k8s.io"), "{error:?}");
    });
}

#[test]
fn namespaces_follow_the_kind() {
    run(async {
        let mock = Mock::new(|seen, _| aggregated(seen, false));
        let reference = |text: &str| crate::cluster::ResourceRef::parse(text).unwrap();
        let id = mock.cluster.resource(&reference("deploy/web"), None).await.unwrap();
        assert_eq!(id.to_string(), "Deployment/web in default");
        let error = mock.cluster.resource(&reference("ns/shop"), Some("shop")).await.unwrap_err();
        assert!(error.message().contains("cluster-wide"), "{error}");
        assert!(mock.cluster.resource(&reference("deploy/web"), Some("Shop")).await.is_err());
        let all = mock.cluster.collection("Pod", None, true).await.unwrap();
        assert_eq!((all.path(), all.to_string()), ("/api/v1/pods".to_owned(), "pods".to_owned()));
        assert!(mock.cluster.collection("Pod", Some("shop"), true).await.is_err());
        let object =
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"}});
        assert_eq!(mock.cluster.identify_object(&object, None).await.unwrap().namespace.as_deref(), Some("shop"));
        assert!(mock.cluster.identify_object(&object, Some("other")).await.unwrap_err().message().contains("other"));
        let error = mock.cluster.identify_object(&json!({"kind": "Deployment", "metadata": {"name": "x"}}), None).await;
        assert_eq!(error.unwrap_err().message(), "the manifest of x has no apiVersion");
    });
}
