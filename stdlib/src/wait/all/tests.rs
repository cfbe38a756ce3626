use std::time::{Duration, Instant};

use serde_json::json;

use crate::testing::{Bed, live};

fn apply(live: &Bed, namespace: &str, objects: &[serde_json::Value]) {
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    live.testbed.kubectl_ok(&["apply", "-n", namespace, "-f", "-"], &list.to_string()).unwrap();
}

fn deployment(name: &str, fault: Option<&str>) -> serde_json::Value {
    let annotations = fault.map(|f| json!({"windlass.test/fault": f})).unwrap_or(json!({}));
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": name}}, "template": {
            "metadata": {"labels": {"app": name}, "annotations": annotations},
            "spec": {"containers": [{"name": "main", "image": "example.invalid/web:1"}]}
        }}
    })
}

fn config_map(name: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"mode": "on"}})
}

#[test]
fn twenty_waits_cost_one_watch_a_kind() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    let names: Vec<String> = (0..20).map(|n| format!("web-{n}")).collect();
    let descriptions: Vec<String> = names.iter().map(|n| format!("#{{ ready: \"Deployment/{n}\" }}")).collect();
    let script = format!("wait::all([{}], #{{ namespace: {ns:?}, timeout: \"60s\" }})", descriptions.join(", "));
    let mark = live.testbed.audit_mark().unwrap();
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::park_timeout(Duration::from_millis(2500));
            let objects: Vec<_> = names.iter().map(|n| deployment(n, None)).collect();
            apply(&live, &ns, &objects);
        });
        live.run(&script)
    });
    let found = ran.value();
    let in_order: Vec<_> =
        found.as_array().unwrap().iter().map(|o| o["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(in_order, names);
    let audit = live.testbed.audit_since(mark).unwrap();
    let asked = |resource: &str, verb: &str| {
        let of = |e: &&windlass_testbed::Event| {
            let object = e.object.as_ref();
            e.verb == verb
                && !e.user_agent.contains("kubectl")
                && object.is_some_and(|o| o.resource == resource && o.namespace == ns)
        };
        audit.by("tester").filter(of).count()
    };
    assert_eq!((asked("deployments", "list"), asked("deployments", "watch"), asked("deployments", "get")), (1, 1, 0));
    for guard in ["pods", "replicasets", "events"] {
        assert!(asked(guard, "list") <= 1 && asked(guard, "watch") <= 1, "{guard}");
    }
}

#[test]
fn the_first_that_fails_ends_it_and_the_others_are_told() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(&live, &ns, &[deployment("good", None), deployment("bad", Some("image-not-found")), config_map("settings")]);
    let begun = Instant::now();
    let error = live
        .run(&format!(
            "wait::all([#{{ ready: \"Deployment/good\" }}, #{{ exists: \"cm/never\" }}, #{{ rollout: \"Deployment/bad\", patience: \"2s\" }}], #{{ namespace: {ns:?} }})"
        ))
        .error();
    assert!(begun.elapsed() < Duration::from_secs(15));
    assert_eq!(error["kind"], "hopeless", "{error:#}");
    assert_eq!(error["resource"], format!("Deployment/bad in {ns}"));
    let others = error["details"]["others"].as_array().unwrap();
    assert_eq!((&others[0]["done"], &others[1]["done"]), (&json!(true), &json!(false)));
    assert_eq!(others[1]["status"], "it does not exist yet");
    let error = live
        .run(&format!(
            "wait::all([#{{ exists: \"cm/never\", timeout: \"1s\" }}, #{{ exists: \"cm/settings\" }}], #{{ namespace: {ns:?} }})"
        ))
        .error();
    assert_eq!(error["kind"], "timeout");
    assert!(error["message"].as_str().unwrap().contains("ConfigMap/never in"), "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("after 1s"), "{error:#}");
}

#[test]
fn any_takes_the_first_and_fails_when_none_is_left() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    apply(&live, &ns, &[config_map("settings")]);
    let ran = live.run(&format!(
        "wait::any([#{{ exists: \"cm/never\", timeout: \"100ms\" }}, #{{ field: \"cm/settings\", path: \"data.mode\", value: \"off\" }}, #{{ ready: \"node/node-1\" }}], #{{ namespace: {ns:?} }})"
    ));
    assert_eq!(ran.value()["metadata"]["name"], "node-1");
    let error = live
        .run(&format!(
            "wait::any([#{{ exists: \"cm/never\", timeout: \"100ms\" }}, #{{ field: \"cm/settings\", path: \"data.mode\", value: \"off\", timeout: \"1s\" }}], #{{ namespace: {ns:?} }})"
        ))
        .error();
    assert_eq!(error["kind"], "timeout");
    assert!(error["message"].as_str().unwrap().starts_with("none of 2 has come about: ConfigMap/never"), "{error:#}");
    assert_eq!(error["details"]["others"][0]["status"], "data.mode is \"on\"");
}

#[test]
fn fields_conditions_and_deletions_are_seen_as_they_change() {
    let Some(live) = live() else { return };
    let ns = live.namespace();
    let mut held = config_map("held");
    held["metadata"]["finalizers"] = json!(["example.invalid/hold"]);
    apply(&live, &ns, &[config_map("settings"), held, deployment("web", None)]);
    live.testbed.kubectl_ok(&["delete", "cm", "held", "-n", &ns, "--wait=false"], "").unwrap();
    let script = format!(
        "wait::all([#{{ field: \"cm/settings\", path: \"data.mode\", value: \"off\" }}, #{{ deleted: \"cm/held\" }}, #{{ deleted: \"cm/never\" }}, \
         #{{ condition: \"Deployment/web\", type: \"Available\", status: \"true\" }}, #{{ field: \"cm/settings\", path: \"data.old\", value: () }}], \
         #{{ namespace: {ns:?}, timeout: \"30s\" }})"
    );
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::park_timeout(Duration::from_millis(1500));
            let patch = |name: &str, patch: &str| {
                live.testbed.kubectl_ok(&["patch", "cm", name, "-n", &ns, "--type=merge", "-p", patch], "").unwrap();
            };
            patch("settings", r#"{"data": {"mode": "off"}}"#);
            patch("held", r#"{"metadata": {"finalizers": null}}"#);
        });
        live.run(&script)
    });
    let found = ran.value();
    assert_eq!(found[0]["data"]["mode"], "off");
    assert_eq!(found[1]["metadata"]["name"], "held", "what is gone is given as it was");
    assert_eq!(found[2], json!(null), "there never was one");
    let told: Vec<String> = ran.events.iter().map(|e| format!("{:?}", e.what)).collect();
    assert!(told.iter().any(|t| t.contains("its finalizers hold it: example.invalid/hold")), "{told:#?}");
    let error = live.run(&format!("wait::deleted(\"cm/settings\", #{{ namespace: {ns:?}, timeout: \"1s\" }})")).error();
    assert!(
        error["message"].as_str().unwrap().ends_with("is still there after 1s: nobody has deleted it"),
        "{error:#}"
    );
    let error = live
        .run(&format!("wait::condition(\"cm/settings\", \"Ready\", #{{ namespace: {ns:?}, timeout: \"1s\" }})"))
        .error();
    assert!(error["message"].as_str().unwrap().contains("does not have the condition Ready after 1s"), "{error:#}");
}

