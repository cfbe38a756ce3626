//! `cargo xtask bench`.

use std::process::ExitCode;

use windlass_testbed::cache_dir;

use crate::{Error, demo, tool};

/// What a benchmark measures.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Subject {
    /// Windlass beside kubectl
    Peers,
    /// Waits beside `kubectl wait`, and upgrades beside Helm's own
    Primitives,
    /// The simulated cluster as it grows
    Shadow,
    /// A run's journal, as runs grow
    Journal,
    /// What a person waits for at the REPL
    Repl,
}

pub(crate) fn run(subject: Subject) -> Result<ExitCode, Error> {
    match subject {
        Subject::Peers => beside("windlass-bench"),
        Subject::Primitives => beside("primitives"),
        Subject::Shadow => alone("shadow"),
        Subject::Journal => alone("journal"),
        Subject::Repl => beside("repl"),
    }
}

/// Runs a benchmark that measures the command.
fn beside(program: &str) -> Result<ExitCode, Error> {
    let windlass = demo::build()?;
    let mut cargo = tool::cargo();
    cargo
        .args(["run", "--quiet", "--package", "windlass-bench", "--bin", program])
        .env("WINDLASS_BIN", windlass)
        .env("WINDLASS_TESTBED_CACHE", cache_dir());
    Ok(tool::exit_code(tool::run(&mut cargo)?))
}

/// Runs a benchmark that measures libraries.
fn alone(program: &str) -> Result<ExitCode, Error> {
    let mut cargo = tool::cargo();
    cargo.args(["run", "--release", "--package", "windlass-bench", "--bin", program]);
    Ok(tool::exit_code(tool::run(&mut cargo)?))
}
