//! `cargo xtask bench`.

use std::process::ExitCode;

use windlass_testbed::cache_dir;

use crate::{Error, demo, tool};

pub(crate) fn run() -> Result<ExitCode, Error> {
    let windlass = demo::build()?;
    let mut cargo = tool::cargo();
    cargo
        .args(["run", "--quiet", "--package", "windlass-bench"])
        .env("WINDLASS_BIN", windlass)
        .env("WINDLASS_TESTBED_CACHE", cache_dir());
    Ok(tool::exit_code(tool::run(&mut cargo)?))
}

/// The simulated cluster as it grows.
pub(crate) fn shadow() -> Result<ExitCode, Error> {
    let mut cargo = tool::cargo();
    cargo.args(["run", "--release", "--package", "windlass-bench", "--bin", "shadow"]);
    Ok(tool::exit_code(tool::run(&mut cargo)?))
}
