//! Undo and probes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value as Json, json};
use tower::BoxError;
use windlass_runtime::change::ResultWord;
use windlass_runtime::cluster::Patch;
use windlass_runtime::journal::{Intent, Journal, ResultRecord};
use windlass_runtime::undo::Undoing;

use windlass_support::Through;

use crate::testing::{Bed, Cut, Scripting as _, bare, deployment, merged, on, secret};

type Entries = Vec<(Intent, Option<ResultRecord>)>;

const DEPLOYMENT: &str = r#"#{ apiVersion: "apps/v1", kind: "Deployment", metadata: #{ name: "web" }, spec: #{
    replicas: 1, selector: #{ matchLabels: #{ app: "web" } }, template: #{ metadata: #{ labels: #{ app: "web" } },
    spec: #{ containers: [#{ name: "web", image: "web:1", env: [#{ name: "A", value: "1" }] }, #{ name: "side", image: "side:1" }] } } } }"#;

fn config_map(bed: &Bed, namespace: &str, name: &str) {
    bed.create(namespace, crate::testing::config_map(name, &json!({"a": "1", "b": "2"})));
}

/// The entries of a run that died around one change.
fn cut(bed: &Bed, script: &str, before_acting: bool) -> Entries {
    let cut = Cut::new(before_acting);
    let ran = bed.run_with(script, |session| session.journal(cut.journal()));
    assert!(ran.error()["message"].as_str().unwrap().starts_with("cut"), "{}", ran.error());
    let entries = cut.kept.entries().unwrap();
    assert!(entries.len() == 1 && entries[0].1.is_none());
    entries
}

/// A change that is cut before and after it acts is probed rightly, and taken back where it took effect.
fn is_probed(bed: &Bed, script: &str, what: &str, namespace: &str) {
    let look = || bed.find(what, namespace).map(|_| bed.comparable(what, namespace));
    let before = look();
    let undone = bed.undo_entries(&cut(bed, script, true)).unwrap();
    assert!(matches!(undone[0].result, Undoing::HadNoEffect), "{script}: {undone:?}");
    assert_eq!(look(), before);
    let undone = bed.undo_entries(&cut(bed, script, false)).unwrap();
    assert!(undone.len() == 1 && undone[0].changed(), "{script}: {undone:?}");
    match before {
        Some(before) => {
            let mut back = bed.comparable(what, namespace);
            if undone[0].primitive == "cluster::delete" {
                for name in ["uid", "creationTimestamp"] {
                    back["metadata"][name] = before["metadata"][name].clone();
                }
            }
            assert_eq!(back, before, "{script}: {back:#}\nis not\n{before:#}");
        }
        None => assert_eq!(look(), None, "{script}"),
    }
}

#[on(shadow, live)]
fn a_cut_between_intent_and_result_is_probed_rightly(bed: Bed) {
    let namespace = bed.namespace();
    config_map(&bed, &namespace, "c");
    let on = format!("#{{ namespace: \"{namespace}\" }}");
    is_probed(&bed, &format!("cluster::label(\"cm/c\", #{{ x: \"1\" }}, {on})"), "cm/c", &namespace);
    is_probed(
        &bed,
        &format!("cluster::patch(\"cm/c\", #{{ data: #{{ a: (), c: \"3\" }} }}, {on})"),
        "cm/c",
        &namespace,
    );
    is_probed(&bed, &format!("cluster::delete(\"cm/c\", {on})"), "cm/c", &namespace);
    let made = format!("{namespace}-made");
    let entries = cut(&bed, &format!("cluster::namespace(\"{made}\", #{{ labels: #{{ x: \"1\" }} }})"), true);
    assert!(matches!(bed.undo_entries(&entries).unwrap()[0].result, Undoing::HadNoEffect));
    let entries = cut(&bed, &format!("cluster::namespace(\"{made}\", #{{ labels: #{{ x: \"1\" }} }})"), false);
    assert!(bed.undo_entries(&entries).unwrap()[0].changed());
    bed.until_gone(&format!("ns/{made}"), "");

    let apply = |data: &str| {
        format!(
            "cluster::apply(#{{ apiVersion: \"v1\", kind: \"ConfigMap\", metadata: #{{ name: \"applied\" }}, data: #{{ {data} }} }}, {on})"
        )
    };
    is_probed(&bed, &apply("a: \"1\""), "cm/applied", &namespace);
    bed.run(&apply("a: \"1\", b: \"2\"")).value();
    is_probed(&bed, &apply("a: \"2\", c: \"3\""), "cm/applied", &namespace);
}

