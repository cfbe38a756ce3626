//! `cargo xtask demo`.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus};
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde_json::Value;
use windlass_testbed::{Event, Helm, TESTER, Testbed};

use crate::up::{seconds, start};
use crate::{Error, tool};

const EXAMPLE: &str = "examples/acme";

pub(crate) fn run(nodes: usize) -> Result<ExitCode, Error> {
    heading("1/4 the command");
    let windlass = build()?;
    heading("2/4 a test bed");
    let testbed = start(nodes)?;
    let helm = Helm::Four.ensure()?;
    let interrupted = tool::interrupted()?;
    for (title, changing) in
        [("3/4 the first run makes everything", true), ("4/4 the second run changes nothing", false)]
    {
        heading(title);
        let (status, changes) = windlass_run(&windlass, &helm, &testbed)?;
        if interrupted.load(Ordering::Relaxed) {
            eprintln!("interrupted");
            return Ok(tool::exit_code(status));
        }
        if !status.success() {
            eprintln!("windlass run {EXAMPLE} ended with {status}");
            return Ok(tool::exit_code(status));
        }
        if changes.is_empty() == changing {
            let what = if changing { "nothing".to_owned() } else { changes.join(", ") };
            return Err(Error::Other(format!("by the audit log, this run changed {what}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the `windlass` command in release and says where it is.
pub(crate) fn build() -> Result<PathBuf, Error> {
    eprintln!("building windlass in release (some minutes the first time)");
    let start = Instant::now();
    let mut cargo = tool::cargo();
    cargo.args([
        "build",
        "--release",
        "--package",
        "windlass",
        "--bin",
        "windlass",
        "--message-format=json-render-diagnostics",
    ]);
    let (status, messages) = tool::output(&mut cargo)?;
    if !status.success() {
        return Err(Error::Other(format!("cargo build ended with {status}")));
    }
    let mut executables = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let is_ours = message.pointer("/target/name")? == "windlass";
        message.get("executable")?.as_str().filter(|_| is_ours).map(PathBuf::from)
    });
    let windlass =
        executables.next_back().ok_or_else(|| Error::Other("cargo built no executable `windlass`".to_owned()))?;
    eprintln!("built after {}", seconds(start));
    Ok(windlass)
}

/// One run on the test bed: how it ended, and what it changed by the API server's audit log.
fn windlass_run(windlass: &Path, helm: &Path, testbed: &Testbed) -> Result<(ExitStatus, Vec<String>), Error> {
    let mark = testbed.audit_mark()?;
    let start = Instant::now();
    eprintln!("$ KUBECONFIG={} windlass run {EXAMPLE}", testbed.kubeconfig().display());
    let mut command = tool::command(windlass);
    command.args(["run", EXAMPLE]).env("KUBECONFIG", testbed.kubeconfig()).env("WINDLASS_HELM", helm);
    let status = tool::run(&mut command)?;
    let took = seconds(start);
    let audit = testbed.audit_since(mark)?;
    let requests = audit.by(TESTER).count();
    let (lock, changes): (Vec<&Event>, Vec<&Event>) =
        audit.mutating_by(TESTER).into_iter().partition(|event| is_lock(event));
    eprintln!(
        "it took {took}; by the API server's audit log: {requests} requests, {} of them changes (and {} to the lock)",
        changes.len(),
        lock.len()
    );
    Ok((status, changes.iter().map(|event| format!("{} {}", event.verb, event.uri)).collect()))
}

/// Whether a request is about the lock of a run, which is not part of what it deploys.
fn is_lock(event: &Event) -> bool {
    event.object.as_ref().is_some_and(|object| {
        object.resource == "leases"
            && object.namespace == "kube-system"
            && (object.name.is_empty() || object.name == "windlass")
    })
}

fn heading(text: &str) {
    eprintln!("\n== {text}");
}
