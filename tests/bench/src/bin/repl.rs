//! How long a person waits at the REPL: `cargo xtask bench repl`.
//!
//! On a terminal (that of `script`, from util-linux), over a simulated cluster in a process of its own: from the start to the
//! first prompt, from a key to its echo, from Tab to the names of 5, 500 and 5,000 objects; beside each, what `cat` takes for an
//! echo on the same terminal. Then what a run costs in step mode that stops nowhere, beside the same run without it. Nothing
//! fails here for being slow: the figures are for people.

#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::json;

const TIMES: usize = 21;
const PATIENCE: Duration = Duration::from_secs(60);
/// What reedline asks a terminal, and what that answers.
const WHERE_IS_THE_CURSOR: &[u8] = b"\x1b[6n";

fn main() {
    let windlass = PathBuf::from(std::env::var_os("WINDLASS_BIN").expect("run it by `cargo xtask bench repl`"));
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench { windlass, folder };
    bench.echo_of_cat();
    for objects in [5, 500, 5000] {
        bench.at_the_prompt(objects);
    }
    bench.step_mode("32 changes", &changes(32));
    for count in [1000, 10_000, 100_000] {
        bench.step_mode(&format!("{count} statements on numbers"), &statements(count, ""));
        bench.step_mode(&format!("{count} statements beside a list of 300 maps"), &statements(count, LIST));
    }
    for count in [30, 300, 3000] {
        bench.step_mode(&format!("{count} maps pushed to a list"), &pushes(count));
    }
}

struct Bench {
    windlass: PathBuf,
    folder: tempfile::TempDir,
}

/// A program on a terminal.
struct Terminal {
    script: Child,
    keys: ChildStdin,
    /// What it writes.
    shown: Receiver<Vec<u8>>,
    /// What it has written that nobody has waited for yet.
    seen: Vec<u8>,
}

