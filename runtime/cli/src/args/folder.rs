//! Customer folders.

use std::path::PathBuf;

use clap::Args;

use super::Format;

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
