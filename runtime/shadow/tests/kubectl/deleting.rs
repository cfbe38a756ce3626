//! Deletion, its cascades, and waiting for it.

use crate::WEB;
use crate::session::{Time, with_kubectl};

#[test]
fn cascades() {
    with_kubectl("cascade", Time::Virtual, |session| {
        session.ok_with("apply -f -", WEB);
        session.waits("rollout status deployment/web --timeout=60s");
        assert!(session.ok("delete deployment web --cascade=orphan").contains("deleted"));
        assert_eq!(session.ok("get replicaset,pod -l app=web -o name").lines().count(), 3);
        session.ok("delete replicaset -l app=web --cascade=foreground --timeout=60s");
        assert!(session.ok("get replicaset,pod -l app=web").starts_with("No resources found"));

        session.ok_with("apply -f -", WEB);
        session.waits("rollout status deployment/web --timeout=60s");
        session.ok("delete deployment web --cascade=background --timeout=60s");
        session.waits("wait --for=delete pod -l app=web --timeout=60s");
        assert!(session.ok("get all -l app=web").starts_with("No resources found"));

        session.ok("run one --image=nginx");
        session.waits("wait --for=condition=Ready pod/one --timeout=60s");
        session.ok("delete pod one --wait=false");
        session.waits("wait --for=delete pod/one --timeout=60s");
        session.ok("run two --image=nginx");
        assert!(session.ok("delete pod two --force --grace-period=0").contains("force deleted"));
        assert!(session.fails("delete pod none").contains("pods \"none\" not found"));
        assert_eq!(session.ok("delete pod none --ignore-not-found"), "");
        session.ok("delete configmap settings --dry-run=server");
        session.ok("delete configmap settings --dry-run=client -o name");
        assert_eq!(session.ok("get configmap settings -o name"), "configmap/settings\n");
        session.ok_with("delete -f - --ignore-not-found", WEB);
        assert!(session.fails("get configmap settings").contains("NotFound"));
    });
}

#[test]
fn namespaces_end_with_what_is_in_them() {
    with_kubectl("ending", Time::Virtual, |session| {
        let namespace = session.namespace();
        session.ok(&format!("create namespace {namespace}-two"));
        session.ok(&format!("create deployment web --image=x -n {namespace}-two"));
        session.waits(&format!("rollout status deployment/web --timeout=60s -n {namespace}-two"));
        let said = session.ok(&format!("delete namespace {namespace}-two --timeout=60s"));
        assert!(said.contains(&format!("namespace \"{namespace}-two\" deleted\n")), "{said}");
        assert!(session.fails(&format!("get namespace {namespace}-two")).contains("NotFound"));
        assert!(session.ok(&format!("get all -n {namespace}-two")).starts_with("No resources found"));
        let said = session.fails(&format!("create configmap a -n {namespace}-two"));
        assert!(said.contains(&format!("namespaces \"{namespace}-two\" not found")), "{said}");
        assert!(session.fails("delete namespace default").contains("this namespace may not be deleted"));
    });
}

#[test]
fn finalizers_hold_and_let_go() {
    with_kubectl("finalizer", Time::Virtual, |session| {
        session.ok("create configmap held");
        session.ok(r#"patch configmap held --type=merge -p '{"metadata":{"finalizers":["example.com/hold"]}}'"#);
        session.ok("delete configmap held --wait=false");
        let said = session.fails("wait --for=delete configmap/held --timeout=1s");
        assert!(said.contains("timed out waiting for the condition"), "{said}");
        session.ok(r#"patch configmap held --type=json -p '[{"op":"remove","path":"/metadata/finalizers"}]'"#);
        session.waits("wait --for=delete configmap/held --timeout=60s");
        assert!(session.fails("get configmap held").contains("NotFound"));
    });
}
