//! Going through a playbook by hand.

use clap::{Args, ValueEnum};

use super::{Cluster, What};

/// `windlass repl`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Repl {
    #[command(flatten)]
    pub(crate) what: What,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// Go through it on a simulated cluster, where nothing is for real
    #[arg(long, conflicts_with_all = ["context", "kubeconfig", "allow_exec"])]
    pub(crate) rehearse: bool,
    /// Break something in the simulated cluster, from the start or when a step begins: as of `windlass rehearse`
    #[arg(long, value_name = "FAULT[@STEP]", requires = "rehearse")]
    pub(crate) fail: Vec<String>,
    /// Refuse every change, until `:mode live`
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Answer the question of this key with yes, beforehand
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) yes_to: Vec<String>,
    /// Evaluate this and end, instead of reading lines; may be given several times
    #[arg(short, long = "command", value_name = "LINE", allow_hyphen_values = true)]
    pub(crate) commands: Vec<String>,
    /// How lines are edited
    #[arg(long, value_enum, default_value_t = Keys::Emacs, value_name = "KEYS", env = "WINDLASS_KEYS")]
    pub(crate) keys: Keys,
}

/// How lines are edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Keys {
    /// As in most shells.
    Emacs,
    /// As in vi.
    Vi,
}
