//! The command `windlass` as a function: [`run`] takes arguments and where to write, and gives the exit code.

mod args;
mod asking;
mod clean;
mod commands;
mod declaration;
mod editor;
mod failed;
mod go_on;
mod io;
mod journals;
mod launch;
mod plain;
mod progress;
mod prompt;
mod render;
mod repl;
mod signals;
mod style;
mod vault;
mod workspace;

use std::ffi::OsString;

use clap::Parser as _;

pub use io::{Io, Machine, Output, Watch};

use args::{Cli, Command};
use failed::Failed;
use io::Ui;
use render::Sources;
use windlass_runtime::{Error, Kind};

/// The exit codes of the command.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// Something failed while it ran.
    pub const FAILED: u8 = 1;
    /// What could be known to be wrong before anything ran: usage, values, the check.
    pub const USAGE: u8 = 2;
    /// Cancelled.
    pub const CANCELLED: u8 = 3;
    /// Another run has the lock: nothing was done.
    pub const LOCKED: u8 = 4;
}

/// Runs the command with these arguments (the first is the program's name) and gives its exit code.
pub fn run<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>, io: &Io) -> u8 {
    run_on(arguments, io, &Machine::default())
}

/// The same with other programs and another state folder than the machine's own.
pub fn run_on<A: Into<OsString> + Clone>(arguments: impl IntoIterator<Item = A>, io: &Io, machine: &Machine) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return args::refused(&error, io),
    };
    let ui = Ui::new(io, machine, &cli.shared);
    let result = match cli.command {
        Command::Run(run) => commands::run::run(&run, &ui),
        Command::Undo(undo) => commands::undo::run(&undo, &ui),
        Command::Runs(runs) => commands::runs::run(&runs, &ui),
        Command::Rehearse(rehearse) => commands::rehearse::run(&rehearse, &ui),
        Command::Shadow(shadow) => commands::shadow::run(&shadow, &ui),
        Command::List(list) => commands::list::run(&list, &ui),
        Command::Show(show) => commands::show::run(&show, &ui),
        Command::DiffStock(diff) => commands::diff_stock::run(&diff, &ui),
        Command::Check(check) => commands::check::run(&check, &ui),
        Command::Values(values) => commands::values::run(&values, &ui),
        Command::Secrets(secrets) => commands::secrets::run(&secrets, &ui),
        Command::New(new) => commands::new::run(&new, &ui),
        Command::Schemas(schemas) => commands::schemas::run(&schemas, &ui),
        Command::Lock(lock) => commands::lock::run(&lock, &ui),
        Command::Repl(repl) => repl::run(&repl, &ui),
        Command::Eval(eval) => commands::eval::run(&eval, &ui),
        Command::Docs(docs) => commands::docs::run(&docs, &ui),
        Command::Completions { shell } => commands::completions::run(shell, &ui),
    };
    let code = match result {
        Ok(code) => code,
        Err(failed) => failed.report(&ui),
    };
    match io.out.failure() {
        Some(failure) => {
            let lost = Error::new(Kind::System, format!("the result cannot be written to stdout: {failure}"));
            let told = Failed::while_running(lost.hint("what was done stays done"), Sources::default()).report(&ui);
            if code == exit::OK { told } else { code }
        }
        None => code,
    }
}
