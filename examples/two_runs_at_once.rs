//! Two runs at once in one process, on one runtime: `cargo run --example two_runs_at_once`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::sync::{Arc, Barrier};

use windlass_runtime::event::{Event, What};
use windlass_runtime::playbook::Playbook;
use windlass_runtime::target::Shadow;
use windlass_runtime::{Runtime, json};

const SCRIPT: &str = r#"
step("site", |ctx| {
    cluster::namespace(values.site);
    log::info("both are under way");
    ctx.state.site = values.site;
});
step("settings", #{ needs: ["site"] }, |ctx| {
    cluster::config_map("settings", #{ namespace: ctx.state.site, data: #{ site: values.site } });
});
"#;

fn main() -> windlass_runtime::Result<()> {
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build()?;
    let playbook = Playbook::text("site.rhai", SCRIPT);
    // Each waits in its first step until the other is there: one after the other, they would never end.
    let meeting = Arc::new(Barrier::new(2));
    let mut runs = Vec::new();
    for site in ["north", "south"] {
        let meeting = meeting.clone();
        let session = runtime.session(Shadow::builder().build()?).values(json!({ "site": site }));
        let session = session.sink(move |event: &Event| {
            if matches!(event.what, What::Log { .. }) {
                meeting.wait();
            }
        });
        runs.push((site, session.start(&playbook)?));
    }
    for (site, run) in runs {
        let report = run.wait()?;
        println!("{site}: {:?}, {} changed", report.status, report.changed);
        for outcome in report.steps.iter().flat_map(|step| &step.outcome) {
            println!("  {}", outcome.resource);
        }
    }
    Ok(())
}
