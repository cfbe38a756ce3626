//! `windlass repl`: lines of Rhai and commands, one after the other, outside of steps and in the middle of one.

mod ahead;
mod book;
mod command;
mod commands;
mod complete;
mod desk;
mod editor;
mod evaluate;
mod form;
mod highlight;
mod history;
mod interrupt;
mod lines;
mod outside;
mod presence;
mod prompt;
mod set;
mod show;
mod stops;
mod typed;
mod within;

use windlass_runtime::{Error, Kind, STACK};

use crate::args;
use crate::failed::Failed;
use crate::io::Ui;

pub(crate) fn run(args: &args::Repl, ui: &Ui) -> Result<u8, Failed> {
    // Scripts need more stack than the first thread may have, and steps run where lines are read.
    std::thread::scope(|threads| {
        let builder = std::thread::Builder::new().name("windlass-repl".to_owned()).stack_size(STACK);
        let thread = builder.spawn_scoped(threads, || outside::Repl::open(args, ui)?.all_lines());
        let thread = thread.map_err(|e| Error::new(Kind::System, "no thread can be started").source(e))?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
