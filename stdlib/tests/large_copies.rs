//! Copies of more than should be in memory. What this process holds is measured, so nothing else runs in it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test fails so")]

use std::io::Write as _;
use std::path::Path;

use serde_json::Value as Json;
use windlass_runtime::Runtime;
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::report::RunStatus;
use windlass_support::{Bed, deployment, on};

const SIZE: u64 = 300 << 20;
/// So much more may be held while so much is copied, in MiB.
const MOST: u64 = 100;

/// The most that this process held in memory since it was asked to forget, in MiB.
fn most_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() >> 10
}

/// Runs a script, and says how much memory it needed, and what it changed.
fn run(bed: &Bed, script: &str) -> (u64, usize) {
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build().unwrap();
    let state = tempfile::tempdir().unwrap();
    let session = runtime.session(bed.target()).state_folder(state.path()).open();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = most_memory();
    let prepared = session.prepare(&Playbook::text("test.rhai", script)).unwrap();
    let report = prepared.start(&Selection::default()).unwrap().wait().unwrap();
    assert_eq!(report.status, RunStatus::Ok, "{report:?}");
    (most_memory() - before, report.changed)
}

fn write(file: &Path) {
    let mut content = std::fs::File::create(file).unwrap();
    let piece: Vec<u8> = (0..1_u32 << 20).map(|n| (n % 251) as u8).collect();
    (0..SIZE >> 20).for_each(|_| content.write_all(&piece).unwrap());
}

#[on(node, because = "a simulated container holds less")]
fn they_go_into_a_container_and_out_of_it_with_little_memory(bed: Bed) {
    let (ns, folder) = (bed.namespace(), tempfile::tempdir().unwrap());
    let web: Json = deployment("web", 1);
    bed.apply_as("kubectl", &ns, web);
    bed.until_rolled_out("deployment/web", &ns);
    let (file, back) = (folder.path().join("large"), folder.path().join("back"));
    write(&file);
    let into = format!("cluster::copy_to(\"Deployment/web\", {file:?}, \"/data/large\", #{{ namespace: {ns:?} }})");
    let out = format!("cluster::copy_from(\"Deployment/web\", \"/data/large\", {back:?}, #{{ namespace: {ns:?} }})");
    for script in [&into, &out] {
        let (grown, changed) = run(&bed, script);
        println!("300 MiB were copied with {grown} MiB of memory: {script}");
        assert!(grown < MOST, "{grown} MiB: {script}");
        assert_eq!((changed, run(&bed, script).1), (1, 0), "{script}");
    }
    assert_eq!(std::fs::metadata(&back).unwrap().len(), SIZE);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}
