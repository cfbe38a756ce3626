//! What the top and the stops of a REPL share: where lines come from, where is written, what was typed.

mod reading;
mod saying;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use windlass_runtime::change::OutcomeItem;
use windlass_runtime::event::{Event, What};
use windlass_runtime::playbook::{Console, Using};
use windlass_runtime::{Error, Kind, Result, Runtime, Session, Value};

use super::complete::Known;
use super::interrupt::Interrupt;
use super::lines::Lines;
use super::presence::Presence;
use super::prompt::Standing;
use super::set;
use super::stops::Stops;
use crate::args;
use crate::clean::line;
use crate::io::Ui;
use crate::progress::Progress;
use crate::render::Sources;

/// A line that was evaluated, or a command.
#[derive(Debug, Clone, Default)]
pub(super) struct Input {
    /// Without secrets.
    pub(super) text: String,
    /// Whether it held a secret.
    pub(super) is_secret: bool,
    /// Whether it came to its end.
    pub(super) ok: bool,
    /// The console in which it was typed.
    pub(super) console: u64,
    /// The step in the middle of which it was typed.
    pub(super) step: Option<String>,
    /// Whether it names variables of that step.
    pub(super) needs_step: bool,
    /// The functions of scripts that it could call, and may have called.
    pub(super) functions: Vec<String>,
    /// What it meant where it did not say: what `:use` had chosen, or the step.
    pub(super) using: Using,
}

/// What the top and the stops of a REPL share.
pub(super) struct Desk {
    ui: Ui,
    runtime: Runtime,
    progress: Progress,
    /// Where lines come from: the last one that still has some.
    lines: Mutex<Vec<Lines>>,
    interrupt: Interrupt,
    /// Whether a person types.
    is_person: bool,
    stops: Mutex<Stops>,
    sources: Mutex<Sources>,
    inputs: Mutex<Vec<Input>>,
    outcomes: Mutex<Vec<OutcomeItem>>,
    timing: AtomicBool,
    /// Whether what lines print is their result.
    follows: AtomicBool,
    /// The error that was said last.
    said: Mutex<Option<String>>,
    /// Where one stands outside of steps.
    standing: Mutex<Standing>,
    /// What `:use` had chosen there.
    using: Mutex<Using>,
    /// The steps, as they were when the one began in which one is.
    steps: Mutex<String>,
    /// What was said last of how one can go on.
    ways: Mutex<&'static str>,
    /// Whether no further line is read.
    leaving: AtomicBool,
    /// The exit code of the first line that failed.
    failed: Mutex<Option<u8>>,
    known: Mutex<Arc<Known>>,
    /// What was said to be wrong with the values.
    problems: Mutex<Vec<Error>>,
    /// The clusters that are looked after, by the names by which lines choose them.
    presences: Mutex<BTreeMap<Option<String>, Presence>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(super) fn new(args: &args::Repl, ui: &Ui) -> Result<Arc<Self>> {
        let runtime =
            Runtime::builder().with(windlass_stdlib::all()).stock(windlass_playbooks::tree()).followed().build()?;
        let sources = Sources::new(windlass_playbooks::tree());
        let interrupt = Interrupt::default();
        let lines = Lines::of(args, &runtime, ui, &interrupt);
        let progress = Progress::new(ui, sources.clone(), false);
        let desk = Arc::new(Self {
            ui: ui.clone(),
            runtime,
            progress,
            interrupt,
            is_person: lines.is_terminal(),
            // Where nobody types, what fails fails, and nothing is said that was not asked for.
            stops: Mutex::new(Stops {
                at_failures: lines.is_terminal(),
                says_next: lines.is_terminal(),
                ..Stops::default()
            }),
            sources: Mutex::new(sources),
            inputs: Mutex::default(),
            outcomes: Mutex::default(),
            timing: AtomicBool::new(false),
            follows: AtomicBool::new(false),
            said: Mutex::default(),
            standing: Mutex::default(),
            using: Mutex::default(),
            steps: Mutex::default(),
            ways: Mutex::default(),
            leaving: AtomicBool::new(false),
            failed: Mutex::default(),
            known: Mutex::default(),
            presences: Mutex::default(),
            problems: Mutex::default(),
            lines: Mutex::new(vec![lines]),
        });
        if ui.io.process {
            desk.interrupt.listen(desk.runtime.bridge(), desk.progress.screen())?;
        }
        Ok(desk)
    }

    pub(super) fn ui(&self) -> &Ui {
        &self.ui
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(super) fn interrupt(&self) -> &Interrupt {
        &self.interrupt
    }

    pub(super) fn stops(&self) -> MutexGuard<'_, Stops> {
        lock(&self.stops)
    }

    pub(super) fn sources(&self) -> Sources {
        lock(&self.sources).clone()
    }

    pub(super) fn add_sources(&self, from: &Sources) {
        lock(&self.sources).take_over(from);
    }

