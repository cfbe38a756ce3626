//! A recorded cluster, seen again without it.

use std::collections::BTreeMap;
use std::fs::File;
use std::sync::Arc;

use serde_json::Value as Json;
use windlass_runtime::bridge::Bridge;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::cluster::{Collection, ListOptions};
use windlass_runtime::target::{Live, Shadow, Target};
use windlass_shadow::recording::Recording;
use windlass_shadow::topology::Topology;
use windlass_testbed::{TESTER, Testbed};

use crate::support::windlass;

/// By resource.
type Lists = BTreeMap<String, Vec<Json>>;

/// All lists of a cluster, of what is stored in it.
fn lists(target: impl Target) -> Lists {
    let target: Arc<dyn Target> = Arc::new(target);
    let bridge = Bridge::new().unwrap().for_target(target.simulation());
    let clock = target.clock();
    let lists = async move {
        let cluster = target.cluster(None).await?;
        let mut lists = Lists::new();
        for kind in cluster.discovery().await?.kinds() {
            let name = format!("{}.{}", kind.plural, kind.api_version());
            if kind.has_verb("list") && !matches!(&*kind.plural, "events" | "componentstatuses") {
                let listing = cluster.list(&Collection::of("", kind, None), &ListOptions::default()).await?;
                lists.insert(name, listing.items.into_iter().map(|mut item| plain(&mut item)).collect());
            }
        }
        Ok(lists)
    };
    bridge.wait(&Cancel::root(), &clock, lists).unwrap()
}

/// Without versions, and without what a heartbeat changes from one list to the next.
fn plain(value: &mut Json) -> Json {
    match value {
        Json::Object(fields) => {
            fields.retain(|key, _| !matches!(&**key, "resourceVersion" | "lastHeartbeatTime" | "renewTime" | "time"));
            fields.values_mut().for_each(|value| *value = plain(value));
        }
        Json::Array(items) => items.iter_mut().for_each(|value| *value = plain(value)),
        _ => {}
    }
    value.take()
}

#[test]
fn a_recorded_cluster_has_the_same_lists() {
    if windlass_testbed::skipped() {
        return;
    }
    let bed = Testbed::builder().nodes(3).start().unwrap();
    bed.kubectl_ok(&["create", "deployment", "web", "--image=nginx:1.27", "--replicas=3"], "").unwrap();
    bed.kubectl_ok(&["expose", "deployment", "web", "--port=80"], "").unwrap();
    bed.kubectl_ok(&["create", "secret", "generic", "login", "--from-literal=password=correct-horse"], "").unwrap();
    let definition = include_str!("recorded/lamps.yaml");
    bed.kubectl_ok(&["apply", "-f", "-"], definition).unwrap();
    bed.kubectl_ok(&["wait", "crd/lamps.example.com", "--for=condition=Established"], "").unwrap();
    let lamp = "{apiVersion: example.com/v1, kind: Lamp, metadata: {name: a}, spec: {\"on\": true}}";
    bed.kubectl_ok(&["apply", "-f", "-"], lamp).unwrap();
    bed.kubectl_ok(&["rollout", "status", "deployment/web"], "").unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cluster.windlass");
    let (path, kubeconfig) = (file.to_str().unwrap(), bed.kubeconfig().to_str().unwrap());
    let mark = bed.audit_mark().unwrap();
    let recorded = windlass(&["shadow", "record", path, "--kubeconfig", kubeconfig]);
    assert_eq!((recorded.code, recorded.out.trim()), (0, path), "{}", recorded.err);
    assert_eq!(bed.audit_since(mark).unwrap().mutating_by(TESTER).len(), 0, "it only reads");
    let again = windlass(&["shadow", "record", path, "--kubeconfig", kubeconfig]);
    assert!(again.code == 2 && again.err.contains("the file is there"), "{again:?}");

    let recording = Recording::read(File::open(&file).unwrap()).unwrap();
    assert_eq!(recording.unknown(), BTreeMap::new());
    assert_eq!(recording.nodes().len(), 3);
    let shadow = Shadow::builder().base(recording.clone()).topology(Topology::default()).build().unwrap();
    let (live, shadow) = (lists(Live::builder().kubeconfig(bed.kubeconfig()).build()), lists(shadow));
    let mut differ = Vec::new();
    for (resource, theirs) in live.iter().filter(|(resource, _)| *resource != "secrets.v1") {
        match shadow.get(resource) {
            None => differ.push(format!("{resource}: not served")),
            Some(ours) if ours != theirs => {
                let (ours, theirs) = (Json::from(ours.clone()), Json::from(theirs.clone()));
                differ.push(format!("{resource}:\n  {ours}\n  {theirs}"));
            }
            Some(_) => {}
        }
    }
    assert!(differ.is_empty(), "{} of {} lists differ:\n{}", differ.len(), live.len(), differ.join("\n"));
    assert_eq!(shadow["lamps.example.com/v1"].len(), 1);

    let secret = |lists: &Lists| {
        let secrets = lists["secrets.v1"].iter();
        secrets.clone().find(|secret| secret["metadata"]["name"] == "login").unwrap().clone()
    };
    let (real, dummy) = (secret(&live), secret(&shadow));
    assert_eq!(dummy["data"]["password"], "eHh4eHh4eHh4eHh4eA==");
    assert_eq!(dummy["data"]["password"].to_string().len(), real["data"]["password"].to_string().len());
    assert!(!std::fs::read(&file).unwrap().windows(13).any(|part| part == b"correct-horse"));

    // A rehearsal over it sees what is there.
    let script = folder.path().join("scale.rhai");
    std::fs::write(&script, include_str!("recorded/scale.rhai")).unwrap();
    let rehearsed = windlass(&["rehearse", script.to_str().unwrap(), "--base", path, "--output", "json"]);
    assert_eq!(rehearsed.code, 0, "{}\n{}", rehearsed.out, rehearsed.err);
    assert_eq!(rehearsed.json()["changed"], 1);
    let there = bed.kubectl_ok(&["get", "deployment", "web", "-o", "jsonpath={.spec.replicas}"], "").unwrap();
    assert_eq!(there, "3", "the live cluster is as it was");
}
