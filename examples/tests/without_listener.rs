//! What `helm::` says in a rehearsal where simulated clusters cannot be used by other programs: built alone, this package has
//! no listener. `cargo test --workspace` builds one for all.

#![allow(clippy::unwrap_used, clippy::panic, reason = "this is how a test fails")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use windlass_runtime::Runtime;
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::report::Report;
use windlass_runtime::target::{LISTENS, Shadow};

/// A Helm that knows no more than its version.
fn helm(folder: &Path) -> PathBuf {
    let path = folder.join("helm");
    std::fs::write(&path, "#!/bin/sh\necho v3.22.0\n").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("windlass-{name}-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("chart")).unwrap();
    std::fs::write(folder.join("chart/Chart.yaml"), "apiVersion: v2\nname: web\nversion: 1.0.0\n").unwrap();
    folder
}

fn run(folder: &Path, script: &str) -> Report {
    let script = script.replace("CHART", &format!("{:?}", folder.join("chart")));
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build().unwrap();
    let session = runtime.session(Shadow::builder().build().unwrap()).program("helm", helm(folder));
    let session = session.state_folder(folder.join("state")).open();
    let prepared = session.prepare(&Playbook::text("test.rhai", &script)).unwrap();
    prepared.start(&Selection::default()).unwrap().wait().unwrap()
}

#[test]
fn this_is_built_without_a_listener_where_that_is_asked_for() {
    assert!(!LISTENS || std::env::var_os("WITHOUT_LISTENER").is_none(), "another package was built beside this one");
}

#[test]
fn a_release_is_told_as_not_rendered_with_what_to_build() {
    let folder = folder("release");
    let report = run(&folder, "helm::upgrade(\"web\", CHART)");
    std::fs::remove_dir_all(&folder).unwrap();
    let told = told_of(&report);
    assert_eq!(told.contains("build windlass-runtime with the feature `listen`"), !LISTENS, "{told}");
    assert_eq!(told.contains("not_rendered") || told.contains("NotRendered"), !LISTENS, "{told}");
}

#[test]
fn what_has_to_be_rendered_fails_with_what_to_build() {
    let folder = folder("template");
    let report = run(&folder, "helm::template(\"web\", CHART)");
    std::fs::remove_dir_all(&folder).unwrap();
    let error = report.steps[0].error.clone().unwrap();
    let hint = error["hint"].as_str().unwrap_or_default();
    assert_eq!(hint.contains("build windlass-runtime with the feature `listen`"), !LISTENS, "{error}");
    if !LISTENS {
        assert_eq!(error["kind"], "system");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("there is no kubeconfig of simulated"), "{error}");
    }
}

/// All that a run tells of its outcome.
fn told_of(report: &Report) -> String {
    format!("{:?}", report.steps[0])
}
