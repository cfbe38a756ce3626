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

fn run(testbed: &Testbed, script: &str) -> Ran {
    let progress = Arc::new(Mutex::new(Vec::new()));
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
