//! The transforms: what each does, and what all of them have in common.

use proptest::prelude::*;
use serde_json::{Value as Json, json};
use windlass_runtime::target::NoTarget;

use super::affinity::{PREFERRED, REQUIRED};
use crate::testing::{Ran, run_on};

/// Runs a script that finds `m` and returns what came of it.
fn on(m: &Json, script: &str) -> Ran {
    run_on(NoTarget::new(), &format!("let m = values.m; {script}"), |b| b.values(json!({ "m": m })))
}

fn workload(kind: &str, name: &str, pod: Json) -> Json {
    let labels = json!({"app": name, "ef": "expertflow"});
    let template = json!({"metadata": {"labels": labels}, "spec": pod});
    match kind {
        "Pod" => {
            json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "labels": labels}, "spec": template["spec"]})
        }
        "CronJob" => {
            json!({"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": name}, "spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": template}}}})
        }
        "Job" => {
            json!({"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": name}, "spec": {"template": template}})
        }
        _ => {
            json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {"replicas": 1, "template": template}})
        }
    }
}

/// Where a kind describes its pods.
fn pod_of(manifest: &Json) -> &Json {
    let at = match manifest["kind"].as_str().unwrap() {
        "Pod" => "/spec",
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    };
    manifest.pointer(at).unwrap()
}

const KINDS: [&str; 7] = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Pod"];

fn config_map() -> Json {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web"}, "data": {"devops.key": "https://devops231.ef.com/x and devops.ef.com", "n": "1"}})
}

// --- replace_text ---

