//! Nodes, and what needs a real machine behind a pod.

use crate::session::{Time, with_kubectl, with_nodes_of_its_own};

#[test]
fn nodes_are_tainted_cordoned_and_drained() {
    with_nodes_of_its_own("drain", |session| {
        assert_eq!(session.ok("get nodes --no-headers").lines().count(), 3);
        assert_eq!(session.ok("taint node node-3 k=v:NoSchedule"), "node/node-3 tainted\n");
        assert!(session.fails("taint node node-3 k=w:NoSchedule").contains("already has k taint(s) with same effect"));
        session.ok("taint node node-3 k=w:NoSchedule --overwrite");
        assert_eq!(session.ok("get node node-3 -o jsonpath={.spec.taints[0].value}"), "w");
        assert_eq!(session.ok("taint node node-3 k-"), "node/node-3 untainted\n");
        assert!(session.fails("taint node node-3 k-").contains("taint \"k\" not found"));

        session.ok("create deployment web --image=nginx --replicas=6");
        session.waits("rollout status deployment/web --timeout=60s");
        session.ok("create poddisruptionbudget web --selector=app=web --min-available=5");
        session.waits("wait --for=jsonpath={.status.disruptionsAllowed}=1 pdb/web --timeout=60s");
        assert_eq!(session.ok("cordon node-3"), "node/node-3 cordoned\n");
        assert!(session.ok("get node node-3").contains("Ready,SchedulingDisabled"));
        // The budget lets one go after the other.
        let said = session.waits("drain node-3 --ignore-daemonsets --timeout=60s");
        assert!(said.contains("node/node-3 drained"), "{said}");
        assert_eq!(session.ok("get pod --field-selector=spec.nodeName=node-3 -o name"), "");
        session.waits("rollout status deployment/web --timeout=60s");
        assert_eq!(session.ok("uncordon node-3"), "node/node-3 uncordoned\n");
        session.ok("delete deployment web --cascade=foreground");
        session.ok(r#"run bare --image=nginx --overrides='{"spec":{"nodeName":"node-1"}}'"#);
        session.waits("wait --for=condition=Ready pod/bare --timeout=60s");
        let said = session.fails("drain node-1 --timeout=5s");
        assert!(said.contains("cannot delete Pods that declare no controller"), "{said}");
        session.ok("drain node-1 --force --timeout=60s");
    });
}

#[test]
fn what_needs_a_machine_is_refused_and_says_so() {
    with_kubectl("refusals", Time::Virtual, |session| {
        session.ok("run one --image=nginx");
        session.waits("wait --for=condition=Ready pod/one --timeout=60s");
        session.ok("top node --help");
        assert!(session.fails("top node").contains("Metrics API not available"));
        assert!(session.fails("top pod").contains("Metrics API not available"));
        assert!(session.fails("logs none").contains("pods \"none\" not found"));
        assert!(session.fails("exec none -- ls").contains("pods \"none\" not found"));
        assert!(session.fails("logs one -c none").contains("container none is not valid for pod one"));
        session.alone("the test bed refuses in other words", |session| {
            assert!(session.ok("logs one").contains("started"));
            for line in ["exec one -- ls", "attach one", "port-forward one 0:80", "cp one:/etc/hosts hosts"] {
                let said = session.fails(line);
                assert!(said.contains("the simulated cluster has no "), "{line}: {said}");
            }
        });
    });
}