impl Terminal {
    fn start(line: &str, folder: &Path, environment: &[(&str, &Path)]) -> Self {
        let mut command = Command::new("script");
        command.args(["-qefc", &format!("exec {line}"), "/dev/null"]).current_dir(folder).env_clear();
        command
            .env("PATH", "/usr/bin:/bin")
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8");
        command.env("NO_COLOR", "1").env("HOME", folder).envs(environment.iter().copied());
        let mut script = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("`script` of util-linux");
        let (keys, mut out) = (script.stdin.take().unwrap(), script.stdout.take().unwrap());
        let (sender, shown) = channel();
        std::thread::spawn(move || {
            let mut piece = vec![0; 65536];
            while let Ok(count @ 1..) = out.read(&mut piece) {
                if sender.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { script, keys, shown, seen: Vec::new() }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits until it has written this, and forgets what came before.
    fn sees(&mut self, text: &str) {
        let begun = Instant::now();
        loop {
            if let Some(at) = find(&self.seen, text.as_bytes()) {
                self.seen.drain(..at + text.len());
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{text:?} was not shown: {}", String::from_utf8_lossy(&self.seen));
            let Ok(piece) = self.shown.recv_timeout(PATIENCE) else { continue };
            self.take(&piece);
        }
    }

    fn take(&mut self, piece: &[u8]) {
        self.seen.extend_from_slice(piece);
        if find(piece, WHERE_IS_THE_CURSOR).is_some() {
            self.press("\x1b[1;1R");
        }
    }

    /// Waits until nothing has been written for a while.
    fn rests(&mut self) {
        while let Ok(piece) = self.shown.recv_timeout(Duration::from_millis(200)) {
            self.take(&piece);
        }
        self.seen.clear();
    }

    /// From a key to what it shows.
    fn takes(&mut self, keys: &str, text: &str) -> Duration {
        let begun = Instant::now();
        self.press(keys);
        self.sees(text);
        begun.elapsed()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.script.kill();
        let _ = self.script.wait();
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

impl Bench {
    fn repl(&self, kubeconfig: &Path) -> Terminal {
        let line = format!("{} repl", self.windlass.display());
        Terminal::start(&line, self.folder.path(), &[("KUBECONFIG", kubeconfig)])
    }

    /// What the terminal itself takes.
    fn echo_of_cat(&self) {
        let mut cat = Terminal::start("cat", self.folder.path(), &[]);
        cat.rests();
        let times = (0..TIMES).map(|_| cat.takes("x", "x")).collect();
        row("cat: key to echo", times);
    }

    fn at_the_prompt(&self, objects: usize) {
        let cluster = Cluster::start(&self.windlass, self.folder.path());
        self.fill(&cluster, objects);
        println!("{objects} objects");
        let mut starts = Vec::new();
        for _ in 0..TIMES {
            let begun = Instant::now();
            let mut repl = self.repl(&cluster.kubeconfig);
            repl.sees("> ");
            starts.push(begun.elapsed());
        }
        row("start to the first prompt", starts);
        let (mut cold, mut warm) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            let mut repl = self.repl(&cluster.kubeconfig);
            repl.sees("> ");
            repl.rests();
            repl.press("cluster::get(\"ConfigMap/thing-");
            repl.rests();
            cold.push(repl.takes("\t", "thing-00001"));
            repl.rests();
            repl.press("\x1b");
            repl.rests();
            warm.push(repl.takes("\t", "thing-00001"));
        }
        row("Tab to the first names", cold);
        row("Tab to the names, later", warm);
        let mut repl = self.repl(&cluster.kubeconfig);
        repl.sees("> ");
        repl.rests();
        let mut echoes = Vec::new();
        // In a text nothing is offered and nothing is completed; the letters are in no escape sequence.
        repl.press("let text = \"");
        repl.rests();
        for letter in ('α'..='ω').take(TIMES) {
            echoes.push(repl.takes(&letter.to_string(), &letter.to_string()));
            repl.rests();
        }
        row("key to echo", echoes);
    }

    /// Lets the cluster have these objects.
    fn fill(&self, cluster: &Cluster, objects: usize) {
        let things = (0..objects).fold(String::new(), |mut text, n| {
            let _ = writeln!(text, "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: thing-{n:05} }}");
            text
        });
        std::fs::write(self.folder.path().join("things.yaml"), things).unwrap();
        let script = self.folder.path().join("fill.rhai");
        std::fs::write(&script, r#"cluster::apply(manifest::load("things.yaml"), #{ namespace: "default" });"#)
            .unwrap();
        let mut command = Command::new(&self.windlass);
        command.arg("run").arg(&script).env("KUBECONFIG", &cluster.kubeconfig).env("HOME", self.folder.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The same steps by a run, and by a REPL that stops nowhere.
    fn step_mode(&self, what: &str, steps: &str) {
        let script = self.folder.path().join("steps.rhai");
        std::fs::write(&script, steps).unwrap();
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            without.push(self.timed(&["rehearse", "steps.rhai"]));
            with.push(self.timed(&["repl", "steps.rhai", "--rehearse", "--command", ":continue"]));
        }
        let ratio = median(&mut with).as_secs_f64() / median(&mut without).as_secs_f64();
        println!("a run of {what}");
        row("without step mode", without);
        row("in step mode, without stopping", with);
        println!("  ratio {ratio:.2}");
    }

    fn timed(&self, arguments: &[&str]) -> Duration {
        let mut command = Command::new(&self.windlass);
        command.args(arguments).current_dir(self.folder.path()).env("HOME", self.folder.path());
        let begun = Instant::now();
        let output = command.stdin(Stdio::null()).output().unwrap();
        let took = begun.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        took
    }
}

/// A simulated cluster.
struct Cluster {
    process: Child,
    kubeconfig: PathBuf,
}

impl Cluster {
    fn start(windlass: &Path, folder: &Path) -> Self {
        let kubeconfig = folder.join("kubeconfig");
        let _ = std::fs::remove_file(&kubeconfig);
        let mut command = Command::new(windlass);
        command.args(["shadow", "--clock", "virtual", "--kubeconfig"]).arg(&kubeconfig);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = Instant::now();
        while !kubeconfig.is_file() {
            assert!(begun.elapsed() < PATIENCE, "no cluster");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { process, kubeconfig }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn changes(count: usize) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        let data = json!({ "n": n.to_string() }).to_string();
        let _ = writeln!(
            text,
            "step(\"s{n}\", || cluster::config_map(\"c{n}\", #{{ namespace: \"default\", data: #{data} }}));"
        );
        text
    })
}

const LIST: &str = "let list = []; list.pad(300, #{ name: \"n\" });";

/// A list that grows: the debugger of the script engine copies what each call is given, the list too.
fn pushes(count: usize) -> String {
    format!(
        "step(\"push\", || {{ let list = []; for n in 0..{count} {{ list.push(#{{ name: \"n\" }}); }} list.len() }});\n"
    )
}

/// Statements that compute, behind others.
fn statements(count: usize, first: &str) -> String {
    let sum = format!("let sum = 0; for n in 0..{} {{ let half = n / 2; sum += half; }}", count / 2);
    format!("step(\"count\", || {{ {first} {sum} sum }});\n")
}

fn row(what: &str, mut times: Vec<Duration>) {
    let median = median(&mut times);
    let (least, most) = (times.first().unwrap(), times.last().unwrap());
    println!("  {what:32} {median:>9.1?} (of {}: {least:.1?} to {most:.1?})", times.len());
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
