//! The cases of `tests/specs/<area>/<case>/`: the command is run in a copy of the case's folder, and what it says is
//! compared. A folder that lacks a file, or has one that nobody looks at, is an error.
//!
//! - `args`: the arguments, one a line.
//! - `code`: the exit code.
//! - `stderr`, `stdout`: texts that must be there in this order, one a line. `stdout` may be missing: then nothing may be
//!   written there but a run's last line.
//! - `absent` (may be missing): texts that may be nowhere, one a line.
//! - `env` (may be missing): `NAME=value`, one a line.
//! - Everything else is what the command reads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a case may take.
const LIMIT: Duration = Duration::from_secs(60);
/// A case has one of these, or names a playbook by other means in `args`.
const OWN: [&str; 6] = ["args", "code", "stderr", "stdout", "absent", "env"];

fn folders(at: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(at).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<PathBuf> = entries.collect();
    for path in &found {
        assert!(path.is_dir(), "{} belongs to no case", path.display());
    }
    found.sort();
    found
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(|e| e.unwrap()) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else if from.ends_with("scratch") || !OWN.contains(&entry.file_name().to_str().unwrap()) {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn lines(case: &Path, file: &str) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(case.join(file)).ok()?;
    Some(text.lines().map(str::to_owned).collect())
}

fn in_order(what: &str, text: &str, wanted: &[String]) -> Result<(), String> {
    let mut rest = text;
    for line in wanted {
        match rest.find(line.as_str()) {
            Some(at) => rest = &rest[at + line.len()..],
            None => return Err(format!("{what} lacks (in this order): {line}\n--- {what}:\n{text}")),
        }
    }
    Ok(())
}

fn run(case: &Path) -> Result<(), String> {
    let need = |file: &str| lines(case, file).ok_or_else(|| format!("the case has no file `{file}`"));
    let (args, code, stderr) = (need("args")?, need("code")?, need("stderr")?);
    let code: i32 = code.first().and_then(|c| c.parse().ok()).ok_or("`code` is no number")?;
    if args.is_empty() || (stderr.is_empty() && lines(case, "stdout").is_none()) {
        return Err("the case asks for nothing: fill `args`, and `stderr` or `stdout`".to_owned());
    }
    let scratch = tempfile::tempdir().map_err(|e| e.to_string())?;
    copy(case, scratch.path());
    let home = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
    command.args(&args).current_dir(scratch.path()).env_clear();
    command
        .env("HOME", home.path())
        .env("PATH", "/usr/bin:/bin")
        .env("KUBECONFIG", scratch.path().join("no-kubeconfig"));
    for variable in lines(case, "env").unwrap_or_default() {
        let (name, value) = variable.split_once('=').ok_or("a line of `env` has no =")?;
        command.env(name, value);
    }
    let (out, err) = (scratch.path().join(".stdout"), scratch.path().join(".stderr"));
    let file = |path: &Path| std::fs::File::create(path).map_err(|e| e.to_string());
    let begun = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(file(&out)?).stderr(file(&err)?).spawn().map_err(|e| e.to_string())?;
    let status = loop {
        match child.try_wait().map_err(|e| e.to_string())? {
            Some(status) => break status,
            None if begun.elapsed() > LIMIT => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it still runs after {} s", LIMIT.as_secs()));
            }
            None => std::thread::park_timeout(Duration::from_millis(10)),
        }
    };
    let read =
        |path: &Path| std::fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).map_err(|e| e.to_string());
    let (out, err) = (read(&out)?, read(&err)?);
    if status.code() != Some(code) {
        return Err(format!("ended with {status}, not with {code}\n--- stdout:\n{out}--- stderr:\n{err}"));
    }
    in_order("stderr", &err, &stderr)?;
    match lines(case, "stdout") {
        Some(wanted) => in_order("stdout", &out, &wanted)?,
        None => {
            let last_line = |line: &str| ["ok: ", "failed: ", "cancelled: "].iter().any(|w| line.starts_with(w));
            if let Some(line) = out.lines().find(|line| !last_line(line)) {
                return Err(format!("stdout has {line:?}"));
            }
        }
    }
    for unwanted in lines(case, "absent").unwrap_or_default() {
        if out.contains(&unwanted) || err.contains(&unwanted) {
            return Err(format!("{unwanted:?} is shown\n--- stdout:\n{out}--- stderr:\n{err}"));
        }
    }
    if err.chars().chain(out.chars()).any(|c| c == '\u{1b}') && !args.iter().any(|a| a == "--color") {
        return Err(format!("an escape sequence is written\n{err}"));
    }
    Ok(())
}

#[test]
fn specs() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/specs");
    let only = std::env::var("SPEC").unwrap_or_default();
    let cases: Vec<PathBuf> = folders(&root).iter().flat_map(|area| folders(area)).collect();
    assert!(cases.len() > 20, "the cases are not found");
    let chosen: Vec<&PathBuf> = cases.iter().filter(|c| c.to_string_lossy().contains(&only)).collect();
    let next = std::sync::atomic::AtomicUsize::new(0);
    let failed = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                while let Some(case) = chosen.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    if let Err(why) = run(case) {
                        failed.lock().unwrap().push(format!("{}: {why}", case.strip_prefix(&root).unwrap().display()));
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    assert!(failed.is_empty(), "{} of {} cases failed\n\n{}", failed.len(), chosen.len(), failed.join("\n\n"));
}
