//! The connection to the real API server, disturbed at chosen moments.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http::{Request, Response};
use kube::client::Body;
use windlass_runtime::cluster::Cluster;
use windlass_runtime::event::{Event, What};
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::report::RunStatus;
use windlass_runtime::target::{Live, Network, RealNetwork, Target};
use windlass_runtime::{BoxFuture, Clock, Kind, RealClock, Result};

use crate::testing::{Bed, live, run_on, runtime};

/// What is done about a request: a number for the how-manieth watch it is, from 1; 0 for anything else.
type Disturb = Arc<dyn Fn(u32) -> Answer + Send + Sync>;

enum Answer {
    Pass,
    /// The connection breaks.
    Break,
    /// The watch says this and ends.
    Say(&'static str),
}

/// A live target whose requests pass through `disturb`.
struct Disturbed {
    live: Live,
    clock: Arc<dyn Clock>,
    disturb: Disturb,
}

impl Disturbed {
    fn new(bed: &Bed, disturb: impl Fn(u32) -> Answer + Send + Sync + 'static) -> Self {
        Self { live: bed.target(), clock: Arc::new(RealClock::new()), disturb: Arc::new(disturb) }
    }
}

impl Target for Disturbed {
    fn name(&self) -> String {
        "disturbed".into()
    }

