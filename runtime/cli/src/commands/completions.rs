//! `windlass completions`.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;

pub(crate) fn run(shell: Shell, ui: &Ui) -> Result<u8, Failed> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "windlass", &mut script);
    ui.out(&String::from_utf8_lossy(&script));
    Ok(exit::OK)
}