#[on(shadow, live)]
fn a_scale_that_was_cut_is_probed_rightly(bed: Bed) {
    let namespace = bed.namespace();
    bed.create(&namespace, deployment("web", 1));
    bed.until_rolled_out("deploy/web", &namespace);
    let script = format!("cluster::scale(\"deploy/web\", 3, #{{ namespace: \"{namespace}\" }})");
    is_probed(&bed, &script, "deploy/web", &namespace);
}

#[on(shadow, live)]
fn what_cannot_be_told_is_refused(bed: Bed) {
    let namespace = bed.namespace();
    config_map(&bed, &namespace, "c");
    let script = format!("cluster::label(\"cm/c\", #{{ x: \"1\", y: \"2\" }}, #{{ namespace: \"{namespace}\" }})");
    let entries = cut(&bed, &script, false);
    bed.patch("cm/c", &namespace, json!({"metadata": {"labels": {"x": "other"}}}));
    let error = bed.undo_entries(&entries).unwrap_err();
    assert!(error.message().contains("neither its former nor the intended metadata.labels.x"), "{error:?}");
    bed.delete("cm/c", &namespace);
    let error = bed.undo_entries(&entries).unwrap_err();
    assert!(error.message().contains("is gone"), "{error:?}");
}

#[on(shadow, live)]
fn what_others_changed_since_is_named_and_nothing_is_undone(bed: Bed) {
    let namespace = bed.namespace();
    config_map(&bed, &namespace, "c");
    config_map(&bed, &namespace, "d");
    let on = format!("#{{ namespace: \"{namespace}\" }}");
    let ran = bed.run(&format!(
        "cluster::patch(\"cm/c\", #{{ data: #{{ a: \"9\" }} }}, {on}); cluster::patch(\"cm/d\", #{{ data: #{{ a: \"9\" }} }}, {on})"
    ));
    ran.value();
    bed.patch("cm/c", &namespace, json!({"data": {"a": "theirs"}}));
    let error = bed.undo(&ran).unwrap_err();
    assert_eq!(error.kind(), windlass_runtime::Kind::Conflict);
    let expected = format!("ConfigMap/c in {namespace}: data.a is not as the run left it");
    assert!(error.message().contains(&expected), "{error:?}");
    assert_eq!(bed.get("cm/d", &namespace)["data"]["a"], "9", "nothing at all was undone");
    bed.patch("cm/c", &namespace, json!({"data": {"a": "1"}}));
    bed.undo(&ran).unwrap();
    for name in ["c", "d"] {
        assert_eq!(bed.get(&format!("cm/{name}"), &namespace)["data"]["a"], "1", "what is back already is fine");
    }
}

#[on(shadow, live)]
fn what_others_did_elsewhere_stays_theirs(bed: Bed) {
    let namespace = bed.namespace();
    config_map(&bed, &namespace, "c");
    let before = bed.comparable("cm/c", &namespace);
    let ran =
        bed.run(&format!("cluster::patch(\"cm/c\", #{{ data: #{{ a: \"9\" }} }}, #{{ namespace: \"{namespace}\" }})"));
    ran.value();
    bed.patch_as("other", "cm/c", &namespace, Patch::Strategic(json!({"data": {"b": "3", "c": "4"}})));
    assert!(bed.undo(&ran).unwrap()[0].changed());
    let back = bed.get("cm/c", &namespace);
    assert_eq!(back["data"], json!({ "a": "1", "b": "3", "c": "4" }));
    let owners = back["metadata"]["managedFields"].as_array().unwrap();
    let fields =
        |manager: &str| owners.iter().find(|o| o["manager"] == manager).map(|o| o["fieldsV1"]["f:data"].clone());
    assert_eq!(fields("kubectl-create"), Some(json!({ ".": {}, "f:a": {} })));
    assert_eq!(fields("other"), Some(json!({ "f:b": {}, "f:c": {} })));
    assert_eq!(owners.len(), 2, "{owners:?} {before}");
}

