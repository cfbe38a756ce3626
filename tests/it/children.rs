//! Programs that a run has started: they end with it, whatever becomes of it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Cluster, User};

/// A Helm that is at work. It ends with the test at the latest.
struct Helm(Pid);

impl Helm {
    /// The one that this process has started to upgrade something, if there is one now.
    fn of(parent: u32) -> Option<Self> {
        let is_child = |id: &i32| {
            let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
            status.lines().any(|line| line == format!("PPid:\t{parent}")) && is_upgrading(*id)
        };
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.find(is_child).and_then(Pid::from_raw).map(Self)
    }

    /// Of one that has ended, and that nobody has waited for, the command line is empty.
    fn is_there(&self) -> bool {
        is_upgrading(self.0.as_raw_nonzero().get())
    }
}

impl Drop for Helm {
    fn drop(&mut self) {
        if self.is_there() {
            let _ = kill_process(self.0, Signal::KILL);
        }
    }
}

fn is_upgrading(id: i32) -> bool {
    let line = OsString::from_vec(std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default());
    let line = line.to_string_lossy().into_owned();
    let words: Vec<&str> = line.split('\0').collect();
    words.first().is_some_and(|program| program.ends_with("/helm"))
        && words.contains(&"upgrade")
        && !words.iter().any(|word| word.starts_with("--dry-run"))
}

/// Looks again and again, for as long as this.
fn within<T>(time: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    loop {
        match look() {
            None if begun.elapsed() < time => {
                #[expect(clippy::disallowed_methods, reason = "nothing tells of other processes")]
                std::thread::sleep(Duration::from_millis(20));
            }
            found => return found,
        }
    }
}

#[test]
fn helm_does_not_outlive_a_run_that_is_killed() {
    let cluster = Cluster::start();
    let Some(user) = User::with_helm(&cluster.kubeconfig()) else { return };
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../stdlib/tests/examples/charts/web");
    let script = user.home.path().join("web.rhai");
    // Helm waits for a hook that never ends.
    let text = format!(
        "helm::upgrade(\"web\", \"{}\", #{{ namespace: \"default\", set: #{{ hangs: true }}, timeout: \"10m\" }});",
        web.display()
    );
    std::fs::write(&script, text).unwrap();
    let mut run = user.command(&["run", script.to_str().unwrap()]);
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let found = within(Duration::from_secs(120), || {
        let ended = run.try_wait().unwrap();
        assert_eq!(ended, None, "the run has ended by itself");
        Helm::of(run.id())
    });
    run.kill().unwrap();
    run.wait().unwrap();
    let helm = found.expect("the run has started no Helm");
    assert!(within(Duration::from_secs(5), || (!helm.is_there()).then_some(())).is_some(), "Helm is still at work");
}
