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
            assert_eq!(session.ok("logs one"), "");
            session.ok("annotate pod one shadow.windlass.dev/logs=ready");
            assert_eq!(session.ok("logs one"), "ready\n");
            let following = session.begin("logs --follow one");
            assert_eq!(session.until(&following, "ready"), ["ready"]);
            session.ok("annotate pod one --overwrite 'shadow.windlass.dev/logs=ready\nserved'");
            assert_eq!(session.until(&following, "served").last().unwrap(), "served");
            drop(following);
            assert!(session.fails("attach one").contains("the simulated cluster has no "));
            // It tunnels another protocol through its websocket.
            let said = session.fails("port-forward one 0:80");
            assert!(said.contains("the simulated cluster speaks"), "{said}");
            let said = session.fails("exec one -- ls");
            assert!(said.contains("what `ls` answers in container one of pod one cannot be known"), "{said}");
        });
    });
}

#[test]
fn commands_run_and_files_are_copied_where_it_is_said_what_comes_of_it() {
    with_kubectl("exec", Time::Virtual, reaching_in);
    crate::session::with_kubectl_of_the_system("exec-system", reaching_in);
}

fn reaching_in(session: &mut crate::session::Session) {
    session.alone("the test bed's nodes run no containers", |session| {
        session.ok("run one --image=nginx");
        session.waits("wait --for=condition=Ready pod/one --timeout=60s");
        session.ok(r#"annotate pod one 'shadow.windlass.dev/exec=[{command: [psql, -l], stdout: "db", stderr: "a notice"}, {command: "pg_isready *", code: 3}]'"#);
        let said = session.ok("exec one -- psql -l");
        assert!(said.contains("db") , "{said}");
        assert!(session.fails("exec one -- pg_isready -q").contains("command terminated with exit code 3"));
        let folder = session.file("copied");
        std::fs::create_dir_all(folder.join("deep")).unwrap();
        std::fs::write(folder.join("a.txt"), "one").unwrap();
        std::fs::write(folder.join("deep/b.bin"), vec![7_u8; 200_000]).unwrap();
        let shown = folder.display().to_string();
        session.ok(&format!("cp {shown} one:/data"));
        assert_eq!(session.ok("exec one -- cat /data/a.txt"), "one");
        session.ok(&format!("cp one:/data {shown}-back"));
        let back = std::fs::read(folder.with_file_name("copied-back").join("deep/b.bin")).unwrap();
        assert_eq!(back, vec![7_u8; 200_000]);
    });
}
