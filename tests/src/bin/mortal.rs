//! The command, which kills itself where it writes to a run's journal, as `DIES` says: kinds of points, and `before` or `after`
//! they are written, such as `intent,step_end before`. Only what comes after the start of the run counts.
#![allow(clippy::print_stderr, clippy::expect_used, clippy::panic, reason = "a test")]

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass::{Io, Machine};
use windlass_runtime::journal::{Journal, Point, Side, Watched};

fn main() -> ExitCode {
    let watch = std::env::var_os("DIES").map(|_| watched as windlass::Watch);
    ExitCode::from(windlass::run_on(std::env::args_os(), &Io::of_process(), &Machine { watch, ..Machine::default() }))
}

fn watched(journal: Arc<dyn Journal>) -> Arc<dyn Journal> {
    let dies = std::env::var("DIES").unwrap_or_default();
    let (kinds, side) = dies.split_once(' ').expect("DIES is kinds and a side");
    let side = match side {
        "before" => Side::Before,
        "after" => Side::After,
        other => panic!("{other} is no side"),
    };
    let kinds: Vec<String> = kinds.split(',').map(str::to_owned).collect();
    let started = AtomicBool::new(false);
    Arc::new(Watched::new(journal, move |point, at| {
        if point == Point::RunStart && at == Side::After {
            started.store(true, Ordering::SeqCst);
        }
        if at == side
            && (started.load(Ordering::SeqCst) || point == Point::RunStart)
            && kinds.iter().any(|k| k == word(point))
        {
            eprintln!("\ndies {} {point:?}", if at == Side::Before { "before" } else { "after" });
            let own = rustix::process::getpid();
            rustix::process::kill_process(own, rustix::process::Signal::KILL).expect("a process can kill itself");
        }
        Ok(())
    }))
}

fn word(point: Point) -> &'static str {
    match point {
        Point::RunStart => "run_start",
        Point::StepStart => "step_start",
        Point::Intent => "intent",
        Point::Result => "result",
        Point::StepEnd => "step_end",
        Point::RunEnd => "run_end",
    }
}
