//! Simulated clusters for others.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::Cluster;

/// `windlass shadow`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Shadow {
    #[command(subcommand)]
    pub(crate) command: Option<ShadowCommand>,
    /// So many nodes that are alike, beside those of the base; three without it, or those of the base
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub(crate) nodes: Option<u16>,
    /// Begin with the cluster in this file, which `windlass shadow record` has written
    #[arg(long, value_name = "FILE")]
    pub(crate) base: Option<PathBuf>,
    /// Whose time it goes by
    #[arg(long, value_enum, default_value_t = ShadowClock::Real, value_name = "CLOCK")]
    pub(crate) clock: ShadowClock,
    /// What is left to chance comes from this number
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Write the kubeconfig to this new file; without it, to one in a new folder for temporary files
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
}

/// What else there is to do about simulated clusters.
#[derive(Debug, Subcommand)]
pub(crate) enum ShadowCommand {
    /// Record a live cluster in a new file, to simulate it later; the data of Secrets is left out
    Record(Record),
}

/// `windlass shadow record`.
#[derive(Debug, Args)]
pub(crate) struct Record {
    /// The file, which must not exist
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

/// The time of a shadow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShadowClock {
    /// The machine's.
    Real,
    /// Jumps to what happens next while a client is connected, and stands still otherwise.
    Virtual,
}
