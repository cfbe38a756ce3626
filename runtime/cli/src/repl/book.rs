//! What is open: a playbook with its values and its steps, or nothing but a cluster.

mod problems;
mod reload;

use std::sync::Arc;

use windlass_runtime::access::Access;
use windlass_runtime::cancel::Cancel;
use windlass_runtime::clock::next_hour;
use windlass_runtime::hosts::{Host, Hosts};
use windlass_runtime::journal::{Journal, MemoryJournal};
use windlass_runtime::lock::LockOptions;
use windlass_runtime::playbook::{Console, Walk};
use windlass_runtime::report::StepStatus;
use windlass_runtime::secret::MemoryVault;
use windlass_runtime::session::HeldLock;
use windlass_runtime::target;
use windlass_runtime::{Error, Place, Result as Tried, Session, SessionBuilder};
use windlass_shadow::topology::Topology;

use super::complete::Known;
use super::desk::Desk;
use super::prompt::{Mode, Standing};
use super::within::Within;
use crate::args;
use crate::clean::line;
use crate::commands::rehearse::Faults;
use crate::failed::Failed;
use crate::prompt::Terminal;
use crate::style::Style;
use crate::workspace::{self, Workspace};
use crate::{journals, vault};

/// What runs are called that have no playbook.
const BY_HAND: &str = "windlass repl";

/// What is open.
pub(super) struct Book {
    pub(super) workspace: Option<Workspace>,
    pub(super) session: Session,
    outside: Console,
    /// Where the script of the last step stood, if that failed.
    failed: Option<Console>,
    /// The steps, where a playbook is open.
    pub(super) walk: Option<Walk>,
    /// Why a playbook that is open has no steps, or none that run.
    unready: Option<Error>,
    /// Where it could not be read.
    pub(super) broken_at: Option<Place>,
    /// What was named when it was opened.
    pub(super) what: Option<String>,
    rehearsal: bool,
    /// What was to be broken, and where.
    faults: Option<(Faults, target::Shadow)>,
    /// The locks, from the first change on.
    held: HeldLock,
}

impl Book {
    /// Opens what is named, the customer folder that one is in, or nothing but the cluster.
    pub(super) fn open(desk: &Arc<Desk>, args: &args::Repl, what: Option<&str>) -> Result<Self, Failed> {
        let values = &args.what.values;
        let named = what.is_some() || values.customer.is_some() || workspace::in_customer_folder();
        let workspace = if named { Some(Workspace::open(what, values)?) } else { None };
        if let Some(workspace) = &workspace {
            desk.add_sources(&workspace.sources);
        }
        let customer = workspace.as_ref().and_then(|workspace| workspace.customer.as_ref());
        if args.rehearse {
            let (target, faults) = simulated(workspace.as_ref(), &args.fail)?;
            let broken = faults.sink(&target, desk.progress().screen());
            let builder = desk.runtime().session(target.clone()).sink(broken);
            let book = Self::on(desk, args, workspace, what, builder)?;
            return Ok(Self { faults: Some((faults, target)), ..book });
        }
        let target = workspace::target(&args.cluster, customer)?;
        Self::on(desk, args, workspace, what, desk.runtime().session(target))
    }

    fn on(
        desk: &Arc<Desk>,
        args: &args::Repl,
        workspace: Option<Workspace>,
        what: Option<&str>,
        builder: SessionBuilder,
    ) -> Result<Self, Failed> {
        let access = if args.read_only { Access::read_only() } else { Access::full() };
        let builder = desk.ui().machine.given_to(builder).cancel(Cancel::root()).access(access);
        let builder = args.yes_to.iter().fold(builder, SessionBuilder::yes_to);
        let builder = asking(builder.sink(desk.sink()), desk, workspace.as_ref());
        let builder = recorded(builder, desk, args.rehearse, workspace.as_ref());
        let within = Within(desk.clone());
        let session = builder.follower(within.clone()).on_failure(within.clone()).change_gate(within).open();
        let held = session.lock_with_first_change();
        let mut book = Self {
            outside: Console::new(&session),
            failed: None,
            workspace,
            walk: None,
            unready: None,
            broken_at: None,
            what: what.map(str::to_owned),
            rehearsal: args.rehearse,
            faults: None,
            session,
            held,
        };
        desk.looks_after_nothing();
        desk.looks_after(&book.session, None);
        book.prepare(desk)?;
        Ok(book)
    }

    /// Whether there are the steps at which something is to break.
    ///
    /// # Errors
    /// Which of them is not there.
    pub(super) fn check_faults(&self) -> Tried<()> {
        match (&self.faults, &self.walk) {
            (Some((faults, _)), Some(walk)) => faults.check(walk.steps()),
            _ => Ok(()),
        }
    }

