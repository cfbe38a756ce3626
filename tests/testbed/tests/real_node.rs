//! The real node of the test bed: that pods run on it, and that nothing of it is left.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use windlass_testbed::{REAL_NODE, Testbed, skip_or_fail, skipped};

const POD: &str = r#"
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: main, image: "example.invalid/web:1", readinessProbe: {tcpSocket: {port: 80}, periodSeconds: 1}}
"#;

fn until(what: &str, mut done: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come about");
    }
    start.elapsed()
}

fn is_skipped() -> bool {
    skipped() || Testbed::real_node_available().is_err_and(|missing| skip_or_fail(&missing.to_string()))
}

/// The processes of the node of this process id, and its cgroups.
fn left(node: u32) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    // Whatever runs in the node has its cgroup's name among its own or its ancestors' arguments; pods have it in their
    // cgroup's path.
    let name = format!("windlass-testbed-{node}");
    let mentions = |path: &PathBuf| {
        let file = |file| fs::read(path.join(file)).unwrap_or_default();
        ["cmdline", "cgroup"].iter().any(|wanted| String::from_utf8_lossy(&file(wanted)).contains(&name))
    };
    let processes = entries("/proc").filter(mentions).collect();
    let mut cgroups: Vec<PathBuf> = entries("/sys/fs/cgroup").map(|hierarchy| hierarchy.join(&name)).collect();
    cgroups.push(PathBuf::from("/sys/fs/cgroup").join(&name));
    cgroups.retain(|path| path.exists());
    (processes, cgroups)
}

#[test]
fn nothing_is_left_when_its_starter_is_killed() {
    const ASKED: &str = "WINDLASS_TESTBED_HOLD";
    if is_skipped() {
        return;
    }
    if std::env::var_os(ASKED).is_some() {
        // This is the one that is killed.
        let testbed = Testbed::builder().real_node().start().unwrap();
        let namespace = testbed.namespace_on_real_node("node").unwrap();
        testbed.kubectl_ok(&["apply", "-n", &namespace, "-f", "-"], POD).unwrap();
        testbed
            .kubectl_ok(&["wait", "-n", &namespace, "pod/web", "--for=condition=Ready", "--timeout=60s"], "")
            .unwrap();
        println!("\nnode {}", testbed.process_ids()[0]);
        loop {
            std::thread::park();
        }
    }
    #[expect(clippy::disallowed_methods, reason = "a test program that is to be killed")]
    let mut starter = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_is_left_when_its_starter_is_killed", "--nocapture"])
        .env(ASKED, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(starter.stdout.take().unwrap()).lines();
    let node = lines.find_map(|line| line.unwrap().strip_prefix("node ").map(str::to_owned));
    let node = node.unwrap().parse().unwrap();
    assert!(left(node).0.len() >= 3 && !left(node).1.is_empty());
    starter.kill().unwrap();
    starter.wait().unwrap();
    until("the end of the node", || left(node) == (Vec::new(), Vec::new()));
}

#[test]
fn pods_run_and_nothing_of_them_is_left() {
    if is_skipped() {
        return;
    }
    let mounts = || fs::read_to_string("/proc/self/mounts").unwrap();
    let (start, mounts_before) = (Instant::now(), mounts());
    let testbed = Testbed::builder().real_node().start().unwrap();
    let started = start.elapsed();
    let namespace = testbed.namespace_on_real_node("node").unwrap();
    testbed.kubectl_ok(&["apply", "-n", &namespace, "-f", "-"], POD).unwrap();
    let ready =
        ["get", "-n", &namespace, "pod/web", "-o", "jsonpath={.spec.nodeName} {.status.containerStatuses[0].ready}"];
    let took = until("a ready pod", || testbed.kubectl_ok(&ready, "").unwrap() == format!("{REAL_NODE} true"));
    println!("the test bed with a real node started in {started:?}, a pod was ready after {took:?}");
    assert_eq!(testbed.kubectl_ok(&["logs", "-n", &namespace, "web"], "").unwrap(), "started\nready\n");
    let exec = |command: &[&str], input| {
        testbed.kubectl_ok(&[&["exec", "-i", "-n", &namespace, "web", "--"], command].concat(), input).unwrap()
    };
    assert_eq!(exec(&["tr", "a-z", "A-Z"], "hello"), "HELLO");
    assert_eq!(exec(&["wget", "-qO-", "http://127.0.0.1:8080"], ""), "served by a real container\n");
    // Nothing leads out of it.
    assert_eq!(
        exec(&["sh", "-c", "wget -T 2 -qO- http://192.0.2.2/ >/dev/null 2>&1 || echo unreachable"], ""),
        "unreachable\n"
    );
    let node = *testbed.process_ids().first().unwrap();
    let (processes, cgroups) = left(node);
    assert!(processes.len() >= 3 && !cgroups.is_empty(), "{processes:?} {cgroups:?}");
    drop(testbed);
    assert_eq!(left(node), (Vec::new(), Vec::new()));
    assert_eq!(mounts(), mounts_before);
}
