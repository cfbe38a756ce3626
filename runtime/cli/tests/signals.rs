//! Real signals: the first stops the run within two seconds and cleans up, the second ends the process at once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

struct Running {
    child: Child,
    err: BufReader<std::process::ChildStderr>,
    _scratch: tempfile::TempDir,
}

/// Runs a script, and waits until it has said `ready`.
fn start(script: &str) -> Running {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("s.rhai"), script).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["run", "s.rhai", "--output", "json"])
        .current_dir(scratch.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert!(err.read_line(&mut line).unwrap() > 0, "it ended before it was ready");
    }
    Running { child, err, _scratch: scratch }
}

impl Running {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait_for(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(self.err.read_line(&mut line).unwrap() > 0, "it never said {text}");
        }
    }

    fn end(mut self) -> (Option<i32>, String, String) {
        let mut err = String::new();
        self.err.read_to_string(&mut err).unwrap();
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out, err)
    }
}

#[test]
fn each_signal_stops_a_wait_within_two_seconds_and_cleans_up() {
    for (signal, name) in [(Signal::INT, "Ctrl-C"), (Signal::TERM, "SIGTERM"), (Signal::HUP, "SIGHUP")] {
        let script = r#"
            step("a", || always(|| { log::info("ready"); sleep("10m"); }, || { sleep("50ms"); log::info("cleaned up") }));
            step("b", || log::info("never said"));
        "#;
        let running = start(script);
        let begun = Instant::now();
        running.signal(signal);
        let (code, out, err) = running.end();
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
        assert_eq!(code, Some(3), "{err}");
        assert!(err.starts_with(&format!("\n{name}: stopping.")), "acknowledged at once: {err}");
        assert!(err.contains("cleaned up") && !err.contains("never said"), "{err}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["status"], "cancelled");
        assert_eq!(report["steps"][0]["status"], "cancelled");
        assert_eq!(report["steps"][1]["status"], "pending");
    }
}

#[test]
fn a_loop_without_primitives_is_stopped_too() {
    // Turns of plain computing, each below the limit of what may be computed without a primitive.
    let script = r#"log::info("ready"); let i = 0; loop { i += 1; if i % 100000 == 0 { log::debug("turn"); } }"#;
    let running = start(script);
    let begun = Instant::now();
    running.signal(Signal::INT);
    let (code, _, err) = running.end();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(code, Some(3), "{err}");
}

#[test]
fn a_catch_does_not_keep_the_run_going() {
    let running = start(r#"log::info("ready"); loop { try { sleep("10m"); } catch { } }"#);
    running.signal(Signal::INT);
    let (code, _, err) = running.end();
    assert_eq!(code, Some(3), "{err}");
}

#[test]
fn the_second_signal_ends_the_process_at_once() {
    let script = r#"always(|| { log::info("ready"); sleep("10m"); }, || { log::info("cleaning"); sleep("25s"); })"#;
    let mut running = start(script);
    running.signal(Signal::INT);
    running.wait_for("cleaning");
    let begun = Instant::now();
    running.signal(Signal::INT);
    let (code, _, err) = running.end();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_eq!(code, Some(130), "{err}");
    assert!(err.contains("Whether the change that was under way took effect is not known"), "{err}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("s.rhai"), r#"step("a", || 1);"#).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_windlass"))
        .args(["run", "s.rhai", "--output", "json"])
        .current_dir(scratch.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{err}");
    assert!(!err.contains("panicked") && !err.contains("error"), "{err}");
}
