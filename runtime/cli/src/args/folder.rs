//! Customer folders.

use std::path::PathBuf;

use clap::Args;

use super::{Format, GivenValues};

/// `windlass new`.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The customer's name, and that of the folder, which is made here
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The playbook: the name of a stock one (windlass list), or the path of your own
    #[arg(long, value_name = "PLAYBOOK")]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) given: GivenValues,
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
