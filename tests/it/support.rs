//! The command in this process, and a control plane of one's own where the shared one would be in the way.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use windlass::{Io, Machine, Output};
use windlass_runtime::state_folder::UserFolders;
use windlass_testbed::helms;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What came of a command.
#[derive(Debug)]
pub struct Ran {
    pub code: u8,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {}\n{}", self.out, self.err))
    }
}

/// Runs the command with these arguments; there is a Helm if one could be built.
pub fn windlass(arguments: &[&str]) -> Ran {
    windlass_with(helm().unwrap_or_else(|| "/nonexistent/helm".into()), arguments)
}

/// Runs the command on a machine that has no Helm.
pub fn windlass_without_helm(arguments: &[&str]) -> Ran {
    windlass_with("/nonexistent/helm".into(), arguments)
}

/// The newest Helm, or none where it cannot be built and tests may be skipped.
pub fn helm() -> Option<PathBuf> {
    helms().pop().map(|(_, path)| path)
}

/// The tests of this program share one control plane, and its lock lets one run after the other.
static RUNS: Mutex<()> = Mutex::new(());

fn windlass_with(helm: PathBuf, arguments: &[&str]) -> Ran {
    let is_locked = matches!(arguments.first(), Some(&("run" | "eval")));
    let _turn = is_locked.then(|| RUNS.lock().unwrap_or_else(PoisonError::into_inner));
    let home = tempfile::tempdir().unwrap();
    let folders = UserFolders { config: home.path().join("config"), state: home.path().join("state") };
    let machine = Machine { programs: [("helm".to_owned(), helm)].into(), folders: Some(folders), watch: None };
    let (out, err) = (Kept::default(), Kept::default());
    let io = Io { out: Output::new(out.clone(), false), err: Output::new(err.clone(), false), process: false };
    let code = windlass::run_on(std::iter::once("windlass").chain(arguments.iter().copied()), &io, &machine);
    let text = |kept: &Kept| String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    Ran { code, out: text(&out), err: text(&err) }
}

/// Runs a script on the shared control plane; gives the report.
pub fn run_script(kubeconfig: &Path, script: &str) -> Json {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.rhai");
    std::fs::write(&file, script).unwrap();
    windlass(&["run", file.to_str().unwrap(), "--kubeconfig", kubeconfig.to_str().unwrap(), "--output", "json"]).json()
}

/// The customer folder, where the run may leave its secrets.
pub fn acme() -> (tempfile::TempDir, PathBuf) {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folder = tempfile::tempdir().unwrap();
    copy(&examples.join("acme"), &folder.path().join("acme"));
    copy(&examples.join("solution"), &folder.path().join("solution"));
    let acme = folder.path().join("acme");
    (folder, acme)
}

/// Copies a folder, without what runs leave in it.
pub fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        if name == "secrets.age" || name == ".windlass" {
            continue;
        }
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
