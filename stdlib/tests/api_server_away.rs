//! Waits while the API server is stopped. A test bed of its own: stopping the shared one would disturb other tests.

#![expect(clippy::unwrap_used, reason = "a test fails so")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value as Json;
use windlass_runtime::Runtime;
use windlass_runtime::event::{Event, What};
use windlass_runtime::journal::MemoryJournal;
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::target::Live;
use windlass_testbed::Testbed;

struct Ran {
    error: Option<Json>,
    value: Json,
    progress: Vec<String>,
}

type Told = Arc<Mutex<Vec<String>>>;

fn run(testbed: &Testbed, script: &str) -> Ran {
    run_telling(testbed, script, Told::default())
}

fn run_telling(testbed: &Testbed, script: &str, progress: Told) -> Ran {
    let sink = progress.clone();
    let journal = Arc::new(MemoryJournal::new());
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build().unwrap();
    let target = Live::builder().kubeconfig(testbed.kubeconfig()).build();
    let tell = move |e: &Event| {
        if let What::Progress { text, .. } = &e.what {
            sink.lock().unwrap().push(text.clone());
        }
    };
    let session = runtime.session(target).journal(journal.clone()).sink(tell).open();
    let running = session.prepare(&Playbook::text("test.rhai", script)).unwrap().start(&Selection::default()).unwrap();
    let error = running.wait().unwrap().steps[0].error.clone();
    let value = journal.steps().first().map(|s| s.value.clone()).unwrap_or_default();
    let progress = progress.lock().unwrap().clone();
    Ran { error, value, progress }
}

fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
}

#[test]
fn nothing_is_hopeless_while_the_api_server_says_nothing() {
    if windlass_testbed::skipped() {
        return;
    }
    let testbed = Testbed::builder().nodes(1).start().unwrap();
    let deployment = r#"{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "nowhere"}, "spec": {
        "selector": {"matchLabels": {"app": "nowhere"}}, "template": {"metadata": {"labels": {"app": "nowhere"}}, "spec": {
            "nodeSelector": {"nobody": "has-it"}, "containers": [{"name": "main", "image": "example.invalid/web:1"}]}}}}"#;
    testbed.kubectl_ok(&["create", "-n", "default", "-f", "-"], deployment).unwrap();

    let script = r#"wait::ready("Deployment/nowhere", #{ namespace: "default", timeout: "2m", patience: "3s" })"#;
    let told = Told::default();
    let has = |text: &str| told.lock().unwrap().iter().any(|t| t.contains(text));
    let (ran, resumed, ended) = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| (run_telling(&testbed, script, told.clone()), Instant::now()));
        while !has("Unschedulable") {
            assert!(!waiting.is_finished(), "it has ended already");
            pause(Duration::from_millis(50));
        }
        testbed.pause_api_server().unwrap();
        pause(Duration::from_secs(14));
        let silent = !waiting.is_finished() && has("no contact with the API server for");
        testbed.resume_api_server().unwrap();
        let resumed = Instant::now();
        assert!(silent, "{:?}", told.lock().unwrap());
        let (ran, ended) = waiting.join().unwrap();
        (ran, resumed, ended)
    });
    let error = ran.error.unwrap();
    assert_eq!(error["kind"], "hopeless", "{error:#}");
    let took = ended - resumed;
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(30), "patience starts anew: {took:?}");
    let silences = ran.progress.iter().filter(|text| text.contains("no contact")).count();
    assert!((1..=3).contains(&silences), "once, and then at most each 10 s: {:?}", ran.progress);

    // A deadline holds, and its message says why nothing is known.
    let told = Told::default();
    let error = std::thread::scope(|scope| {
        let script = r#"wait::ready("Deployment/nowhere", #{ namespace: "default", timeout: "12s", patience: "3s" })"#;
        let waiting = scope.spawn({
            let (testbed, told) = (&testbed, told.clone());
            move || run_telling(testbed, script, told).error.unwrap()
        });
        while !waiting.is_finished() && !told.lock().unwrap().iter().any(|t| t.contains("Unschedulable")) {
            pause(Duration::from_millis(50));
        }
        testbed.pause_api_server().unwrap();
        let error = waiting.join().unwrap();
        testbed.resume_api_server().unwrap();
        error
    });
    assert_eq!(error["kind"], "timeout", "{error:#}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("no contact with the API server for") && message.contains("Unschedulable"), "{message}");
}

/// Both in one: each start of a test bed costs seconds.
#[test]
fn a_wait_goes_on_when_the_api_server_comes_back_and_keeps_its_deadline_when_it_does_not() {
    if windlass_testbed::skipped() {
        return;
    }
    let testbed = Testbed::builder().nodes(1).start().unwrap();
    let kubectl = |arguments: &[&str]| testbed.kubectl_ok(arguments, "").unwrap();
    kubectl(&["create", "configmap", "settings", "--from-literal=mode=off"]);

    let script = r#"
        wait::all([
            #{ field: "cm/settings", path: "data.mode", value: "on" },
            #{ ready: "Deployment/web" },
        ], #{ namespace: "default", timeout: "3m" })
    "#;
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            pause(Duration::from_secs(2));
            testbed.stop_api_server();
            pause(Duration::from_secs(4));
            testbed.start_api_server().unwrap();
            kubectl(&["patch", "configmap", "settings", "--type=merge", "-p", r#"{"data": {"mode": "on"}}"#]);
            kubectl(&["create", "deployment", "web", "--image=example.invalid/web:1"]);
        });
        run(&testbed, script)
    });
    assert_eq!(ran.error, None);
    assert_eq!(ran.value[0]["data"]["mode"], "on");
    assert_eq!(ran.value[1]["status"]["availableReplicas"], 1);
    let lost = |text: &String| text.contains("the connection is lost");
    assert!(ran.progress.iter().any(lost), "{:?}", ran.progress);

    let begun = Instant::now();
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            pause(Duration::from_secs(2));
            testbed.stop_api_server();
        });
        run(&testbed, "wait::exists(\"cm/never\", #{ namespace: \"default\", timeout: \"6s\" })")
    });
    let error = ran.error.unwrap();
    assert_eq!(error["kind"], "timeout", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("the connection is lost"), "{error:#}");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(6) && took < Duration::from_secs(11), "within 5 s of its deadline: {took:?}");

    let begun = Instant::now();
    let error = run(&testbed, "wait::ready(\"Node/node-1\", #{ timeout: \"4s\" })").error.unwrap();
    assert_eq!(error["kind"], "timeout", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("could not be looked at within 4s"), "{error:#}");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(4) && took < Duration::from_secs(9), "within 5 s of its deadline: {took:?}");

    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            pause(Duration::from_secs(2));
            testbed.start_api_server().unwrap();
        });
        run(&testbed, "wait::ready(\"Node/node-1\", #{ timeout: \"3m\" }).metadata.name")
    });
    assert_eq!((ran.error, ran.value), (None, Json::from("node-1")), "it may begin while the API server is away");
}