#[test]
fn descriptions_that_say_too_little_too_much_or_something_else_are_refused() {
    for (description, why) in [
        ("#{ redy: \"Deployment/web\" }", "no option `redy`"),
        ("#{ namespace: \"x\" }", "does not say what to wait for"),
        ("#{ ready: \"Deployment/web\", exists: \"Deployment/web\" }", "both `ready` and `exists`"),
        ("#{ ready: \"Deployment/web\", path: \"a\" }", "`path` does not go with `ready`"),
        ("#{ condition: \"Deployment/web\" }", "`condition` needs `type`"),
        ("#{ condition: \"Deployment/web\", type: \"A=False\", status: \"True\" }", "its status twice"),
        ("#{ field: \"Deployment/web\", path: \"a\" }", "`field` needs `value`"),
        ("#{ field: \"Deployment/web\", path: \"a[\", value: 1 }", "a number from 0 up"),
        ("#{ exists: \"Deployment/web\", stable_for: \"1s\" }", "`stable_for` does not go with `exists`"),
        ("#{ ready: \"web\" }", "no \"/\""),
        ("#{ ready: \"Deployment/web\", timeout: \"-1s\" }", "negative"),
        ("|| true", "must be a map such as"),
    ] {
        let error = crate::testing::run(&format!("wait::all([{description}])")).error();
        assert_eq!(error["kind"], "usage", "{description}: {error:#}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(why), "{description}: {message}");
        assert!(message.contains("item 0"), "{description}: {message}");
    }
    assert_eq!(crate::testing::run("wait::any([])").error()["kind"], "usage");
    assert_eq!(crate::testing::run("wait::all([])").value(), json!([]));
}

#[test]
fn kinds_without_rollouts_are_refused() {
    let Some(live) = live() else { return };
    for script in ["wait::rollout(\"Node/node-1\")", "wait::all([#{ rollout: \"Node/node-1\" }])"] {
        let error = live.run(script).error();
        assert_eq!(error["kind"], "usage");
        assert_eq!(error["message"], "a Node has no rollouts");
    }
}
