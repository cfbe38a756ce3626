//! Waits while the API server is stopped. A cluster of its own: stopping the shared one would disturb other tests.

#![expect(clippy::unwrap_used, reason = "a test fails so")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_runtime::Runtime;
use windlass_runtime::event::{Event, What};
use windlass_runtime::journal::MemoryJournal;
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_support::ApiServer::{Gone, Silent, There};
use windlass_support::{Bed, config_map, deployment, merged, on};

const SECOND: Duration = Duration::from_secs(1);

struct Ran {
    error: Option<Json>,
    value: Json,
    progress: Vec<String>,
}

type Told = Arc<Mutex<Vec<String>>>;

fn run(bed: &Bed, script: &str) -> Ran {
    run_telling(bed, script, &Told::default())
}

fn run_telling(bed: &Bed, script: &str, progress: &Told) -> Ran {
    let sink = progress.clone();
    let journal = Arc::new(MemoryJournal::new());
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build().unwrap();
    let tell = move |e: &Event| {
        if let What::Progress { text, .. } = &e.what {
            sink.lock().unwrap().push(text.clone());
        }
    };
    let session = runtime.session(bed.target()).journal(journal.clone()).sink(tell).open();
    let running = session.prepare(&Playbook::text("test.rhai", script)).unwrap().start(&Selection::default()).unwrap();
    let error = running.wait().unwrap().steps[0].error.clone();
    let value = journal.steps().first().map(|s| s.value.clone()).unwrap_or_default();
    let progress = progress.lock().unwrap().clone();
    Ran { error, value, progress }
}

#[on(shadow, live)]
fn nothing_is_hopeless_while_the_api_server_says_nothing(bed: Bed) {
    let bed = bed.alone();
    let nobody = json!({"spec": {"template": {"spec": {"nodeSelector": {"nobody": "has-it"}}}}});
    bed.create("default", merged(deployment("nowhere", 1), &nobody));

    let has = |told: &Told, text: &str| told.lock().unwrap().iter().any(|t| t.contains(text));
    let told = Told::default();
    let resumed = Arc::new(Mutex::new(None));
    let (at, heard, noted) = (bed.clone(), told.clone(), resumed.clone());
    let later = bed.meanwhile(|other| async move {
        while !has(&heard, "Unschedulable") {
            other.sleep(SECOND / 20).await;
        }
        at.api_server_is(Silent);
        other.sleep(SECOND * 14).await;
        let silent = has(&heard, "no contact with the API server for");
        at.api_server_is(There);
        *noted.lock().unwrap() = Some(at.now());
        assert!(silent, "{:?}", heard.lock().unwrap());
    });
    let script = r#"wait::ready("Deployment/nowhere", #{ namespace: "default", timeout: "2m", patience: "3s" })"#;
    let ran = run_telling(&bed, script, &told);
    let ended = bed.now();
    later.done();
    let error = ran.error.unwrap();
    assert_eq!(error["kind"], "hopeless", "{error:#}");
    let took = ended - resumed.lock().unwrap().unwrap();
    assert!(took >= SECOND * 3 && took < SECOND * 30, "patience starts anew: {took:?}");
    let silences = ran.progress.iter().filter(|text| text.contains("no contact")).count();
    assert!((1..=3).contains(&silences), "once, and then at most each 10 s: {:?}", ran.progress);

    // A deadline holds, and its message says why nothing is known.
    let told = Told::default();
    let (at, heard) = (bed.clone(), told.clone());
    let later = bed.meanwhile(|other| async move {
        while !has(&heard, "Unschedulable") {
            other.sleep(SECOND / 20).await;
        }
        at.api_server_is(Silent);
    });
    let script = r#"wait::ready("Deployment/nowhere", #{ namespace: "default", timeout: "12s", patience: "3s" })"#;
    let error = run_telling(&bed, script, &told).error.unwrap();
    later.done();
    bed.api_server_is(There);
    assert_eq!(error["kind"], "timeout", "{error:#}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("no contact with the API server for") && message.contains("Unschedulable"), "{message}");
}

/// Both in one: each start of a test bed costs seconds.
#[on(shadow, live)]
fn a_wait_goes_on_when_the_api_server_comes_back_and_keeps_its_deadline_when_it_does_not(bed: Bed) {
    let bed = bed.alone();
    bed.create("default", config_map("settings", &json!({"mode": "off"})));

    let at = bed.clone();
    let later = bed.meanwhile(|other| async move {
        other.sleep(SECOND * 2).await;
        at.api_server_is(Gone);
        other.sleep(SECOND * 4).await;
        at.api_server_is(There);
        other.patch("cm/settings", "default", json!({"data": {"mode": "on"}})).await;
        other.create("default", deployment("web", 1)).await;
    });
    let script = r#"
        wait::all([
            #{ field: "cm/settings", path: "data.mode", value: "on" },
            #{ ready: "Deployment/web" },
        ], #{ namespace: "default", timeout: "3m" })
    "#;
    let ran = run(&bed, script);
    later.done();
    assert_eq!(ran.error, None);
    assert_eq!(ran.value[0]["data"]["mode"], "on");
    assert_eq!(ran.value[1]["status"]["availableReplicas"], 1);
    let lost = |text: &String| text.contains("the connection is lost");
    assert!(ran.progress.iter().any(lost), "{:?}", ran.progress);

    let begun = bed.now();
    let at = bed.clone();
    let later = bed.meanwhile(|other| async move {
        other.sleep(SECOND * 2).await;
        at.api_server_is(Gone);
    });
    let ran = run(&bed, "wait::exists(\"cm/never\", #{ namespace: \"default\", timeout: \"6s\" })");
    let took = bed.now() - begun;
    later.done();
    let error = ran.error.unwrap();
    assert_eq!(error["kind"], "timeout", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("the connection is lost"), "{error:#}");
    assert!(took >= SECOND * 6 && took < SECOND * 11, "within 5 s of its deadline: {took:?}");

    let begun = bed.now();
    let error = run(&bed, "wait::ready(\"Node/node-1\", #{ timeout: \"4s\" })").error.unwrap();
    let took = bed.now() - begun;
    assert_eq!(error["kind"], "timeout", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("could not be looked at within 4s"), "{error:#}");
    assert!(took >= SECOND * 4 && took < SECOND * 9, "within 5 s of its deadline: {took:?}");

    let at = bed.clone();
    let later = bed.meanwhile(|other| async move {
        other.sleep(SECOND * 2).await;
        at.api_server_is(There);
    });
    let ran = run(&bed, "wait::ready(\"Node/node-1\", #{ timeout: \"3m\" }).metadata.name");
    later.done();
    assert_eq!((ran.error, ran.value), (None, Json::from("node-1")), "it may begin while the API server is away");
}
