//! What an API server says beside "yes".

use serde_json::Value as Json;
use windlass_support::{Bed, on};

use crate::support::windlass;

/// A kind with a rule that is judged, and one that only a real API server can judge.
const SHIPS: &str = r#"
    let spec = #{ type: "object", properties: #{
        load: #{ type: "string", maxLength: 20, "x-kubernetes-validations": [#{ rule: "quantity(self).isLessThan(quantity('1Gi'))" }] },
        name: #{ type: "string", maxLength: 20, "x-kubernetes-validations": [#{ rule: "self.startsWith('HMS ')" }] },
    } };
    let version = #{ name: "v1", served: true, storage: true, schema: #{ openAPIV3Schema: #{ type: "object", properties: #{ spec: spec } } } };
    cluster::apply(#{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: #{ name: "ships.example.com" },
        spec: #{ group: "example.com", scope: "Namespaced", names: #{ plural: "ships", kind: "Ship" }, versions: [version] } });
    wait::condition("CustomResourceDefinition/ships.example.com", "Established");
"#;

fn run(command: &[&str], script: &str, more: &[&str]) -> crate::support::Ran {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.rhai");
    std::fs::write(&file, script).unwrap();
    windlass(&[command, &[file.to_str().unwrap()], more].concat())
}

#[on(shadow, live)]
fn a_warning_of_the_api_server_is_told_once(bed: Bed) {
    let (namespace, kubeconfig) = (bed.namespace(), bed.kubeconfig());
    let script = format!(
        r#"for name in ["a", "b", "a"] {{
            cluster::apply(#{{ apiVersion: "v1", kind: "Endpoints", metadata: #{{ name: name, namespace: "{namespace}" }} }});
        }}"#
    );
    let ran = run(&["run"], &script, &["--kubeconfig", kubeconfig.to_str().unwrap(), "--output", "jsonl"]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let events: Vec<Json> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let warned: Vec<&str> = events.iter().filter(|e| e["level"] == "warn").filter_map(|e| e["text"].as_str()).collect();
    let words = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice";
    assert_eq!(warned, ["a", "b"].map(|name| format!("Endpoints/{name} in {namespace}: {words}")));
}

#[test]
fn what_nobody_could_judge_is_told_as_such_and_counts_as_changed() {
    let script = format!(
        r#"{SHIPS}
        let ship = |name, spec| #{{ apiVersion: "example.com/v1", kind: "Ship", metadata: #{{ name: name }}, spec: spec }};
        cluster::apply(ship.call("sure", #{{ name: "HMS Bounty" }}));
        let unsure = cluster::apply(ship.call("unsure", #{{ load: "1Mi" }}));
        log::info(`it changed: ${{unsure.changed}}`);"#
    );
    let report = run(&["rehearse"], &script, &["--output", "json"]).json();
    assert_eq!((&report["status"], &report["changed"]), (&"ok".into(), &3.into()), "{report:#}");
    let outcome = report["steps"][0]["outcome"].as_array().unwrap();
    let results: Vec<(&str, &str)> =
        outcome.iter().map(|o| (o["resource"].as_str().unwrap(), o["result"].as_str().unwrap())).collect();
    assert_eq!(results[1..], [("Ship/sure in default", "changed"), ("Ship/unsure in default", "unvalidated")]);
    let reason = outcome[2]["reason"].as_str().unwrap();
    assert!(reason.contains("spec.load") && reason.contains("quantity"), "{reason}");

    let told = run(&["rehearse"], &script, &["--twice"]);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.err.contains("? Ship/unsure in default created, not validated (the rule "), "{}", told.err);
    assert!(told.err.contains("it changed: true"), "{}", told.err);
    assert!(
        told.out.contains("rules that only a real API server can judge, about Ship/unsure in default"),
        "{}",
        told.out
    );
    assert!(told.out.contains("0 changed"), "{}", told.out);

    let refused = run(&["rehearse"], &script.replace("HMS Bounty", "Bounty"), &[]);
    assert_eq!(refused.code, 1, "{}", refused.err);
}
