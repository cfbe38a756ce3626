//! Secrets.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

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
