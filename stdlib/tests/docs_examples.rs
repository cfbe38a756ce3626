//! Everything that scripts can call or read has an example, and every example runs: those that need a cluster on the
//! simulated one and on the real one. Simulated, each has a cluster of its own; on the real one, a namespace of its own,
//! which is the context's default.
//!
//! The folder of an example is a copy of `tests/examples`, with a certificate in `certs/`; its environment has `DB_PASSWORD`.

#![allow(clippy::unwrap_used, reason = "this is how a test fails")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::{Value as Json, json};
use windlass_runtime::cancel::{Cancel, Deadline};
use windlass_runtime::playbook::{Playbook, Selection};
use windlass_runtime::secret::Prompter as AsksSecrets;
use windlass_runtime::session::{AfterFailure, Prompter};
use windlass_runtime::target::{Live, NoTarget, Shadow, Target};
use windlass_runtime::{Error, Result, Runtime, yaml};
use windlass_support::{Bed, on};

/// Longer than any example takes.
const LIMIT: std::time::Duration = std::time::Duration::from_secs(120);

/// Says yes, and has one answer.
struct Person;

impl AsksSecrets for Person {
    fn secret(&self, _: &str) -> Result<zeroize::Zeroizing<String>> {
        Ok("correct horse".to_owned().into())
    }
}

impl Prompter for Person {
    fn confirm(&self, _: &str, _: &str) -> Result<bool> {
        Ok(true)
    }
    fn step_failed(&self, _: &str, _: &Error) -> Result<AfterFailure> {
        Ok(AfterFailure::Stop)
    }
}

fn runtime() -> Runtime {
    Runtime::builder().with(windlass_stdlib::all()).build().unwrap()
}

/// The folder that an example is run in.
fn home() -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().flatten() {
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                copy(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples"), folder.path());
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["cx.example.com".to_owned()]).unwrap();
    let certs = folder.path().join("certs");
    std::fs::create_dir(&certs).unwrap();
    std::fs::write(certs.join("server.crt"), params.self_signed(&key).unwrap().pem()).unwrap();
    std::fs::write(certs.join("server.key"), key.serialize_pem()).unwrap();
    folder
}

/// The newest Helm, if it may be had here.
fn helm() -> Option<&'static Path> {
    static HELM: OnceLock<Option<PathBuf>> = OnceLock::new();
    HELM.get_or_init(|| windlass_testbed::helms().pop().map(|(_, path)| path)).as_deref()
}

/// What an example finds in `values`.
fn values() -> Json {
    json!({ "fqdn": "cx.example.com" })
}

/// Runs a script; the error of its first step that failed.
fn run(runtime: &Runtime, target: impl Target, script: &Path) -> std::result::Result<(), Json> {
    // The time of a simulated cluster goes on much faster while Helm is at work on it.
    let limit = if target.is_live() { LIMIT } else { 1000 * LIMIT };
    let deadline = Deadline { at: target.clock().now() + limit, limit, what: "the example".to_owned() };
    let state = script.with_file_name("state");
    let mut session =
        runtime.session(target).cancel(Cancel::root_until(deadline)).prompter(Arc::new(Person)).values(values());
    session = session.state_folder(state);
    if let Some(helm) = helm() {
        session = session.program("helm", helm);
    }
    let session = session.open();
    let report = Playbook::script(script)
        .and_then(|playbook| session.prepare(&playbook)?.start(&Selection::default())?.wait())
        .map_err(|e| e.to_json())?;
    report.steps.into_iter().find_map(|step| step.error).map_or(Ok(()), Err)
}

/// A cluster as a session opens it: a new one where it is simulated; a new namespace as the default where it is real.
fn target(bed: &Bed, folder: &Path) -> Arc<dyn Target> {
    if bed.testbed().is_none() {
        return Arc::new(Shadow::builder().build().unwrap());
    }
    let namespace = bed.namespace();
    let mut config = yaml::read_file(&bed.kubeconfig()).unwrap().remove(0).value;
    for context in config["contexts"].as_array_mut().unwrap() {
        context["context"]["namespace"] = json!(namespace);
    }
    let path = folder.join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    Arc::new(Live::builder().kubeconfig(path).build())
}

#[test]
fn every_primitive_has_an_example() {
    let reference = runtime().reference();
    let bare = reference.entries.iter().filter(|e| e.text.examples.is_empty());
    let bare: Vec<&str> = bare.map(|e| e.id.as_str()).collect();
    assert!(bare.is_empty(), "without an example: {}", bare.join(", "));
}

/// What reaches into containers, of which the test bed's nodes run none.
const IN_CONTAINERS: [&str; 3] = ["cluster::copy_from", "cluster::copy_to", "cluster::exec"];

/// Runs the example test that is named again, with an environment that the example of `secret::env` finds; true where this
/// is that environment already.
#[allow(clippy::disallowed_methods, reason = "this program again, with another environment")]
fn with_password(test: &str) -> bool {
    if std::env::var_os("DB_PASSWORD").is_some() {
        return true;
    }
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let status = again.args(["--exact", test, "--nocapture"]).env("DB_PASSWORD", "a password for an example").status();
    assert!(status.unwrap().success(), "an example failed: see above");
    false
}

/// Runs the examples that need a cluster on this one, or those that need none.
fn run_all(bed: Option<&Bed>) {
    let runtime = runtime();
    let (mut ran, mut failed) = (0, Vec::new());
    let is_live = bed.is_some_and(|bed| bed.testbed().is_some());
    for entry in runtime.reference().entries {
        if is_live && IN_CONTAINERS.contains(&entry.id.as_str()) {
            continue;
        }
        if entry.module == "helm" && helm().is_none() {
            continue;
        }
        for example in &entry.text.examples {
            let folder = home();
            let script = folder.path().join("example.rhai");
            std::fs::write(&script, example).unwrap();
            let mut result = run(&runtime, NoTarget::new(), &script);
            let needs_cluster = result.as_ref().is_err_and(|e| e["message"] == "this session has no cluster");
            match bed {
                Some(bed) if needs_cluster => result = run(&runtime, target(bed, folder.path()), &script),
                None if !needs_cluster => {}
                _ => continue,
            }
            ran += 1;
            if let Err(error) = result {
                failed.push(format!("{}: {error}\n{example}", entry.id));
            }
        }
    }
    assert!(failed.is_empty(), "{} of {ran} examples failed:\n\n{}", failed.len(), failed.join("\n\n"));
    assert!(ran > 10, "{ran} examples only");
}

#[test]
fn every_example_without_a_cluster_runs() {
    if with_password("every_example_without_a_cluster_runs") {
        run_all(None);
    }
}

#[on(shadow, live)]
fn every_example_on_a_cluster_runs(bed: Bed) {
    run_all(Some(&bed));
}