#[test]
fn text_is_replaced_in_every_value_and_in_no_key() {
    let m = json!([config_map(), {"kind": "Ingress", "spec": {"rules": [{"host": "devops231.ef.com", "port": 80}]}}]);
    let value = on(&m, r#"m.replace_text("devops[0-9]*[.]ef[.]com", "cx.example.com")"#).value();
    assert_eq!(value[0]["data"], json!({"devops.key": "https://cx.example.com/x and cx.example.com", "n": "1"}));
    assert_eq!(value[1]["spec"]["rules"], json!([{"host": "cx.example.com", "port": 80}]));
    let value = on(&json!([{"devops": "devops", "n": 1}]), r#"m.replace_text("devops", "x")"#).value();
    assert_eq!(value, json!([{"devops": "x", "n": 1}]), "keys and numbers stay");
}

#[test]
fn groups_are_those_of_sed_and_a_dollar_sign_may_mean_itself() {
    for (text, pattern, replacement, expected) in [
        ("a-1", "([a-z])-([0-9])", "$2-$1", "1-a"),
        ("a-1", "([a-z])-([0-9])", "$1x$10", "axa0"),
        ("a-1", "([a-z])-(?P<n>[0-9])", "${n}${1}$0", "1aa-1"),
        ("a", "a", "$$1 $(HOST) $HOME $ ${", "$1 $(HOST) $HOME $ ${"),
        ("ab", "a|(b)", "<$1>", "<><b>"),
        ("aaa", "^a", "b", "baa"),
        ("", "^", "x", "x"),
        ("ab", "", "-", "-a-b-"),
    ] {
        let m = json!({"t": text});
        let value =
            on(&m, &format!("manifest::replace_text(m, {pattern:?}, {replacement:?})").replace("${", "$\\u007b"))
                .value();
        assert_eq!(value["t"], expected, "{pattern} {replacement}");
    }
    for (replacement, named) in [("$2", "\"2\""), ("$\\u007bname}", "\"name\"")] {
        let error = on(&json!([{"t": "a"}]), &format!("m.replace_text(\"(a)\", \"{replacement}\")")).error();
        assert_eq!(error["kind"], "usage");
        assert!(
            error["message"].as_str().unwrap().contains(named) && error["hint"].as_str().unwrap().contains("$$"),
            "{error}"
        );
    }
    let error = on(&json!([{"t": "a"}]), "m.replace_text(\"[\", \"\")").error();
    assert!(error["message"].as_str().unwrap().contains("is no regular expression"), "{error}");
}

// --- set, remove ---

#[test]
fn a_field_is_set_in_the_objects_that_are_meant() {
    let m = json!([workload("Deployment", "a", json!({})), workload("Deployment", "b", json!({})), config_map()]);
    let value = on(&m, r#"m.set("spec.replicas", 3, #{ kind: "deployment", name: "b" })"#).value();
    assert_eq!((&value[0], &value[2]), (&m[0], &m[2]));
    assert_eq!(value[1]["spec"]["replicas"], 3);
    let value = on(&m, r#"m.set("metadata.annotations.\"a.b/c\"", "x")"#).value();
    assert!(value.as_array().unwrap().iter().all(|o| o["metadata"]["annotations"] == json!({"a.b/c": "x"})));
    let value = on(&m[0], r#"manifest::set(m, "spec.x", #{ a: [1, ()] })"#).value();
    assert_eq!(value["spec"]["x"], json!({"a": [1, null]}), "one map in, one map out");
    assert_eq!(on(&json!([]), "m.set(\"a\", 1)").value(), json!([]));
}

#[test]
fn a_name_or_kind_that_is_misspelt_is_an_error() {
    let m = json!([workload("Deployment", "web", json!({})), workload("StatefulSet", "db", json!({}))]);
    for (script, message, hint) in [
        ("m.set(\"a\", 1, #{ name: \"wed\" })", "none of the manifests is named wed", "web"),
        ("m.recreate(#{ name: \"nobody\" })", "named nobody", "there are: web, db"),
        ("m.set(\"a\", 1, #{ kind: \"Deployment\", name: \"db\" })", "is a Deployment named db", "there are: web"),
        ("m.remove(\"a\", #{ kind: \"Deploymnet\" })", "is a Deploymnet", "\"Deployment\""),
        ("m.with_replicas(#{ wbe: 1 })", "named wbe has replicas", "web"),
    ] {
        let error = on(&m, script).error();
        assert_eq!(error["kind"], "not_found");
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
        assert!(error["hint"].as_str().unwrap().contains(hint), "{error}");
    }
    assert_eq!(on(&m, "m.remove(\"spec\", #{ kind: \"Ingress\" })").value(), m, "another kind is no mistake");
}

#[test]
fn an_error_names_the_object_and_where_the_path_stops() {
    let m = json!([workload("Deployment", "web", json!({"containers": [{"name": "web"}]}))]);
    let error = on(&m, r#"m.set("spec.template.spec.containers[name=wbe].image", "x")"#).error();
    assert_eq!(error["resource"], "Deployment/web");
    let expected = "Deployment/web: the path spec.template.spec.containers[name=wbe].image stops matching: no entry of `spec.template.spec.containers` has the name \"wbe\"";
    assert_eq!(error["message"], expected);
    assert_eq!(error["hint"], "there are: web");
}

#[test]
fn what_is_not_there_need_not_be_removed() {
    let m = json!([
        workload("Deployment", "a", json!({"affinity": {"nodeAffinity": {}, "podAffinity": {}}})),
        config_map()
    ]);
    let value = on(&m, r#"m.remove("spec.template.spec.affinity.nodeAffinity")"#).value();
    assert_eq!(pod_of(&value[0])["affinity"], json!({"podAffinity": {}}));
    assert_eq!(value[1], m[1]);
    let m = json!([{"l": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}]);
    assert_eq!(on(&m, "m.remove(\"l[name=a]\")").value(), json!([{"l": [{"name": "b"}]}]));
    assert_eq!(on(&m, "m.remove(\"l[0]\").remove(\"l[7]\")").value(), json!([{"l": [{"name": "b"}, {"name": "a"}]}]));
}

#[test]
fn what_is_no_manifest_is_refused() {
    for (m, message) in [
        (json!("x"), "must be a list of manifests"),
        (json!([1]), "item 0 must be a map"),
        (json!([[{}]]), "item 0 must be a map, not a list"),
    ] {
        let error = on(&m, "manifest::recreate(m)").error();
        assert_eq!(error["kind"], "usage");
        assert!(error["message"].as_str().unwrap().contains(message), "{error}");
    }
}

// --- affinities ---

fn preferred(key: &str, value: &str) -> Json {
    json!({"weight": 50, "preference": {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}})
}

#[test]
fn a_node_affinity_is_made_or_takes_the_place_of_the_one_that_is_there() {
    let script = r#"m.node_affinity(#{ site: "primary" }, #{ weight: 50 })"#;
    for kind in KINDS {
        let expected = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [preferred("site", "primary")]}});
        let active = json!({"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [preferred("site", "worker-a")]}}});
        let required = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [{"key": "site", "operator": "In", "values": ["worker-a"]}]}]}}}});
        for pod in [json!({}), json!({"affinity": null}), json!({"affinity": {"nodeAffinity": {}}}), active, required] {
            let value = on(&json!([workload(kind, "x", pod.clone())]), script).value();
            assert_eq!(pod_of(&value[0])["affinity"], expected, "{kind} {pod}");
        }
    }
    let others = json!([config_map(), {"apiVersion": "example.com/v1", "kind": "Deployment", "metadata": {"name": "no workload"}}]);
    assert_eq!(on(&others, script).value(), others);
}

