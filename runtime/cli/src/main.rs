//! The command.

use std::process::ExitCode;

/// Manifests and answers are many small texts, made on one thread and dropped on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ExitCode::from(windlass::run(std::env::args_os(), &windlass::Io::of_process()))
}
