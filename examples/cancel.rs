//! Stopping a run from another thread; its cleanup still runs: `cargo run --example cancel`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::sync::mpsc;

use windlass_runtime::Runtime;
use windlass_runtime::event::{Event, What};
use windlass_runtime::playbook::Playbook;
use windlass_runtime::target::Shadow;

const SCRIPT: &str = r#"
step("maintenance", || {
    always(|| {
        cluster::label("Node/node-1", #{ maintenance: "yes" });
        log::info("waiting for the technician");
        while cluster::exists("Node/node-1") { sleep("1m"); }
    }, || {
        cluster::label("Node/node-1", #{ maintenance: () });
    });
});
step("afterwards", #{ needs: ["maintenance"] }, || { log::info("never said"); });
"#;

fn main() -> windlass_runtime::Result<()> {
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build()?;
    let target = Shadow::builder().build()?;
    let (lines, said) = mpsc::channel();
    let run = runtime
        .session(target.clone())
        .sink(move |event: &Event| {
            if let What::Log { text, .. } = &event.what {
                let _ = lines.send(text.clone());
            }
        })
        .start(&Playbook::text("maintenance.rhai", SCRIPT))?;

    // A handle works from any thread: a signal handler, a web server, a button.
    let handle = run.cancel_handle();
    let stopper = std::thread::spawn(move || {
        if let Ok(line) = said.recv() {
            println!("it says: {line}");
        }
        handle.cancel("the technician went home");
    });
    let report = run.wait()?;
    let _ = stopper.join();

    println!("the run: {:?}", report.status);
    for step in &report.steps {
        println!("{}: {:?}", step.key, step.status);
    }
    let look = runtime.session(target).open();
    let label =
        look.evaluate(&Playbook::text("look.rhai", r#"cluster::get("Node/node-1").metadata.labels.maintenance"#))?;
    println!("the label is {}", if label.sort() == "nothing" { "gone" } else { "still there" });
    Ok(())
}