#[test]
fn what_a_node_affinity_says_of_other_labels_stays() {
    let disk = json!({"key": "disk", "operator": "Exists"});
    let site = |value: &str| json!({"key": "site", "operator": "In", "values": [value]});
    let pod = json!({"affinity": {"podAffinity": {"x": 1}, "nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            preferred("zone", "z"),
            {"weight": 7, "preference": {"matchExpressions": [site("worker-a"), disk]}},
            {"weight": 8, "preference": {"matchExpressions": [site("worker-a")], "matchFields": [{"key": "metadata.name"}]}},
            preferred("site", "worker-a"), preferred("site", "worker-b"),
        ],
        "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [disk, site("worker-a")]}, {"matchExpressions": [disk]}]},
    }}});
    let m = json!([workload("Deployment", "x", pod)]);
    let value = on(&m, r#"m.node_affinity(#{ site: "primary" })"#).value();
    let affinity = &pod_of(&value[0])["affinity"];
    assert_eq!(affinity["podAffinity"], json!({"x": 1}));
    assert_eq!(
        affinity["nodeAffinity"],
        json!({
            "preferredDuringSchedulingIgnoredDuringExecution": [
                preferred("zone", "z"),
                {"weight": 7, "preference": {"matchExpressions": [site("primary"), disk]}},
                {"weight": 8, "preference": {"matchExpressions": [site("primary")], "matchFields": [{"key": "metadata.name"}]}},
                preferred("site", "primary"),
            ],
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [disk]}, {"matchExpressions": [disk]}]},
        })
    );
    let value = on(&m, r#"m.node_affinity(#{ site: ["primary", "secondary"] }, #{ required: true })"#).value();
    let both = json!({"key": "site", "operator": "In", "values": ["primary", "secondary"]});
    assert_eq!(
        pod_of(&value[0])["affinity"]["nodeAffinity"],
        json!({
            "preferredDuringSchedulingIgnoredDuringExecution": [
                preferred("zone", "z"),
                {"weight": 7, "preference": {"matchExpressions": [disk]}},
                {"weight": 8, "preference": {"matchFields": [{"key": "metadata.name"}]}},
            ],
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [disk, both]}, {"matchExpressions": [disk, both]}]},
        })
    );
}

