//! What the primitives cost beside the tools that they stand for: `cargo xtask bench primitives`.
//!
//! - How long after a change of an object the next thing can run: the next line of a script after `wait::`, beside the next
//!   command of a shell after `kubectl wait` on the same object. Both are seen from outside: both are whole processes, and
//!   somebody else makes the change, over a connection that is open already. When each says so and when each ends is shown
//!   as well, and how long the request takes that makes the change, which is in all of these times.
//! - `helm::upgrade` with nothing to change, beside `helm upgrade --install` with nothing to change, with each Helm.
//!
//! Both sides take turns on the same control plane; the ratio of the medians is what counts. Nothing fails here for being slow.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::discovery::ApiResource;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;
use windlass_testbed::{OTHER, Testbed, helms};

/// How often each wait is measured.
const WAITS: usize = 40;
/// How long a waiter is given to begin before the change is made.
const HEAD_START: Duration = Duration::from_millis(1200);
const UPGRADES: usize = 15;
/// What our script says when its wait has returned.
const SAID: &str = "it-has-returned";

fn main() {
    let windlass = PathBuf::from(std::env::var_os("WINDLASS_BIN").expect("run it by `cargo xtask bench primitives`"));
    if let Err(missing) = Testbed::available() {
        println!("skipped: {missing}");
        return;
    }
    let bed = Testbed::builder().nodes(3).progress(|line| println!("  {line}")).start().expect("a test bed");
    let bench = Bench { windlass, bed, folder: tempfile::tempdir().unwrap(), runtime: Runtime::new().unwrap() };
    bench.waits();
    bench.upgrades();
}

struct Bench {
    windlass: PathBuf,
    bed: Testbed,
    folder: tempfile::TempDir,
    runtime: Runtime,
}

/// Something that waits for the pod `p`.
struct Waiter {
    name: &'static str,
    command: Command,
    /// Whether what comes next is in the same process.
    goes_on: bool,
}

/// How long after the request for the change was sent it was answered, a waiter said so, and it had ended.
#[derive(Default)]
struct Gaps {
    answered: Vec<Duration>,
    said: Vec<Duration>,
    ended: Vec<Duration>,
}

impl Bench {
    fn waits(&self) {
        let namespace = self.bed.fresh_namespace("waits").unwrap();
        let pods = self.pods(&namespace);
        self.runtime.block_on(make_pod(&pods));
        let ours = |name, wait: &str| Waiter {
            name,
            goes_on: true,
            command: self.windlass(&format!(
                "wait::{wait}, #{{ namespace: \"{namespace}\", timeout: \"60s\" }}); print(\"{SAID}\");"
            )),
        };
        let mut kubectl = Command::new(self.bed.kubectl_path());
        kubectl.args(["wait", "--for=condition=Ready", "pod/p", "--timeout=60s", "--namespace", &namespace]);
        kubectl.env("KUBECONFIG", self.bed.kubeconfig());
        let mut waiters = [
            Waiter { name: "kubectl wait --for=condition=Ready pod/p", command: kubectl, goes_on: false },
            ours("wait::condition(\"pod/p\", \"Ready\")", "condition(\"pod/p\", \"Ready\""),
            ours("wait::ready(\"pod/p\")", "ready(\"pod/p\""),
        ];
        let mut gaps = waiters.each_ref().map(|_| Gaps::default());
        for _ in 0..WAITS {
            for (waiter, gaps) in waiters.iter_mut().zip(&mut gaps) {
                self.runtime.block_on(set_ready(&pods, false));
                self.gap(&pods, &mut waiter.command, gaps);
            }
        }
        println!("from the change of a pod to what comes after the wait for it ({WAITS} times each)");
        let next = |waiter: &Waiter, gaps: &Gaps| if waiter.goes_on { gaps.said.clone() } else { gaps.ended.clone() };
        let (peer, peers) = (next(&waiters[0], &gaps[0]), &gaps[0]);
        for (waiter, gaps) in waiters.iter().zip(&gaps) {
            let own = next(waiter, gaps);
            println!("  {:50}{}, {:.2} × kubectl's", waiter.name, spread(&own), ratio(&own, &peer));
            let parts = [
                ("the request was answered", &gaps.answered, &peers.answered),
                ("it said so", &gaps.said, &peers.said),
                ("it ended", &gaps.ended, &peers.ended),
            ];
            for (what, own, peer) in parts {
                println!("    {what:48}{}, {:.2} ×", spread(own), ratio(own, peer));
            }
        }
    }

