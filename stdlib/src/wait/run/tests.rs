//! The connection to the API server, disturbed at chosen moments.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::Response;
use kube::client::Body;
use serde_json::json;
use windlass_runtime::Kind;
use windlass_runtime::event::{Event, What};
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::report::RunStatus;
use windlass_support::Through;

use crate::testing::{Bed, Scripting as _, config_map, on, run_on, runtime};

/// What becomes of a request.
enum Answer {
    Pass,
    /// Somebody changes `mode` before.
    PassAfter(&'static str),
    /// The connection breaks.
    Break,
    /// The watch says this and ends.
    Say(&'static str),
}

/// A target whose requests are disturbed: by a number for the how-manieth watch it is, from 1; 0 for anything else.
fn disturbed(bed: &Bed, namespace: &str, disturb: impl Fn(u32) -> Answer + Send + Sync + 'static) -> Through {
    let (other, namespace, watches) = (bed.other(), namespace.to_owned(), AtomicU32::new(0));
    Through::new(bed.target(), move |request, real| {
        let is_watch = request.uri().query().is_some_and(|q| q.contains("watch=true"));
        let number = if is_watch { watches.fetch_add(1, Ordering::SeqCst) + 1 } else { 0 };
        let (answer, other, namespace) = (disturb(number), other.clone(), namespace.clone());
        async move {
            match answer {
                Answer::Pass => Ok(real.send(request).await?),
                Answer::PassAfter(mode) => {
                    other.patch("cm/settings", &namespace, json!({"data": {"mode": mode}})).await;
                    Ok(real.send(request).await?)
                }
                Answer::Break => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
                Answer::Say(line) => Ok(Response::new(Body::from(bytes::Bytes::from(format!("{line}\n"))))),
            }
        }
    })
}

fn settings(bed: &Bed) -> String {
    let namespace = bed.namespace();
    bed.create(&namespace, config_map("settings", &json!({"mode": "off"})));
    namespace
}

fn script(namespace: &str, timeout: &str) -> String {
    format!(
        "wait::field(\"cm/settings\", \"data.mode\", \"on\", #{{ namespace: {namespace:?}, timeout: {timeout:?} }}).data.mode"
    )
}

#[on(shadow, live)]
fn an_event_between_the_list_and_the_watch_is_not_missed(bed: Bed) {
    let ns = settings(&bed);
    let target = disturbed(&bed, &ns, |watch| if watch == 1 { Answer::PassAfter("on") } else { Answer::Pass });
    let begun = bed.now();
    let ran = run_on(target, &script(&ns, "30s"), |b| b);
    assert_eq!(ran.value(), "on");
    assert!(bed.now() - begun < Duration::from_secs(10));
}

#[on(shadow, live)]
fn expired_history_and_broken_connections_are_got_over(bed: Bed) {
    let ns = settings(&bed);
    let expired = r#"{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Expired","message":"too old resource version","code":410}}"#;
    let target = disturbed(&bed, &ns, move |watch| match watch {
        1 => Answer::Say(expired),
        2 => Answer::Break,
        3 => Answer::Say("{\"type\":\"ADDED\",\"object\":"),
        4 => Answer::PassAfter("on"),
        _ => Answer::Pass,
    });
    let ran = run_on(target, &script(&ns, "60s"), |b| b);
    assert_eq!(ran.value(), "on");
    let told = |e: &Event| matches!(&e.what, What::Progress { text, .. } if text.contains("the connection is lost"));
    assert!(ran.events.iter().any(told), "{:?}", ran.events);
}

#[on(shadow, live)]
fn the_deadline_is_kept_while_nothing_answers(bed: Bed) {
    let ns = settings(&bed);
    let lists = AtomicU32::new(0);
    // Discovery is answered; what comes after it is not.
    let target = disturbed(&bed, &ns, move |watch| match (watch, lists.fetch_add(1, Ordering::SeqCst)) {
        (0, 0..=1) => Answer::Pass,
        _ => Answer::Break,
    });
    let begun = bed.now();
    let ran = run_on(target, &script(&ns, "3s"), |b| b);
    let error = ran.error();
    assert_eq!(error["kind"], "timeout", "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("the API server does not answer"), "{error:#}");
    let took = bed.now() - begun;
    assert!(took >= Duration::from_secs(3) && took < Duration::from_secs(8), "{took:?}");
}

#[on(shadow, live)]
fn a_cancel_ends_a_wait_within_two_seconds(bed: Bed) {
    let ns = settings(&bed);
    for script in [script(&ns, "10m"), "wait::until(\"never\", #{ every: \"1m\" }, || false)".to_owned()] {
        let still = bed.still();
        let session = runtime().session(bed.target()).open();
        let running = session.prepare(&Playbook::text("t", &script)).unwrap().start(&Selection::default()).unwrap();
        let (cancel, at) = (running.cancel_handle(), bed.clone());
        let (sender, begun) = std::sync::mpsc::sync_channel(1);
        let later = bed.meanwhile(|other| async move {
            other.sleep(Duration::from_millis(700)).await;
            sender.send(at.now()).unwrap();
            cancel.cancel("stopped by a test");
        });
        drop(still);
        let report = running.wait().unwrap();
        assert_eq!(report.status, RunStatus::Cancelled);
        let took = bed.now() - begun.recv().unwrap();
        assert!(took < Duration::from_secs(2), "{took:?}");
        later.done();
    }
}

#[on(live, because = "the shadow lets everybody do everything")]
fn who_may_not_read_is_told_at_once_and_who_may_not_read_pods_waits(bed: Bed) {
    let ns = settings(&bed);
    let begun = bed.now();
    let ran = bed.run_as(windlass_testbed::NOBODY, &script(&ns, "60s"));
    assert_eq!(ran.error()["kind"], "forbidden", "{:#}", ran.error());
    assert!(bed.now() - begun < Duration::from_secs(10));
    let ran = bed.run_as(windlass_testbed::VIEWER, &script(&ns, "1s"));
    assert_eq!(ran.error()["kind"], "timeout");
}

#[on(shadow, live)]
fn progress_is_told_at_each_change_and_at_most_each_second(bed: Bed) {
    let ns = settings(&bed);
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    let (at, of) = (bed.clone(), ns.clone());
    let later = bed.meanwhile(|other| async move {
        for mode in ["half", "on"] {
            other.sleep(Duration::from_millis(1300)).await;
            other.patch("cm/settings", &of, json!({"data": {"mode": mode}})).await;
        }
    });
    let ran = bed.run_with(&script(&ns, "30s"), move |b| {
        b.sink(move |e: &Event| {
            if let What::Progress { text, .. } = &e.what {
                sink.lock().unwrap().push((at.now(), text.clone()));
            }
        })
    });
    later.done();
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

#[on(shadow, live)]
fn an_established_definition_can_be_used_at_once(bed: Bed) {
    let crd = |n: u32| {
        serde_json::json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": format!("gadgets{n}.wait.example.invalid")},
            "spec": {"group": "wait.example.invalid", "scope": "Cluster", "names": {"kind": format!("Gadget{n}"), "plural": format!("gadgets{n}")},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}
        })
    };
    for n in 0..3 {
        bed.create("", crd(n));
        let ran = bed.run(&format!(
            "wait::ready(\"crd/gadgets{n}.wait.example.invalid\", #{{ timeout: \"30s\" }}); \
             try {{ wait::exists(\"Gadget{n}/one\", #{{ timeout: 0 }}) }} catch (e) {{ log::info(e.kind) }}"
        ));
        ran.value();
        assert_eq!(ran.logs(), ["timeout"], "the kind is known");
    }
}

#[on(shadow, live)]
fn an_error_of_a_watch_ends_the_wait(bed: Bed) {
    let error = bed.run("wait::any([#{ ready: \"Node/node-1\" }, #{ ready: \"Gizmo/x\" }])").error();
    assert_eq!(error["kind"], Kind::NotFound.as_str(), "{error:#}");
}

#[on(shadow, live)]
fn a_state_that_does_not_last_is_seen(bed: Bed) {
    let ns = settings(&bed);
    let target = disturbed(&bed, &ns, |watch| match watch {
        1 => Answer::Say(
            "{\"type\":\"MODIFIED\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"settings\",\"resourceVersion\":\"1\"},\"data\":{\"mode\":\"on\"}}}\n\
             {\"type\":\"MODIFIED\",\"object\":{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"settings\",\"resourceVersion\":\"2\"},\"data\":{\"mode\":\"off\"}}}",
        ),
        _ => Answer::Pass,
    });
    assert_eq!(run_on(target, &script(&ns, "5s"), |b| b).value(), "on");
}
