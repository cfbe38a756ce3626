//! The chores of the workspace: `cargo xtask`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command that prints")]

mod bench;
mod demo;
mod docs;
mod schemas;
mod test;
mod tool;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The chores of the Windlass workspace.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Start a test bed and run the example customer `examples/acme` on it, twice
    Demo {
        /// How many nodes the test bed has
        #[arg(long, default_value_t = 3)]
        nodes: usize,
    },
    /// Run all tests, those that need a test bed included
    Test {
        /// Arguments for `cargo test`, such as `-p windlass-testbed` or `-- --nocapture`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure windlass beside its peers, and print the ratios
    Bench {
        /// What is measured
        #[arg(value_enum, default_value_t = bench::Subject::Peers)]
        subject: bench::Subject,
    },
    /// Write the reference (docs/reference.md and docs/reference/) from the doc comments of the primitives
    Docs {
        /// Only say whether it is up to date
        #[arg(long)]
        check: bool,
    },
    /// Write what the shadow knows of Kubernetes' types (runtime/shadow/assets), as a test bed tells it
    Schemas {
        /// Only say whether it is up to date
        #[arg(long)]
        check: bool,
    },
    /// A real control plane with simulated nodes
    #[command(subcommand)]
    Testbed(TestbedChore),
}

#[derive(Debug, Subcommand)]
enum TestbedChore {
    /// Build it, if it is not built yet
    Build,
    /// Start one and keep it until Ctrl-C
    Up {
        /// How many nodes it has
        #[arg(long, default_value_t = 3)]
        nodes: usize,
    },
}

/// Why a chore failed.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Testbed(#[from] windlass_testbed::Error),
    #[error("{path}: {source}")]
    File { path: String, source: std::io::Error },
    #[error("run {program}: {source}")]
    Tool { program: String, source: std::io::Error },
    #[error("{0}")]
    Other(String),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Chore::Demo { nodes } => demo::run(nodes),
        Chore::Test { arguments } => test::run(&arguments),
        Chore::Bench { subject } => bench::run(subject),
        Chore::Docs { check } => docs::run(check),
        Chore::Schemas { check } => schemas::run(check),
        Chore::Testbed(TestbedChore::Build) => up::build(),
        Chore::Testbed(TestbedChore::Up { nodes }) => up::run(nodes),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
