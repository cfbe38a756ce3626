//! The same manifests to the shadow with its controllers and to a real cluster with simulated nodes: what both have come to
//! when they are quiet is compared.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the shares are for people; there is no bridge here"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use windlass_fidelity::case::Step;
use windlass_fidelity::compare::{Difference, differences};
use windlass_fidelity::known::Known;
use windlass_fidelity::mask::Masked;
use windlass_fidelity::mirror::Mirror;
use windlass_fidelity::settled::Side;
use windlass_fidelity::{Case, Cluster, Json};
use windlass_shadow::Shadow;
use windlass_shadow::clock::RealClock;
use windlass_shadow::fault::{Fault, Scene};
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
    (scene.stop, scene.provision, scene.node_grace) = (quick, quick, SILENCE);
    scene.inject("image/missing".parse().unwrap());
    scene
}

/// How long the one is waited for that has not come to what the other is like.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a node may be silent.
const SILENCE: Duration = Duration::from_secs(6);

/// Both clusters, and who plays their nodes.
struct Both {
    real: Cluster,
    shadow: Cluster,
    mirrors: [Mirror; 2],
    testbed: Testbed,
    play: Shadow,
}

#[test]
fn both_come_to_the_same() {
    if windlass_testbed::skipped() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted = std::env::var("FIDELITY_CASES").unwrap_or_default();
    let mut cases = Case::all_in(&folder.join("settled")).unwrap();
    cases.retain(|case| case.name.contains(&wanted));
    let testbed = Testbed::builder().nodes(3).unreachable_after(SILENCE).start().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let report = RefCell::new(Report::new(folder));
    runtime.block_on(async {
        let real = Cluster::of_kubeconfig(testbed.kubeconfig()).await.unwrap();
        let play = Shadow::builder(Arc::new(RealClock::new())).topology(topology()).scene(scene()).build();
        tokio::spawn(play.run());
        let shadow = Cluster::shadow(&play);
        let mirrors = [Mirror::of(&real), Mirror::of(&shadow)];
        let both = Both { real, shadow, mirrors, testbed, play };
        let (alone, together): (Vec<_>, Vec<_>) = cases.iter().enumerate().partition(|(_, case)| case.alone);
        futures::future::join_all(together.into_iter().map(|(number, case)| run(&both, case, number, &report))).await;
        for (number, case) in alone {
            run(&both, case, number, &report).await;
        }
        assert_eq!(both.play.endless(), Vec::<String>::new());
    });
    report.into_inner().judge();
}

/// How often a case is run that shows a difference. What a real cluster does by chance (a pod is deleted while it is being
/// bound, two controllers write at once) is not seen every time.
const ATTEMPTS: usize = 3;

/// Runs a case, and reports the differences that are known, and those that every run of it has shown.
async fn run(both: &Both, case: &Case, number: usize, report: &RefCell<Report>) {
    let mut lasting: Option<BTreeSet<(String, String)>> = None;
    for attempt in 1..=ATTEMPTS {
        let namespace = format!("settled-{number}-{attempt}-{}", std::process::id());
        let mut ran = once(both, case, &namespace, report).await;
        let mut report = report.borrow_mut();
        let place = |(case, difference): &(String, Difference)| (case.clone(), difference.at.clone());
        let is_known = |(case, difference): &(String, Difference)| report.known.covers(case, difference);
        let mut unknown: BTreeSet<_> = ran.found.iter().filter(|found| !is_known(found)).map(place).collect();
        if let Some(before) = lasting {
            unknown.retain(|place| before.contains(place));
        }
        if unknown.is_empty() || attempt == ATTEMPTS {
            ran.found.retain(|found| is_known(found) || unknown.contains(&place(found)));
            return report.add(ran);
        }
        println!("{}: once more, for what may be chance: {unknown:?}", case.name);
        lasting = Some(unknown);
    }
}

