//! The command line.

mod folder;
mod lock;
mod playbooks;
mod repl;
mod run;
mod runs;
mod secrets;
mod shadow;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit;
use crate::io::Io;

pub(crate) use folder::{DiffStock, New, Schemas};
pub(crate) use lock::{BreakLock, Lock, LockCommand, LockedOn};
pub(crate) use playbooks::{Check, DataFormat, Docs, Eval, EvalOutput, List, Show, Values};
pub(crate) use repl::{Keys, Repl};
pub(crate) use run::{Rehearse, Resuming, Run, RunOutput, Steps, Telling};
pub(crate) use runs::{
    LAST, ReportFormat, Runs, RunsCommand, RunsExport, RunsImport, RunsList, RunsShow, Undo, WhoseRuns,
};
pub(crate) use secrets::{Secrets, SecretsCommand};
pub(crate) use shadow::{Record, Shadow, ShadowClock, ShadowCommand};

const AFTER: &str = "WHAT is a customer folder, the name of a stock playbook (windlass list), a playbook's folder, or a .rhai file; \
without it, the customer folder that you are in.\n\nExit codes: 0 done, 1 failed, 2 wrong before anything ran, 3 cancelled, 4 locked by another run.";

/// Deployment playbooks for Kubernetes: run them, look into them, check them.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, about, after_help = AFTER, max_term_width = 100, disable_help_subcommand = false)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) shared: Shared,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options that every command takes.
#[derive(Debug, Args)]
pub(crate) struct Shared {
    /// When to use colour; `auto` follows NO_COLOR and whether this is a terminal
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    pub(crate) color: When,
    /// Say only what went wrong, and the result
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more: what was unchanged, whole diffs; twice for debug lines too
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a playbook on a cluster
    Run(Run),
    /// Take back what a run has changed, the newest first
    Undo(Undo),
    /// Show what was run: the runs of a customer folder, or of the user
    Runs(Runs),
    /// Run a playbook on a simulated cluster, whose time costs nothing
    Rehearse(Rehearse),
    /// Serve a simulated cluster for kubectl, Helm and other clients, until Ctrl-C
    Shadow(Shadow),
    /// List the steps of a playbook; without WHAT and outside a customer folder, the stock playbooks
    List(List),
    /// Show a playbook: its description, its values, its steps; or the source of one step
    Show(Show),
    /// Check a playbook and its values without running anything
    Check(Check),
    /// Show the merged values, or which layer set each of them
    Values(Values),
    /// Keep secrets in the customer folder's secrets.age (or your own): list, set, edit, encrypt them
    Secrets(Secrets),
    /// Make a customer folder for a playbook; on a terminal, it asks for what the playbook needs
    New(New),
    /// Write JSON Schemas of customer.yaml, hosts.yaml and values, for editors
    Schemas(Schemas),
    /// Show what a customer folder changes about its playbook, and which of its hooks match no step any more
    DiffStock(DiffStock),
    /// Show who has the lock of each cluster, or break one
    Lock(Lock),
    /// Go through a playbook step by step, look around, mend, go on: Rhai and commands, line by line
    Repl(Repl),
    /// Evaluate an expression, for real, and print its value: what it changes is changed
    Eval(Eval),
    /// Show what scripts can call and read: all of it, one function, or what has all these words
    Docs(Docs),
    /// Print completions for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Which playbook, and with which values.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct What {
    /// A customer folder, a stock playbook, a playbook's folder, or a .rhai file
    #[arg(value_name = "WHAT")]
    pub(crate) what: Option<String>,
    #[command(flatten)]
    pub(crate) values: ValuesFrom,
}

/// Where the values come from, besides the playbook's own.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct ValuesFrom {
    /// Take values and secrets from this customer folder, for a playbook other than its own
    #[arg(long, value_name = "DIR")]
    pub(crate) customer: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) given: GivenValues,
}

/// What the command line gives of values.
#[derive(Debug, Args, Default, Clone)]
pub(crate) struct GivenValues {
    /// Take values from this YAML file; a later one wins
    #[arg(short = 'f', long = "values", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Set a value: a.b=1,list={x,y}
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Set a value that is always a text
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set_string: Vec<String>,
}

/// Which cluster.
#[derive(Debug, Clone, Args, Default)]
pub(crate) struct Cluster {
    /// The kubeconfig's context; the customer's, or the current one, without it
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
    /// The kubeconfig; KUBECONFIG or ~/.kube/config without it
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Let the kubeconfig run this program for its credentials
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) allow_exec: Vec<String>,
}

/// What other commands write to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// JSON.
    Json,
}

/// Tells what clap has to say: the help that was asked for, or what is wrong with the arguments.
pub(crate) fn refused(error: &clap::Error, io: &Io) -> u8 {
    let output = if error.use_stderr() { &io.err } else { &io.out };
    let text = error.render();
    let text = if output.is_terminal() && crate::style::wanted() { text.ansi().to_string() } else { text.to_string() };
    // What was typed is repeated in it.
    output.write(&crate::clean::but_styles(&text));
    if let Some(failure) = io.out.failure() {
        io.err.write(&format!("error: the result cannot be written to stdout: {failure}\n"));
        return exit::FAILED;
    }
    if error.use_stderr() { exit::USAGE } else { exit::OK }
}