#[test]
fn pods_that_a_selector_does_not_match_are_not_spread_by_it() {
    let m = json!([workload("Deployment", "web", json!({})), workload("Deployment", "db", json!({})), config_map()]);
    let error = on(&m, r#"m.anti_affinity(#{ app: "web" })"#).error();
    assert_eq!((error["kind"].as_str(), error["resource"].as_str()), (Some("usage"), Some("Deployment/db")));
    assert!(error["message"].as_str().unwrap().contains("do not have the label app=web"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("app=db, ef=expertflow"), "{error}");
    let bare = json!([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {}}]);
    let error = on(&bare, r#"m.anti_affinity(#{ app: "web" })"#).error();
    assert!(error["hint"].as_str().unwrap().contains("they have no labels"), "{error}");
}

#[test]
fn an_anti_affinity_replaces_its_equal_and_keeps_the_others() {
    let term = |key: &str| json!({"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": key});
    for kind in KINDS {
        let m = json!([workload(kind, "x", json!({}))]);
        let script =
            r#"m.anti_affinity(#{ app: "x" }).anti_affinity(#{ app: "x" }, #{ topology_key: "site", required: true })"#;
        let expected = json!({
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term("kubernetes.io/hostname")}],
            "requiredDuringSchedulingIgnoredDuringExecution": [term("site")],
        });
        let value = on(&m, script).value();
        assert_eq!(pod_of(&value[0])["affinity"]["podAntiAffinity"], expected, "{kind}");
    }
    let other = json!({"weight": 1, "podAffinityTerm": {"labelSelector": {"matchLabels": {"app": "x"}}, "topologyKey": "site", "namespaces": ["n"]}});
    let expression = json!({"labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["x"]}]}, "topologyKey": "site"});
    let pod = json!({"affinity": {"podAntiAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [other, {"weight": 9, "podAffinityTerm": expression}],
        "requiredDuringSchedulingIgnoredDuringExecution": [term("site")],
    }}});
    let value = on(
        &json!([workload("Deployment", "x", pod)]),
        r#"m.anti_affinity(#{ app: "x" }, #{ topology_key: "site", weight: 5 })"#,
    )
    .value();
    let expected = json!({"preferredDuringSchedulingIgnoredDuringExecution": [other, {"weight": 5, "podAffinityTerm": term("site")}]});
    assert_eq!(pod_of(&value[0])["affinity"]["podAntiAffinity"], expected);
}

#[test]
fn affinities_that_mean_nothing_are_refused() {
    let m = json!([workload("Deployment", "x", json!({}))]);
    for (script, message) in [
        ("m.node_affinity(#{})", "argument `labels` of manifest::node_affinity: is empty"),
        ("m.node_affinity(#{ site: [] })", "`site` must be a text, or a list of texts"),
        ("m.node_affinity(#{ gpu: true })", "`gpu` must be a text"),
        (
            "m.node_affinity(#{ site: \"a\" }, #{ weight: 0 })",
            "option `weight` of manifest::node_affinity must be a number from 1 to 100",
        ),
        ("m.node_affinity(#{ site: \"a\" }, #{ weight: 101 })", "from 1 to 100"),
        ("m.node_affinity(\"site\")", "must be a map of labels"),
        ("m.anti_affinity(#{})", "is empty"),
        ("m.anti_affinity(#{ app: \"x\" }, #{ topology_key: \"\" })", "`topology_key`"),
        ("m.anti_affinity(#{ app: \"x\" }, #{ topologykey: \"site\" })", "no option `topologykey`"),
    ] {
        let error = on(&m, script).error();
        assert_eq!(error["kind"], "usage", "{script}");
        assert!(
            error["message"].as_str().unwrap().contains(message) && error["hint"].is_string()
                || error["message"].as_str().unwrap().contains("must be"),
            "{script}: {error}"
        );
        assert!(error["message"].as_str().unwrap().contains(message), "{script}: {error}");
    }
}

#[test]
fn a_workload_that_does_not_describe_its_pods_is_malformed() {
    for m in [
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}}),
        json!({"kind": "CronJob", "spec": {"jobTemplate": null}}),
    ] {
        for script in [
            "manifest::node_affinity(m, #{ a: \"b\" })",
            "manifest::anti_affinity(m, #{ a: \"b\" })",
            "manifest::drop_init_containers(m, \"x\")",
        ] {
            let error = on(&m, script).error();
            assert_eq!(error["kind"], "malformed", "{script}");
            assert!(error["message"].as_str().unwrap().contains("is missing, or no map"), "{error}");
        }
    }
    let odd = json!([workload("Deployment", "x", json!({"affinity": [1]}))]);
    let error = on(&odd, "m.node_affinity(#{ a: \"b\" })").error();
    assert!(error["message"].as_str().unwrap().contains("`affinity` must be a map, and is a list"), "{error}");
}

