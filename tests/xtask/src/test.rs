//! `cargo xtask test`.

use std::process::ExitCode;
use std::time::Instant;

use windlass_testbed::{ASKED, Binaries, Testbed, cache_dir};

use crate::up::seconds;
use crate::{Error, tool};

pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Error> {
    let missing = Testbed::available().err();
    match &missing {
        None => {
            let start = Instant::now();
            Binaries::ensure(&mut |line| eprintln!("{line}"))?;
            eprintln!("test bed: there (looked for {}); nothing will be skipped", seconds(start));
        }
        Some(missing) if windlass_testbed::ci() => {
            return Err(Error::Other(format!("in CI nothing may be skipped, but {missing}")));
        }
        Some(missing) => eprintln!("test bed: the tests that need one will be skipped: {missing}"),
    }

    let start = Instant::now();
    let mut cargo = tool::cargo();
    cargo.arg("test");
    // Whoever names packages wants those only.
    let before_harness = arguments.iter().take_while(|argument| *argument != "--");
    if !before_harness
        .clone()
        .any(|argument| argument.starts_with("-p") || argument.starts_with("--package") || argument == "--workspace")
    {
        cargo.arg("--workspace");
    }
    cargo.args(arguments).env(ASKED, "1").env("WINDLASS_TESTBED_CACHE", cache_dir());
    let status = tool::run(&mut cargo)?;
    let result = if status.success() { "all tests that ran passed" } else { "there were failures" };
    eprintln!("cargo test ended after {}: {result}", seconds(start));
    if let Some(missing) = missing {
        eprintln!("skipped: the tests that need a test bed, because {missing}");
    }
    Ok(tool::exit_code(status))
}
