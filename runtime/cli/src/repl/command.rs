//! The commands, as they are typed.

mod refused;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand, ValueEnum};
use serde_json::{Value as Json, json};
use windlass_runtime::{Error, Result};

use super::form::Form;

pub(super) use refused::{habit, meant, shape, unknown, usage};

/// A line that begins with a colon.
#[derive(Debug, Parser)]
#[command(multicall = true, infer_subcommands = true, disable_version_flag = true, disable_help_subcommand = true)]
struct Typed {
    #[command(subcommand)]
    command: Command,
}

/// The commands of the REPL.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List the commands, or say what one of them, a function or a variable is
    Help {
        /// A command, a function such as cluster::apply, or words to look for
        about: Vec<String>,
    },
    /// Open a playbook in the place of what is open: a customer folder, a stock playbook, a folder or a .rhai file
    Load {
        /// What to open; without it, the same again from the start
        what: Option<String>,
    },
    /// Read the playbook, its modules and values anew; what was done stays done
    Reload,
    /// List the steps, and what became of them
    Steps,
    /// Run the next step; where a step is held up, go to the next statement, over functions
    #[command(visible_alias = "n")]
    Next,
    /// Run the steps up to this one, and this one too
    RunTo {
        /// A step's key
        step: String,
    },
    /// Run the steps that are left, up to the next break
    #[command(visible_alias = "c")]
    Continue,
    /// Go through the next step statement by statement
    #[command(visible_alias = "s")]
    Step,
    /// Go to the next statement, into functions
    #[command(visible_alias = "i")]
    Into,
    /// Go on to the end of this function
    Out,
    /// Show what the next step, or an expression, would change, how long it would take, and where it would fail
    Plan {
        /// What to evaluate
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        expression: Vec<String>,
        /// Before each step of a rehearsal, as from the start
        #[arg(long, conflicts_with = "off")]
        on: bool,
        /// Only when asked
        #[arg(long)]
        off: bool,
    },
    /// Leave out the next step, or the one of this key
    Skip {
        /// A step's key
        step: Option<String>,
    },
    /// Run a step again, the last one without STEP
    Redo {
        /// A step's key
        step: Option<String>,
    },
    /// Take back what a step has changed, the last one without STEP: it counts as not run then
    Back {
        /// A step's key
        step: Option<String>,
        /// Even if some of it cannot be taken back
        #[arg(long)]
        even_in_part: bool,
    },
    /// Open the script of a step in $EDITOR, the next one without STEP, and reload; without a playbook, a text to evaluate
    Edit {
        /// A step's key
        step: Option<String>,
    },
    /// Stop before a step, at a line, at failures, before changes; without AT, list where
    Break {
        /// A step's key, FILE:LINE, `failure` or `changes`
        at: Option<String>,
        /// Do not stop there any more; without AT, nowhere
        #[arg(long)]
        off: bool,
    },
    /// Call the failed primitive again
    Retry,
    /// Give the script this value in the place of what failed
    Take {
        /// What to evaluate
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        expression: Vec<String>,
    },
    /// Let the failed primitive fail
    Fail,
    /// Let the change that is about to be made not happen: its primitive fails
    Refuse,
    /// End the step that is held up
    Stop,
    /// List the variables
    Vars,
    /// Show the values, or one of them
    Values {
        /// A path such as storage.engine
        path: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Give values, as --set does: a.b=1 c=x; a step that has run is not concerned
    Set {
        /// Values
        #[arg(value_name = "KEY=VALUE", required = true)]
        values: Vec<String>,
    },
    /// Show ctx.state, what steps left for later ones
    State {
        #[command(flatten)]
        output: Output,
    },
    /// Show what this session has changed
    Diff,
    /// List what this session has recorded in the journal
    Journal,
    /// List the objects of a kind, or show one
    Get {
        /// A kind such as deploy, with /NAME or NAME for one
        kind: String,
        /// The name
        name: Option<String>,
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        output: Output,
    },
    /// List pods
    Pods {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        output: Output,
    },
    /// Show the log of a pod, or of what has pods
    Logs {
        /// A pod's name, Deployment/NAME and so on
        target: String,
        #[command(flatten)]
        place: Place,
        /// The container
        #[arg(short, long)]
        container: Option<String>,
        /// The last lines
        #[arg(long, default_value_t = 100)]
        tail: u32,
        /// And those that are written from here on, until Ctrl-C
        #[arg(short, long)]
        follow: bool,
        /// The log of the container that ran before this one: why it ended
        #[arg(short, long, conflicts_with = "follow")]
        previous: bool,
    },
    /// Show an object, and what has happened to it of late
    Describe {
        /// KIND/NAME, or KIND NAME
        object: String,
        /// The name
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// Say whether an object is ready, and why it is not
    Why {
        /// KIND/NAME, or KIND NAME
        object: String,
        /// The name
        name: Option<String>,
        #[command(flatten)]
        place: Place,
    },
    /// List what has happened of late
    Events {
        #[command(flatten)]
        place: Place,
        /// In all namespaces
        #[arg(short = 'A', long)]
        all_namespaces: bool,
        /// And what happens from here on, until Ctrl-C
        #[arg(short, long, visible_alias = "follow", conflicts_with = "form")]
        watch: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Write what was typed as a script, or as a step
    Save {
        /// The file
        file: std::path::PathBuf,
        /// As a step of this key
        #[arg(long)]
        step: Option<String>,
        /// Even if the file is there
        #[arg(long)]
        force: bool,
    },
    /// List what was typed
    History {
        /// How many of the last lines
        #[arg(short = 'n', long, default_value_t = 50)]
        last: usize,
    },
    /// Say which cluster and namespace are meant where a line names none, or choose others; steps are not concerned
    Use {
        /// What is chosen
        what: Option<Chosen>,
        /// The cluster, by its name in customer.yaml, or the namespace; the usual one without it
        name: Option<String>,
    },
    /// Say whether something may be changed, or say what may be from here on; between steps, read-only gives the lock back
    Mode {
        /// What may be changed
        mode: Option<Changes>,
    },
    /// Say how long each line takes, or not any more
    Timing,
    /// Read lines from a file
    Source {
        /// The file
        file: std::path::PathBuf,
    },
    /// End
    #[command(visible_aliases = ["q", "exit"])]
    Quit,
}

/// What can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Chosen {
    /// A cluster.
    Cluster,
    /// A namespace.
    #[value(alias = "ns")]
    Namespace,
}

/// What may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Changes {
    /// What is changed is changed.
    Live,
    /// Nothing may be changed.
    ReadOnly,
}