// --- init containers, replicas, strategy ---

#[test]
fn init_containers_go_by_name_or_beginning() {
    let pod = json!({"initContainers": [{"name": "wait-for"}, {"name": "wait-for-db"}, {"name": "init"}], "containers": [{"name": "wait-for"}]});
    for kind in KINDS {
        let m = json!([workload(kind, "x", pod.clone())]);
        for (names, left) in [
            ("\"wait-for\"", json!([{"name": "wait-for-db"}, {"name": "init"}])),
            ("\"wait-for*\"", json!([{"name": "init"}])),
            ("[\"wait-for*\", \"init\"]", Json::Null),
            ("\"nobody\"", pod["initContainers"].clone()),
        ] {
            let value = on(&m, &format!("m.drop_init_containers({names})")).value();
            assert_eq!(pod_of(&value[0])["initContainers"], left, "{kind} {names}");
            assert_eq!(pod_of(&value[0])["containers"], pod["containers"]);
        }
    }
    for bad in ["\"*\"", "\"\"", "\"a*b\"", "\"a**\"", "[\"a\", \"*\"]", "5"] {
        let error = on(&json!([]), &format!("m.drop_init_containers({bad})")).error();
        assert_eq!(error["kind"], "usage", "{bad}");
    }
}

#[test]
fn replicas_are_set_where_there_are_any() {
    let m = json!(KINDS.map(|kind| workload(kind, &kind.to_lowercase(), json!({}))));
    let replicas = |script: &str| {
        on(&m, script).value().as_array().unwrap().iter().map(|o| o["spec"]["replicas"].clone()).collect::<Vec<_>>()
    };
    let before = replicas("m");
    assert_eq!(
        replicas("m.with_replicas(0)"),
        [json!(0), json!(0), before[2].clone(), json!(0), Json::Null, Json::Null, Json::Null]
    );
    assert_eq!(
        replicas("m.with_replicas(#{ statefulset: 3 })"),
        [&[before[0].clone(), json!(3)], &before[2..]].concat()
    );
    for (script, kind) in [
        ("m.with_replicas(-1)", "usage"),
        ("m.with_replicas(#{ deployment: -1 })", "usage"),
        ("m.with_replicas(1.5)", "usage"),
        ("m.with_replicas(#{ job: 1 })", "not_found"),
    ] {
        assert_eq!(on(&m, script).error()["kind"], kind, "{script}");
    }
}