async fn once(both: &Both, case: &Case, namespace: &str, report: &RefCell<Report>) -> Compared {
    let start = std::time::Instant::now();
    let (real, shadow) = futures::join!(
        Side::begin(&both.real, &both.mirrors[0], namespace, case.alone),
        Side::begin(&both.shadow, &both.mirrors[1], namespace, case.alone)
    );
    let (real, shadow) = (real.unwrap(), shadow.unwrap());
    let mut all = Compared { objects: 0, found: Vec::new() };
    for (number, step) in case.steps.iter().enumerate() {
        let said = |answer: Result<(), windlass_fidelity::Error>| answer.err().map(|error| error.to_string().into());
        let (real, shadow): (Option<Json>, Option<Json>) = match step.method() {
            "SETTLE" => {
                let longer = step.path().parse().ok().map(Duration::from_secs);
                let place = format!("{} #{}", case.name, number + 1);
                let compared = settle(&place, &real, &shadow, longer, report).await;
                all.objects += compared.objects;
                all.found.extend(compared.found);
                continue;
            }
            "STOP" => {
                both.testbed.stop_node(step.path()).unwrap();
                both.play.inject(Fault::Node { name: step.path().into() });
                continue;
            }
            "START" => {
                both.testbed.start_node(step.path()).unwrap();
                both.play.mend(&Fault::Node { name: step.path().into() });
                continue;
            }
            "EXPECT" => {
                let (real, shadow) = futures::join!(real.expect(step), shadow.expect(step));
                (said(real), said(shadow))
            }
            _ => (said(real.take(step).await), said(shadow.take(step).await)),
        };
        if real.is_some() || shadow.is_some() {
            let difference = Difference { at: step.send.clone(), real, shadow };
            all.found.push((case.name.clone(), difference));
        }
    }
    println!("{}: {} differences, {:.0?}", case.name, all.found.len(), start.elapsed());
    let away = Step { send: "DELETE /api/v1/namespaces/$ns".into(), ..Step::default() };
    for side in [real, shadow] {
        // A case may have deleted it.
        drop(side.take(&away).await);
    }
    all
}

/// Waits until both are quiet, and for as long as the one may still come to what the other is like: on a busy machine, a
/// cluster can be quiet for a moment without having come to its end.
async fn settle(
    place: &str,
    real: &Side<'_>,
    shadow: &Side<'_>,
    longer: Option<Duration>,
    report: &RefCell<Report>,
) -> Compared {
    let start = std::time::Instant::now();
    loop {
        let (theirs, ours) = futures::join!(real.settle(longer), shadow.settle(longer));
        let compared = Report::compare(place, &theirs, &ours);
        let known = compared.found.iter().all(|(case, difference)| report.borrow().known.covers(case, difference));
        if known || start.elapsed() > PATIENCE {
            return compared;
        }
    }
}

/// What two states of a case have come to.
struct Compared {
    objects: usize,
    found: Vec<(String, Difference)>,
}

struct Report {
    known: Known,
    compared: usize,
    found: Vec<(String, Difference)>,
}

impl Report {
    fn new(folder: &Path) -> Self {
        let known = Known::read(&folder.join("known.yaml"), "settled").unwrap();
        Self { known, compared: 0, found: Vec::new() }
    }

    fn add(&mut self, compared: Compared) {
        self.compared += compared.objects;
        self.found.extend(compared.found);
    }

    fn compare(case: &str, real: &BTreeMap<String, Json>, shadow: &BTreeMap<String, Json>) -> Compared {
        let keys: BTreeSet<&String> = real.keys().chain(shadow.keys()).collect();
        let mut compared = Compared { objects: keys.len(), found: Vec::new() };
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
            compared.found.extend(found.into_iter().map(named));
        }
        compared
    }

    /// What is known to differ is left to chance there: it may be equal as well.
    fn judge(&self) {
        let unknown: Vec<String> = self
            .found
            .iter()
            .filter(|(case, difference)| !self.known.covers(case, difference))
            .map(|(case, d)| {
                let said = |value: &Option<Json>| value.as_ref().map_or_else(|| "-".to_owned(), Json::to_string);
                format!("{case}\n  {}\n    real:   {}\n    shadow: {}", d.at, said(&d.real), said(&d.shadow))
            })
            .collect();
        // A test that passes shows nothing of what it prints; this is to be seen.
        let _ = writeln!(
            std::io::stderr(),
            "\n{} objects compared, {} differences, {} of them unknown",
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