    fn cluster(&self, name: Option<&str>) -> BoxFuture<Result<Cluster>> {
        let (opening, clock, disturb) = (self.live.cluster(name), self.clock.clone(), self.disturb.clone());
        Box::pin(async move {
            let real = opening.await?.client().clone();
            let watches = Arc::new(AtomicU32::new(0));
            let service = tower::service_fn(move |request: Request<Body>| {
                let (real, disturb, watches) = (real.clone(), disturb.clone(), watches.clone());
                async move {
                    let is_watch = request.uri().query().is_some_and(|q| q.contains("watch=true"));
                    let number = if is_watch { watches.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
                    match disturb(number) {
                        Answer::Pass => real.send(request).await.map_err(std::io::Error::other),
                        Answer::Break => Err(std::io::ErrorKind::ConnectionReset.into()),
                        Answer::Say(line) => Ok(Response::new(Body::from(bytes::Bytes::from(format!("{line}\n"))))),
                    }
                }
            });
            let client = kube::Client::new(service, "default");
            Ok(Cluster::with_client("disturbed", client, "default", clock))
        })
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    fn network(&self) -> Arc<dyn Network> {
        Arc::new(RealNetwork)
    }
}

fn patch(bed: &Bed, namespace: &str, data: &str) {
    let patch = format!("{{\"data\": {{\"mode\": {data:?}}}}}");
    let arguments = ["patch", "cm", "settings", "-n", namespace, "--type=merge", "-p", &patch];
    bed.testbed.kubectl_ok(&arguments, "").unwrap();
}

fn settings(bed: &Bed) -> String {
    let namespace = bed.namespace();
    bed.testbed.kubectl_ok(&["create", "cm", "settings", "-n", &namespace, "--from-literal=mode=off"], "").unwrap();
    namespace
}

fn script(namespace: &str, timeout: &str) -> String {
    format!(
        "wait::field(\"cm/settings\", \"data.mode\", \"on\", #{{ namespace: {namespace:?}, timeout: {timeout:?} }}).data.mode"
    )
}

#[test]
fn an_event_between_the_list_and_the_watch_is_not_missed() {
    let Some(bed) = live() else { return };
    let ns = settings(&bed);
    let (testbed, of) = (bed.testbed, ns.clone());
    let target = Disturbed::new(&bed, move |watch| {
        if watch == 1 {
            patch(&Bed { testbed }, &of, "on");
        }
        Answer::Pass
    });
    let begun = Instant::now();
    let ran = run_on(target, &script(&ns, "30s"), |b| b);
    assert_eq!(ran.value(), "on");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn expired_history_and_broken_connections_are_got_over() {
    let Some(bed) = live() else { return };
    let ns = settings(&bed);
    let expired = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","message":"too old resource version","code":410}}"#;
    let (testbed, of) = (bed.testbed, ns.clone());
    let target = Disturbed::new(&bed, move |watch| match watch {
        1 => Answer::Say(expired),
        2 => Answer::Break,
        3 => Answer::Say("{\"type\":\"ADDED\",\"object\":"),
        4 => {
            patch(&Bed { testbed }, &of, "on");
            Answer::Pass
        }
        _ => Answer::Pass,
    });
    let ran = run_on(target, &script(&ns, "60s"), |b| b);
    assert_eq!(ran.value(), "on");
    let told = |e: &Event| matches!(&e.what, What::Progress { text, .. } if text.contains("the connection is lost"));
    assert!(ran.events.iter().any(told), "{:?}", ran.events);
}

#[test]
fn the_deadline_is_kept_while_nothing_answers() {
    let Some(bed) = live() else { return };
    let ns = settings(&bed);
    let lists = AtomicU32::new(0);
    // Discovery is answered; what comes after it is not.
    let target = Disturbed::new(&bed, move |watch| match (watch, lists.fetch_add(1, Ordering::SeqCst)) {
        (0, 0..=1) => Answer::Pass,
        _ => Answer::Break,
    });
    let begun = Instant::now();
    let ran = run_on(target, &script(&ns, "3s"), |b| b);
    let error = ran.error();
    assert_eq!(error["kind"], "timeout", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("the API server does not answer"), "{error:#}");
    let took = begun.elapsed();
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_cancel_ends_a_wait_within_two_seconds() {
    let Some(bed) = live() else { return };
    let ns = settings(&bed);
    for script in [script(&ns, "10m"), "wait::until(\"never\", #{ every: \"1m\" }, || false)".to_owned()] {
        let session = runtime().session(bed.target()).open();
        let running = session.prepare(&Playbook::text("t", &script)).unwrap().start(&Selection::default()).unwrap();
        std::thread::park_timeout(Duration::from_millis(700));
        let begun = Instant::now();
        running.cancel_handle().cancel("stopped by a test");
        let report = running.wait().unwrap();
        assert_eq!(report.status, RunStatus::Cancelled);
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
}

#[test]
fn who_may_not_read_is_told_at_once_and_who_may_not_read_pods_waits() {
    let Some(bed) = live() else { return };
    let ns = settings(&bed);
    let as_user = |user: &str| Live::builder().kubeconfig(bed.testbed.kubeconfig_for(user).unwrap()).build();
    let begun = Instant::now();
    let ran = run_on(as_user(windlass_testbed::NOBODY), &script(&ns, "60s"), |b| b);
    assert_eq!(ran.error()["kind"], "forbidden", "{:#}", ran.error());
    assert!(begun.elapsed() < Duration::from_secs(10));
    let ran = run_on(as_user(windlass_testbed::VIEWER), &script(&ns, "1s"), |b| b);
    assert_eq!(ran.error()["kind"], "timeout");
}

#[test]
fn progress_is_told_at_each_change_and_at_most_each_second() {
    let Some(bed) = live() else { return };
    let ns = settings(&bed);
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::park_timeout(Duration::from_millis(1300));
            patch(&bed, &ns, "half");
            std::thread::park_timeout(Duration::from_millis(1300));
            patch(&bed, &ns, "on");
        });
        run_on(bed.target(), &script(&ns, "30s"), move |b| {
            b.sink(move |e: &Event| {
                if let What::Progress { text, .. } = &e.what {
                    sink.lock().unwrap().push((Instant::now(), text.clone()));
                }
            })
        })
    });
    ran.value();
    let told = told.lock().unwrap().clone();
    let texts: Vec<&str> = told.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!((texts.first(), texts.last()), (Some(&"data.mode is \"off\""), Some(&"data.mode is \"on\"")));
    assert!(texts.contains(&"data.mode is \"half\""), "{texts:?}");
    // The same words are repeated, but not sooner than after a second.
    let mut repeated = told.windows(2).filter(|pair| pair[0].1 == pair[1].1);
    assert!(repeated.all(|pair| pair[1].0 - pair[0].0 >= Duration::from_millis(300)), "{told:?}");
    assert!(texts.len() >= 4 && texts.len() <= 8, "{texts:?}");
}

#[test]
fn an_established_definition_can_be_used_at_once() {
    let Some(bed) = live() else { return };
    let crd = |n: u32| {
        serde_json::json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("gadgets{n}.wait.example.invalid")},
            "spec": {"group": "wait.example.invalid", "scope": "Cluster", "names": {"kind": format!("Gadget{n}"), "plural": format!("gadgets{n}")},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}
        })
        .to_string()
    };
    for n in 0..3 {
        bed.testbed.kubectl_ok(&["create", "-f", "-"], &crd(n)).unwrap();
        let ran = bed.run(&format!(
            "wait::ready(\"crd/gadgets{n}.wait.example.invalid\", #{{ timeout: \"30s\" }}); \
             try {{ wait::exists(\"Gadget{n}/one\", #{{ timeout: 0 }}) }} catch (e) {{ log::info(e.kind) }}"
        ));
        ran.value();
        assert_eq!(ran.logs(), ["timeout"], "the kind is known");
    }
}

#[test]
fn an_error_of_a_watch_ends_the_wait() {
    let Some(bed) = live() else { return };
    let error = bed.run("wait::any([#{ ready: \"Node/node-1\" }, #{ ready: \"Widget/x\" }])").error();
    assert_eq!(error["kind"], Kind::NotFound.as_str(), "{error:#}");
}

#[test]
fn a_state_that_does_not_last_is_seen() {
    let Some(bed) = live() else { return };
    let ns = settings(&bed);
    let target = Disturbed::new(&bed, |watch| match watch {
        1 => Answer::Say(
            "{\"type\":\"MODIFIED\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"settings\",\"resourceVersion\":\"1\"},\"data\":{\"mode\":\"on\"}}}\n\
             {\"type\":\"MODIFIED\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"settings\",\"resourceVersion\":\"2\"},\"data\":{\"mode\":\"off\"}}}",
        ),
        _ => Answer::Pass,
    });
    assert_eq!(run_on(target, &script(&ns, "5s"), |b| b).value(), "on");
}