    pub(super) fn inputs(&self) -> Vec<Input> {
        lock(&self.inputs).clone()
    }

    /// What was changed so far, in this session.
    pub(super) fn outcomes(&self) -> Vec<OutcomeItem> {
        lock(&self.outcomes).clone()
    }

    /// Where one stood when lines were last read outside of steps.
    pub(super) fn standing(&self) -> Standing {
        lock(&self.standing).clone()
    }

    /// What `:use` had chosen outside of steps.
    pub(super) fn using(&self) -> Using {
        lock(&self.using).clone()
    }

    /// The steps, as they were when the one began in which one is.
    pub(super) fn steps(&self) -> MutexGuard<'_, String> {
        lock(&self.steps)
    }

    /// Reads no further line.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    /// Whether no further line is read.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire) || self.interrupt.ended().is_some()
    }

    /// Whether a person types.
    pub(super) fn is_terminal(&self) -> bool {
        self.is_person
    }

    /// Says how long a line has taken, if that is to be said.
    pub(super) fn timed(&self, begun: Instant) {
        if self.timing.load(Ordering::Acquire) {
            let took = windlass_runtime::duration::display(begun.elapsed());
            self.say(&format!("{}\n", self.ui.err_style.dim(format!("took {took}"))));
        }
    }

    /// Lets the time be said that each line takes, or not any more.
    pub(super) fn toggle_timing(&self) -> bool {
        !self.timing.fetch_xor(true, Ordering::AcqRel)
    }

    /// What sessions tell their events to.
    pub(super) fn sink(self: &Arc<Self>) -> impl Fn(&Event) + Send + Sync + 'static {
        let (desk, show) = (self.clone(), self.progress.sink());
        move |event: &Event| {
            if let What::Outcome { outcome } = &event.what {
                lock(&desk.outcomes).push(outcome.clone());
            }
            if let (What::Log { text, .. }, true) = (&event.what, desk.follows.load(Ordering::Acquire)) {
                return desk.out(&format!("{}\n", line(text)));
            }
            // What failed is shown where one can do something about it, and not again at the end.
            if !matches!(event.what, What::RunStarted { .. } | What::RunEnded { .. }) {
                show(event);
            }
        }
    }

    /// Lets what lines print be their result, or not any more: they follow something.
    pub(super) fn follows(&self, follows: bool) {
        self.follows.store(follows, Ordering::Release);
    }

    /// Lets nothing be changed any more where somebody else has the lock.
    pub(super) fn without_lock(&self, session: &Session, met: Kind) {
        if met == Kind::Locked {
            session.access().set_read_only(true);
            self.say("read-only from here on: `:mode live` tries again\n");
        }
    }

    /// What a line gives, until Ctrl-C.
    pub(super) fn value_of(&self, console: &mut Console, text: &str) -> Result<Value> {
        let source = format!("<input {}>", lock(&self.inputs).len() + 1);
        lock(&self.sources).add(&source, &console.session().mask(text));
        let cancel = console.session().cancel().child();
        let _running = self.interrupt.stops(&cancel);
        let result = console.evaluate(&source, text, &cancel);
        self.progress.settled();
        result
    }

    /// Keeps what was typed.
    pub(super) fn done(&self, console: &Console, text: &str, ok: bool) {
        let (step, needs_step) = (console.step().map(str::to_owned), console.names_own(text));
        let masked = console.session().mask(text.trim());
        let masked = set::without_secrets(&masked, self.known().schema.as_deref()).unwrap_or(masked);
        let is_secret = masked != text.trim();
        let signatures = console.signatures().into_iter();
        let functions = signatures.filter_map(|signature| Some(signature.split('(').next()?.to_owned()));
        let functions = functions.filter(|name| text.contains(name)).collect();
        let using = console.looks_at();
        lock(&self.inputs).push(Input {
            text: masked,
            console: console.number(),
            is_secret,
            ok,
            step,
            needs_step,
            functions,
            using,
        });
        if let Some(Lines::Terminal(editor)) = lock(&self.lines).first() {
            editor.keep(|line| !is_secret && console.session().mask(line) == line);
        }
    }

    /// Tells from here on when this cluster is lost, and when it is back.
    pub(super) fn looks_after(&self, session: &Session, cluster: Option<&str>) {
        let begun = || Presence::of(session, cluster, self.progress.screen(), self.ui.err_style);
        lock(&self.presences).entry(cluster.map(str::to_owned)).or_insert_with(begun);
    }

    /// Looks after no cluster any more.
    pub(super) fn looks_after_nothing(&self) {
        lock(&self.presences).clear();
    }

    /// Whether this cluster cannot be reached.
    pub(super) fn has_lost(&self, cluster: Option<&str>) -> bool {
        lock(&self.presences).get(&cluster.map(str::to_owned)).is_some_and(Presence::is_lost)
    }
}
