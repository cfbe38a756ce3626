//! What becomes of runs: looking at them, taking them back.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Cluster, Format, Telling};

/// The run that is meant where none is named.
pub(crate) const LAST: &str = "last";

/// `windlass undo`.
#[derive(Debug, Args)]
pub(crate) struct Undo {
    /// The run, or the beginning or end of its id; the last one without it
    #[arg(value_name = "RUN", default_value = LAST, hide_default_value = true)]
    pub(crate) run: String,
    /// Back to how it was when this step was done: only what came after it is taken back
    #[arg(long, value_name = "STEP")]
    pub(crate) to: Option<String>,
    /// Show what would be taken back, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Answer the question of this key with yes, beforehand: `undo`
    #[arg(long, value_name = "KEY", value_delimiter = ',')]
    pub(crate) yes_to: Vec<String>,
    #[command(flatten)]
    pub(crate) whose: WhoseRuns,
    #[command(flatten)]
    pub(crate) cluster: Cluster,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// `windlass runs`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Runs {
    #[command(subcommand)]
    pub(crate) command: Option<RunsCommand>,
    #[command(flatten)]
    pub(crate) list: RunsList,
}

/// What there is to do about runs.
#[derive(Debug, Subcommand)]
pub(crate) enum RunsCommand {
    /// List them, the newest first
    List(RunsList),
    /// Show one: what was done, what was decided, what it stands for
    Show(RunsShow),
    /// Write one to a file, for a colleague among the recipients to import
    Export(RunsExport),
    /// Take one from a file
    Import(RunsImport),
}

/// Whose runs.
#[derive(Debug, Args)]
pub(crate) struct WhoseRuns {
    /// Those of this customer folder; without it, of the one that you are in, or else the user's own
    #[arg(long, value_name = "DIR")]
    pub(crate) customer: Option<PathBuf>,
}

/// `windlass runs list`.
#[derive(Debug, Args)]
pub(crate) struct RunsList {
    #[command(flatten)]
    pub(crate) whose: WhoseRuns,
    /// Those before the last 20 too; JSON has them always
    #[arg(short, long)]
    pub(crate) all: bool,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
}

/// `windlass runs show`.
#[derive(Debug, Args)]
pub(crate) struct RunsShow {
    /// The run, or the beginning or end of its id; the last one without it
    #[arg(value_name = "RUN", default_value = LAST, hide_default_value = true)]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) whose: WhoseRuns,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = ReportFormat::Text, value_name = "FORMAT")]
    pub(crate) output: ReportFormat,
}

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people at a terminal.
    Text,
    /// JSON.
    Json,
    /// A report in Markdown, to be handed on.
    Markdown,
}

/// `windlass runs export`.
#[derive(Debug, Args)]
pub(crate) struct RunsExport {
    /// The run, or the beginning or end of its id
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The file, which must not exist
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) whose: WhoseRuns,
}

/// `windlass runs import`.
#[derive(Debug, Args)]
pub(crate) struct RunsImport {
    /// The file that `windlass runs export` has written
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) whose: WhoseRuns,
}
