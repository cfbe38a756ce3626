//! The command.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(windlass::run(std::env::args_os(), &windlass::Io::of_process()))
}
