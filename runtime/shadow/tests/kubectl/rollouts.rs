//! Scale and rollouts; waiting.

use crate::WEB;
use crate::session::{Time, with_kubectl};

const DATABASE: &str = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 2
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: main, image: 'postgres:17'}]
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      containers: [{name: main, image: 'agent:1'}]
";

#[test]
fn a_deployment_is_rolled_forth_and_back() {
    with_kubectl("rollout", Time::Virtual, |session| {
        let web = WEB.split("---").next().unwrap();
        session.ok_with("apply -f -", web);
        session.waits("rollout status deployment/web --timeout=60s");
        session.ok("set image deployment/web main=nginx:1.28");
        let said = session.waits("rollout status deployment/web --timeout=60s");
        assert!(said.ends_with("deployment \"web\" successfully rolled out\n"), "{said}");
        session.waits("wait --for=condition=Available deployment/web --timeout=60s");
        session.ok("annotate deployment/web kubernetes.io/change-cause=newer");
        session.ok("rollout restart deployment/web");
        finish(session);
        let history = session.ok("rollout history deployment/web");
        assert_eq!(history.lines().count(), 5 + 1, "{history}");
        assert!(session.ok("rollout history deployment/web --revision=2").contains("nginx:1.28"));
        assert!(
            session.ok("rollout undo deployment/web --to-revision=1").contains("deployment.apps/web rolled back\n")
        );
        finish(session);
        let image = session.ok("get deployment web -o jsonpath={.spec.template.spec.containers[0].image}");
        assert_eq!(image, "nginx:1.27");
        session.ok("rollout history deployment/web");
        session.ok("rollout pause deployment/web");
        session.fails("rollout restart deployment/web");
        session.ok("rollout resume deployment/web");
        assert!(
            session
                .fails("rollout undo deployment/web --to-revision=77")
                .contains("unable to find specified revision 77")
        );
    });
}

fn finish(session: &mut crate::session::Session) {
    let wait = |session: &mut crate::session::Session| {
        session.waits("wait --for=jsonpath={.status.updatedReplicas}=2 deployment/web --timeout=60s");
        session.waits("wait --for=jsonpath={.status.availableReplicas}=2 deployment/web --timeout=60s");
        session.waits("wait --for=jsonpath={.status.replicas}=2 deployment/web --timeout=60s");
    };
    wait(session);
}

#[test]
fn sets_are_rolled_too() {
    with_kubectl("sets", Time::Virtual, |session| {
        session.ok_with("apply -f -", DATABASE);
        session.waits("wait --for=jsonpath={.status.readyReplicas}=2 statefulset/db --timeout=60s");
        session.waits("wait --for=jsonpath={.status.numberReady}=3 daemonset/agent --timeout=60s");
        session.waits("rollout status statefulset/db --timeout=60s");
        session.waits("rollout status daemonset/agent --timeout=60s");
        session.ok("rollout history statefulset/db");
        session.ok("rollout history daemonset/agent");
        session.ok("get statefulset,daemonset,controllerrevision");
        session.ok("get statefulset,daemonset -o yaml");
        assert_eq!(session.ok("get pod -l app=db -o name"), "pod/db-0\npod/db-1\n");
        session.ok("scale statefulset db --replicas=3");
        session.waits("wait --for=jsonpath={.status.readyReplicas}=3 statefulset/db --timeout=60s");
        assert!(session.ok("get pod db-2 -o name").contains("db-2"));
        session.ok("set image statefulset/db main=postgres:18");
        session.waits("wait --for=jsonpath={.status.updatedReplicas}=3 statefulset/db --timeout=60s");
        session.ok("rollout undo statefulset/db");
        let image = session.ok("get statefulset db -o jsonpath={.spec.template.spec.containers[0].image}");
        assert_eq!(image, "postgres:17");
    });
}

#[test]
fn scaling_and_waiting() {
    with_kubectl("scale", Time::Virtual, |session| {
        session.ok_with("apply -f -", WEB);
        session.waits("rollout status deployment/web --timeout=60s");
        assert_eq!(session.ok("scale deployment web --replicas=4"), "deployment.apps/web scaled\n");
        let said = session.fails("scale deployment web --current-replicas=2 --replicas=5");
        assert!(said.contains("Expected replicas to be 2, was 4"), "{said}");
        session.waits("wait --for=jsonpath={.status.readyReplicas}=4 deployment/web --timeout=60s");
        assert_eq!(session.ok("get pod -l app=web -o name").lines().count(), 4);
        session.ok("scale deployment web --replicas=0");
        session.waits("wait --for=delete pod -l app=web --timeout=60s");
        session.ok("get deployment web");
        assert!(session.fails("wait --for=condition=Made deployment/web --timeout=1s").contains("timed out"));
        assert!(session.fails("wait --for=condition=Ready pod/none --timeout=5s").contains("NotFound"));
        session.waits("wait --for=create configmap/settings --timeout=5s");
        session.waits("wait --for=delete pod/none --timeout=5s");
    });
}

#[test]
fn in_the_machines_own_time_it_is_the_same() {
    with_kubectl("real-time", Time::Real, |session| {
        session.ok_with("apply -f -", WEB);
        let said = session.waits("rollout status deployment/web --timeout=60s");
        assert!(said.contains("of 2 updated replicas are available"), "{said}");
        assert!(said.ends_with("deployment \"web\" successfully rolled out\n"), "{said}");
        session.waits("wait --for=condition=Ready pod -l app=web --timeout=60s -o name");
        session.ok("delete deployment web --timeout=60s");
        session.waits("wait --for=delete pod -l app=web --timeout=60s");
    });
}
