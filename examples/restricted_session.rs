//! A session that may touch less than its credentials could: `cargo run --example restricted_session`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use windlass_runtime::access::Access;
use windlass_runtime::playbook::Playbook;
use windlass_runtime::target::Shadow;
use windlass_runtime::{Runtime, Value};

const READS: &str = r#"cluster::list("Node").len()"#;
const CHANGES_A_TENANT: &str = r#"cluster::config_map("settings", #{ namespace: "tenant-a", data: #{ a: "1" } })"#;
const CHANGES_A_NODE: &str = r#"cluster::label("Node/node-1", #{ disk: "ssd" })"#;

fn main() -> windlass_runtime::Result<()> {
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build()?;
    let target = Shadow::builder().build()?;
    // As a session without limits leaves it.
    let everything = runtime.session(target.clone()).open();
    everything.evaluate(&Playbook::text("setup.rhai", r#"cluster::namespace("tenant-a")"#))?;

    let sessions = [("read-only", Access::read_only()), ("tenant-a only", Access::full().namespaces(["tenant-a"]))];
    for (name, access) in sessions {
        println!("{name}:");
        let session = runtime.session(target.clone()).access(access).open();
        for script in [READS, CHANGES_A_TENANT, CHANGES_A_NODE] {
            match session.evaluate(&Playbook::text("tenant.rhai", script)) {
                Ok(Value::Int(number)) => println!("  there are {number} nodes"),
                Ok(_) => println!("  done"),
                Err(error) => println!("  {}: {error}", error.kind().as_str()),
            }
        }
    }
    Ok(())
}
