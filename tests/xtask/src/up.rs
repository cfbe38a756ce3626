//! `cargo xtask testbed`.

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use windlass_testbed::{Binaries, Testbed};

use crate::{Error, tool};

pub(crate) fn build() -> Result<ExitCode, Error> {
    let binaries = Binaries::ensure(&mut |line| eprintln!("{line}"))?;
    if Testbed::real_node_available().is_ok() {
        Testbed::build_real_node()?;
    }
    println!("{}", binaries.path("controlplane").display());
    Ok(ExitCode::SUCCESS)
}

/// Starts a test bed and says how far it is.
pub(crate) fn start(nodes: usize) -> Result<Testbed, Error> {
    Binaries::ensure(&mut |line| eprintln!("{line}"))?;
    let start = Instant::now();
    let testbed = Testbed::builder().nodes(nodes).progress(|line| eprintln!("{line}")).start()?;
    eprintln!(
        "the test bed (Kubernetes {}, {nodes} simulated nodes) is up after {}",
        windlass_testbed::KUBERNETES_VERSION,
        seconds(start)
    );
    Ok(testbed)
}

pub(crate) fn seconds(since: Instant) -> String {
    format!("{:.1} s", since.elapsed().as_secs_f64())
}

pub(crate) fn run(nodes: usize) -> Result<ExitCode, Error> {
    let testbed = start(nodes)?;
    let interrupted = tool::interrupted()?;
    let kubeconfig = testbed.kubeconfig().display();
    println!("{kubeconfig}");
    println!();
    println!("In another terminal:");
    println!("  export KUBECONFIG={kubeconfig}");
    println!("  {} get nodes", testbed.kubectl_path().display());
    println!("  cargo run -- run examples/acme");
    println!("The servers' logs are in {}.", testbed.logs().display());
    println!("Ctrl-C ends it and removes everything.");
    while !interrupted.load(Ordering::Relaxed) {
        testbed.check()?;
        pause(Duration::from_millis(100));
    }
    drop(testbed);
    eprintln!("the test bed has ended");
    Ok(ExitCode::SUCCESS)
}

#[expect(clippy::disallowed_methods, reason = "a test bed lives in real time")]
fn pause(time: Duration) {
    std::thread::sleep(time);
}