#[on(shadow, live)]
fn no_text_of_an_object_is_in_what_an_undo_says(bed: Bed) {
    let namespace = bed.namespace();
    let on = format!("#{{ namespace: \"{namespace}\", type: \"strategic\" }}");
    bed.create(&namespace, secret("s", &json!({"p": "first-canary"})));
    bed.create(&namespace, crate::testing::config_map("c", &json!({"p": "first-canary"})));
    let container = |n: &str| json!({ "name": "c", "image": format!("web:{n}"), "env": [{ "name": "P", "value": format!("{n}-canary") }] });
    let spec = |n: &str, replicas: u32| json!({ "spec": { "replicas": replicas, "template": { "spec": { "containers": [container(n)] } } } });
    bed.create(&namespace, merged(deployment("web", 1), &spec("first", 1)));
    let ran = bed.run(&format!(
        r#"
        cluster::patch("Secret/s", #{{ data: #{{ p: "c2Vjb25kLWNhbmFyeQ==" }} }}, {on});
        cluster::patch("cm/c", #{{ data: #{{ p: "second-canary" }} }}, {on});
        cluster::patch("deploy/web", {}, {on});
        true
    "#,
        spec("second", 2).to_string().replace('{', "#{")
    ));
    ran.value();
    let others = [
        ("secret/s", json!({"stringData": {"p": "third-canary"}})),
        ("cm/c", json!({"data": {"p": "third-canary"}})),
        ("deploy/web", spec("third", 3)),
    ];
    let told = |text: &str| {
        for value in ["-canary", "c2Vjb25kLWNhbmFyeQ", "dGhpcmQtY2FuYXJ5", "Zmlyc3QtY2FuYXJ5"] {
            assert!(!text.contains(value), "{text}");
        }
    };
    let former: Vec<Json> = others.iter().map(|(what, _)| bed.get(what, &namespace)).collect();
    for (what, patch) in others.clone() {
        let strategic = Patch::Strategic(patch);
        bed.patch_as("other", what, &namespace, strategic);
    }
    let error = bed.undo(&ran).unwrap_err();
    let text = format!("{error:?} {}", error.to_json());
    told(&text);
    let container = "spec.template.spec.containers[name=\"c\"]";
    for said in [
        format!("Secret/s in {namespace}: data.p is not as the run left it"),
        format!("ConfigMap/c in {namespace}: data.p is not as the run left it"),
        format!("{container}.env[name=\"P\"].value is not as the run left it"),
        format!("{container}.image is \"web:third\", and the run left it as \"web:second\""),
        "spec.replicas is 3, and the run left it as 2".to_owned(),
    ] {
        assert!(error.message().contains(&said), "{said}: {error}");
    }
    bed.patch("secret/s", &namespace, json!({"data": former[0]["data"]}));
    bed.patch("cm/c", &namespace, json!({"data": former[1]["data"]}));
    bed.patch_as("other", "deploy/web", &namespace, Patch::Strategic(spec("second", 2)));
    let session = crate::testing::runtime().session(bed.target()).open();
    let undone = windlass_runtime::undo(&session, &ran.journal.entries().unwrap()).unwrap();
    assert!(undone.iter().all(windlass_runtime::undo::Undone::changed), "{undone:?}");
    let entries = session.journal().entries().unwrap();
    let diffs: Vec<&String> = entries.iter().flat_map(|(intent, _)| intent.diffs.iter().flatten()).collect();
    told(&format!("{diffs:?}"));
    for said in ["data.p: changed (hidden)", "spec.replicas: 2 → 1"] {
        assert!(diffs.iter().any(|line| *line == said), "{said}: {diffs:?}");
    }
}

#[on(shadow, live)]
fn a_whole_run_goes_back_to_where_it_began_and_forth_again(bed: Bed) {
    let namespace = bed.namespace();
    let group = format!("{namespace}.example.com");
    for name in ["edited", "deleted", "taken"] {
        config_map(&bed, &namespace, name);
    }
    let names = ["edited", "deleted", "taken"];
    let look = || names.map(|name| bed.comparable(&format!("cm/{name}"), &namespace));
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
    let ran = bed.run(&script);
    ran.value();
    let session = crate::testing::runtime().session(bed.target()).open();
    let undone = windlass_runtime::undo(&session, &ran.journal.entries().unwrap()).unwrap();
    for one in &undone {
        assert!(matches!(&one.result, Undoing::Done(_)), "{one:?}");
    }
    bed.until_gone(&format!("ns/{namespace}-b"), "");
    assert_eq!(bed.find(&format!("crd/things.{group}"), ""), None);
    let mut back = look();
    for name in ["uid", "creationTimestamp"] {
        back[1]["metadata"][name] = before[1]["metadata"][name].clone();
    }
    for (back, before) in back.iter().zip(&before) {
        assert_eq!(back, before, "{back:#}\nis not\n{before:#}");
    }
}

#[on(shadow, live)]
fn an_undo_can_be_undone(bed: Bed) {
    let namespace = bed.namespace();
    config_map(&bed, &namespace, "c");
    let before = bed.comparable("cm/c", &namespace);
    let ran = bed.run(&format!(
        "cluster::patch(\"cm/c\", #{{ data: #{{ a: \"9\", c: \"3\" }} }}, #{{ namespace: \"{namespace}\" }})"
    ));
    ran.value();
    let after = bed.comparable("cm/c", &namespace);
    let session = crate::testing::runtime().session(bed.target()).open();
    windlass_runtime::undo(&session, &ran.journal.entries().unwrap()).unwrap();
    assert_eq!(bed.comparable("cm/c", &namespace), before);
    let again = bed.undo_entries(&session.journal().entries().unwrap()).unwrap();
    assert!(again[0].changed(), "{again:?}");
    let forth = bed.comparable("cm/c", &namespace);
    assert_eq!(forth, after, "{forth:#}\nis not\n{after:#}");
}

#[on(shadow, live)]
fn a_second_undo_finds_nothing_to_do(bed: Bed) {
    let namespace = bed.namespace();
    config_map(&bed, &namespace, "c");
    let ran = bed.run(&format!("cluster::label(\"cm/c\", #{{ x: \"1\" }}, #{{ namespace: \"{namespace}\" }})"));
    ran.value();
    assert!(bed.undo(&ran).unwrap()[0].changed());
    let mark = bed.mark();
    assert!(!bed.undo(&ran).unwrap()[0].changed());
    assert!(bed.writes_since(mark, &namespace).is_empty());
}

#[on(shadow, live)]
fn another_cluster_of_the_same_name_is_refused(bed: Bed) {
    let namespace = bed.namespace();
    config_map(&bed, &namespace, "c");
    let ran = bed.run(&format!("cluster::label(\"cm/c\", #{{ x: \"1\" }}, #{{ namespace: \"{namespace}\" }})"));
    ran.value();
    let mut entries = ran.journal.entries().unwrap();
    let at = entries[0].0.parts[0].resource.at.clone();
    assert!(entries[0].0.identity[&at].is_string());
    entries[0].0.identity[&at] = Json::from("another");
    let error = bed.undo_entries(&entries).unwrap_err();
    assert!(error.message().contains("is not the one that the run changed"), "{error:?}");
    assert_eq!(bed.get("cm/c", &namespace)["metadata"]["labels"]["x"], "1");
}

#[on(shadow, live)]
fn apply_and_edits_live_side_by_side(bed: Bed) {
    let namespace = bed.namespace();
    bed.create("", bare("Node", "side-by-side"));
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
    let first = bed.run(&script).value();
    let changed: Vec<bool> = first.as_array().unwrap().iter().map(|o| o[0].as_bool().unwrap()).collect();
    assert_eq!(changed, [true, true, true, true, true, false], "{first}");
    let version = bed.get("deploy/web", &namespace)["spec"].clone();
    let mark = bed.mark();
    let second = bed.run(&script).value();
    assert!(second.as_array().unwrap().iter().all(|o| o[0] == false), "{second}");
    assert!(second[0][1].as_str().unwrap().contains("replicas kept at 3"), "{second}");
    assert!(bed.writes_since(mark, &namespace).is_empty());
    let object = bed.get("deploy/web", &namespace);
    assert_eq!(object["spec"], version);
    assert_eq!(object["metadata"]["labels"]["extra"], "1");
    assert_eq!(object["spec"]["replicas"], 3);
    assert_eq!(object["spec"]["template"]["spec"]["containers"][1]["image"], "side:2");
    assert_eq!(object["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"], "1");

    let edited = DEPLOYMENT.replace("replicas: 1", "replicas: 2");
    let error = bed.run(&format!("cluster::apply({edited}, #{{ namespace: \"{namespace}\" }})")).error();
    assert_eq!(error["kind"], "conflict");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("spec.replicas is 3") && message.contains("the manifest now says 2"), "{error}");
    bed.delete("node/side-by-side", "");
}

#[on(shadow, live)]
fn a_part_that_was_removed_stays_away_until_the_manifest_changes(bed: Bed) {
    let namespace = bed.namespace();
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
    assert_eq!(bed.run(&script).value(), json!([true, true, false]));
    assert_eq!(bed.run(&script).value(), json!([false, false, false]));
    let spec = bed.get("deploy/web", &namespace)["spec"]["template"]["spec"].clone();
    assert_eq!(spec["containers"].as_array().map(Vec::len), Some(1));
    let changed = DEPLOYMENT.replace("side:1", "side:2");
    let error = bed.run(&format!("cluster::apply({changed}, #{{ namespace: \"{namespace}\" }})")).error();
    assert_eq!(error["kind"], "conflict", "{error}");
}

/// A target whose answers to one kind of request are lost on the way back, once.
fn lossy(bed: &Bed, method: &'static str) -> Through {
    let lost = Arc::new(AtomicBool::new(false));
    Through::new(bed.target(), move |request, client| {
        let loses = request.method() == method && !lost.swap(true, Ordering::SeqCst);
        async move {
            let answer = client.send(request).await?;
            if loses { Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()) } else { Ok(answer) }
        }
    })
}