#[test]
fn recreate_is_for_deployments() {
    let mut m = json!(KINDS.map(|kind| workload(kind, "x", json!({}))));
    m[0]["spec"]["strategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}});
    m[1]["spec"]["updateStrategy"] = json!({"type": "RollingUpdate"});
    let mut expected = m.clone();
    expected[0]["spec"]["strategy"] = json!({"type": "Recreate"});
    assert_eq!(on(&m, "m.recreate()").value(), expected);
}

// --- all of them ---

/// Every transform, in a form whose second application must change nothing.
const TRANSFORMS: [&str; 11] = [
    "replace_text(\"devops[0-9]*[.]ef[.]com\", \"cx.example.com\")",
    "set(\"metadata.labels.x\", 1)",
    "remove(\"spec.template.spec.affinity.nodeAffinity\")",
    "remove(\"spec.template.spec.initContainers[name=init]\")",
    "node_affinity(#{ site: \"primary\" }, #{ weight: 50 })",
    "node_affinity(#{ site: \"primary\", disk: \"ssd\" }, #{ required: true })",
    "anti_affinity(#{ ef: \"expertflow\" }, #{ weight: 7 })",
    "anti_affinity(#{ ef: \"expertflow\" }, #{ topology_key: \"site\", required: true })",
    "drop_init_containers(\"wait-for*\")",
    "with_replicas(2)",
    "recreate()",
];

#[test]
fn secrets_in_manifests_survive_and_are_never_looked_into() {
    let script = r#"
        let secret = secret::generate("db");
        let m = [#{ apiVersion: "apps/v1", kind: "Deployment", metadata: #{ name: "x" }, spec: #{ template: #{ metadata: #{ labels: #{ ef: "expertflow" } }, spec: #{} } },
                    stringData: #{ whole: secret, url: `mongodb://devops1.ef.com:${secret}@devops2.ef.com` } }];
        let before = m[0].stringData;
        let after = m.TRANSFORM[0].stringData;
        // Between the halves of the comparison stands the same word, or the secret was changed.
        after.whole.to_string() == before.whole.to_string() && after.url.contains(secret.to_string())
    "#;
    for transform in TRANSFORMS {
        let ran = run_on(NoTarget::new(), &script.replace("TRANSFORM", transform), |b| b);
        assert_eq!(ran.value(), true, "{transform}");
    }
    for (pattern, replacement, expected) in [
        ("devops[0-9]*[.]ef[.]com", "h", "mongodb://h:[secret db]@h"),
        (".", "", "[secret db]"),
        ("[a-z0-9]+", "w", "w://w:[secret db]@w"),
        ("//.*", "x", "mongodb://devops1:[secret db]@devops2"),
        ("[^a-z]", "", "mongodbdevops[secret db]devops"),
        ("@", "$0${secret::generate(\"two\")}", "mongodb://devops1:[secret db]@[secret two]devops2"),
    ] {
        let script = format!(
            "let s = secret::generate(\"db\"); let m = [#{{ u: `mongodb://devops1:${{s}}@devops2` }}]; log::info(m.replace_text({pattern:?}, `{replacement}`)[0].u)"
        );
        let script =
            script.replace("devops1:", if pattern.starts_with("devops") { "devops1.ef.com:" } else { "devops1:" });
        let script =
            script.replace("@devops2", if pattern.starts_with("devops") { "@devops2.ef.com" } else { "@devops2" });
        let ran = run_on(NoTarget::new(), &script, |b| b);
        ran.value();
        assert_eq!(ran.logs().last().map(String::as_str), Some(expected), "{pattern}");
    }
}

#[test]
fn a_secret_that_the_script_has_changed_is_refused() {
    let script = "let s = secret::generate(\"db\").to_string(); s.make_upper(); [#{ a: s }].replace_text(\"a\", \"b\")";
    let ran = run_on(NoTarget::new(), script, |b| b);
    assert_eq!(ran.error()["kind"], "secret");
    let ran = run_on(NoTarget::new(), "[#{ a: 1 }].node_affinity(#{ site: secret::generate(\"db\") })", |b| b);
    assert_eq!(ran.error()["kind"], "secret", "a label is no place for a secret");
}

#[test]
fn the_example_solution_is_rewritten_as_the_documents_ask() {
    let solution = format!("{}/../examples/solution", env!("CARGO_MANIFEST_DIR"));
    let script = format!(
        r#"let m = manifest::load("{solution}/cim/Deployments");
           let n = m.replace_text("devops[0-9]*[.]ef[.]com", "cx.example.com").node_affinity(#{{ site: "primary" }}, #{{ weight: 50 }}).drop_init_containers("wait-for").recreate().with_replicas(#{{ "ef-ccm": 2 }});
           [m, n]"#
    );
    let value = run_on(NoTarget::new(), &script, |b| b).value();
    let (before, after) = (value[0].as_array().unwrap(), value[1].as_array().unwrap());
    assert_eq!((before.len(), after.len()), (21, 21));
    assert!(value[0].to_string().contains("worker-a") && value[0].to_string().contains("wait-for"));
    assert!(!value[1].to_string().contains("worker-a") && !value[1].to_string().contains("wait-for"));
    assert!(!value[1].to_string().contains("devops"));
    let affinity =
        json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [preferred("site", "primary")]}});
    for object in after {
        assert_eq!(pod_of(object)["affinity"], affinity);
        assert_eq!(object["spec"]["strategy"], json!({"type": "Recreate"}));
        let replicas = if object["metadata"]["name"] == "ef-ccm" { 2 } else { 1 };
        assert_eq!(object["spec"]["replicas"], replicas);
    }
}

