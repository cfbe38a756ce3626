//! `cargo xtask bench`.

use std::process::ExitCode;

use windlass_testbed::cache_dir;

use crate::{Error, demo, tool};

/// What a benchmark measures.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Subject {
    /// Windlass beside kubectl
    Peers,
    /// The simulated cluster as it grows
    Shadow,
}

pub(crate) fn run(subject: Subject) -> Result<ExitCode, Error> {
    match subject {
        Subject::Peers => peers(),
        Subject::Shadow => shadow(),
    }
}

fn peers() -> Result<ExitCode, Error> {
    let windlass = demo::build()?;
    let mut cargo = tool::cargo();
    cargo
        .args(["run", "--quiet", "--package", "windlass-bench", "--bin", "windlass-bench"])
        .env("WINDLASS_BIN", windlass)
        .env("WINDLASS_TESTBED_CACHE", cache_dir());
    Ok(tool::exit_code(tool::run(&mut cargo)?))
}

fn shadow() -> Result<ExitCode, Error> {
    let mut cargo = tool::cargo();
    cargo.args(["run", "--release", "--package", "windlass-bench", "--bin", "shadow"]);
    Ok(tool::exit_code(tool::run(&mut cargo)?))
}