#[on(shadow, live)]
fn an_answer_that_is_lost_is_looked_up(bed: Bed) {
    let namespace = bed.namespace();
    config_map(&bed, &namespace, "c");
    let before = bed.comparable("cm/c", &namespace);
    let lossy = |method, script: &str| crate::testing::run_on(lossy(&bed, method), script, |b| b);
    let on = format!("#{{ namespace: \"{namespace}\" }}");
    let ran = lossy("PATCH", &format!("cluster::label(\"cm/c\", #{{ x: \"1\" }}, {on})"));
    assert_eq!(ran.value()["changed"], true);
    assert_eq!(ran.value()["object"]["metadata"]["labels"]["x"], "1");
    assert!(bed.undo(&ran).unwrap()[0].changed());
    assert_eq!(bed.comparable("cm/c", &namespace), before);

    let made = format!("{namespace}-lossy");
    let ran = lossy("POST", &format!("cluster::namespace(\"{made}\")"));
    assert_eq!(ran.value()["changed"], true);
    assert!(bed.undo(&ran).unwrap()[0].changed());

    let ran = lossy("DELETE", &format!("cluster::delete(\"cm/c\", {on})"));
    assert_eq!(ran.value()["changed"], true, "{:?}", ran.report);
    assert!(bed.undo(&ran).unwrap()[0].changed());
}

