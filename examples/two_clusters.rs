//! One script, two clusters: `cargo run --example two_clusters`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use windlass_runtime::Runtime;
use windlass_runtime::event::{Event, What};
use windlass_runtime::playbook::Playbook;
use windlass_runtime::target::Shadow;

const SCRIPT: &str = r#"
let settings = #{ colour: "blue" };
step("both", || {
    for name in ["primary", "dr"] {
        cluster::config_map("settings", #{ cluster: name, namespace: "default", data: settings });
    }
});
step("only-here", #{ needs: ["both"] }, || {
    cluster::label("ConfigMap/settings", #{ active: "yes" }, #{ cluster: "primary", namespace: "default" });
    let there = cluster::get("ConfigMap/settings", #{ cluster: "dr", namespace: "default" });
    log::info(`dr has the colour ${there.data.colour}, and is active: ${"labels" in there.metadata}`);
});
"#;

fn main() -> windlass_runtime::Result<()> {
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build()?;
    // For real ones: `Live::builder().cluster("primary", Some("ctx-a".into())).cluster("dr", Some("ctx-b".into()))`.
    let target = Shadow::builder().cluster("primary").cluster("dr").build()?;
    let tell = |event: &Event| match &event.what {
        What::Outcome { outcome } => println!("{} on {}: {:?}", outcome.resource, outcome.cluster, outcome.result),
        What::Log { text, .. } => println!("{text}"),
        _ => {}
    };
    let report = runtime.session(target).sink(tell).start(&Playbook::text("two.rhai", SCRIPT))?.wait()?;
    println!("the run: {:?}, {} changed", report.status, report.changed);
    Ok(())
}
