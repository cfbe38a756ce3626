//! The same manifests to the shadow with its controllers and to a real cluster with simulated nodes: what both have come to
//! when they are quiet is compared.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the shares are for people; there is no bridge here"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use windlass_fidelity::case::Step;
use windlass_fidelity::compare::{Difference, differences};
use windlass_fidelity::known::Known;
use windlass_fidelity::mask::Masked;
use windlass_fidelity::settled::Side;
use windlass_fidelity::{Case, Cluster, Json};
use windlass_shadow::Shadow;
use windlass_shadow::clock::RealClock;
use windlass_shadow::fault::Scene;
use windlass_shadow::topology::Topology;
use windlass_testbed::Testbed;

/// The machines of the test bed.
fn topology() -> Topology {
    let mut topology = Topology::of(3);
    for node in &mut topology.nodes {
        for (resource, amount) in [("cpu", "8"), ("memory", "32Gi"), ("pods", "110"), ("ephemeral-storage", "150Gi")] {
            node.capacity.insert(resource.into(), amount.into());
        }
    }
    topology
}

/// Almost as quick as the test bed's nodes are: what starts has to be seen to start.
fn scene() -> Scene {
    let quick = Duration::from_millis(100);
    let mut scene = Scene::default();
    (scene.stop, scene.provision) = (quick, quick);
    scene.inject("image/missing".parse().unwrap());
    scene
}

#[test]
fn both_come_to_the_same() {
    if windlass_testbed::skipped() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted = std::env::var("FIDELITY_CASES").unwrap_or_default();
    let cases = Case::all_in(&folder.join("settled")).unwrap();
    let testbed = std::env::var("FIDELITY_KUBECONFIG").is_err().then(|| Testbed::builder().nodes(3).start().unwrap());
    let kubeconfig = match &testbed {
        Some(testbed) => testbed.kubeconfig().to_owned(),
        None => std::env::var("FIDELITY_KUBECONFIG").unwrap().into(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut report = Report::default();
    runtime.block_on(async {
        let real = Cluster::of_kubeconfig(&kubeconfig).await.unwrap();
        let shadow = Shadow::builder(Arc::new(RealClock::new())).topology(topology()).scene(scene()).build();
        tokio::spawn(shadow.run());
        let cluster = Cluster::shadow(&shadow);
        for (number, case) in cases.iter().enumerate().filter(|(_, case)| case.name.contains(&wanted)) {
            let namespace = format!("settled-{number}-{}", std::process::id());
            let start = std::time::Instant::now();
            let before = report.found.len();
            run(&real, &cluster, case, &namespace, &mut report).await;
            println!("{}: {} differences, {:.0?}", case.name, report.found.len() - before, start.elapsed());
        }
        assert_eq!(shadow.endless(), Vec::<String>::new());
    });
    report.judge(folder);
}

async fn run(real: &Cluster, shadow: &Cluster, case: &Case, namespace: &str, report: &mut Report) {
    let (real, shadow) = (Side::begin(real, namespace).await.unwrap(), Side::begin(shadow, namespace).await.unwrap());
    for (number, step) in case.steps.iter().enumerate() {
        if step.method() != "SETTLE" {
            let said =
                |answer: Result<(), windlass_fidelity::Error>| answer.err().map(|error| error.to_string().into());
            let (real, shadow) = (said(real.take(step).await), said(shadow.take(step).await));
            if real.is_some() || shadow.is_some() {
                report.found.push((case.name.clone(), Difference { at: step.send.clone(), real, shadow }));
            }
            continue;
        }
        let longer = step.path().parse().ok().map(Duration::from_secs);
        let (theirs, ours) = futures::join!(real.settle(longer), shadow.settle(longer));
        report.compare(&format!("{} #{}", case.name, number + 1), &theirs.unwrap(), &ours.unwrap());
    }
    let away = Step { send: "DELETE /api/v1/namespaces/$ns".into(), ..Step::default() };
    for side in [real, shadow] {
        // A case may have deleted it.
        drop(side.take(&away).await);
    }
}

#[derive(Default)]
struct Report {
    compared: usize,
    found: Vec<(String, Difference)>,
}

impl Report {
    fn compare(&mut self, case: &str, real: &BTreeMap<String, Json>, shadow: &BTreeMap<String, Json>) {
        let keys: BTreeSet<&String> = real.keys().chain(shadow.keys()).collect();
        self.compared += keys.len();
        for key in keys {
            let (real, shadow) = (real.get(key), shadow.get(key));
            let masked = |object: &Json| Masked { code: 200, headers: BTreeMap::new(), body: object.clone() };
            let found = match (real, shadow) {
                (Some(real), Some(shadow)) => differences(&masked(real), &masked(shadow)),
                _ => vec![Difference { at: "object".into(), real: real.cloned(), shadow: shadow.cloned() }],
            };
            let named = |mut difference: Difference| {
                difference.at = format!("{key} {}", difference.at);
                (case.to_owned(), difference)
            };
            self.found.extend(found.into_iter().map(named));
        }
    }

    /// What is known to differ is left to chance there: it may be equal as well.
    fn judge(&self, folder: &Path) {
        let known = Known::read(&folder.join("known-settled.yaml")).unwrap();
        let unknown: Vec<String> = self
            .found
            .iter()
            .filter(|(case, difference)| !known.covers(case, difference))
            .map(|(case, d)| {
                let said = |value: &Option<Json>| value.as_ref().map_or_else(|| "-".to_owned(), Json::to_string);
                format!("{case}\n  {}\n    real:   {}\n    shadow: {}", d.at, said(&d.real), said(&d.shadow))
            })
            .collect();
        println!(
            "{} objects compared, {} differences, {} of them unknown",
            self.compared,
            self.found.len(),
            unknown.len()
        );
        let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("settled.txt");
        std::fs::write(&written, unknown.join("\n")).unwrap();
        assert!(
            unknown.is_empty(),
            "see {}:\n{}",
            written.display(),
            unknown.iter().take(10).cloned().collect::<Vec<_>>().join("\n")
        );
    }
}