#[on(shadow, live)]
fn what_was_written_back_without_its_owners_counts_as_changed(bed: Bed) {
    let namespace = bed.namespace();
    config_map(&bed, &namespace, "c");
    let before = bed.comparable("cm/c", &namespace);
    let on = format!("#{{ namespace: \"{namespace}\" }}");
    let patch = format!("cluster::patch(\"cm/c\", #{{ data: #{{ a: \"9\" }} }}, {on})");
    for change in [patch, format!("cluster::delete(\"cm/c\", {on})")] {
        let ran = bed.run(&change);
        ran.value();
        let refuses = Through::new(bed.target(), move |request: Request<Body>, client| async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            if parts.method == "PATCH" && String::from_utf8_lossy(&body).contains("managedFields") {
                let refused = json!({ "kind": "Status", "code": 403, "reason": "Forbidden", "message": "not yours" });
                return Ok(Response::builder().status(403).body(Body::from(refused.to_string().into_bytes()))?);
            }
            Ok::<_, BoxError>(client.send(Request::from_parts(parts, Body::from(body))).await?)
        });
        let session = crate::testing::runtime().session(refuses).open();
        let undone = windlass_runtime::undo(&session, &ran.journal.entries().unwrap()).unwrap();
        let Undoing::Failed(error) = &undone[0].result else { panic!("{undone:?}") };
        assert!(error.to_string().contains("the former values are back, but not their owners"), "{error}");
        let entries = session.journal().entries().unwrap();
        assert_eq!(entries[0].1.as_ref().unwrap().results, [ResultWord::Unknown]);
        // So it can be taken back like any other change.
        assert!(bed.undo_entries(&entries).unwrap()[0].changed(), "{change}");
        if bed.find("cm/c", &namespace).is_some() {
            assert!(bed.undo(&ran).unwrap()[0].changed());
            assert_eq!(bed.comparable("cm/c", &namespace), before);
        }
    }
}

#[on(shadow, live)]
fn of_a_batch_only_what_took_effect_is_undone(bed: Bed) {
    let namespace = bed.namespace();
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
    let ran = bed.run(&script);
    assert!(ran.error()["message"].as_str().unwrap().contains("ConfigMap/bad"), "{}", ran.error());
    let undone = bed.undo(&ran).unwrap();
    let names: Vec<&str> = undone.iter().map(|u| u.resource.name.as_str()).collect();
    assert_eq!(names, ["fine", "good"], "the last one first");
    assert!(undone.iter().all(windlass_runtime::undo::Undone::changed), "{undone:?}");
    let left = bed.list("cm", &namespace);
    let left: Vec<&str> = left.iter().map(|o| o["metadata"]["name"].as_str().unwrap()).collect();
    assert_eq!(left, ["kube-root-ca.crt"]);
}
