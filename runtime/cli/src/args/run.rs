//! Running a playbook.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Cluster, LAST, What};

/// `windlass run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    #[command(flatten)]
    pub(crate) steps: Steps,
    /// Ask before each step, and after each that failed
    #[arg(long)]
    pub(crate) step: bool,
    /// Answer the question of this key with yes, beforehand
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) yes_to: Vec<String>,
    /// Refuse every change
    #[arg(long, conflicts_with = "resume")]
    pub(crate) read_only: bool,
    #[command(flatten)]
    pub(crate) resuming: Resuming,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Whether a run goes on that was started before, and how.
#[derive(Debug, Args)]
pub(crate) struct Resuming {
    /// Go on with a run that did not end well, the last one without RUN: what is done is not run again
    #[arg(long, value_name = "RUN", num_args = 0..=1, require_equals = true, default_missing_value = LAST)]
    pub(crate) resume: Option<String>,
    /// Run this step again although it is done
    #[arg(long, value_name = "STEP|TAG", value_delimiter = ',', requires = "resume")]
    pub(crate) redo: Vec<String>,
    /// Of what a step does side by side, run only that again which is not done
    #[arg(long, requires = "resume")]
    pub(crate) failed_only: bool,
    /// Go on although scripts or values have changed since
    #[arg(long, requires = "resume")]
    pub(crate) accept_changes: bool,
}

/// `windlass rehearse`.
#[derive(Debug, Args)]
pub(crate) struct Rehearse {
    #[command(flatten)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) steps: Steps,
    /// Answer the question of this key with yes, and refuse every other; without it, every question is answered with yes
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) yes_to: Vec<String>,
    /// So many nodes that are alike, beside those of the base; without it, those of the base, of the customer folder's
    /// hosts.yaml, or three
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub(crate) nodes: Option<u16>,
    /// Begin with the cluster in this file, which `windlass shadow record` has written
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// What is left to chance comes from this number: the same one gives the same rehearsal
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// The simulated time of day at which it begins, such as 2026-07-01T08:00:00Z; the next full hour without it
    #[arg(long, value_name = "TIME")]
    pub(crate) begin: Option<jiff::Timestamp>,
    /// Run it twice: the second run must change nothing
    #[arg(long)]
    pub(crate) twice: bool,
    /// Break something, from the start or when a step begins: node/NAME, image/PATTERN, crash/PATTERN, pvc/NAME,
    /// start/PATTERN=10m, never-ready/PATTERN
    ///
    /// A PATTERN is an image, a workload or a pod: mongo, registry.example.com/mongo:*, shop/web. NAME is that of a node or a
    /// claim: node-2, data-db-0, shop/data-db-0. A * stands for anything. STEP is a step's key.
    #[arg(long, value_name = "FAULT[@STEP]")]
    pub(crate) fail: Vec<String>,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Which steps.
#[derive(Debug, Args, Default)]
pub(crate) struct Steps {
    /// Start at this step
    #[arg(long, value_name = "STEP|TAG")]
    pub(crate) from: Option<String>,
    /// Run only these steps
    #[arg(long, value_name = "STEP|TAG", value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// Leave these steps out
    #[arg(long, value_name = "STEP|TAG", value_delimiter = ',')]
    pub(crate) skip: Vec<String>,
}

/// What is said of a run, and where.
#[derive(Debug, Args)]
pub(crate) struct Telling {
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = RunOutput::Text, value_name = "FORMAT")]
    pub(crate) output: RunOutput,
    /// Keep everything that is said in this file, as JSON lines where its name ends in .jsonl
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
}

/// What a run writes to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RunOutput {
    /// A summary.
    Text,
    /// The report.
    Json,
    /// Each event, as it happens.
    Jsonl,
}
