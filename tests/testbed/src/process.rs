//! The only place that starts processes: servers that end with us, and tools.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::Error;

#[expect(
    clippy::disallowed_methods,
    reason = "the test bed's one place that starts processes; it does without the runtime"
)]
pub(crate) fn command(program: &Path) -> Command {
    Command::new(program)
}

#[expect(clippy::disallowed_methods, reason = "a test bed lives in real time")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Asks again and again until `probe` says `Some`, with what it saw last in the error.
pub(crate) fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> Result<Result<T, String>, Error>,
) -> Result<T, Error> {
    let start = Instant::now();
    loop {
        match probe()? {
            Ok(value) => return Ok(value),
            Err(last) if start.elapsed() >= limit => {
                return Err(Error::Timeout { what: what.to_owned(), seconds: limit.as_secs(), last });
            }
            Err(_) => pause(Duration::from_millis(20)),
        }
    }
}

/// A running server. It reads its standard input only to learn of our end: when the pipe closes, it ends too, and that
/// holds for every kind of end, SIGKILL included.
#[derive(Debug)]
pub(crate) struct Server {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// How long it has to end by itself.
    patience: Duration,
}

impl Server {
    /// Starts `program` in a process group of its own, with its output appended to `logs/<name>.log`.
    pub(crate) fn spawn(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        folder: &Path,
        environment: &[(&str, &Path)],
    ) -> Result<Server, Error> {
        let logs = folder.join("logs");
        fs::create_dir_all(&logs).map_err(Error::file("create", &logs))?;
        let log = logs.join(format!("{name}.log"));
        let out = OpenOptions::new().create(true).append(true).open(&log).map_err(Error::file("open", &log))?;
        let err = out.try_clone().map_err(Error::file("open", &log))?;
        let child = command(program)
            .args(arguments)
            .current_dir(folder)
            .env("WINDLASS_TESTBED_LIFELINE", "stdin")
            .env_remove("KUBECONFIG")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Start { program: program.display().to_string(), source })?;
        Ok(Server { name, child, log, patience: Duration::ZERO })
    }

    /// An error if the server has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                let text = fs::read_to_string(&self.log).unwrap_or_default();
                Err(Error::Ended { server: self.name, status, log: self.log.clone(), tail: tail(&text, 12) })
            }
            Err(source) => Err(Error::Start { program: self.name.to_owned(), source }),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, named as `kill` names it: `-STOP`.
    pub(crate) fn signal(&self, signal: &str) -> Result<(), Error> {
        let id = self.id().to_string();
        let output = run(command(Path::new("kill")).args([signal, &id]), None)?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::Usage(format!("kill {signal} {}: {}", self.name, output.stderr.trim())))
    }

    /// Lets it clean up first when it is stopped, for so long at most.
    pub(crate) fn with_patience(mut self, patience: Duration) -> Server {
        self.patience = patience;
        self
    }

    /// SIGKILL: nothing here has anything to save, and the API server's own end takes a minute once etcd is gone. Only one
    /// with patience gets the chance to end by itself.
    pub(crate) fn kill(&mut self) {
        drop(self.child.stdin.take());
        let start = Instant::now();
        while start.elapsed() < self.patience && matches!(self.child.try_wait(), Ok(None)) {
            pause(Duration::from_millis(10));
        }
        // Both fail only if the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last `count` lines of `text`.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// What a tool left when it ended.
#[derive(Debug, Clone)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub stdout: String,
    /// What it wrote to its standard error.
    pub stderr: String,
}

/// Runs a tool to its end, with `input` as its standard input.
pub(crate) fn run(command: &mut Command, input: Option<&str>) -> Result<Output, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |source| Error::Start { program: program.clone(), source };
    let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
    let mut child =
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().map_err(failed)?;
    let pipe = child.stdin.take();
    let output = std::thread::scope(|scope| {
        if let (Some(mut pipe), Some(input)) = (pipe, input) {
            // A tool that does not read its input to the end says by its exit status what it thinks of it.
            scope.spawn(move || pipe.write_all(input.as_bytes()));
        }
        child.wait_with_output()
    });
    let output = output.map_err(|source| Error::Start { program, source })?;
    Ok(Output {
        status: output.status,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs a tool and gives each line of its standard error to `line` as it comes; `None` when a second passes without one.
pub(crate) fn run_watched(command: &mut Command, mut line: impl FnMut(Option<&str>)) -> Result<ExitStatus, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let failed = |source| Error::Start { program: program.clone(), source };
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let (sender, receiver) = std::sync::mpsc::channel();
    if let Some(stderr) = child.stderr.take() {
        std::thread::spawn(move || {
            for text in BufReader::new(stderr).lines().map_while(Result::ok) {
                if sender.send(text).is_err() {
                    break;
                }
            }
        });
    }
    loop {
        match receiver.recv_timeout(Duration::from_secs(1)) {
            Ok(text) => line(Some(&text)),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => line(None),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    child.wait().map_err(|source| Error::Start { program, source })
}
