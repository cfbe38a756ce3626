//! The main job: the stock playbook `single-node`, twice.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;
use windlass_support::{Bed, on};
use windlass_testbed::{TESTER, Testbed};

use crate::support::{acme, helm, windlass, windlass_without_helm};

/// Every object's resourceVersion in the namespaces of the solution.
/// A CronJob has a new one with each time that it is due, which is not the run's doing.
fn versions(bed: &Bed) -> BTreeMap<String, String> {
    let kinds =
        ["configmaps", "secrets", "services", "deployments", "statefulsets", "ingresses", "persistentvolumeclaims"];
    let mut versions = BTreeMap::new();
    for namespace in ["expertflow", "ef-external"] {
        for object in kinds.iter().flat_map(|kind| bed.list(kind, namespace)) {
            let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap().to_owned();
            let name = format!("{}/{} in {namespace}", text("/kind"), text("/metadata/name"));
            versions.insert(name, text("/metadata/resourceVersion"));
        }
    }
    versions
}

/// How many objects there are of each kind, whatever made them; Events come and go.
fn census(bed: &Testbed) -> BTreeMap<String, i64> {
    let kinds = bed.kubectl_ok(&["api-resources", "--verbs=list", "-o", "name"], "").unwrap();
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !kind.starts_with("events")).collect();
    let list = bed.kubectl_ok(&["get", &kinds.join(","), "-A", "-o", "json"], "").unwrap();
    let list: Json = serde_json::from_str(&list).unwrap();
    let mut census = BTreeMap::new();
    // A live run has a lock, and a simulated one needs none.
    let is_lock = |object: &&Json| object["kind"] == "Lease" && object["metadata"]["name"] == "windlass";
    for object in list["items"].as_array().unwrap().iter().filter(|object| !is_lock(object)) {
        *census.entry(object["kind"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    census
}

/// What a report says was created, by name.
fn created(report: &Json) -> BTreeSet<String> {
    let steps = report["steps"].as_array().unwrap().iter();
    let outcomes = steps.flat_map(|step| step["outcome"].as_array().unwrap());
    outcomes.filter(|o| o["op"] == "create").map(|o| o["resource"].as_str().unwrap().to_owned()).collect()
}

#[on(shadow, live)]
fn single_node_deploys_all_components_and_a_second_run_changes_nothing(bed: Bed) {
    if helm().is_none() {
        return;
    }
    let bed = bed.alone();
    let (_folder, acme) = acme();
    let run = |part: &[&str]| {
        let kubeconfig = bed.kubeconfig().to_str().unwrap().to_owned();
        let all = ["run", acme.to_str().unwrap(), "--kubeconfig", &kubeconfig, "--output", "json"];
        windlass(&[&all, part].concat())
    };
    let empty = bed.testbed().map(census);
    let first = run(&[]);
    assert_eq!(first.code, 0, "{}", first.err);
    let report = first.json();
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.len() > 20 && steps.iter().all(|s| s["status"] == "ok"), "{report:#}");
    let deployed = steps.iter().find(|s| s["key"] == "solution/deployments").unwrap();
    assert_eq!(deployed["changed"], 21);

    // A rehearsal makes the same objects, and so do its controllers.
    let rehearsed = windlass(&["rehearse", acme.to_str().unwrap(), "--nodes", "3", "--output", "json"]).json();
    assert_eq!(created(&rehearsed), created(&report));
    if let (Some(testbed), Some(empty)) = (bed.testbed(), empty) {
        let more = |(kind, count): (String, i64)| (kind.clone(), count - empty.get(&kind).unwrap_or(&0));
        let made: BTreeMap<String, i64> = census(testbed).into_iter().map(more).filter(|(_, n)| *n > 0).collect();
        let objects = rehearsed["rehearsal"]["objects"].as_array().unwrap().iter();
        let simulated: BTreeMap<String, i64> =
            objects.map(|o| (o["kind"].as_str().unwrap().to_owned(), o["count"].as_i64().unwrap())).collect();
        assert_eq!(made, simulated);
    }

    let before = versions(&bed);
    let mark = bed.mark();
    let second = run(&[]);
    assert_eq!(second.code, 0, "{}", second.err);
    let report = second.json();
    assert_eq!(report["changed"], 0, "{}", second.err);
    assert!(report["unchanged"].as_u64().unwrap() > 100);

    // A part on its own, as the README says. The steps that it needs do not run.
    for (part, ran) in [
        (["--only", "verify"], 3),
        (["--from", "solution/ready"], 7),
        (["--only", "external"], 8),
        (["--skip", "preflight"], 27),
    ] {
        let alone = run(&part);
        assert_eq!(alone.code, 0, "{part:?}: {}", alone.err);
        let report = alone.json();
        let steps = report["steps"].as_array().unwrap();
        let with = |status: &str| steps.iter().filter(|s| s["status"] == status).count();
        assert_eq!((with("ok"), with("skipped")), (ran, steps.len() - ran), "{part:?}: {report:#}");
        assert_eq!(report["changed"], 0, "{part:?}");
    }

    let audit = bed.asked_since(mark);
    let of_the_lock = |uri: &str| uri.contains("/namespaces/kube-system/leases/windlass?");
    let written = audit.mutating_by(TESTER);
    let written: Vec<_> = written.iter().map(|e| format!("{} {}", e.verb, e.uri)).filter(|e| !of_the_lock(e)).collect();
    assert!(written.is_empty(), "{written:?}");
    assert_eq!(before, versions(&bed));

    // The charts refer to the passwords, and are given none: each Secret holds what others read from it.
    for (release, secret) in [("ef-postgresql", "postgresql"), ("mongo", "mongodb"), ("grafana", "grafana")] {
        let name = format!("ef-{secret}-credentials");
        let manifest =
            bed.list("statefulsets", "ef-external").into_iter().chain(bed.list("deployments", "ef-external"));
        let mut of = manifest.filter(|o| o["metadata"]["labels"]["app.kubernetes.io/instance"] == release);
        assert!(of.next().unwrap().to_string().contains(&format!("\"name\":\"{name}\"")), "{release}");
        assert!(of.next().is_none());
    }

    // A live run without Helm stops before it changes anything.
    let kubeconfig = bed.kubeconfig().to_str().unwrap().to_owned();
    let without = windlass_without_helm(&["run", acme.to_str().unwrap(), "--kubeconfig", &kubeconfig, "-o", "json"]);
    assert_eq!(without.code, 1, "{}", without.err);
    let report = without.json();
    let failed = report["steps"].as_array().unwrap().iter().find(|s| s["status"] == "failed").unwrap();
    assert_eq!((&failed["key"], &report["changed"]), (&"preflight/external".into(), &0.into()));
    assert!(failed["error"]["hint"].as_str().unwrap().contains("install Helm"), "{failed}");

    // It looks at the cluster, not at what a run left.
    let mark = serde_json::json!({"metadata": {"annotations": {"left-over": "devops123.ef.com"}}});
    bed.patch("service/ef-file-engine-svc", "expertflow", mark);
    let broken = run(&["--only", "verify/placeholders"]);
    assert_eq!(broken.code, 1, "{}", broken.err);
    let said = "Service/ef-file-engine-svc in expertflow still has the placeholder FQDN";
    assert!(broken.err.lines().any(|line| line.trim_start().starts_with(said)), "{}", broken.err);

    let everywhere = |needle: &str| {
        let kinds = ["configmaps", "deployments", "statefulsets", "ingresses"];
        kinds.iter().flat_map(|kind| bed.list_everywhere(kind)).any(|object| object.to_string().contains(needle))
    };
    assert!(!everywhere("devops123.ef.com") && !everywhere("worker-a") && everywhere("cx.acme.example"));
}
