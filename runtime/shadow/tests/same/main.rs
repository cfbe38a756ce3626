//! The same requests to the shadow and to the real API server: the answers are compared.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "tests")]

mod plain;

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use plain::Plain;
use windlass_shadow::Shadow;
use windlass_shadow::clock::RealClock;

/// What is sent: method, path, content type and body. `NS` stands for the namespace; `~` begins a path in it, of the core
/// group.
type Step = (&'static str, &'static str, &'static str, &'static str);

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const OPERATIONS: &str = "application/json-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

#[test]
fn creating_config_maps() {
    compare(&[
        ("GET", "~configmaps/one", "", ""),
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one","resourceVersion":"5"},"data":{"x":"y"}}"#),
        ("POST", "~configmaps", JSON, r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"one"}}"#),
        ("POST", "~configmaps", JSON, r#"{"kind":"ConfigMap","apiVersion":"apps/v1","metadata":{"name":"one"}}"#),
        ("POST", "~configmaps", JSON, r#"{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"one"}}"#),
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one","namespace":"kube-system"}}"#),
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"A_1"}}"#),
        ("POST", "~configmaps", JSON, r#"{"metadata":{}}"#),
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one","labels":{"a b":"c d"},"finalizers":["x y"]}}"#),
        (
            "POST",
            "~configmaps",
            JSON,
            r#"{"metadata":{"name":"one","ownerReferences":[{"apiVersion":"v1","kind":"","name":"","uid":""}]}}"#,
        ),
        ("POST", "~configmaps", JSON, "[1]"),
        ("POST", "~configmaps", JSON, "{"),
        ("POST", "~configmaps", JSON, ""),
        ("POST", "~configmaps", JSON, "\"x\""),
        ("POST", "~configmaps", "application/xml", "<a/>"),
        ("POST", "~configmaps?fieldValidation=Strict", JSON, r#"{"metadata":{"name":"one","foo":1},"dato":{}}"#),
        ("POST", "~configmaps?fieldValidation=Strict", JSON, r#"{"metadata":{"name":"one"},"data":{"x":"y","x":"z"}}"#),
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one"},"data":{"x":1}}"#),
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one","labels":{},"annotations":null},"data":{"x":"y"}}"#),
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one"}}"#),
        ("POST", "~configmaps?dryRun=All", JSON, r#"{"metadata":{"name":"dry"}}"#),
        ("POST", "~configmaps?dryRun=x&fieldValidation=z", JSON, r#"{"metadata":{"name":"dry"}}"#),
        ("GET", "~configmaps/dry", "", ""),
        ("POST", "/api/v1/namespaces/none-such/configmaps", JSON, r#"{"metadata":{"name":"a"}}"#),
    ]);
}

#[test]
fn changing_config_maps() {
    compare(&[
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one"},"data":{"x":"y"}}"#),
        ("PUT", "~configmaps/one", JSON, r#"{"metadata":{"name":"two"}}"#),
        ("PUT", "~configmaps/one", JSON, r#"{"metadata":{"name":"one","resourceVersion":"1"}}"#),
        ("PUT", "~configmaps/one", JSON, r#"{"metadata":{"name":"one","resourceVersion":"x"}}"#),
        ("PUT", "~configmaps/one", JSON, r#"{"metadata":{"name":"one","uid":"zz"}}"#),
        ("PUT", "~configmaps/none", JSON, r#"{"metadata":{"name":"none"}}"#),
        ("PUT", "~configmaps/one", JSON, r#"{"metadata":{}}"#),
        ("PUT", "~configmaps/one", JSON, r#"{"metadata":{"name":"one","labels":{"a":"b"}},"data":{"x":"z"}}"#),
        ("PUT", "~configmaps/one", JSON, r#"{"metadata":{"name":"one","labels":{"a":"b"}},"data":{"x":"z"}}"#),
        ("PATCH", "~configmaps/one", MERGE, r#"{"metadata":{"resourceVersion":"1"}}"#),
        ("PATCH", "~configmaps/one", MERGE, r#"{"metadata":{"name":"x"}}"#),
        ("PATCH", "~configmaps/one", MERGE, r#"{"metadata":{"namespace":"x"}}"#),
        ("PATCH", "~configmaps/one", MERGE, r#"{"metadata":{"uid":"1"}}"#),
        ("PATCH", "~configmaps/one", MERGE, r#"{"metadata":{"labels":{"a b":"c"}}}"#),
        ("PATCH", "~configmaps/one", MERGE, "[]"),
        ("PATCH", "~configmaps/one", MERGE, "{"),
        ("PATCH", "~configmaps/none", MERGE, "{}"),
        ("PATCH", "~configmaps/one", MERGE, r#"{"data":{"x":null,"y":"1"}}"#),
        ("PATCH", "~configmaps/one", OPERATIONS, r#"[{"op":"add","path":"/data/z","value":"2"}]"#),
        ("PATCH", "~configmaps/one", OPERATIONS, r#"[{"op":"test","path":"/data/z","value":"3"}]"#),
        ("PATCH", "~configmaps/one", STRATEGIC, r#"{"data":{"w":"4"}}"#),
        ("PATCH", "~configmaps/one", APPLY, "{}"),
        ("PATCH", "~configmaps/one?force=true", MERGE, "{}"),
        ("PATCH", "~configmaps/one", "application/xml", "{}"),
    ]);
}

#[test]
fn applying_config_maps() {
    let with = |data: &str| format!("kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: one\n{data}");
    let (w, x) = (with("data:\n  w: '5'\n").leak(), with("data: {}\n").leak());
    compare(&[
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one"},"data":{"w":"y"}}"#),
        ("PATCH", "~configmaps/one?fieldManager=m", APPLY, w),
        ("PATCH", "~configmaps/one?fieldManager=m&force=true", APPLY, w),
        ("PATCH", "~configmaps/one?fieldManager=m&force=true", APPLY, w),
        ("PATCH", "~configmaps/one?fieldManager=m", APPLY, x),
        ("DELETE", "~configmaps/one", "", ""),
        ("PATCH", "~configmaps/one?fieldManager=m", APPLY, w),
        ("PATCH", "~configmaps/one?fieldManager=m", APPLY, x),
        ("PATCH", "~configmaps/two?fieldManager=m", APPLY, x),
        ("PATCH", "~configmaps/one?fieldManager=m", APPLY, "kind: ConfigMap\n"),
        ("PATCH", "~configmaps/one?fieldManager=m", APPLY, "a: [\n"),
        ("PATCH", "~configmaps/one?fieldManager=m&dryRun=All", APPLY, w),
        ("GET", "~configmaps/one", "", ""),
    ]);
}

#[test]
fn lists() {
    compare(&[
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one","labels":{"a":"b"}},"data":{"x":"y"}}"#),
        ("GET", "~configmaps?fieldSelector=metadata.name%3Done", "", ""),
        ("GET", "~configmaps?labelSelector=a%3Db", "", ""),
        ("GET", "~configmaps?labelSelector=a%20in%20(b,c),!d", "", ""),
        ("GET", "~configmaps?labelSelector=a!%3Db,a", "", ""),
        ("GET", "~configmaps?labelSelector=a%3D%3D%3Db", "", ""),
        ("GET", "~configmaps?labelSelector=a,", "", ""),
        ("GET", "~configmaps?labelSelector=a%20in%20(b", "", ""),
        ("GET", "~configmaps?labelSelector=a%20b", "", ""),
        ("GET", "~configmaps?labelSelector=a%3E1", "", ""),
        ("GET", "~configmaps?labelSelector=a%3Eb", "", ""),
        ("GET", "~configmaps?labelSelector=a%3D_b", "", ""),
        ("GET", "~configmaps?fieldSelector=spec.foo%3D1", "", ""),
        ("GET", "~pods?fieldSelector=spec.foo%3D1", "", ""),
        ("GET", "~pods?fieldSelector=x", "", ""),
        ("GET", "~pods?fieldSelector=spec.nodeName%3D,status.phase!%3DRunning", "", ""),
        ("GET", "~configmaps?limit=x", "", ""),
        ("GET", "~configmaps?resourceVersion=x", "", ""),
        ("GET", "~configmaps?continue=abc", "", ""),
        ("GET", "~configmaps?sendInitialEvents=true", "", ""),
        ("GET", "~configmaps?resourceVersionMatch=Exact", "", ""),
        ("GET", "~configmaps?resourceVersionMatch=Foo&resourceVersion=1", "", ""),
        ("GET", "~configmaps?watch=1&resourceVersionMatch=Exact&resourceVersion=1", "", ""),
        ("GET", "~configmaps?watch=1&sendInitialEvents=true", "", ""),
    ]);
}

#[test]
fn deletion() {
    compare(&[
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one","labels":{"a":"b"}}}"#),
        ("DELETE", "~configmaps/none", "", ""),
        ("DELETE", "~configmaps/one", JSON, r#"{"preconditions":{"uid":"x"}}"#),
        ("DELETE", "~configmaps/one", JSON, r#"{"preconditions":{"resourceVersion":"x"}}"#),
        ("DELETE", "~configmaps/one?propagationPolicy=x", "", ""),
        ("DELETE", "~configmaps/one", JSON, r#"{"propagationPolicy":"Orphan","orphanDependents":true}"#),
        ("DELETE", "~configmaps/one", JSON, r#"{"kind":"Foo","apiVersion":"v1"}"#),
        ("DELETE", "~configmaps/one", JSON, r#"{"dryRun":["x"]}"#),
        ("DELETE", "~configmaps/one?dryRun=All", "", ""),
        ("PATCH", "~configmaps/one", MERGE, r#"{"metadata":{"finalizers":["a.b/c"]}}"#),
        ("DELETE", "~configmaps/one", "", ""),
        ("DELETE", "~configmaps/one", "", ""),
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"one"}}"#),
        ("PATCH", "~configmaps/one", MERGE, r#"{"metadata":{"finalizers":["a.b/c","d.e/f"]}}"#),
        ("PATCH", "~configmaps/one", MERGE, r#"{"metadata":{"finalizers":null}}"#),
        ("GET", "~configmaps/one", "", ""),
        ("POST", "~configmaps", JSON, r#"{"metadata":{"name":"two","labels":{"a":"b"}}}"#),
        ("DELETE", "~configmaps?labelSelector=a%3Db", "", ""),
        ("GET", "~configmaps/two", "", ""),
        ("POST", "~secrets", JSON, r#"{"metadata":{"name":"a"},"stringData":{"x":"y"}}"#),
        ("DELETE", "~secrets/a?propagationPolicy=Foreground", "", ""),
        (
            "POST",
            "~pods",
            JSON,
            r#"{"metadata":{"name":"p"},"spec":{"nodeName":"none-such","containers":[{"name":"c","image":"x"}]}}"#,
        ),
        ("DELETE", "~pods/p?gracePeriodSeconds=100", "", ""),
        ("DELETE", "~pods/p?gracePeriodSeconds=200", "", ""),
        ("DELETE", "~pods/p?gracePeriodSeconds=0", "", ""),
        ("GET", "~pods/p", "", ""),
    ]);
}

#[test]
fn paths_and_methods() {
    compare(&[
        ("GET", "/api/v1/nothing", "", ""),
        ("GET", "/apis/none/v1/x", "", ""),
        ("GET", "/foo", "", ""),
        ("PUT", "~configmaps", JSON, ""),
        ("POST", "~configmaps/x", JSON, ""),
        ("GET", "~configmaps/x/status", "", ""),
        ("GET", "~namespaces", "", ""),
        ("GET", "/healthz", "", ""),
        ("GET", "/version", "", ""),
        ("GET", "/api", "", ""),
        ("GET", "/api/v1", "", ""),
        ("GET", "/apis", "", ""),
        ("GET", "/apis/apps", "", ""),
        ("GET", "/apis/apps/v1", "", ""),
        ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "", ""),
        (
            "PUT",
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/NS",
            JSON,
            r#"{"metadata":{"name":"NS","resourceVersion":"4"}}"#,
        ),
        ("PUT", "/apis/rbac.authorization.k8s.io/v1/clusterroles/NS", JSON, r#"{"metadata":{"name":"NS"}}"#),
        ("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterroles/NS", "", ""),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/NS/leases/a", JSON, r#"{"metadata":{"name":"a"}}"#),
        ("PUT", "/apis/coordination.k8s.io/v1/namespaces/NS/leases/a", JSON, r#"{"metadata":{"name":"a"}}"#),
    ]);
}

const PAUSED: &str = r#"{"metadata":{"name":"d"},"spec":{"paused":true,"replicas":0,"selector":{"matchLabels":{"a":"b"}},
    "template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}"#;

#[test]
fn subresources() {
    // Without a node and owned by nobody, so that no controller has anything to say.
    compare(&[
        ("POST", "/apis/apps/v1/namespaces/NS/replicasets", JSON, PAUSED),
        ("GET", "~pods/none/log", "", ""),
        ("GET", "~pods/none/status", "", ""),
        ("GET", "~pods/none/eviction", "", ""),
        ("GET", "~pods/none/foo", "", ""),
        (
            "POST",
            "~pods/none/eviction",
            JSON,
            r#"{"kind":"Eviction","apiVersion":"policy/v1","metadata":{"name":"none"}}"#,
        ),
        ("POST", "~pods/none/binding", JSON, r#"{"metadata":{"name":"none"},"target":{"kind":"Node","name":"n"}}"#),
        ("POST", "/apis/apps/v1/namespaces/NS/deployments?dryRun=All", JSON, PAUSED),
        ("PATCH", "/apis/apps/v1/namespaces/NS/deployments/zz/scale", MERGE, r#"{"spec":{"replicas":1}}"#),
        (
            "POST",
            "/apis/policy/v1/namespaces/NS/poddisruptionbudgets?dryRun=All",
            JSON,
            r#"{"metadata":{"name":"p"},"spec":{"minAvailable":1}}"#,
        ),
    ]);
}

#[test]
fn namespaces() {
    compare(&[
        ("POST", "/api/v1/namespaces", JSON, r#"{"metadata":{"name":"NS-more"}}"#),
        (
            "PATCH",
            "/api/v1/namespaces/NS-more",
            MERGE,
            r#"{"spec":{"finalizers":["a/b"]},"status":{"phase":"Terminating"}}"#,
        ),
        ("PATCH", "/api/v1/namespaces/NS-more", MERGE, r#"{"metadata":{"finalizers":["a.b/c"]}}"#),
        ("DELETE", "/api/v1/namespaces/NS-more", "", ""),
        ("POST", "/api/v1/namespaces/NS-more/configmaps", JSON, r#"{"metadata":{"name":"x"}}"#),
        ("DELETE", "/api/v1/namespaces/kube-system?dryRun=All", "", ""),
        ("DELETE", "/api/v1/namespaces/none", "", ""),
    ]);
}

fn compare(steps: &[Step]) {
    let Some(testbed) = windlass_testbed::shared() else { return };
    let namespace = testbed.fresh_namespace("same").unwrap();
    let shadow = Shadow::builder(Arc::new(RealClock::new())).build();
    ask(&shadow, "POST", "/api/v1/namespaces", JSON, &format!(r#"{{"metadata":{{"name":"{namespace}"}}}}"#));
    let (mut ours, mut theirs) = (Plain::default(), Plain::default());
    let mut differences = Vec::new();
    for (number, (method, path, content_type, body)) in steps.iter().enumerate() {
        let path = path.replace('~', "/api/v1/namespaces/NS/").replace("NS", &namespace);
        let body = body.replace("NS", &namespace);
        let headers = [("Content-Type", *content_type), ("User-Agent", "same/1"), ("Accept", JSON)];
        let headers: Vec<_> = headers.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let answer = testbed.ask(method, &path, &headers, &body).unwrap();
        let expected = theirs.plain(answer.code, &answer.body);
        let (code, answer) = ask(&shadow, method, &path, content_type, &body);
        let got = ours.plain(code, &answer);
        if got != expected {
            differences.push(format!("{number}: {method} {path} {body}\n  real:   {expected}\n  shadow: {got}"));
        }
    }
    let count = differences.len();
    assert!(count == 0, "{count} of {} answers differ:\n{}", steps.len(), differences.join("\n"));
}

fn ask(shadow: &Shadow, method: &str, path: &str, content_type: &str, body: &str) -> (u16, String) {
    let mut request = Request::builder().method(method).uri(path).header("user-agent", "same/1").header("accept", JSON);
    if !content_type.is_empty() {
        request = request.header("content-type", content_type);
    }
    let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a runtime of the test's own")]
    runtime.block_on(async {
        let response = shadow.handle(request).await;
        let code = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (code, String::from_utf8(body.to_vec()).unwrap())
    })
}
