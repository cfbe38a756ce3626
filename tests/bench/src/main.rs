//! Windlass beside its peers, both in one run on the same control plane: `cargo xtask bench`.
//!
//! Whole processes are measured, from start to exit, alternately; the ratio of the medians is what counts, not the times.
//! Nothing fails here for being slow: the figures are for people.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use windlass_testbed::Testbed;

const OBJECTS: usize = 50;
const FOREIGN: usize = 5000;

fn main() {
    let windlass = PathBuf::from(std::env::var_os("WINDLASS_BIN").expect("run it by `cargo xtask bench`"));
    start_up(&windlass);
    if let Err(missing) = Testbed::available() {
        println!("skipped: apply against kubectl: {missing}");
        return;
    }
    let bed = Testbed::builder().nodes(3).progress(|line| println!("  {line}")).start().expect("a test bed");
    let peers = peers(&bed.kubectl_path());
    let bench = Bench { windlass, peers, bed, folder: tempfile::tempdir().unwrap() };
    bench.unchanged("150 unchanged objects", 0);
    bench.unchanged("150 unchanged objects beside 5000 of others", FOREIGN);
    bench.new_objects();
}

fn start_up(windlass: &Path) {
    let times: Vec<Duration> = (0..21).map(|_| timed(Command::new(windlass).args(["eval", "1+1"]))).collect();
    println!("start-up: windlass eval '1+1'                       {}", spread(&times));
}

/// A kubectl to compare with.
struct Peer {
    name: String,
    path: PathBuf,
}

/// The kubectl of the test bed's version, and the one that people have on this machine, if there is one: the time that
/// kubectl takes differs much between its versions.
fn peers(of_the_bed: &Path) -> Vec<Peer> {
    [of_the_bed, Path::new("kubectl")]
        .into_iter()
        .filter_map(|path| {
            let output = Command::new(path).args(["version", "--client", "-o", "json"]).output().ok()?;
            let version: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
            let version = version["clientVersion"]["gitVersion"].as_str()?;
            Some(Peer { name: format!("kubectl {version}"), path: path.to_owned() })
        })
        .collect()
}

struct Bench {
    windlass: PathBuf,
    peers: Vec<Peer>,
    bed: Testbed,
    folder: tempfile::TempDir,
}

impl Bench {
    fn manifests(&self, namespace: &str) -> PathBuf {
        let folder = self.folder.path().join(namespace);
        std::fs::create_dir_all(&folder).unwrap();
        for n in 0..OBJECTS {
            let mut text = String::new();
            let _ = write!(
                text,
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: app-{n}, namespace: {namespace}}}\ndata: {{key: value-{n}}}\n---\n\
                 apiVersion: v1\nkind: Service\nmetadata: {{name: app-{n}, namespace: {namespace}}}\n\
                 spec: {{selector: {{app: app-{n}}}, ports: [{{port: 80, targetPort: 8080}}]}}\n---\n\
                 apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app-{n}, namespace: {namespace}}}\n\
                 spec:\n  replicas: 0\n  selector: {{matchLabels: {{app: app-{n}}}}}\n  template:\n    metadata: {{labels: {{app: app-{n}}}}}\n    \
                 spec: {{containers: [{{name: main, image: registry.example.com/app:{n}, ports: [{{containerPort: 8080}}]}}]}}\n"
            );
            std::fs::write(folder.join(format!("app-{n:03}.yaml")), text).unwrap();
        }
        folder
    }

    fn windlass(&self, folder: &Path) -> Duration {
        let script = folder.with_extension("rhai");
        std::fs::write(&script, format!("cluster::apply(\"{}\");", folder.display())).unwrap();
        timed(
            Command::new(&self.windlass)
                .arg("run")
                .arg(&script)
                .arg("--quiet")
                .env("KUBECONFIG", self.bed.kubeconfig()),
        )
    }

    fn kubectl(&self, peer: &Peer, folder: &Path) -> Duration {
        let mut command = Command::new(&peer.path);
        command.args(["apply", "--server-side", "-f"]).arg(folder).env("KUBECONFIG", self.bed.kubeconfig());
        timed(&mut command)
    }

    fn unchanged(&self, what: &str, foreign: usize) {
        let (ours, theirs) = (self.bed.fresh_namespace("ours").unwrap(), self.bed.fresh_namespace("theirs").unwrap());
        let (our_folder, their_folder) = (self.manifests(&ours), self.manifests(&theirs));
        for namespace in [&ours, &theirs] {
            self.crowd(namespace, foreign);
        }
        self.windlass(&our_folder);
        self.kubectl(&self.peers[0], &their_folder);
        let mut figures = Figures::new(&self.peers);
        for _ in 0..5 {
            figures.ours.push(self.windlass(&our_folder));
            for (peer, times) in self.peers.iter().zip(&mut figures.theirs) {
                times.push(self.kubectl(peer, &their_folder));
            }
        }
        figures.report(what, &self.peers);
    }

    fn new_objects(&self) {
        let mut figures = Figures::new(&self.peers);
        for _ in 0..3 {
            let ours = self.bed.fresh_namespace("ours").unwrap();
            figures.ours.push(self.windlass(&self.manifests(&ours)));
            for (peer, times) in self.peers.iter().zip(&mut figures.theirs) {
                let theirs = self.bed.fresh_namespace("theirs").unwrap();
                times.push(self.kubectl(peer, &self.manifests(&theirs)));
            }
        }
        figures.report("150 new objects", &self.peers);
    }

    /// Objects of somebody else in the same namespace.
    fn crowd(&self, namespace: &str, count: usize) {
        if count == 0 {
            return;
        }
        let script = self.folder.path().join(format!("{namespace}-crowd.rhai"));
        let text = format!(
            "let list = []; for n in 0..{count} {{ list.push(#{{ apiVersion: \"v1\", kind: \"ConfigMap\", metadata: #{{ name: `foreign-${{n}}`, namespace: \"{namespace}\" }}, data: #{{ n: `${{n}}` }} }}); }} cluster::apply(list);"
        );
        std::fs::write(&script, text).unwrap();
        timed(
            Command::new(&self.windlass)
                .arg("run")
                .arg(&script)
                .arg("--quiet")
                .env("KUBECONFIG", self.bed.kubeconfig()),
        );
    }
}

fn timed(command: &mut Command) -> Duration {
    let begun = Instant::now();
    let output = command.stdin(Stdio::null()).output().expect("the command starts");
    let elapsed = begun.elapsed();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    elapsed
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

fn spread(times: &[Duration]) -> String {
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    format!("{:>8.1?} (from {least:.1?} to {most:.1?})", median(times))
}

/// What was measured, ours beside theirs.
struct Figures {
    ours: Vec<Duration>,
    theirs: Vec<Vec<Duration>>,
}

impl Figures {
    fn new(peers: &[Peer]) -> Self {
        Self { ours: Vec::new(), theirs: vec![Vec::new(); peers.len()] }
    }

    fn report(&self, what: &str, peers: &[Peer]) {
        println!("{what}");
        println!("  {:50}{}", "windlass run", spread(&self.ours));
        for (peer, times) in peers.iter().zip(&self.theirs) {
            let ratio = median(times).as_secs_f64() / median(&self.ours).as_secs_f64();
            println!(
                "  {:50}{}, ratio of the medians {ratio:.1}×",
                format!("{} apply --server-side", peer.name),
                spread(times)
            );
        }
    }
}
