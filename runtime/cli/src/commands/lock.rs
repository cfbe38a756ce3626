//! `windlass lock`: who has the lock of each cluster; and breaking one.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;
use windlass_runtime::cluster::Cluster;
use windlass_runtime::customer::Customer;
use windlass_runtime::journal::{About, Journal};
use windlass_runtime::lock::{LockOptions, LockState, break_lock, look};
use windlass_runtime::{Error, Session};

use crate::args::{BreakLock, Format, Lock, LockCommand, LockedOn};
use crate::clean::line;
use crate::exit;
use crate::failed::Failed;
use crate::io::Ui;
use crate::progress::Progress;
use crate::render::Sources;
use crate::{journals, workspace};

/// As what a broken lock is recorded.
pub(super) const BREAK: &str = "lock break";

pub(crate) fn run(lock: &Lock, ui: &Ui) -> Result<u8, Failed> {
    match &lock.command {
        None => show(&lock.on, lock.output, ui),
        Some(LockCommand::Break(which)) => break_it(which, ui),
    }
}

/// The clusters that are meant, and how their locks are kept.
struct Place {
    session: Session,
    options: LockOptions,
}

impl Place {
    fn open(on: &LockedOn, journaled: bool, ui: &Ui) -> Result<Self, Failed> {
        let customer = workspace::customer(on.customer.as_deref())?;
        let target = workspace::target(&on.cluster, customer.as_ref())?;
        let options = customer.as_ref().map_or_else(LockOptions::default, |c| LockOptions::default().as_said_by(c));
        let progress = Progress::new(ui, Sources::default(), false);
        let session = ui.machine.given_to(workspace::runtime()?.session(target)).sink(progress.sink());
        let session = if journaled { session.journal(journal(customer.as_ref(), ui)?) } else { session };
        Ok(Self { session: session.open(), options })
    }

    /// Looks at the lock of each cluster, each once.
    fn states(&self) -> Result<Vec<(Cluster, LockState)>, Error> {
        let names = self.options.clusters.iter().map(|name| Some(name.as_str()));
        let mut states: Vec<(Cluster, LockState)> = Vec::new();
        for name in std::iter::once(None).chain(names) {
            let cluster = self.session.cluster(name, self.session.cancel())?;
            if states.iter().all(|(known, _)| known.name() != cluster.name()) {
                let (asked, namespace) = (cluster.clone(), self.options.lease_namespace().to_owned());
                states.push((cluster, self.wait(async move { look(&asked, &namespace).await })?));
            }
        }
        Ok(states)
    }

    fn wait<T: Send + 'static>(
        &self,
        asked: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, Error> {
        self.session.bridge().wait(self.session.cancel(), self.session.clock(), asked)
    }
}

/// That a lock was broken is recorded where runs are.
fn journal(customer: Option<&Customer>, ui: &Ui) -> Result<Arc<dyn Journal>, Error> {
    let about = About { what: BREAK.to_owned(), ..About::default() };
    Ok(ui.machine.watched(journals::open(&ui.machine, customer)?.begin(about)?))
}

fn while_running(error: Error) -> Failed {
    Failed::while_running(error, Sources::default())
}

fn show(on: &LockedOn, output: Format, ui: &Ui) -> Result<u8, Failed> {
    let states = Place::open(on, false, ui)?.states().map_err(while_running)?;
    let states: Vec<LockState> = states.into_iter().map(|(_, state)| state).collect();
    match output {
        Format::Json => ui.out_json(&json!({ "locks": states })),
        Format::Text => states.iter().for_each(|state| ui.out(&described(state, ui))),
    }
    Ok(exit::OK)
}

fn described(state: &LockState, ui: &Ui) -> String {
    let style = ui.out_style;
    let mut text = style.bold(line(&state.cluster));
    let Some(holder) = &state.holder else {
        let _ = writeln!(text, "  free  ({})", line(&state.lease));
        if let Some(broken) = &state.broken {
            let _ = writeln!(text, "  broken by {}: {}", line(&broken.by), line(&broken.reason));
            let _ = writeln!(text, "  it was held by {}", line(&broken.holder));
            for change in &broken.in_flight {
                let _ = writeln!(text, "  was in flight: {}", line(change));
            }
        }
        return text;
    };
    let _ = writeln!(text, "  held by {}  ({})", line(&holder.id), line(&state.lease));
    let machine = if holder.is_here() { format!("this one, process {}", holder.pid) } else { "another one".to_owned() };
    let rows = [
        ("since", holder.since.as_str()),
        ("last sign of life", state.renewed.as_deref().unwrap_or_default()),
        ("run", holder.run.as_str()),
        ("playbook", holder.playbook.as_str()),
        ("machine", machine.as_str()),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "  {name}: {}", line(value));
    }
    for change in &state.in_flight {
        let _ = writeln!(text, "  in flight: {}", line(change));
    }
    text
}

fn break_it(which: &BreakLock, ui: &Ui) -> Result<u8, Failed> {
    if which.reason.trim().is_empty() {
        return Err(Error::usage("--reason: it is empty").hint("say why: whose lock is broken is told").into());
    }
    let place = Place::open(&which.on, true, ui)?;
    let states = place.states().map_err(while_running)?;
    let held_by = |state: &LockState| state.holder.as_ref().map(|holder| holder.id.clone());
    let has_it = |state: &LockState| held_by(state).as_ref() == Some(&which.holder);
    let mut meant: Vec<&Cluster> =
        states.iter().filter(|(_, state)| has_it(state)).map(|(cluster, _)| cluster).collect();
    if meant.is_empty() {
        // A cluster that somebody else has says who that is.
        let other = states.iter().find(|(_, state)| held_by(state).is_some()).or(states.first());
        meant.extend(other.map(|(cluster, _)| cluster));
    }
    let names: Vec<&str> = meant.iter().map(|cluster| cluster.name()).collect();
    let about = format!("about to break the lock of {} on {}: {}", which.holder, names.join(", "), which.reason);
    let broken = place.session.recorded(BREAK, &about, || {
        let (mut all, mut texts) = (Vec::new(), Vec::new());
        for cluster in meant {
            let (name, cluster, namespace) =
                (cluster.name().to_owned(), cluster.clone(), place.options.lease_namespace().to_owned());
            let (holder, reason) = (which.holder.clone(), which.reason.clone());
            let breaking = async move { break_lock(&cluster, &namespace, &holder, &reason).await };
            let broken = place.wait(breaking)?;
            texts.push(format!("broke the lock of {} on {name}: {}", broken.holder, broken.reason));
            texts.extend(broken.in_flight.iter().map(|change| format!("it was in flight: {change}")));
            all.push((name, broken));
        }
        Ok((all, texts.join("; ")))
    });
    let all = broken.map_err(while_running)?;
    if which.output == Format::Json {
        let broken: Vec<_> =
            all.iter().map(|(cluster, broken)| json!({ "cluster": cluster, "broken": broken })).collect();
        ui.out_json(&json!({ "locks": broken }));
        return Ok(exit::OK);
    }
    for (cluster, broken) in &all {
        ui.out(&format!("{}: the lock of {} is broken\n", line(cluster), line(&broken.holder)));
        match broken.in_flight.as_slice() {
            [] => ui.out("  it had announced no change\n"),
            some => some.iter().for_each(|change| {
                ui.out(&format!("  in flight, and so done, half done or not done: {}\n", line(change)));
            }),
        }
    }
    Ok(exit::OK)
}
