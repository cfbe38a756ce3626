//! The same requests to the shadow and to a real API server, and their answers compared.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "the shares are for people; there is no bridge here"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_fidelity::generate::sequences;
use windlass_fidelity::kinds::Kinds;
use windlass_fidelity::known::Known;
use windlass_fidelity::life::{life, manifests};
use windlass_fidelity::{Case, Cluster, Report, run};
use windlass_shadow::Shadow;
use windlass_shadow::clock::RealClock;
use windlass_testbed::Testbed;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Requests to the API alone: no controllers on either side, so that an answer depends on requests only.
#[test]
fn answers_are_those_of_the_real_api_server() {
    if windlass_testbed::skipped() {
        return;
    }
    let given = std::env::var("FIDELITY_KUBECONFIG").ok();
    let testbed = given.is_none().then(|| Testbed::builder().without_controllers().start().unwrap());
    let kubeconfig = testbed.as_ref().map_or_else(|| given.unwrap().into(), |testbed| testbed.kubeconfig().to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wanted = std::env::var("FIDELITY_CASES").unwrap_or_default();
    let report = runtime.block_on(async {
        let real = Cluster::of_kubeconfig(&kubeconfig).await.unwrap();
        let shadow = Shadow::builder(Arc::new(RealClock::new())).build();
        tokio::spawn(shadow.run());
        let shadow = Cluster::shadow(&shadow);
        let kinds = Kinds::of(&real).await.unwrap();
        let cases: Vec<Case> = cases(&kinds).into_iter().filter(|case| case.name.contains(&wanted)).collect();
        let mut report = Report::default();
        for (number, case) in cases.iter().enumerate() {
            report.add(run::case(&real, &shadow, case, number + 1).await.unwrap());
        }
        report
    });
    // Another seed need not show all that is known.
    let usual =
        ["FIDELITY_CASES", "FIDELITY_SEED", "FIDELITY_SEQUENCES"].iter().all(|name| std::env::var(name).is_err());
    judge(&report, usual);
}

/// Those of the files, the lives of the manifests and of the example's, and those that a seed makes. To repeat a difference:
/// `FIDELITY_SEED=… FIDELITY_CASES='sequence …'`.
fn cases(kinds: &Kinds) -> Vec<Case> {
    let number = |name: &str, otherwise: u64| std::env::var(name).map_or(otherwise, |text| text.parse().unwrap());
    let (seed, count) = (number("FIDELITY_SEED", 1), number("FIDELITY_SEQUENCES", 60));
    println!("FIDELITY_SEED={seed} FIDELITY_SEQUENCES={count}");
    let own = manifests(&folder().join("manifests")).unwrap();
    let example = manifests(&folder().join("../../examples/solution")).unwrap();
    let lives = own.iter().filter_map(|(place, manifest)| life(kinds, place, manifest, false));
    let short = example.iter().filter_map(|(place, manifest)| life(kinds, place, manifest, true));
    let mut cases = Case::all_in(&folder().join("cases")).unwrap();
    cases.extend(lives.chain(short));
    cases.extend(sequences(kinds, &own, seed, count));
    cases
}

/// Prints what came of it, and fails where something differs that is not known.
fn judge(report: &Report, whole: bool) {
    let known = Known::read(&folder().join("known.yaml"), "requests").unwrap();
    let (mistaken, unknown) = (report.mistaken(), report.unknown(&known));
    let unused = if whole { known.unused(report.cases()) } else { Vec::new() };
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fidelity.txt");
    let all = format!("{}\n{}\n{}\n{}", report.shares(), report.places(), mistaken.join("\n"), unknown.join("\n"));
    std::fs::write(&written, all).unwrap();
    // A test that passes shows nothing of what it prints; this is to be seen.
    let _ = writeln!(std::io::stderr(), "\n{}\nAll differences: {}", report.shares(), written.display());
    for text in unknown.iter().take(20) {
        println!("{text}");
    }
    assert!(mistaken.is_empty(), "the real server does not answer as these cases say:\n{}", mistaken.join("\n"));
    assert!(unknown.is_empty(), "{} answers differ in a way that known.yaml does not have", unknown.len());
    assert!(unused.is_empty(), "known.yaml has differences that are none any more:\n{}", unused.join("\n"));
}
