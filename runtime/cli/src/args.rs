//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::exit;
use crate::io::Io;

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
#[derive(Debug, Args, Default)]
pub(crate) struct What {
    /// A customer folder, a stock playbook, a playbook's folder, or a .rhai file
    #[arg(value_name = "WHAT")]
    pub(crate) what: Option<String>,
    #[command(flatten)]
    pub(crate) values: ValuesFrom,
}

/// Where the values come from, besides the playbook's own.
#[derive(Debug, Args, Default)]
pub(crate) struct ValuesFrom {
    /// Take values and secrets from this customer folder, for a playbook other than its own
    #[arg(long, value_name = "DIR")]
    pub(crate) customer: Option<PathBuf>,
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
#[derive(Debug, Args, Default)]
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

/// The run that is meant where none is named.
pub(crate) const LAST: &str = "last";

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

/// What other commands write to stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// JSON.
    Json,
}

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

/// `windlass new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The customer's name, and that of the folder, which is made here
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The playbook: the name of a stock one (windlass list), or the path of your own
    #[arg(long, value_name = "PLAYBOOK")]
    pub(crate) from: Option<String>,
    /// Take values from this YAML file; a later one wins
    #[arg(short = 'f', long = "values", value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Set a value: a.b=1,list={x,y}
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Set a value that is always a text
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set_string: Vec<String>,
    /// The kubeconfig's context of the customer's cluster
    #[arg(long, value_name = "NAME")]
    pub(crate) context: Option<String>,
}

/// `windlass schemas`.
#[derive(Debug, Args)]
pub(crate) struct Schemas {
    /// A customer folder, whose own are renewed, or a folder for those of all stock playbooks; without it, the customer
    /// folder that you are in
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

/// `windlass secrets`.
#[derive(Debug, Args)]
pub(crate) struct Secrets {
    #[command(subcommand)]
    pub(crate) command: SecretsCommand,
    /// The customer folder; the one that you are in, or else your own secrets, without it
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) customer: Option<PathBuf>,
}

/// What there is to do with secrets. None of it shows a value, but the editor.
#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// List their names
    List {
        /// What goes to stdout
        #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
        output: Format,
    },
    /// Keep a secret: it is asked for, or read from stdin
    Set {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Open them all in your editor (VISUAL, EDITOR or vi)
    Edit,
    /// Take in what stands in clear in YAML files, a map of names to texts
    Encrypt {
        /// The files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Replace what has another value
        #[arg(long)]
        replace: bool,
    },
    /// Print your public key, for colleagues to put into `recipients`; makes a key if there is none
    Key,
    /// List the public keys of those who can read them
    Recipients,
    /// Encrypt them anew, for the recipients that customer.yaml names now
    Rekey,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataFormat {
    /// YAML.
    Yaml,
    /// JSON.
    Json,
}

/// `windlass diff-stock`.
#[derive(Debug, Args)]
pub(crate) struct DiffStock {
    /// The customer folder; the one that you are in, without it
    #[arg(value_name = "CUSTOMER")]
    pub(crate) customer: Option<String>,
    /// What goes to stdout
    #[arg(short, long, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) output: Format,
}

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
