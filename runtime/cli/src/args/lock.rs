//! Locks.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Cluster, Format};

/// `windlass lock`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Lock {
    #[command(subcommand)]
    pub(crate) command: Option<LockCommand>,
    #[command(flatten)]
    pub(crate) on: LockedOn,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// Whose locks.
#[derive(Debug, Args, Default)]
pub(crate) struct LockedOn {
    /// The customer folder that names the clusters; without it, the one that you are in
    #[arg(long, value_name = "DIR")]
    pub(crate) customer: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
}

/// What else there is to do about locks.
#[derive(Debug, Subcommand)]
pub(crate) enum LockCommand {
    /// Take the lock from a run that is surely dead, or that must not go on: it changes nothing more
    Break(BreakLock),
}

/// `windlass lock break`.
#[derive(Debug, Args)]
pub(crate) struct BreakLock {
    /// Who has it, as `windlass lock` shows it
    #[arg(long, value_name = "ID")]
    pub(crate) holder: String,
    /// Why; the run whose lock it was is told, and whoever looks
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) on: LockedOn,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
}
