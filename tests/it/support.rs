//! The command in this process, and a control plane of one's own where the shared one would be in the way.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value as Json;
use windlass::{Io, Machine, Output};
use windlass_runtime::state_folder::UserFolders;
use windlass_support::ShadowProcess;
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

thread_local! {
    /// Each test is a user of its own, whose keys open what its runs have sealed.
    static HOME: tempfile::TempDir = tempfile::tempdir().unwrap();
}

fn windlass_with(helm: PathBuf, arguments: &[&str]) -> Ran {
    let is_locked = matches!(arguments.first(), Some(&("run" | "eval")));
    let _turn = is_locked.then(|| RUNS.lock().unwrap_or_else(PoisonError::into_inner));
    let folders =
        HOME.with(|home| UserFolders { config: home.path().join("config"), state: home.path().join("state") });
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

/// A simulated cluster in a process of its own.
pub struct Cluster {
    process: ShadowProcess,
    _folder: tempfile::TempDir,
}

impl Cluster {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { process: ShadowProcess::start(env!("CARGO_BIN_EXE_mortal"), folder.path()), _folder: folder }
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.process.kubeconfig().to_owned()
    }
}

/// A user who runs the command as a process, on a cluster of their own.
pub struct User {
    pub home: tempfile::TempDir,
    kubeconfig: PathBuf,
    helm: PathBuf,
    /// The command and what stands before it.
    program: Vec<String>,
}

impl User {
    /// One without a Helm.
    pub fn new(kubeconfig: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = vec![env!("CARGO_BIN_EXE_mortal").to_owned()];
        Self { home, kubeconfig: kubeconfig.to_owned(), helm: "/nonexistent/helm".into(), program }
    }

    /// The modes of files count for them from now on, which they do not for root; false where that cannot be had, which is
    /// said.
    #[expect(clippy::disallowed_methods, reason = "a program of the system")]
    pub fn bound_by_modes(&mut self) -> bool {
        if !rustix::process::geteuid().is_root() {
            return true;
        }
        let bound = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"].map(str::to_owned);
        let there = Command::new(&bound[0]).args([&bound[1], "true"]).status();
        if !there.is_ok_and(|status| status.success()) {
            return !windlass_testbed::skip_or_fail("modes do not count for root, and there is no setpriv");
        }
        self.program.splice(0..0, bound);
        true
    }

    /// One with a Helm, if one could be built.
    pub fn with_helm(kubeconfig: &Path) -> Option<Self> {
        Some(Self { helm: helm()?, ..Self::new(kubeconfig) })
    }

    /// The command with these arguments.
    #[expect(clippy::disallowed_methods, reason = "a process of its own")]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut process = Command::new(&self.program[0]);
        process
            .args(&self.program[1..])
            .args(arguments)
            .env("HOME", self.home.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_STATE_HOME")
            .env("WINDLASS_HELM", &self.helm)
            .env("KUBECONFIG", &self.kubeconfig)
            .stdin(Stdio::null());
        process
    }

    /// The JSON that a command says.
    pub fn json(&self, arguments: &[&str]) -> Json {
        let output = self.command(arguments).output().unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)))
    }

    /// What is on the cluster; of Secrets, without their data.
    pub fn objects(&self) -> Vec<Json> {
        let file = self.home.path().join("recorded.json");
        let _ = std::fs::remove_file(&file);
        let recorded = self.command(&["shadow", "record", file.to_str().unwrap()]).output().unwrap();
        assert!(recorded.status.success(), "{}", said(&recorded));
        let lines = BufReader::new(flate2::read::GzDecoder::new(std::fs::File::open(&file).unwrap())).lines();
        let object = |line: std::io::Result<String>| {
            let mut line: Json = serde_json::from_str(&line.unwrap()).unwrap();
            line.get_mut("object").map(Json::take)
        };
        lines.filter_map(object).collect()
    }
}

/// What a command has said on stderr.
pub fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
