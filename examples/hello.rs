//! A playbook inside a Rust program, on a simulated cluster: `cargo run --example hello`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use windlass_runtime::playbook::Playbook;
use windlass_runtime::target::Shadow;
use windlass_runtime::{Runtime, json};

const SCRIPT: &str = r#"
step("settings", || {
    cluster::namespace("shop");
    cluster::config_map("settings", #{ namespace: "shop", data: #{ greeting: values.greeting } });
});
step("look", #{ needs: ["settings"] }, || {
    let settings = cluster::get("ConfigMap/settings", #{ namespace: "shop" });
    log::info(settings.data.greeting);
});
"#;

fn main() -> windlass_runtime::Result<()> {
    // Once for the whole program.
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build()?;

    // For a real cluster: `Live::context("prod")`.
    let target = Shadow::builder().build()?;
    let playbook = Playbook::text("hello.rhai", SCRIPT);
    let run = runtime.session(target).values(json!({ "greeting": "hello" })).start(&playbook)?;

    // In asynchronous code: `run.finished().await?`.
    let report = run.wait()?;
    for step in &report.steps {
        println!("{}: {:?}, {} changed", step.key, step.status, step.changed);
    }
    println!("the run: {:?}", report.status);
    Ok(())
}