    /// Lets a waiter begin, makes the change, and notes when it said so and had ended.
    fn gap(&self, pods: &Api<DynamicObject>, command: &mut Command, gaps: &mut Gaps) {
        let (output, writer) = std::io::pipe().unwrap();
        command.stdin(Stdio::null()).stdout(writer.try_clone().unwrap()).stderr(writer);
        let mut child = command.spawn().expect("the command starts");
        // The output ends when nobody holds it any more.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let reader = std::thread::spawn(move || {
            let mut lines = BufReader::new(output).lines().map_while(Result::ok);
            let said = lines.find(|line| line.contains(SAID) || line.contains("condition met"));
            (said.map(|_| Instant::now()), lines.collect::<Vec<_>>())
        });
        std::thread::sleep(HEAD_START);
        let changed = Instant::now();
        self.runtime.block_on(set_ready(pods, true));
        let answered = changed.elapsed();
        let status = child.wait().unwrap();
        let ended = changed.elapsed();
        let (said, rest) = reader.join().unwrap();
        assert!(status.success(), "{command:?}: {rest:?}");
        gaps.answered.push(answered);
        gaps.said.push(said.expect("it says that it has waited") - changed);
        gaps.ended.push(ended);
    }

    fn pods(&self, namespace: &str) -> Api<DynamicObject> {
        let kubeconfig = Kubeconfig::read_from(self.bed.kubeconfig_for(OTHER).unwrap()).unwrap();
        let client = self.runtime.block_on(async {
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
            kube::Client::try_from(config).unwrap()
        });
        let pod = ApiResource {
            group: String::new(),
            version: "v1".into(),
            api_version: "v1".into(),
            kind: "Pod".into(),
            plural: "pods".into(),
        };
        Api::namespaced_with(client, namespace, &pod)
    }

    fn windlass(&self, script: &str) -> Command {
        let path = self.folder.path().join(format!("{}.rhai", self.folder.path().read_dir().unwrap().count()));
        std::fs::write(&path, script).unwrap();
        let mut command = Command::new(&self.windlass);
        command
            .arg("run")
            .arg(path)
            .env("KUBECONFIG", self.bed.kubeconfig())
            .env("XDG_STATE_HOME", self.folder.path().join("state"));
        command
    }

    fn upgrades(&self) {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../stdlib/tests/examples/charts/web");
        println!("an upgrade with nothing to change ({UPGRADES} times each)");
        for (version, helm) in helms() {
            let (ours, theirs) =
                (self.bed.fresh_namespace("ours").unwrap(), self.bed.fresh_namespace("theirs").unwrap());
            let script = format!("helm::upgrade(\"web\", \"{}\", #{{ namespace: \"{ours}\" }});", chart.display());
            let mut ours = self.windlass(&script);
            ours.arg("--quiet").env("WINDLASS_HELM", &helm);
            let mut by_hand = Command::new(&helm);
            by_hand.args(["upgrade", "--install", "web"]).arg(&chart).args(["--namespace", &theirs]);
            by_hand.env("KUBECONFIG", self.bed.kubeconfig());
            for name in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
                by_hand.env(name, self.folder.path().join("helm"));
            }
            let (mut our_times, mut their_times) = (Vec::new(), Vec::new());
            // The first of each makes the release.
            for round in 0..=UPGRADES {
                let (ours, theirs) = (timed(&mut ours), timed(&mut by_hand));
                if round > 0 {
                    our_times.push(ours);
                    their_times.push(theirs);
                }
            }
            println!("  {:50}{}", format!("{version}: helm upgrade --install"), spread(&their_times));
            println!(
                "  {:50}{}, {:.2} × Helm's",
                "windlass run, helm::upgrade",
                spread(&our_times),
                ratio(&our_times, &their_times)
            );
        }
    }
}

/// A pod that nobody schedules: nobody else touches its status.
async fn make_pod(pods: &Api<DynamicObject>) {
    let pod: Json = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"},
        "spec": {"schedulerName": "nobody", "containers": [{"name": "main", "image": "example.invalid/web:1"}]},
    });
    pods.create(&PostParams::default(), &serde_json::from_value(pod).unwrap()).await.unwrap();
}

async fn set_ready(pods: &Api<DynamicObject>, ready: bool) {
    let status = if ready { "True" } else { "False" };
    let patch = json!({"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": status}]}});
    pods.patch_status("p", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
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

fn ratio(ours: &[Duration], theirs: &[Duration]) -> f64 {
    median(ours).as_secs_f64() / median(theirs).as_secs_f64()
}

fn spread(times: &[Duration]) -> String {
    let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
    format!("{:>8.1?} (from {least:.1?} to {most:.1?})", median(times))
}