fn expressions() -> impl Strategy<Value = Json> {
    let one = (
        prop::sample::select(vec!["site", "disk", "zone"]),
        prop::sample::select(vec!["In", "NotIn", "Exists"]),
        "worker-[ab]",
    )
        .prop_map(|(key, operator, value)| json!({"key": key, "operator": operator, "values": [value]}));
    prop::collection::vec(one, 0..3).prop_map(Json::from)
}

fn pods() -> impl Strategy<Value = Json> {
    let term = (expressions(), any::<bool>())
        .prop_map(|(e, fields)| {
            if fields {
                json!({"matchExpressions": e, "matchFields": [{"key": "metadata.name"}]})
            } else {
                json!({"matchExpressions": e})
            }
        })
        .boxed();
    let weighted = term.clone().prop_map(|t| json!({"weight": 10, "preference": t}));
    let away = (
        prop::sample::select(vec!["site", "kubernetes.io/hostname"]),
        "expertflow|other",
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(key, value, as_expression, elsewhere)| {
            let selector = match as_expression {
                true => json!({"matchExpressions": [{"key": "ef", "operator": "In", "values": [value]}]}),
                false => json!({"matchLabels": {"ef": value}}),
            };
            let mut term = json!({"labelSelector": selector, "topologyKey": key});
            if elsewhere {
                term["namespaces"] = json!(["n"]);
            }
            term
        });
    let away = prop::option::of((prop::collection::vec(away.clone(), 0..3), prop::collection::vec(away, 0..3)));
    let inits = prop::collection::vec(prop::sample::select(vec!["wait-for", "wait-for-x", "init"]), 0..3);
    let near =
        (prop::option::of(prop::collection::vec(weighted, 0..4)), prop::option::of(prop::collection::vec(term, 0..3)));
    (near, away, inits, "(devops[0-9]?.ef.com)?[a-z]?").prop_map(|((preferred, required), away, inits, host)| {
        let inits: Vec<Json> = inits.into_iter().map(|n| json!({"name": n})).collect();
        let mut pod = json!({"hostname": host, "initContainers": inits});
        if let Some(preferred) = preferred {
            pod["affinity"]["nodeAffinity"][PREFERRED] = preferred.into();
        }
        if let Some(required) = required {
            pod["affinity"]["nodeAffinity"][REQUIRED] = json!({"nodeSelectorTerms": required});
        }
        if let Some((preferred, required)) = away {
            let weigh = |term: Json| json!({"weight": 3, "podAffinityTerm": term});
            pod["affinity"]["podAntiAffinity"][PREFERRED] = preferred.into_iter().map(weigh).collect::<Vec<_>>().into();
            pod["affinity"]["podAntiAffinity"][REQUIRED] = required.into();
        }
        pod
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn applied_twice_a_transform_is_applied_once(kinds in prop::collection::vec((prop::sample::select(KINDS.to_vec()), pods()), 1..4)) {
        let m: Vec<Json> = kinds.into_iter().enumerate().map(|(n, (kind, pod))| workload(kind, &format!("x{n}"), pod)).chain([config_map()]).collect();
        let calls: Vec<String> = TRANSFORMS.iter().map(|t| format!("{{ let once = m.{t}; [once, once.{t}] }}")).collect();
        let value = on(&json!(m), &format!("[{}]", calls.join(", "))).value();
        for (results, transform) in value.as_array().unwrap().iter().zip(TRANSFORMS) {
            prop_assert_eq!(&results[0], &results[1], "{}", transform);
            prop_assert_eq!(results[0].as_array().unwrap().len(), m.len());
            if transform.starts_with("node_affinity") {
                for object in results[0].as_array().unwrap().iter().filter(|o| o["kind"] != "ConfigMap") {
                    check_affinity(&pod_of(object)["affinity"]["nodeAffinity"], transform.contains("required"));
                }
            }
            if transform.starts_with("anti_affinity") {
                for (before, after) in m.iter().zip(results[0].as_array().unwrap()).filter(|(o, _)| o["kind"] != "ConfigMap") {
                    check_anti_affinity(pod_of(before), pod_of(after), transform.contains("required"));
                }
            }
        }
    }
}

/// The terms of an anti-affinity: how often ours stands in each list, and the others in their order.
fn away_terms(pod: &Json, key: &str) -> ([usize; 2], Vec<Json>) {
    let empty = Vec::new();
    let affinity = &pod["affinity"]["podAntiAffinity"];
    let (mut ours, mut others) = ([0, 0], Vec::new());
    for (list, count) in [PREFERRED, REQUIRED].into_iter().zip(&mut ours) {
        for term in affinity[list].as_array().unwrap_or(&empty) {
            let inner = term.get("podAffinityTerm").unwrap_or(term);
            let says = inner["labelSelector"].to_string();
            if says.contains("expertflow") && inner["topologyKey"] == key && inner.get("namespaces").is_none() {
                *count += 1;
            } else {
                others.push(term.clone());
            }
        }
    }
    (ours, others)
}

fn check_anti_affinity(before: &Json, after: &Json, required: bool) {
    let (key, expected) = if required { ("site", [0, 1]) } else { ("kubernetes.io/hostname", [1, 0]) };
    let ((_, kept), (ours, others)) = (away_terms(before, key), away_terms(after, key));
    assert_eq!((ours, others), (expected, kept), "{after}");
}

/// Nothing says anything else about the site, and ours is there once.
fn check_affinity(affinity: &Json, required: bool) {
    let empty = Vec::new();
    let list = |v: &Json| v.as_array().unwrap_or(&empty).clone();
    let about_site =
        |term: &Json| list(&term["matchExpressions"]).into_iter().filter(|e| e["key"] == "site").collect::<Vec<_>>();
    let ours = json!({"key": "site", "operator": "In", "values": ["primary"]});
    let preferred = list(&affinity["preferredDuringSchedulingIgnoredDuringExecution"]);
    let terms = list(&affinity["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]);
    let in_preferred: Vec<Json> = preferred.iter().flat_map(|t| about_site(&t["preference"])).collect();
    let in_required: Vec<Json> = terms.iter().flat_map(about_site).collect();
    if required {
        assert!(in_preferred.is_empty(), "{affinity}");
        assert!(
            !terms.is_empty() && in_required == vec![ours; terms.len()],
            "each alternative asks for it: {affinity}"
        );
    } else {
        assert!(in_required.is_empty(), "{affinity}");
        assert!(in_preferred.iter().all(|e| *e == ours), "{affinity}");
        let plain = json!({"matchExpressions": [ours]});
        assert_eq!(preferred.iter().filter(|t| t["preference"] == plain && t["weight"] == 50).count(), 1, "{affinity}");
    }
}