/// Where objects are looked for.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Place {
    /// The namespace
    #[arg(short, long)]
    pub(super) namespace: Option<String>,
}

/// Which objects of a kind are listed.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Which {
    #[command(flatten)]
    pub(super) place: Place,
    /// Those of all namespaces
    #[arg(short = 'A', long)]
    pub(super) all_namespaces: bool,
    /// Those with these labels
    #[arg(short = 'l', long)]
    pub(super) selector: Option<String>,
}

/// How what is found is shown.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct Output {
    /// How it is shown, as | FORM at the end chooses it
    #[arg(short = 'o', long = "output", value_name = "FORM")]
    form: Option<Form>,
}

impl Output {
    /// The form that was chosen, or the usual one.
    pub(super) fn or(self, usual: Form) -> Form {
        self.form.unwrap_or(usual)
    }
}

impl Place {
    pub(super) fn options(&self) -> Json {
        match &self.namespace {
            Some(namespace) => json!({ "namespace": namespace }),
            None => json!({}),
        }
    }
}

impl Command {
    /// Reads a command line, without its colon.
    pub(super) fn read(line: &str) -> Result<Self> {
        // An expression is taken as it was typed.
        let line = line.trim_start();
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let expression = || vec![rest.trim().to_owned()];
        let all = all();
        match refused::meant(&all, name).map(clap::Command::get_name) {
            Some("take") if !rest.trim().is_empty() => return Ok(Self::Take { expression: expression() }),
            Some("plan") if !matches!(rest.trim(), "" | "--on" | "--off") => {
                return Ok(Self::Plan { expression: expression(), on: false, off: false });
            }
            _ => {}
        }
        let (line, form) = match Form::split(line) {
            (before, form) if before.ends_with(char::is_whitespace) => (before, form),
            _ => (line, Form::Auto),
        };
        let is_shown = refused::meant(&all, name).is_some_and(has_output);
        let line = if is_shown { line.trim_end().trim_end_matches(';') } else { line };
        let mut words = words(line).ok_or_else(|| Error::usage("a quote is not closed"))?;
        let Some(first) = words.first().cloned() else { return Ok(Self::Help { about: Vec::new() }) };
        if let Some(form) = form.word() {
            if !refused::meant(&all, &first).is_some_and(has_output) {
                return Err(refused::without_output(&all, &first));
            }
            words.extend(["-o".to_owned(), form]);
        }
        match Typed::try_parse_from(words) {
            Ok(typed) => Ok(typed.command),
            Err(error) if error.kind() == ErrorKind::DisplayHelp => Ok(Self::Help { about: vec![first] }),
            Err(error) => Err(refused::refused(&error, &first)),
        }
    }
}

/// Whether one can choose how a command shows what it finds.
pub(super) fn has_output(command: &clap::Command) -> bool {
    command.get_arguments().any(|arg| arg.get_long() == Some("output"))
}

/// Whether what was typed as a command's name means this one.
pub(super) fn is(name: &str, typed: &str) -> bool {
    refused::meant(&all(), typed).is_some_and(|command| command.get_name() == name)
}

/// The words of a line, as a shell parts them; nothing where a quote is not closed.
pub(super) fn words(line: &str) -> Option<Vec<String>> {
    shlex::split(line)
}

/// Whether there is a command of this name.
pub(super) fn has(name: &str) -> bool {
    all().find_subcommand(name).is_some()
}

/// What the commands are, for help and completion.
pub(super) fn all() -> clap::Command {
    Typed::command()
}