    /// Declares the steps. Where that fails, the rest is there all the same.
    fn prepare(&mut self, desk: &Desk) -> Tried<()> {
        let Some(workspace) = &self.workspace else { return self.session.begin_by_hand(BY_HAND) };
        match self.session.prepare(&workspace.playbook).and_then(windlass_runtime::playbook::Prepared::walk) {
            Ok(walk) => {
                self.walk = Some(walk);
                self.say_problems(desk);
                Ok(())
            }
            Err(error) => {
                self.say_problems(desk);
                self.broken_at = error.place().cloned();
                desk.report(&Failed::before(vec![error], desk.sources()));
                self.unready = Some(
                    Error::usage("the playbook could not be read, and has no steps")
                        .hint("mend it (:edit), and :reload"),
                );
                self.session.begin_by_hand(BY_HAND)
            }
        }
    }

    /// Where lines are evaluated: where the last step has failed, or outside of steps.
    pub(super) fn console(&self) -> &Console {
        self.failed.as_ref().unwrap_or(&self.outside)
    }

    /// The same, to evaluate something.
    pub(super) fn console_mut(&mut self) -> &mut Console {
        self.failed.as_mut().unwrap_or(&mut self.outside)
    }

    /// Takes note of where the last step stands. What was chosen is meant there too.
    pub(super) fn step_ended(&mut self) {
        let using = self.console().using().clone();
        self.failed = self.walk.as_ref().and_then(Walk::take_failed);
        for console in self.failed.iter_mut().chain([&mut self.outside]) {
            // It is open already.
            let _ = console.use_from_here(using.clone());
        }
    }

    /// The steps.
    ///
    /// # Errors
    /// Where no playbook is open, or what keeps it from having steps.
    pub(super) fn walk(&mut self) -> Tried<&mut Walk> {
        match (&mut self.walk, &self.unready) {
            (_, Some(error)) => Err(error.clone()),
            (Some(walk), None) => Ok(walk),
            (None, None) => Err(none_open()),
        }
    }

    /// The steps, even if they are not to be run as they were read.
    ///
    /// # Errors
    /// Where no playbook is open, or it has no steps.
    pub(super) fn walk_as_read(&self) -> Tried<&Walk> {
        match (&self.walk, &self.unready) {
            (Some(walk), _) => Ok(walk),
            (None, Some(error)) => Err(error.clone()),
            (None, None) => Err(none_open()),
        }
    }

    /// Whether what is open has no steps, because it could not be read.
    pub(super) fn is_unready(&self) -> bool {
        self.unready.is_some()
    }

    pub(super) fn standing(&self, desk: &Desk) -> Standing {
        let customer = self.workspace.as_ref().and_then(|w| w.customer.as_ref());
        let using = self.console().using().clone();
        let folder = customer.and_then(|customer| customer.folder.file_name());
        Standing {
            customer: folder.map(|name| name.to_string_lossy().into_owned()),
            lost: desk.has_lost(using.cluster.as_deref()),
            cluster: using.cluster.unwrap_or_else(|| self.session.target().name()),
            namespace: using.namespace,
            playbook: self.workspace.as_ref().map(|workspace| workspace.playbook.name.clone()),
            step: self.failed.as_ref().and_then(Console::step).map(str::to_owned).or_else(|| self.next_step()),
            mode: Mode::of(&self.session),
            goes_on: false,
            held: self.failed.as_ref().and_then(Console::step).map(|key| self.how_it_ended(key)),
        }
    }

