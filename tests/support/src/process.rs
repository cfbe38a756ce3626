//! Processes beside a test: a simulated cluster, and a command on a terminal.
#![expect(clippy::disallowed_methods, reason = "processes of their own")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use windlass_testbed::skip_or_fail;

/// `windlass shadow` in a process of its own, whose time is virtual. It ends with this.
pub struct ShadowProcess {
    process: Child,
    kubeconfig: PathBuf,
}

impl ShadowProcess {
    /// Starts it by this program, and waits until it listens; its kubeconfig is the file of that name in the folder.
    #[must_use]
    pub fn start(program: &str, folder: &Path) -> Self {
        Self::start_seeded(program, folder, 1)
    }

    /// The same; those with another seed are other clusters.
    #[must_use]
    pub fn start_seeded(program: &str, folder: &Path, seed: u64) -> Self {
        let kubeconfig = folder.join("kubeconfig");
        let mut process = Command::new(program)
            .args(["shadow", "--clock", "virtual", "--seed", &seed.to_string(), "--kubeconfig"])
            .arg(&kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // It says where it is when it listens.
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(kubeconfig.is_file(), "{line}");
        Self { process, kubeconfig }
    }

    /// Its kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

impl Drop for ShadowProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs a command line on a terminal (that of `script`, from util-linux), types the answers, each after its question, and gives
/// the exit code and what was to be seen; nothing where there is no such program, which is said. `command` is `script`, with
/// whatever is set for it.
pub fn on_a_terminal(command: &mut Command, line: &str, answers: &[(&str, &str)]) -> Option<(Option<i32>, String)> {
    // Without `exec` the exit code after Ctrl-C would be that of the shell: some shells stay, and get the signal too.
    command.args(["-qefc", &format!("exec {line}"), "/dev/null"]).env("SHELL", "/bin/sh").env("TERM", "xterm-256color");
    let mut child = match command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skip_or_fail("there is no `script` (util-linux) to make a terminal");
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let (mut typed, mut seen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut text, mut from) = (String::new(), 0);
    let mut piece = [0_u8; 4096];
    for (question, answer) in answers {
        while !text[from..].contains(question) {
            let count = seen.read(&mut piece).unwrap();
            assert!(count > 0, "it never asked {question}: {text}");
            text.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        from = text.len();
        typed.write_all(answer.as_bytes()).unwrap();
    }
    let mut rest = Vec::new();
    seen.read_to_end(&mut rest).unwrap();
    text.push_str(&String::from_utf8_lossy(&rest));
    Some((child.wait().unwrap().code(), text))
}
