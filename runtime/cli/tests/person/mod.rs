//! A person without a terminal, with a folder.
#![allow(dead_code, clippy::unwrap_used, clippy::disallowed_methods, reason = "a test; not each uses all of it")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use windlass_support::ShadowProcess;

/// A person with a folder, and a cluster where one is needed.
pub struct Person {
    folder: tempfile::TempDir,
    shadow: Option<ShadowProcess>,
}

pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Person {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), shadow: None }
    }

    /// One on a cluster that is served by a process of its own.
    pub fn on_a_cluster() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shadow = Some(ShadowProcess::start(env!("CARGO_BIN_EXE_windlass"), folder.path()));
        Self { folder, shadow }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windlass"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("USER", "alice")
            .env("CANARY", "correct-horse-battery");
        if let Some(shadow) = &self.shadow {
            command.env("KUBECONFIG", shadow.kubeconfig());
        }
        command
    }

    /// Types these lines.
    pub fn types(&self, arguments: &[&str], lines: &str) -> Said {
        let arguments = [&["repl"], arguments].concat();
        let mut child = self
            .command(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        said(child.wait_with_output().unwrap())
    }

    pub fn windlass(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).stdin(Stdio::null()).output().unwrap())
    }
}

pub fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

impl Said {
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }

    /// Each of these is in what it said.
    #[track_caller]
    pub fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.out.contains(text) || self.err.contains(text),
                "{text:?} is not said:\n{}{}",
                self.out,
                self.err
            );
        }
        self
    }
}

/// Waits until it says this.
pub fn waits(from: &mut impl std::io::BufRead, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(from.read_line(&mut line).unwrap() > 0, "it does not say {text}");
    }
}
