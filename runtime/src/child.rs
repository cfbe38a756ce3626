//! Child processes: a group of their own, an end with ours, a chance to end well.
//!
//! A child is started on the bridge. When the call is cancelled, or its deadline passes, the child's group gets SIGTERM,
//! then the time that it was granted, then SIGKILL. Should this process die, the kernel ends the child.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use crate::bridge::Bridge;
use crate::call::Teller;
use crate::cancel::Cancel;
use crate::clock::Clock;
use crate::{Call, Error, Kind, Result, duration};

/// The most that is kept of a child's output.
const OUTPUT_LIMIT: u64 = 64 << 20;

/// What is given longer than this to end is told of: somebody waits for it.
const LONG: Duration = Duration::from_secs(2);

/// A program to run.
pub struct Child {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, Option<Zeroizing<String>>)>,
    stdin: Zeroizing<Vec<u8>>,
    folder: Option<PathBuf>,
    grace: Duration,
}

/// How a program ended, and what it wrote.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; none if a signal ended it, which is never a success.
    pub code: Option<i32>,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

impl Finished {
    /// Whether it ended by itself with 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

impl Child {
    /// A program, found by `PATH` if it is no path. No shell is involved.
    #[must_use]
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            stdin: Zeroizing::default(),
            folder: None,
            grace: Duration::from_secs(1),
        }
    }

    /// Adds an argument. Arguments are visible to everybody on the machine: no secrets.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable of its environment; the value may be a secret.
    #[must_use]
    pub fn variable(mut self, name: impl Into<OsString>, value: Zeroizing<String>) -> Self {
        self.environment.push((name.into(), Some(value)));
        self
    }

    /// Takes a variable out of its environment.
    #[must_use]
    pub fn without_variable(mut self, name: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), None));
        self
    }

    /// What it reads from its standard input; may hold secrets.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Zeroizing::new(bytes.into());
        self
    }

    /// The folder that it starts in.
    #[must_use]
    pub fn folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// How long it may take to end after SIGTERM (1 s if not said; Helm gets 15).
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    fn shown(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }

    async fn run(self, cancel: Cancel, clock: Arc<dyn Clock>, tell: Teller) -> Result<Finished> {
        let shown = self.shown();
        let mut command = self.command();
        let mut child = command.spawn().map_err(|e| not_started(&shown, e))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        // Whatever becomes of this future, nothing of the group stays.
        let _guard = Group(group);
        let stdin = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let input = self.stdin;
        let talk = async {
            let write = async {
                if let Some(mut pipe) = stdin {
                    // A program that does not read its input is free to do so.
                    let _ = pipe.write_all(&input).await;
                }
            };
            let (_, stdout, stderr, status) = tokio::join!(write, drain(stdout), drain(stderr), child.wait());
            let status =
                status.map_err(|e| Error::new(Kind::System, format!("{shown} cannot be waited for")).source(e))?;
            Ok(Finished { code: status.code(), stdout: stdout?, stderr: stderr? })
        };
        let mut talk = std::pin::pin!(talk);
        let reason = tokio::select! {
            biased;
            finished = &mut talk => return finished,
            reason = cancel.ended(&*clock) => reason,
        };
        if self.grace > LONG {
            let name = self.program.to_string_lossy();
            let name = name.rsplit('/').next().unwrap_or_default();
            tell(name, &format!("it is asked to end, and has up to {} for that", duration::display(self.grace)));
        }
        signal(group, Signal::TERM);
        tokio::select! {
            _ = &mut talk => {}
            () = clock.sleep(self.grace) => signal(group, Signal::KILL),
        }
        Err(reason)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place where children are started")]
    fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.arguments).process_group(0).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value.as_str()),
                None => command.env_remove(name),
            };
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let parent = rustix::process::getpid();
        #[expect(unsafe_code, reason = "between fork and exec only two system calls are made, both safe there")]
        // SAFETY: prctl and getppid are async-signal-safe, and the closure allocates nothing.
        unsafe {
            command.pre_exec(move || {
                set_parent_process_death_signal(Some(Signal::KILL))?;
                match rustix::process::getppid() {
                    Some(now) if now == parent => Ok(()),
                    _ => Err(std::io::ErrorKind::BrokenPipe.into()),
                }
            });
        }
        command
    }
}

async fn drain(pipe: Option<impl tokio::io::AsyncRead + Unpin>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let mut limited = pipe.take(OUTPUT_LIMIT);
        limited
            .read_to_end(&mut bytes)
            .await
            .map_err(|e| Error::new(Kind::System, "a child's output cannot be read").source(e))?;
    }
    Ok(bytes)
}

fn not_started(program: &str, error: std::io::Error) -> Error {
    if error.kind() == std::io::ErrorKind::NotFound {
        return Error::new(Kind::NotFound, format!("there is no program {program}"))
            .hint("install it, or put its folder into PATH")
            .source(error);
    }
    Error::new(Kind::System, format!("{program} cannot be started")).source(error)
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        // The group may be gone already.
        let _ = kill_process_group(group, signal);
    }
}

struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        signal(self.0, Signal::KILL);
    }
}

/// Runs programs from inside of a change, see [`Call::programs`].
#[derive(Clone)]
pub struct Programs {
    bridge: Bridge,
    cancel: Cancel,
    clock: Arc<dyn Clock>,
    tell: Teller,
}

