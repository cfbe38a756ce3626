//! Undo and probes, on a real API server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value as Json, json};
use windlass_runtime::cluster::Cluster;
use windlass_runtime::journal::{Intent, Journal, ResultRecord};
use windlass_runtime::undo::Undoing;

use crate::testing::{Bed, Cut, live};

type Entries = Vec<(Intent, Option<ResultRecord>)>;

const DEPLOYMENT: &str = r#"#{ apiVersion: "apps/v1", kind: "Deployment", metadata: #{ name: "web" }, spec: #{
    replicas: 1, selector: #{ matchLabels: #{ app: "web" } }, template: #{ metadata: #{ labels: #{ app: "web" } },
    spec: #{ containers: [#{ name: "web", image: "web:1", env: [#{ name: "A", value: "1" }] }, #{ name: "side", image: "side:1" }] } } } }"#;

fn config_map(live: &Bed, namespace: &str, name: &str) {
    let arguments = ["create", "cm", name, "-n", namespace, "--from-literal=a=1", "--from-literal=b=2"];
    live.testbed.kubectl_ok(&arguments, "").unwrap();
}

/// The entries of a run that died around one change.
fn cut(live: &Bed, script: &str, before_acting: bool) -> Entries {
    let journal = Cut::new(before_acting);
    let kept: Arc<Cut> = journal.clone();
    let ran = live.run_with(script, |session| session.journal(journal));
    assert!(ran.error()["message"].as_str().unwrap().starts_with("cut "), "{}", ran.error());
    let entries = kept.entries().unwrap();
    assert!(entries.len() == 1 && entries[0].1.is_none());
    entries
}

/// A change that is cut before and after it acts is probed rightly, and taken back where it took effect.
fn is_probed(live: &Bed, script: &str, what: &[&str]) {
    let there = |what: &[&str]| live.testbed.kubectl_ok(&[&["get"], what].concat(), "").is_ok();
    let before = there(what).then(|| live.comparable(what));
    let undone = live.undo_entries(&cut(live, script, true)).unwrap();
    assert!(matches!(undone[0].result, Undoing::HadNoEffect), "{script}: {undone:?}");
    assert_eq!(there(what).then(|| live.comparable(what)), before);
    let undone = live.undo_entries(&cut(live, script, false)).unwrap();
    assert!(undone.len() == 1 && undone[0].changed(), "{script}: {undone:?}");
    match before {
        Some(before) => {
            let mut back = live.comparable(what);
            if undone[0].primitive == "cluster::delete" {
                for name in ["uid", "creationTimestamp"] {
                    back["metadata"][name] = before["metadata"][name].clone();
                }
            }
            assert_eq!(back, before, "{script}: {back:#}\nis not\n{before:#}");
        }
        None => assert!(!there(what), "{script}"),
    }
}

#[test]
fn a_cut_between_intent_and_result_is_probed_rightly() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    config_map(&live, &namespace, "c");
    let on = format!("#{{ namespace: \"{namespace}\" }}");
    let map = ["cm", "c", "-n", &namespace];
    is_probed(&live, &format!("cluster::label(\"cm/c\", #{{ x: \"1\" }}, {on})"), &map);
    is_probed(&live, &format!("cluster::patch(\"cm/c\", #{{ data: #{{ a: (), c: \"3\" }} }}, {on})"), &map);
    is_probed(&live, &format!("cluster::delete(\"cm/c\", {on})"), &map);
    let made = format!("{namespace}-made");
    let entries = cut(&live, &format!("cluster::namespace(\"{made}\", #{{ labels: #{{ x: \"1\" }} }})"), true);
    assert!(matches!(live.undo_entries(&entries).unwrap()[0].result, Undoing::HadNoEffect));
    let entries = cut(&live, &format!("cluster::namespace(\"{made}\", #{{ labels: #{{ x: \"1\" }} }})"), false);
    assert!(live.undo_entries(&entries).unwrap()[0].changed());
    live.testbed.kubectl_ok(&["wait", "--for=delete", &format!("ns/{made}"), "--timeout=60s"], "").unwrap();

    let apply = |data: &str| {
        format!(
            "cluster::apply(#{{ apiVersion: \"v1\", kind: \"ConfigMap\", metadata: #{{ name: \"applied\" }}, data: #{{ {data} }} }}, {on})"
        )
    };
    let applied = ["cm", "applied", "-n", &namespace];
    is_probed(&live, &apply("a: \"1\""), &applied);
    live.run(&apply("a: \"1\", b: \"2\"")).value();
    is_probed(&live, &apply("a: \"2\", c: \"3\""), &applied);
}

