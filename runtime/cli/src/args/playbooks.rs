//! Looking into playbooks and their values.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Cluster, Format, ValuesFrom, What};

/// `windlass list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) what: What,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// `windlass show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// A customer folder, a stock playbook, a playbook's folder, or a .rhai file
    #[arg(value_name = "WHAT")]
    pub(crate) what: Option<String>,
    /// Show the source of this step
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<String>,
    #[command(flatten)]
    pub(crate) values: ValuesFrom,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// `windlass check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) what: What,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// `windlass values`.
#[derive(Debug, Args)]
pub(crate) struct Values {
    #[command(flatten)]
    pub(crate) what: What,
    /// Say for each value which layer set it, and what it took the place of
    #[arg(long)]
    pub(crate) explain: bool,
    /// Show only what stands at this path, such as storage or external.redis
    #[arg(long, value_name = "PATH")]
    pub(crate) only: Option<String>,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = DataFormat::Yaml, value_name = "FORMAT")]
    pub(crate) output: DataFormat,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// `windlass docs`.
#[derive(Debug, Args)]
pub(crate) struct Docs {
    /// A function such as cluster::scale, a module such as wait, or words to look for
    #[arg(value_name = "WORDS")]
    pub(crate) words: Vec<String>,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
    /// Write definitions for editors (.d.rhai, for the Rhai language server) into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["words", "output"])]
    pub(crate) definitions: Option<PathBuf>,
}

/// `windlass eval`.
#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// The expression, or a script whose last expression counts
    #[arg(value_name = "EXPR")]
    pub(crate) expression: String,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    /// Refuse every change
    #[arg(long)]
    pub(crate) read_only: bool,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = EvalOutput::Text, value_name = "FORMAT")]
    pub(crate) output: EvalOutput,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EvalOutput {
    /// A text as it is, the rest as JSON.
    Text,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}