impl Programs {
    /// Runs a program to its end, as [`Call::child`] does. On a simulated target, the time of the cluster goes on meanwhile.
    ///
    /// # Errors
    /// As [`Call::child`].
    pub async fn run(&self, child: Child) -> Result<Finished> {
        let (cancel, tell) = (self.cancel.clone(), self.tell.clone());
        self.bridge.beside(&self.clock, |clock| child.run(cancel, clock, tell)).await
    }
}

impl Call<'_> {
    /// What a change runs programs by. It is to be granted the time that they may take to end: see [`Call::grant`].
    #[must_use]
    pub fn programs(&self) -> Programs {
        let session = self.session();
        Programs {
            bridge: session.bridge().clone(),
            cancel: self.scope.cancel.clone(),
            clock: session.clock().clone(),
            tell: self.teller(),
        }
    }

    /// Runs a program and waits for its end. A cancel gives it SIGTERM and its time to end; no wait takes longer.
    ///
    /// # Errors
    /// [`Kind::NotFound`] without the program, or why the call was stopped. How the program ended is in the result.
    pub fn child(&self, child: Child) -> Result<Finished> {
        let cancel = self.scope.cancel.clone();
        let (session, tell) = (self.session(), self.teller());
        session.bridge().wait_outside(&cancel, session.clock(), |clock| child.run(cancel.clone(), clock, tell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bridge::Bridge;
    use crate::{RealClock, Result};
    use std::time::Instant;

    fn run(child: Child, stop_after: Option<Duration>) -> (Result<Finished>, Duration) {
        told(child, stop_after, Arc::new(|_, _| ()))
    }

    fn told(child: Child, stop_after: Option<Duration>, tell: Teller) -> (Result<Finished>, Duration) {
        let bridge = Bridge::new().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(RealClock::new());
        let cancel = Cancel::root();
        if let Some(time) = stop_after {
            let cancel = cancel.clone();
            std::thread::spawn(move || {
                std::thread::park_timeout(time);
                cancel.stop(Error::new(Kind::Cancelled, "stopped"));
            });
        }
        let begun = Instant::now();
        let result = bridge.wait_outside(&cancel, &clock, |clock| child.run(cancel.clone(), clock, tell));
        (result, begun.elapsed())
    }

    fn sh(script: &str) -> Child {
        Child::new("sh").argument("-c").argument(script)
    }

    #[test]
    fn output_input_environment_and_code_pass_through() {
        let child = sh("cat; echo err >&2; printf %s \"$SECRET\"; exit 3");
        let child = child.stdin("in\n").variable("SECRET", Zeroizing::new("s".into()));
        let finished = run(child, None).0.unwrap();
        assert_eq!(
            (finished.code, finished.stdout.as_slice(), finished.stderr.as_slice()),
            (Some(3), &b"in\ns"[..], &b"err\n"[..])
        );
        assert!(!finished.is_success());
        assert_eq!(run(Child::new("no-such-program"), None).0.unwrap_err().kind(), Kind::NotFound);
    }

    #[test]
    fn a_cancel_asks_first_and_kills_after_the_grace_grandchildren_included() {
        let folder = tempfile::tempdir().unwrap();
        let mark = folder.path().join("asked");
        let polite = format!("trap 'touch {}; exit 0' TERM; while :; do sleep 0.05; done", mark.display());
        let said = Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = said.clone();
        let tell: Teller = Arc::new(move |subject, text| kept.lock().unwrap().push(format!("{subject}: {text}")));
        let (result, time) = told(sh(&polite).grace(Duration::from_secs(10)), Some(Duration::from_millis(200)), tell);
        assert_eq!(result.unwrap_err().kind(), Kind::Cancelled);
        assert_eq!(*said.lock().unwrap(), ["sh: it is asked to end, and has up to 10s for that"]);
        assert!(mark.exists() && time < Duration::from_secs(5), "{time:?}");

        let stubborn = "trap '' TERM; (trap '' TERM; sleep 61.7) & wait; while :; do sleep 0.05; done";
        let (result, time) = run(sh(stubborn).grace(Duration::from_millis(300)), Some(Duration::from_millis(200)));
        assert_eq!(result.unwrap_err().kind(), Kind::Cancelled);
        assert!(time < Duration::from_secs(5), "{time:?}");
        let left = run(sh("ps -eo args | grep '[s]leep 61.7' || true"), None).0.unwrap();
        assert_eq!(String::from_utf8_lossy(&left.stdout), "");
    }

    #[test]
    fn a_child_dies_with_us() {
        const MARK: &str = "WINDLASS_TEST_PARENT";
        if std::env::var_os(MARK).is_some() {
            let _ = run(Child::new("sleep").argument("62.9"), None);
            return;
        }
        let this = std::env::current_exe().unwrap();
        let script = format!(
            "{MARK}=1 {} --exact child::tests::a_child_dies_with_us --nocapture >/dev/null 2>&1 & p=$!; \
             for i in 1 2 3 4 5 6 7 8 9 10; do sleep 0.2; pgrep -f 'sleep 62[.]9' >/dev/null && break; done; \
             pgrep -f 'sleep 62[.]9' >/dev/null && echo started; kill -9 $p; sleep 0.3; pgrep -f 'sleep 62[.]9' >/dev/null || echo gone",
            this.display()
        );
        let finished = run(sh(&script), None).0.unwrap();
        assert_eq!(String::from_utf8_lossy(&finished.stdout), "started\ngone\n");
    }
}