    fn how_it_ended(&self, key: &str) -> &'static str {
        match self.walk.as_ref().and_then(|walk| walk.report(key)).map(|report| report.status) {
            Some(StepStatus::Cancelled) => "stopped",
            _ => "failed",
        }
    }

    fn next_step(&self) -> Option<String> {
        let walk = self.walk.as_ref()?;
        walk.steps().get(walk.next()?).map(|step| step.key.clone())
    }

    /// What there is to be completed.
    pub(super) fn known(&self) -> Known {
        let steps = self.walk.iter().flat_map(Walk::steps);
        let customer = self.workspace.as_ref().and_then(|workspace| workspace.customer.as_ref());
        // What is wrong with the hosts is said where they are used.
        let hosts = customer.and_then(|customer| Hosts::of_folder(&customer.folder).ok().flatten());
        let about = |host: &Host| {
            let parts = [host.address.as_deref(), host.site.as_deref()];
            parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
        };
        let hosts = hosts.iter().flat_map(|hosts| &hosts.hosts);
        Known {
            steps: steps.map(|step| (step.key.clone(), step.title().to_owned())).collect(),
            hosts: hosts.map(|host| (host.name.clone(), about(host))).collect(),
            clusters: self.session.target().cluster_names(),
            schema: self.workspace.as_ref().and_then(|workspace| workspace.schema.clone()),
            values: self.workspace.as_ref().map(Workspace::seen).unwrap_or_default(),
        }
    }

    pub(super) fn greeting(&self, style: Style) -> String {
        let target = line(&self.session.target().name());
        let real = if self.rehearsal { ", where nothing is for real" } else { "" };
        let Some(walk) = &self.walk else {
            let ways = style
                .dim("type Rhai, such as cluster::list(\"Node\"); :load opens a playbook, :help says more, :quit ends");
            return format!("on {target}{real}\n{ways}\n");
        };
        let count = if walk.steps().len() == 1 { "1 step".to_owned() } else { format!("{} steps", walk.steps().len()) };
        let name = self.workspace.as_ref().map(|w| line(&w.playbook.name)).unwrap_or_default();
        let next = self.next_step().map(|key| format!(":next runs {}, ", line(&key))).unwrap_or_default();
        let ways = style.dim(format!("{next}:steps lists them all, :help says more, :quit ends"));
        format!("{}: {count} on {target}{real}\n{ways}\n", style.bold(name))
    }

    /// Says what was opened, and what one can do.
    pub(super) fn greet(&self, desk: &Desk) {
        desk.knows(self.known());
        if desk.is_terminal() {
            desk.say(&self.greeting(desk.ui().err_style));
        }
    }

    /// Where all steps have run, says what was to be in their way and was not.
    pub(super) fn say_idle_faults(&self, desk: &Desk) {
        let (Some((faults, target)), Some(walk)) = (&self.faults, &self.walk) else { return };
        if walk.next().is_some() {
            return;
        }
        for idle in &faults.idle(target) {
            desk.say(&format!("{} {}\n", desk.ui().err_style.yellow("warning:"), line(idle)));
        }
    }

    /// Gives the locks back until the next change.
    pub(super) fn gives_locks_back(&mut self, desk: &Desk) {
        if self.held.give_back_until_next_change() {
            desk.say("the lock was given back\n");
        }
    }

    /// Ends the run, if there is one, and gives back what is held.
    pub(super) fn end(self) {
        match self.walk {
            Some(walk) => drop(walk.end()),
            // What keeps it from being recorded has been told with the last change.
            None => drop(self.session.end_by_hand(BY_HAND)),
        }
    }
}

fn none_open() -> Error {
    Error::usage("no playbook is open").hint(":load NAME opens one, such as single-node")
}

fn simulated(workspace: Option<&Workspace>, fail: &[String]) -> Tried<(target::Shadow, Faults)> {
    let customer = workspace.and_then(|workspace| workspace.customer.as_ref());
    let hosts = customer.map(|customer| Hosts::of_folder(&customer.folder)).transpose()?.flatten();
    let topology = hosts.map_or_else(|| Topology::of(3), |hosts| hosts.topology());
    let nodes: Vec<String> = topology.nodes.iter().map(|node| node.name.clone()).collect();
    let faults = Faults::read(fail, &nodes)?;
    let mut builder = target::Shadow::builder().seed(1).begin_at(next_hour()).topology(topology);
    let names = customer.iter().flat_map(|customer| customer.clusters.keys());
    for name in names.filter(|name| *name != "default") {
        builder = builder.cluster(name);
    }
    let target = builder.build()?;
    faults.begin(&target);
    Ok((target, faults))
}

fn asking(builder: SessionBuilder, desk: &Arc<Desk>, workspace: Option<&Workspace>) -> SessionBuilder {
    if !desk.is_terminal() {
        return builder;
    }
    let values = workspace.map(Workspace::shown_values).unwrap_or_default();
    let (progress, style, interrupt) = (desk.progress().clone(), desk.ui().err_style, desk.interrupt().clone());
    builder.prompter(Arc::new(Terminal { stopped: Box::new(move || interrupt.reason()), progress, style, values }))
}

fn recorded(builder: SessionBuilder, desk: &Desk, rehearsal: bool, workspace: Option<&Workspace>) -> SessionBuilder {
    let machine = &desk.ui().machine;
    let customer = workspace.and_then(|workspace| workspace.customer.as_ref());
    let builder = match workspace {
        Some(workspace) => builder
            .values(workspace.values_json())
            .conflicts(customer.map(|customer| customer.conflicts).unwrap_or_default()),
        None => builder,
    };
    if rehearsal {
        return builder.vault(Arc::new(MemoryVault::new())).journal(Arc::new(MemoryJournal::new()));
    }
    let lock = workspace.map_or_else(
        || LockOptions { playbook: BY_HAND.to_owned(), ..LockOptions::default() },
        |workspace| LockOptions::of(&workspace.playbook, customer),
    );
    let journal: Arc<dyn Journal> = journals::with_the_first_change(machine, workspace);
    builder.vault(vault::of(machine, customer)).journal(journal).lock(lock)
}
