//! Running other programs, in the one place that does.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::Error;

#[expect(
    clippy::disallowed_methods,
    reason = "the chores' one place that starts processes; they do without the runtime"
)]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace());
    command
}

/// The Cargo that runs us.
pub(crate) fn cargo() -> Command {
    command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The workspace's folder.
pub(crate) fn workspace() -> PathBuf {
    // Cargo tells the running program; what was compiled in is for a program that is called directly.
    let ours = std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    ours.ancestors().nth(2).map(Path::to_path_buf).unwrap_or(ours)
}

/// Runs a program to its end; its output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> Result<ExitStatus, Error> {
    command.status().map_err(|source| failed(command, source))
}

/// Runs a program and takes what it writes to its standard output.
pub(crate) fn output(command: &mut Command) -> Result<(ExitStatus, String), Error> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|source| failed(command, source))?;
    Ok((output.status, String::from_utf8_lossy(&output.stdout).into_owned()))
}

fn failed(command: &Command, source: std::io::Error) -> Error {
    Error::Tool { program: command.get_program().to_string_lossy().into_owned(), source }
}

/// A flag that Ctrl-C (or SIGTERM) sets from now on, instead of ending us: the programs that we run get the signal of a
/// terminal too, and may have something to clean up in a test bed that we hold.
pub(crate) fn interrupted() -> Result<Arc<AtomicBool>, Error> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second one ends us as usual.
        signal_hook::flag::register_conditional_default(signal, Arc::clone(&flag))
            .and_then(|_| signal_hook::flag::register(signal, Arc::clone(&flag)))
            .map_err(|source| Error::Other(format!("listen to signals: {source}")))?;
    }
    Ok(flag)
}

/// A program's exit code as ours; 1 for one that a signal ended.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
