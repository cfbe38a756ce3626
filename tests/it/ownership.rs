//! Whole objects and partial changes in one playbook, as people mix them.

use windlass_support::{Bed, on};
use windlass_testbed::TESTER;

use crate::support::run_script;

fn deployment(namespace: &str, replicas: u32) -> String {
    format!(
        "#{{ apiVersion: \"apps/v1\", kind: \"Deployment\", metadata: #{{ name: \"web\", namespace: \"{namespace}\", labels: #{{ app: \"web\" }} }},
            spec: #{{ replicas: {replicas}, selector: #{{ matchLabels: #{{ app: \"web\" }} }}, template: #{{ metadata: #{{ labels: #{{ app: \"web\" }} }},
            spec: #{{ containers: [#{{ name: \"c\", image: \"registry.example.com/web:1\" }}] }} }} }} }}"
    )
}

#[on(shadow, live)]
fn apply_label_scale_taint_and_apply_again_changes_nothing_the_second_time_and_loses_nothing(bed: Bed) {
    let (namespace, kubeconfig) = (bed.namespace(), bed.kubeconfig());
    let on = format!("#{{ namespace: \"{namespace}\" }}");
    let script = format!(
        "let web = {web};
         cluster::apply(web);
         cluster::label(\"Deployment/web\", #{{ tier: \"front\" }}, {on});
         cluster::annotate(\"Deployment/web\", #{{ \"example.com/note\": \"x\" }}, {on});
         cluster::scale(\"Deployment/web\", 3, {on});
         cluster::taint(\"Node/node-3\", #{{ key: \"{namespace}\", value: \"yes\", effect: \"PreferNoSchedule\" }});
         cluster::apply(web);",
        web = deployment(&namespace, 1),
    );
    let first = run_script(&kubeconfig, &script);
    assert_eq!(first["status"], "ok", "{first:#}");
    assert_eq!(first["changed"], 5, "{first:#}");
    let mark = bed.mark();
    let second = run_script(&kubeconfig, &script);
    assert_eq!((&second["status"], &second["changed"]), (&"ok".into(), &0.into()), "{second:#}");
    let audit = bed.asked_since(mark);
    let written: Vec<_> = audit
        .mutating_by(TESTER)
        .into_iter()
        .filter(|e| e.uri.contains(&namespace) || e.uri.contains("/nodes/"))
        .collect();
    assert!(written.is_empty(), "{written:?}");
    let reasons: Vec<&str> =
        second["steps"][0]["outcome"].as_array().unwrap().iter().filter_map(|o| o["reason"].as_str()).collect();
    assert!(reasons.iter().any(|r| r.contains("spec.replicas kept at 3")), "{reasons:?}");

    let live = bed.get("deploy/web", &namespace);
    assert_eq!(live["spec"]["replicas"], 3);
    assert_eq!(live["metadata"]["labels"], serde_json::json!({ "app": "web", "tier": "front" }));
    assert_eq!(live["metadata"]["annotations"]["example.com/note"], "x");
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "registry.example.com/web:1");

    // Now the manifest itself says something new about what was scaled.
    let apply =
        |options: &str| run_script(&kubeconfig, &format!("cluster::apply({}{options})", deployment(&namespace, 5)));
    let refused = apply("");
    let error = &refused["steps"][0]["error"];
    assert_eq!(error["kind"], "conflict", "{refused:#}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("spec.replicas is 3") && message.contains("now says 5"), "{message}");
    let left = apply(", #{ conflicts: \"leave\" }");
    assert_eq!(left["status"], "ok", "{left:#}");
    assert_eq!(replicas(&bed, &namespace), 3);
    let taken = apply(", #{ conflicts: \"take\" }");
    assert_eq!(taken["status"], "ok", "{taken:#}");
    assert_eq!(replicas(&bed, &namespace), 5);
    let again = apply("");
    assert_eq!((&again["status"], &again["changed"]), (&"ok".into(), &0.into()), "{again:#}");
}

fn replicas(bed: &Bed, namespace: &str) -> u64 {
    bed.get("deploy/web", namespace)["spec"]["replicas"].as_u64().unwrap()
}
