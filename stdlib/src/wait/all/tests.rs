use std::time::Duration;

use serde_json::{Value as Json, json};

use crate::testing::{Bed, Scripting as _, deployment, on};

fn apply(bed: &Bed, namespace: &str, objects: &[Json]) {
    for object in objects {
        bed.apply_as("kubectl", namespace, object.clone());
    }
}

fn config_map(name: &str) -> Json {
    crate::testing::config_map(name, &json!({"mode": "on"}))
}

#[on(shadow, live)]
fn twenty_waits_cost_one_watch_a_kind(bed: Bed) {
    let ns = bed.namespace();
    let names: Vec<String> = (0..20).map(|n| format!("web-{n}")).collect();
    let descriptions: Vec<String> = names.iter().map(|n| format!("#{{ ready: \"Deployment/{n}\" }}")).collect();
    let script = format!("wait::all([{}], #{{ namespace: {ns:?}, timeout: \"60s\" }})", descriptions.join(", "));
    let mark = bed.mark();
    let (of, made) = (ns.clone(), names.clone());
    let later = bed.meanwhile(|other| async move {
        other.sleep(Duration::from_millis(2500)).await;
        for name in made {
            other.apply_as("kubectl", &of, deployment(&name, 1)).await;
        }
    });
    let ran = bed.run(&script);
    later.done();
    let found = ran.value();
    let in_order: Vec<_> =
        found.as_array().unwrap().iter().map(|o| o["metadata"]["name"].as_str().unwrap().to_owned()).collect();
    assert_eq!(in_order, names);
    let audit = bed.asked_since(mark);
    let asked = |resource: &str, verb: &str| {
        let of = |e: &&windlass_testbed::Event| {
            let object = e.object.as_ref();
            e.verb == verb && object.is_some_and(|o| o.resource == resource && o.namespace == ns)
        };
        audit.by("tester").filter(of).count()
    };
    assert_eq!((asked("deployments", "list"), asked("deployments", "watch"), asked("deployments", "get")), (1, 1, 0));
    for guard in ["pods", "replicasets", "events"] {
        assert!(asked(guard, "list") <= 1 && asked(guard, "watch") <= 1, "{guard}");
    }
}

#[on(shadow, live)]
fn the_first_that_fails_ends_it_and_the_others_are_told(bed: Bed) {
    let ns = bed.namespace();
    apply(
        &bed,
        &ns,
        &[deployment("good", 1), bed.faulty(&ns, deployment("bad", 1), "image-not-found"), config_map("settings")],
    );
    let begun = bed.now();
    let error = bed
        .run(&format!(
            "wait::all([#{{ ready: \"Deployment/good\" }}, #{{ exists: \"cm/never\" }}, #{{ rollout: \"Deployment/bad\", patience: \"2s\" }}], #{{ namespace: {ns:?} }})"
        ))
        .error();
    assert!(bed.now() - begun < Duration::from_secs(15));
    assert_eq!(error["kind"], "hopeless", "{error:#}");
    assert_eq!(error["resource"], format!("Deployment/bad in {ns}"));
    let others = error["details"]["others"].as_array().unwrap();
    assert_eq!((&others[0]["done"], &others[1]["done"]), (&json!(true), &json!(false)));
    assert_eq!(others[1]["status"], "it does not exist yet");
    let error = bed
        .run(&format!(
            "wait::all([#{{ exists: \"cm/never\", timeout: \"1s\" }}, #{{ exists: \"cm/settings\" }}], #{{ namespace: {ns:?} }})"
        ))
        .error();
    assert_eq!(error["kind"], "timeout");
    assert!(error["message"].as_str().unwrap().contains("ConfigMap/never in"), "{error:#}");
    assert!(error["message"].as_str().unwrap().contains("after 1s"), "{error:#}");
}

#[on(shadow, live)]
fn any_takes_the_first_and_fails_when_none_is_left(bed: Bed) {
    let ns = bed.namespace();
    apply(&bed, &ns, &[config_map("settings")]);
    let ran = bed.run(&format!(
        "wait::any([#{{ exists: \"cm/never\", timeout: \"100ms\" }}, #{{ field: \"cm/settings\", path: \"data.mode\", value: \"off\" }}, #{{ ready: \"node/node-1\" }}], #{{ namespace: {ns:?} }})"
    ));
    assert_eq!(ran.value()["metadata"]["name"], "node-1");
    let error = bed
        .run(&format!(
            "wait::any([#{{ exists: \"cm/never\", timeout: \"100ms\" }}, #{{ field: \"cm/settings\", path: \"data.mode\", value: \"off\", timeout: \"1s\" }}], #{{ namespace: {ns:?} }})"
        ))
        .error();
    assert_eq!(error["kind"], "timeout");
    assert!(error["message"].as_str().unwrap().starts_with("none of 2 has come about: ConfigMap/never"), "{error:#}");
    assert_eq!(error["details"]["others"][0]["status"], "data.mode is \"on\"");
}

#[on(shadow, live)]
fn fields_conditions_and_deletions_are_seen_as_they_change(bed: Bed) {
    let ns = bed.namespace();
    let mut held = config_map("held");
    held["metadata"]["finalizers"] = json!(["example.invalid/hold"]);
    apply(&bed, &ns, &[config_map("settings"), held, deployment("web", 1)]);
    bed.begin_to_delete("cm/held", &ns);
    let script = format!(
        "wait::all([#{{ field: \"cm/settings\", path: \"data.mode\", value: \"off\" }}, #{{ deleted: \"cm/held\" }}, #{{ deleted: \"cm/never\" }}, \
         #{{ condition: \"Deployment/web\", type: \"Available\", status: \"true\" }}, #{{ field: \"cm/settings\", path: \"data.old\", value: () }}], \
         #{{ namespace: {ns:?}, timeout: \"30s\" }})"
    );
    let of = ns.clone();
    let later = bed.meanwhile(|other| async move {
        other.sleep(Duration::from_millis(1500)).await;
        other.patch("cm/settings", &of, json!({"data": {"mode": "off"}})).await;
        other.patch("cm/held", &of, json!({"metadata": {"finalizers": null}})).await;
    });
    let ran = bed.run(&script);
    later.done();
    let found = ran.value();
    assert_eq!(found[0]["data"]["mode"], "off");
    assert_eq!(found[1]["metadata"]["name"], "held", "what is gone is given as it was");
    assert_eq!(found[2], json!(null), "there never was one");
    let told: Vec<String> = ran.events.iter().map(|e| format!("{:?}", e.what)).collect();
    assert!(told.iter().any(|t| t.contains("its finalizers hold it: example.invalid/hold")), "{told:#?}");
    let error = bed.run(&format!("wait::deleted(\"cm/settings\", #{{ namespace: {ns:?}, timeout: \"1s\" }})")).error();
    assert!(
        error["message"].as_str().unwrap().ends_with("is still there after 1s: nobody has deleted it"),
        "{error:#}"
    );
    let error = bed
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

#[on(shadow, live)]
fn kinds_without_rollouts_are_refused(bed: Bed) {
    for script in ["wait::rollout(\"Node/node-1\")", "wait::all([#{ rollout: \"Node/node-1\" }])"] {
        let error = bed.run(script).error();
        assert_eq!(error["kind"], "usage");
        assert_eq!(error["message"], "a Node has no rollouts");
    }
}
