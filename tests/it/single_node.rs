//! The main job: the stock playbook `single-node` on a real API server, twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use windlass_testbed::{TESTER, Testbed};

use crate::support::windlass;

/// The customer folder, where the run may leave its secrets.
fn acme() -> (tempfile::TempDir, PathBuf) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folder = tempfile::tempdir().unwrap();
    copy(&examples.join("acme"), &folder.path().join("acme"));
    copy(&examples.join("solution"), &folder.path().join("solution"));
    let acme = folder.path().join("acme");
    (folder, acme)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if name == "secrets.age" || name == ".windlass" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Every object's resourceVersion in the namespaces of the solution.
fn versions(bed: &Testbed) -> BTreeMap<String, String> {
    let kinds = "configmaps,secrets,services,deployments,statefulsets,cronjobs,ingresses,persistentvolumeclaims";
    let mut versions = BTreeMap::new();
    for namespace in ["expertflow", "ef-external"] {
        let list = bed.kubectl_ok(&["get", kinds, "-n", namespace, "-o", "json"], "").unwrap();
        let list: Json = serde_json::from_str(&list).unwrap();
        for object in list["items"].as_array().unwrap() {
            let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap().to_owned();
            let name = format!("{}/{} in {namespace}", text("/kind"), text("/metadata/name"));
            versions.insert(name, text("/metadata/resourceVersion"));
        }
    }
    versions
}

#[test]
fn single_node_deploys_all_components_and_a_second_run_changes_nothing() {
    if windlass_testbed::skipped() {
        return;
    }
    let bed = Testbed::builder().nodes(3).start().unwrap();
    let (_folder, acme) = acme();
    let run = |part: &[&str]| {
        let kubeconfig = bed.kubeconfig().to_str().unwrap().to_owned();
        let all = ["run", acme.to_str().unwrap(), "--kubeconfig", &kubeconfig, "--output", "json"];
        windlass(&[&all, part].concat())
    };
    let first = run(&[]);
    assert_eq!(first.code, 0, "{}", first.err);
    let report = first.json();
    let steps = report["steps"].as_array().unwrap();
    assert!(steps.len() > 20 && steps.iter().all(|s| s["status"] == "ok"), "{report:#}");
    let deployed = steps.iter().find(|s| s["key"] == "solution/deployments").unwrap();
    assert_eq!(deployed["changed"], 21);

    let before = versions(&bed);
    let mark = bed.audit_mark().unwrap();
    let second = run(&[]);
    assert_eq!(second.code, 0, "{}", second.err);
    let report = second.json();
    assert_eq!(report["changed"], 0, "{}", second.err);
    assert!(report["unchanged"].as_u64().unwrap() > 100);

    // A part on its own, as the README says. The steps that it needs do not run.
    for (part, ran) in [(["--only", "verify"], 3), (["--from", "solution/ready"], 7), (["--skip", "preflight"], 21)] {
        let alone = run(&part);
        assert_eq!(alone.code, 0, "{part:?}: {}", alone.err);
        let report = alone.json();
        let steps = report["steps"].as_array().unwrap();
        let with = |status: &str| steps.iter().filter(|s| s["status"] == status).count();
        assert_eq!((with("ok"), with("skipped")), (ran, steps.len() - ran), "{part:?}: {report:#}");
        assert_eq!(report["changed"], 0, "{part:?}");
    }

    let audit = bed.audit_since(mark).unwrap();
    let written: Vec<_> = audit.mutating_by(TESTER).iter().map(|e| format!("{} {}", e.verb, e.uri)).collect();
    assert!(written.is_empty(), "{written:?}");
    assert_eq!(before, versions(&bed));

    // It looks at the cluster, not at what a run left.
    let mark = "left-over=devops123.ef.com";
    bed.kubectl_ok(&["annotate", "service/ef-file-engine-svc", mark, "-n", "expertflow"], "").unwrap();
    let broken = run(&["--only", "verify/placeholders"]);
    assert_eq!(broken.code, 1, "{}", broken.err);
    let said = "Service/ef-file-engine-svc in expertflow still has the placeholder FQDN";
    assert!(broken.err.lines().any(|line| line.trim_start().starts_with(said)), "{}", broken.err);

    let everywhere = |needle: &str| {
        let kinds = "configmaps,deployments,statefulsets,ingresses";
        bed.kubectl_ok(&["get", kinds, "-A", "-o", "yaml"], "").unwrap().contains(needle)
    };
    assert!(!everywhere("devops123.ef.com") && !everywhere("worker-a") && everywhere("cx.acme.example"));
}