#[test]
fn a_scale_that_was_cut_is_probed_rightly() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    live.testbed.kubectl_ok(&["create", "deployment", "web", "--image=nginx", "-n", &namespace], "").unwrap();
    live.testbed.kubectl_ok(&["rollout", "status", "deploy/web", "-n", &namespace, "--timeout=60s"], "").unwrap();
    let script = format!("cluster::scale(\"deploy/web\", 3, #{{ namespace: \"{namespace}\" }})");
    is_probed(&live, &script, &["deploy", "web", "-n", &namespace]);
}

#[test]
fn what_cannot_be_told_is_refused() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    config_map(&live, &namespace, "c");
    let script = format!("cluster::label(\"cm/c\", #{{ x: \"1\", y: \"2\" }}, #{{ namespace: \"{namespace}\" }})");
    let entries = cut(&live, &script, false);
    live.testbed.kubectl_ok(&["label", "cm", "c", "-n", &namespace, "x=other", "--overwrite"], "").unwrap();
    let error = live.undo_entries(&entries).unwrap_err();
    assert!(error.message().contains("neither its former nor the intended metadata.labels.x"), "{error:?}");
    live.testbed.kubectl_ok(&["delete", "cm", "c", "-n", &namespace], "").unwrap();
    let error = live.undo_entries(&entries).unwrap_err();
    assert!(error.message().contains("is gone"), "{error:?}");
}

#[test]
fn what_others_changed_since_is_named_with_both_values_and_nothing_is_undone() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    config_map(&live, &namespace, "c");
    config_map(&live, &namespace, "d");
    let on = format!("#{{ namespace: \"{namespace}\" }}");
    let ran = live.run(&format!(
        "cluster::patch(\"cm/c\", #{{ data: #{{ a: \"9\" }} }}, {on}); cluster::patch(\"cm/d\", #{{ data: #{{ a: \"9\" }} }}, {on})"
    ));
    ran.value();
    let patch = ["patch", "cm", "c", "-n", &namespace, "-p", "{\"data\":{\"a\":\"theirs\"}}"];
    live.testbed.kubectl_ok(&patch, "").unwrap();
    let error = live.undo(&ran).unwrap_err();
    assert_eq!(error.kind(), windlass_runtime::Kind::Conflict);
    let expected = format!("ConfigMap/c in {namespace}: data.a is \"theirs\", and the run left it as \"9\"");
    assert!(error.message().contains(&expected), "{error:?}");
    assert_eq!(live.kubectl_get(&["cm", "d", "-n", &namespace])["data"]["a"], "9", "nothing at all was undone");
    let patch = ["patch", "cm", "c", "-n", &namespace, "-p", "{\"data\":{\"a\":\"1\"}}"];
    live.testbed.kubectl_ok(&patch, "").unwrap();
    live.undo(&ran).unwrap();
    for name in ["c", "d"] {
        assert_eq!(live.kubectl_get(&["cm", name, "-n", &namespace])["data"]["a"], "1", "what is back already is fine");
    }
}

#[test]
fn what_others_did_elsewhere_stays_theirs() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    config_map(&live, &namespace, "c");
    let what = ["cm", "c", "-n", &namespace];
    let before = live.comparable(&what);
    let ran =
        live.run(&format!("cluster::patch(\"cm/c\", #{{ data: #{{ a: \"9\" }} }}, #{{ namespace: \"{namespace}\" }})"));
    ran.value();
    let patch =
        ["patch", "cm", "c", "-n", &namespace, "--field-manager=other", "-p", "{\"data\":{\"b\":\"3\",\"c\":\"4\"}}"];
    live.testbed.kubectl_ok(&patch, "").unwrap();
    assert!(live.undo(&ran).unwrap()[0].changed());
    let back = live.kubectl_get(&what);
    assert_eq!(back["data"], json!({ "a": "1", "b": "3", "c": "4" }));
    let owners = back["metadata"]["managedFields"].as_array().unwrap();
    let fields =
        |manager: &str| owners.iter().find(|o| o["manager"] == manager).map(|o| o["fieldsV1"]["f:data"].clone());
    assert_eq!(fields("kubectl-create"), Some(json!({ ".": {}, "f:a": {} })));
    assert_eq!(fields("other"), Some(json!({ "f:b": {}, "f:c": {} })));
    assert_eq!(owners.len(), 2, "{owners:?} {before}");
}

