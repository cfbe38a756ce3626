//! For the tests of releases: each runs with every supported Helm, with the charts of the examples.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value as Json;
use windlass_runtime::session::SessionBuilder;
use windlass_runtime::target::Target;
use windlass_testbed::helms;

use crate::testing::{Bed, Ran, run_on};

/// A chart of the examples.
pub fn chart(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples/charts").join(name);
    path.display().to_string()
}

/// A copy of a chart that a test may change.
pub fn copy_of(name: &str) -> (tempfile::TempDir, String) {
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
    copy(Path::new(&chart("")), folder.path());
    let path = folder.path().join(name).display().to_string();
    (folder, path)
}

/// Windlass' state folder, one for all tests: as different sessions of a user share it.
pub fn state() -> &'static Path {
    static STATE: OnceLock<tempfile::TempDir> = OnceLock::new();
    STATE.get_or_init(|| tempfile::tempdir().unwrap()).path()
}

/// A cluster and a Helm.
pub struct With {
    pub bed: Bed,
    pub path: PathBuf,
    pub namespace: String,
}

/// Runs a test with each Helm, in a namespace of its own.
pub fn with_each(bed: &Bed, test: impl Fn(&With)) {
    for (_, path) in helms() {
        test(&With { bed: bed.clone(), path, namespace: bed.namespace() });
    }
}

impl With {
    /// Runs a script; `NS` in it is the namespace, `WEB` the chart.
    pub fn run(&self, script: &str) -> Ran {
        self.run_with(script, |builder| builder)
    }

    pub fn run_with(&self, script: &str, set: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Ran {
        self.run_on(self.bed.target(), script, set)
    }

    /// The same on another way to the cluster.
    pub fn run_on(&self, target: impl Target, script: &str, set: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Ran {
        // Words of their own: the name of a temporary folder may hold the same letters.
        let script = [("NS", format!("namespace: \"{}\"", self.namespace)), ("WEB", format!("\"{}\"", chart("web")))]
            .into_iter()
            .fold(script.to_owned(), |script, (word, instead)| {
                regex::Regex::new(&format!(r"\b{word}\b")).unwrap().replace_all(&script, instead.as_str()).into_owned()
            });
        let set = |builder: SessionBuilder| set(builder.program("helm", &self.path).state_folder(state()));
        run_on(target, &script, set)
    }

    /// An object of the namespace.
    pub fn get(&self, what: &str) -> Json {
        self.bed.get(what, &self.namespace)
    }

    pub fn find(&self, what: &str) -> Option<Json> {
        self.bed.find(what, &self.namespace)
    }

    /// Takes back what a run changed.
    pub fn undo(&self, ran: &Ran) -> windlass_runtime::Result<Vec<windlass_runtime::undo::Undone>> {
        use windlass_runtime::journal::Journal as _;
        self.undo_entries(&ran.journal.entries().unwrap())
    }

    /// The same for what a journal has of it.
    pub fn undo_entries(
        &self,
        entries: &[(windlass_runtime::journal::Intent, Option<windlass_runtime::journal::ResultRecord>)],
    ) -> windlass_runtime::Result<Vec<windlass_runtime::undo::Undone>> {
        let session = crate::testing::runtime().session(self.bed.target());
        let session = session.program("helm", &self.path).state_folder(state()).open();
        windlass_runtime::undo(&session, entries)
    }

    /// Somebody runs Helm by hand.
    pub fn helm_by_hand(&self, arguments: &[&str]) {
        #[expect(clippy::disallowed_methods, reason = "somebody else's Helm")]
        let mut helm = std::process::Command::new(&self.path);
        let folder = tempfile::tempdir().unwrap();
        helm.args(arguments).args(["--namespace", &self.namespace, "--kubeconfig"]).arg(self.bed.kubeconfig());
        for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "KUBECACHEDIR"] {
            helm.env(name, folder.path());
        }
        let output = helm.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// How a release is.
    pub fn status(&self, release: &str) -> Json {
        self.run(&format!("helm::status(\"{release}\", #{{ NS }})")).value()
    }
}
