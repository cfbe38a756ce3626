//! What a run's journal costs, ×1, ×10, ×100: `cargo xtask bench journal`.
//!
//! Runs of 10, 100 and 1,000 steps, each with one change that does nothing and one piece of `ctx.state`: with the journal in
//! memory, and in a file. The file is in memory too where the machine has such a folder: what the disk takes to be sure is the
//! disk's. Nothing fails here for being slow: the figures are for people.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan, Recipe, Resource};
use windlass_runtime::journal::{About, Journal, MemoryJournal, Store};
use windlass_runtime::playbook::Playbook;
use windlass_runtime::report::RunStatus;
use windlass_runtime::secret::Keys;
use windlass_runtime::state_folder::UserFolders;
use windlass_runtime::target::NoTarget;
use windlass_runtime::{Call, Package, Result, Runtime, json, primitive};

/// As the command has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TIMES: usize = 7;

/// Changes nothing, and records an object of the usual size before and after.
///
/// # Example
/// ```rhai
/// bench::change("a");
/// ```
#[primitive(module = "bench", effect = Change)]
fn change(call: &Call<'_>, name: String) -> Result<Outcome> {
    let managed: Vec<String> = (0..60).map(|n| format!("f:spec.f:template.f:field{n}")).collect();
    let object = json!({ "kind": "Thing", "metadata": { "name": name, "managedFields": managed } });
    let resource = Resource { at: "nowhere".into(), api_version: None, kind: "Thing".into(), namespace: None, name };
    let plan = Plan::Act { op: Op::Update, diff: vec!["spec.replicas: 1 → 2".into()], note: None };
    let (before, after) = (object.clone(), object);
    let recipe = Recipe { handler: "bench".into(), data: json!({}) };
    call.change(Change {
        parts: vec![Part { resource, before: Some(before), plan }],
        act: Box::new(move || Box::pin(async move { Ok(vec![Acted::Done(Some(after))]) })),
        probe: recipe.clone(),
        inverse: Inverse::By(recipe),
    })
}

fn main() {
    let runtime = Runtime::builder().with(Package::new(vec![primitive()])).build().unwrap();
    let memory = Path::new("/dev/shm");
    let folder = match memory.is_dir() {
        true => tempfile::tempdir_in(memory).unwrap(),
        false => tempfile::tempdir().unwrap(),
    };
    println!("the journal is in {}", folder.path().parent().unwrap().display());
    println!("{:>6} {:>12} {:>12} {:>16} {:>8}", "steps", "in memory", "in a file", "journal a step", "a file");
    for steps in [10, 100, 1000] {
        let at = folder.path().join(steps.to_string());
        let folders = UserFolders { config: at.join("config"), state: at.join("state") };
        let stored = || {
            let store = Store::open(&folders.state, Keys::of(&folders, Vec::new())).unwrap();
            Arc::new(store.begin(About::default()).unwrap()) as Arc<dyn Journal>
        };
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            without.push(run(&runtime, steps, Arc::new(MemoryJournal::new())));
            with.push(run(&runtime, steps, stored()));
        }
        let (without, with) = (median(without), median(with));
        let each = with.saturating_sub(without) / u32::try_from(steps).unwrap();
        let size = std::fs::metadata(folders.state.join("journal.db")).unwrap().len() / 1024 / TIMES as u64;
        println!("{steps:>6} {without:>12.1?} {with:>12.1?} {each:>16.1?} {size:>5} KB");
    }
}

fn run(runtime: &Runtime, steps: usize, journal: Arc<dyn Journal>) -> Duration {
    let one =
        |n: usize| format!("step(\"s{n}\", |ctx| {{ ctx.state.s{n} = {n}; bench::change(\"thing-{n}\").changed }});\n");
    let script: String = (0..steps).map(one).collect();
    let session = runtime.session(NoTarget::new()).journal(journal).open();
    let prepared = session.prepare(&Playbook::text("bench.rhai", &script)).unwrap();
    let begin = Instant::now();
    let report = prepared.start(&Default::default()).unwrap().wait().unwrap();
    assert_eq!(report.status, RunStatus::Ok);
    begin.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