#[test]
fn the_values_of_a_secret_are_in_no_conflict() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    let create = ["create", "secret", "generic", "s", "-n", &namespace, "--from-literal=p=first-canary"];
    live.testbed.kubectl_ok(&create, "").unwrap();
    let ran = live.run(&format!(
        "cluster::patch(\"Secret/s\", #{{ data: #{{ p: \"c2Vjb25kLWNhbmFyeQ==\" }} }}, #{{ namespace: \"{namespace}\" }})"
    ));
    ran.value();
    let patch = ["patch", "secret", "s", "-n", &namespace, "-p", "{\"stringData\":{\"p\":\"third-canary\"}}"];
    live.testbed.kubectl_ok(&patch, "").unwrap();
    let error = live.undo(&ran).unwrap_err();
    let told = format!("{error:?} {}", error.to_json());
    assert!(told.contains("data.p is (hidden), and the run left it as (hidden)"), "{told}");
    for value in ["c2Vjb25kLWNhbmFyeQ", "dGhpcmQtY2FuYXJ5", "Zmlyc3QtY2FuYXJ5"] {
        assert!(!told.contains(value), "{told}");
    }
}

#[test]
fn a_whole_run_goes_back_to_where_it_began_and_forth_again() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    let group = format!("{namespace}.example.com");
    for name in ["edited", "deleted", "taken"] {
        config_map(&live, &namespace, name);
    }
    let names = ["edited", "deleted", "taken"];
    let look = || names.map(|name| live.comparable(&["cm", name, "-n", &namespace]));
    let before = look();
    let script = format!(
        r#"
        let crd = #{{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: #{{ name: "things.{group}" }},
            spec: #{{ group: "{group}", scope: "Namespaced", names: #{{ plural: "things", singular: "thing", kind: "Thing" }},
                versions: [#{{ name: "v1", served: true, storage: true, schema: #{{ openAPIV3Schema: #{{ type: "object", "x-kubernetes-preserve-unknown-fields": true }} }} }}] }} }};
        let thing = #{{ apiVersion: "{group}/v1", kind: "Thing", metadata: #{{ name: "t", namespace: "{namespace}-b" }}, size: 3 }};
        let on = #{{ namespace: "{namespace}" }};
        cluster::namespace("{namespace}-b", #{{ labels: #{{ a: "1" }} }});
        cluster::apply([thing, crd]);
        cluster::patch("things.{group}/t", #{{ size: 4 }}, #{{ namespace: "{namespace}-b" }});
        cluster::apply({DEPLOYMENT}, #{{ namespace: "{namespace}-b" }});
        cluster::scale("deploy/web", 2, #{{ namespace: "{namespace}-b" }});
        cluster::label("cm/edited", #{{ x: "1" }}, on);
        cluster::annotate("cm/edited", #{{ y: "2" }}, on);
        cluster::patch("cm/edited", #{{ data: #{{ a: "9", b: (), c: "3" }} }}, on);
        cluster::label("cm/edited", #{{ x: "2" }}, on);
        cluster::delete("cm/deleted", on);
        cluster::apply(#{{ apiVersion: "v1", kind: "ConfigMap", metadata: #{{ name: "taken", labels: #{{ l: "1" }} }}, data: #{{ a: "9", d: "4" }} }},
            #{{ namespace: "{namespace}", conflicts: "take" }});
    "#
    );
    let ran = live.run(&script);
    ran.value();
    let session = crate::testing::runtime().session(live.target()).open();
    let undone = windlass_runtime::undo(&session, &ran.journal.entries().unwrap()).unwrap();
    for one in &undone {
        assert!(matches!(&one.result, Undoing::Done(_)), "{one:?}");
    }
    live.testbed.kubectl_ok(&["wait", "--for=delete", &format!("ns/{namespace}-b"), "--timeout=90s"], "").unwrap();
    assert!(live.testbed.kubectl_ok(&["get", "crd", &format!("things.{group}")], "").is_err());
    let mut back = look();
    for name in ["uid", "creationTimestamp"] {
        back[1]["metadata"][name] = before[1]["metadata"][name].clone();
    }
    for (back, before) in back.iter().zip(&before) {
        assert_eq!(back, before, "{back:#}\nis not\n{before:#}");
    }
}

#[test]
fn an_undo_can_be_undone() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    config_map(&live, &namespace, "c");
    let what = ["cm", "c", "-n", &namespace];
    let before = live.comparable(&what);
    let ran = live.run(&format!(
        "cluster::patch(\"cm/c\", #{{ data: #{{ a: \"9\", c: \"3\" }} }}, #{{ namespace: \"{namespace}\" }})"
    ));
    ran.value();
    let after = live.comparable(&what);
    let session = crate::testing::runtime().session(live.target()).open();
    windlass_runtime::undo(&session, &ran.journal.entries().unwrap()).unwrap();
    assert_eq!(live.comparable(&what), before);
    let again = live.undo_entries(&session.journal().entries().unwrap()).unwrap();
    assert!(again[0].changed(), "{again:?}");
    let forth = live.comparable(&what);
    assert_eq!(forth, after, "{forth:#}\nis not\n{after:#}");
}

#[test]
fn a_second_undo_finds_nothing_to_do() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    config_map(&live, &namespace, "c");
    let ran = live.run(&format!("cluster::label(\"cm/c\", #{{ x: \"1\" }}, #{{ namespace: \"{namespace}\" }})"));
    ran.value();
    assert!(live.undo(&ran).unwrap()[0].changed());
    let mark = live.testbed.audit_mark().unwrap();
    assert!(!live.undo(&ran).unwrap()[0].changed());
    assert!(live.writes_since(mark, &namespace).is_empty());
}

#[test]
fn another_cluster_of_the_same_name_is_refused() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    config_map(&live, &namespace, "c");
    let ran = live.run(&format!("cluster::label(\"cm/c\", #{{ x: \"1\" }}, #{{ namespace: \"{namespace}\" }})"));
    ran.value();
    let mut entries = ran.journal.entries().unwrap();
    let at = entries[0].0.parts[0].resource.at.clone();
    assert!(entries[0].0.identity[&at].is_string());
    entries[0].0.identity[&at] = Json::from("another");
    let error = live.undo_entries(&entries).unwrap_err();
    assert!(error.message().contains("is not the one that the run changed"), "{error:?}");
    assert_eq!(live.kubectl_get(&["cm", "c", "-n", &namespace])["metadata"]["labels"]["x"], "1");
}

#[test]
fn apply_and_edits_live_side_by_side() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    live.testbed
        .kubectl_ok(&["create", "-f", "-"], r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"side-by-side"}}"#)
        .unwrap();
    let script = format!(
        r#"
        let on = #{{ namespace: "{namespace}" }};
        [
            cluster::apply({DEPLOYMENT}, on),
            cluster::label("deploy/web", #{{ extra: "1" }}, on),
            cluster::scale("deploy/web", 3, on),
            cluster::patch("deploy/web", #{{ spec: #{{ template: #{{ spec: #{{ containers: [#{{ name: "side", image: "side:2" }}] }} }} }} }}, #{{ namespace: "{namespace}", type: "strategic" }}),
            cluster::taint("Node/side-by-side", #{{ key: "k", effect: "PreferNoSchedule" }}),
            cluster::apply({DEPLOYMENT}, on),
        ].map(|o| [o.changed, o.reason])
    "#
    );
    let what = ["deploy", "web", "-n", &namespace];
    let first = live.run(&script).value();
    let changed: Vec<bool> = first.as_array().unwrap().iter().map(|o| o[0].as_bool().unwrap()).collect();
    assert_eq!(changed, [true, true, true, true, true, false], "{first}");
    let version = live.kubectl_get(&what)["spec"].clone();
    let mark = live.testbed.audit_mark().unwrap();
    let second = live.run(&script).value();
    assert!(second.as_array().unwrap().iter().all(|o| o[0] == false), "{second}");
    assert!(second[0][1].as_str().unwrap().contains("replicas kept at 3"), "{second}");
    assert!(live.writes_since(mark, &namespace).is_empty());
    let object = live.kubectl_get(&what);
    assert_eq!(object["spec"], version);
    assert_eq!(object["metadata"]["labels"]["extra"], "1");
    assert_eq!(object["spec"]["replicas"], 3);
    assert_eq!(object["spec"]["template"]["spec"]["containers"][1]["image"], "side:2");
    assert_eq!(object["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"], "1");

    let edited = DEPLOYMENT.replace("replicas: 1", "replicas: 2");
    let error = live.run(&format!("cluster::apply({edited}, #{{ namespace: \"{namespace}\" }})")).error();
    assert_eq!(error["kind"], "conflict");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("spec.replicas is 3") && message.contains("the manifest now says 2"), "{error}");
    live.testbed.kubectl_ok(&["delete", "node", "side-by-side"], "").unwrap();
}

#[test]
fn a_part_that_was_removed_stays_away_until_the_manifest_changes() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    let script = format!(
        r#"
        let on = #{{ namespace: "{namespace}" }};
        let gone = #{{ spec: #{{ template: #{{ spec: #{{ containers: [#{{ name: "side", "$patch": "delete" }}] }} }} }} }};
        [
            cluster::apply({DEPLOYMENT}, on),
            cluster::patch("deploy/web", gone, #{{ namespace: "{namespace}", type: "strategic" }}),
            cluster::apply({DEPLOYMENT}, on),
        ].map(|o| o.changed)
    "#
    );
    assert_eq!(live.run(&script).value(), json!([true, true, false]));
    assert_eq!(live.run(&script).value(), json!([false, false, false]));
    let spec = live.kubectl_get(&["deploy", "web", "-n", &namespace])["spec"]["template"]["spec"].clone();
    assert_eq!(spec["containers"].as_array().map(Vec::len), Some(1));
    let changed = DEPLOYMENT.replace("side:1", "side:2");
    let error = live.run(&format!("cluster::apply({changed}, #{{ namespace: \"{namespace}\" }})")).error();
    assert_eq!(error["kind"], "conflict", "{error}");
}

/// A target whose answers to one kind of request are lost on the way back, once.
struct Lossy {
    live: windlass_runtime::target::Live,
    method: &'static str,
}

impl windlass_runtime::target::Target for Lossy {
    fn name(&self) -> String {
        self.live.name()
    }
    fn cluster(&self, name: Option<&str>) -> windlass_runtime::BoxFuture<windlass_runtime::Result<Cluster>> {
        let (opening, clock, method) = (self.live.cluster(name), self.live.clock(), self.method);
        Box::pin(async move {
            let real = opening.await?;
            let client = real.client().clone();
            let lost = Arc::new(AtomicBool::new(false));
            let service = tower::service_fn(move |request: http::Request<kube::client::Body>| {
                let (client, lost) = (client.clone(), lost.clone());
                let loses = request.method() == method && !lost.swap(request.method() == method, Ordering::SeqCst);
                async move {
                    let answer = client.send(request).await?;
                    if loses {
                        return Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into());
                    }
                    Ok::<_, tower::BoxError>(answer)
                }
            });
            Ok(Cluster::with_client(real.name(), kube::Client::new(service, "default"), "default", clock))
        })
    }
    fn clock(&self) -> Arc<dyn windlass_runtime::Clock> {
        self.live.clock()
    }
    fn network(&self) -> Arc<dyn windlass_runtime::target::Network> {
        self.live.network()
    }
}

#[test]
fn an_answer_that_is_lost_is_looked_up() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    config_map(&live, &namespace, "c");
    let what = ["cm", "c", "-n", &namespace];
    let before = live.comparable(&what);
    let lossy = |method, script: &str| crate::testing::run_on(Lossy { live: live.target(), method }, script, |b| b);
    let on = format!("#{{ namespace: \"{namespace}\" }}");
    let ran = lossy("PATCH", &format!("cluster::label(\"cm/c\", #{{ x: \"1\" }}, {on})"));
    assert_eq!(ran.value()["changed"], true);
    assert_eq!(ran.value()["object"]["metadata"]["labels"]["x"], "1");
    assert!(live.undo(&ran).unwrap()[0].changed());
    assert_eq!(live.comparable(&what), before);

    let made = format!("{namespace}-lossy");
    let ran = lossy("POST", &format!("cluster::namespace(\"{made}\")"));
    assert_eq!(ran.value()["changed"], true);
    assert!(live.undo(&ran).unwrap()[0].changed());

    let ran = lossy("DELETE", &format!("cluster::delete(\"cm/c\", {on})"));
    assert_eq!(ran.value()["changed"], true, "{:?}", ran.report);
    assert!(live.undo(&ran).unwrap()[0].changed());
}

#[test]
fn of_a_batch_only_what_took_effect_is_undone() {
    let Some(live) = live() else { return };
    let namespace = live.namespace();
    let map = |name: &str, data: &str| {
        format!(
            "#{{ apiVersion: \"v1\", kind: \"ConfigMap\", metadata: #{{ name: \"{name}\" }}, data: #{{ a: {data} }} }}"
        )
    };
    let script = format!(
        "cluster::apply([{}, {}, {}], #{{ namespace: \"{namespace}\" }})",
        map("good", "\"1\""),
        map("bad", "[1]"),
        map("fine", "\"2\"")
    );
    let ran = live.run(&script);
    assert!(ran.error()["message"].as_str().unwrap().contains("ConfigMap/bad"), "{}", ran.error());
    let undone = live.undo(&ran).unwrap();
    let names: Vec<&str> = undone.iter().map(|u| u.resource.name.as_str()).collect();
    assert_eq!(names, ["fine", "good"], "the last one first");
    assert!(undone.iter().all(windlass_runtime::undo::Undone::changed), "{undone:?}");
    let left = live.kubectl_get(&["cm", "-n", &namespace])["items"].clone();
    let left: Vec<&str> = left.as_array().unwrap().iter().map(|o| o["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(left, ["kube-root-ca.crt"]);
}
