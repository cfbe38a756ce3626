//! What happens in a run, as it happens: `cargo run --example event_sink`.
#![allow(clippy::print_stdout, reason = "a program that prints")]

use windlass_runtime::Runtime;
use windlass_runtime::event::{Event, What};
use windlass_runtime::playbook::Playbook;
use windlass_runtime::target::Shadow;

const SCRIPT: &str = r#"
step("web", #{ title: "Deploy the web server" }, || {
    let labels = #{ app: "web" };
    cluster::apply(#{
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: #{ name: "web", namespace: "default" },
        spec: #{
            replicas: 2,
            selector: #{ matchLabels: labels },
            template: #{ metadata: #{ labels: labels }, spec: #{ containers: [#{ name: "web", image: "nginx" }] } },
        },
    });
    wait::ready("Deployment/web", #{ namespace: "default", timeout: "5m" });
    log::info("the web server answers");
});
"#;

fn main() -> windlass_runtime::Result<()> {
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build()?;
    let run = runtime
        .session(Shadow::builder().build()?)
        // Called on the threads of the run: be quick. Secrets are masked already.
        .sink(|event: &Event| match &event.what {
            What::StepStarted { title, .. } => println!("{title} …"),
            What::Outcome { outcome } => println!("  {}: {:?}", outcome.resource, outcome.result),
            What::Log { text, .. } => println!("  {text}"),
            What::StepEnded { report } => println!("{}: {:?}", report.title, report.status),
            // Progress, connections, the beginning and the end of the run.
            _ => {}
        })
        .start(&Playbook::text("web.rhai", SCRIPT))?;
    run.wait()?;
    Ok(())
}
