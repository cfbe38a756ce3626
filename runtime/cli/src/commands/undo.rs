//! `windlass undo`.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde_json::json;
use windlass_runtime::change::Op;
use windlass_runtime::journal::{About, Entry, Journal as _, RunLine, RunRecord, Store, Undoes};
use windlass_runtime::lock::{LockOptions, Patience};
use windlass_runtime::report::Report;
use windlass_runtime::undo::{self, Item, Way};
use windlass_runtime::{Error, Kind, Session};

use super::run::asking;
use super::runs::{self, grouped};
use crate::args::{RunOutput, Undo};
use crate::clean::line;
use crate::failed::Failed;
use crate::io::Ui;
use crate::launch::{Launch, finished, tell_failed};
use crate::render::Sources;
use crate::style::Style;
use crate::{exit, go_on, journals, vault, workspace};

/// The key of the question whether to go on.
const QUESTION: &str = "undo";

pub(crate) fn run(undo: &Undo, ui: &Ui) -> Result<u8, Failed> {
    attempt(undo, ui).inspect_err(|failed| tell_failed(failed, undo.telling.output, ui))
}

fn attempt(options: &Undo, ui: &Ui) -> Result<u8, Failed> {
    let customer = workspace::customer(options.whose.customer.as_deref())?;
    let store = journals::known(&ui.machine, customer.as_ref())?;
    let id = chosen(&store, &options.run)?;
    let record = store.record(&id)?;
    let what = options.to.as_ref().map_or_else(|| "all".to_owned(), |step| format!("to {step}"));
    if let Some(undone) = &record.line.undone_by {
        ui.err(&format!("the run {} was taken back already, by {}: there is nothing to do\n", line(&id), line(undone)));
        return Ok(exit::OK);
    }
    let entries = undo::after(&record, store.entries(&id)?, options.to.as_deref())?;
    let is_begun = |undo: &RunLine| undo.what == what && undo.status.as_deref() != Some("ok");
    let begun = store.undos_of(&id)?.into_iter().find(is_begun);
    let journal = match &begun {
        Some(undo) => store.resume(&undo.run)?,
        None => {
            let folder = customer.as_ref().map(|customer| customer.folder.clone());
            store.begin(About { what, folder, undoes: Some(id.clone()) })?
        }
    };
    let undoing = Undoing { store: &store, id: &id, record: &record, entries, resumes: begun, options, ui };
    let mut launch = Launch::new(ui, Sources::new(windlass_playbooks::tree()), &options.telling)?;
    launch.finds_out = Some(go_on::undo_again(options, &id));
    let target = workspace::target(&options.cluster, customer.as_ref())?;
    let locks = LockOptions {
        playbook: format!("undo of {id}"),
        folder: customer.as_ref().map(|customer| customer.folder.clone()),
        ..LockOptions::default()
    };
    let locks = match &customer {
        Some(customer) => locks.as_said_by(customer),
        None => locks,
    };
    let mut done = &journal.past().undone | &undone(&store, &id)?;
    if record.line.undoes.is_none() {
        done.extend(undo::taken_back_within(&undoing.entries));
    }
    let journal = ui.machine.watched(journal);
    let report = launch.session(
        target,
        |mut builder, progress| {
            builder = builder.vault(vault::of(&ui.machine, customer.as_ref())).journal(journal).lock(locks);
            for key in &options.yes_to {
                builder = builder.yes_to(key);
            }
            asking(builder, &launch, progress, Vec::new(), ui)
        },
        |session| undoing.run(session, &done),
    );
    match report? {
        None => Ok(exit::OK),
        Some(report) => {
            if options.telling.output == RunOutput::Json {
                ui.out_json(&report);
            }
            go_on::after_undo(options, &id, &report, ui);
            Ok(launch.code(report.status))
        }
    }
}

/// What of a run earlier undos have taken back, for a part of it, and nobody has brought again by taking back those. What they left
/// is tried again.
fn undone(store: &Store, id: &str) -> Result<HashSet<Undoes>, Failed> {
    let mut all = HashSet::new();
    for undo in store.undos_of(id)? {
        for (intent, result) in store.entries(&undo.run)? {
            let is_done = result.is_some_and(|result| result.results.iter().all(|word| word.took_effect()));
            all.extend(intent.undoes.filter(|_| is_done));
        }
    }
    Ok(all)
}

/// The whole id of the run that is meant; without one, of the last that has changed something.
fn chosen(store: &Store, run: &str) -> Result<String, Failed> {
    match run {
        crate::args::LAST => {
            let last = store.runs()?.into_iter().find(|run| run.sort == "run" && run.changes > 0);
            Ok(last.map_or_else(|| store.find(run), |run| Ok(run.run))?)
        }
        run => runs::id(store, run),
    }
}

struct Undoing<'a> {
    store: &'a Store,
    id: &'a str,
    record: &'a RunRecord,
    entries: Vec<Entry>,
    /// The undo that was begun and did not end.
    resumes: Option<RunLine>,
    options: &'a Undo,
    ui: &'a Ui,
}

impl Undoing<'_> {
    /// Plans it, shows the plan, asks, and does it. Nothing comes of it where only the plan is wanted.
    fn run(&self, session: &Session, done: &HashSet<Undoes>) -> Result<Option<Report>, Failed> {
        let before = |error: Error| Failed::before(vec![error], Sources::default());
        let held = match self.options.dry_run {
            true => None,
            false => Some(session.take_lock(self.touches_a_cluster(), self.patience()).map_err(before)?),
        };
        // It was read before the lock was there.
        if self.store.record(self.id).map_err(before)?.line.changes != self.record.line.changes {
            let error = Error::new(Kind::Conflict, format!("the run {} has gone on in the meantime", self.id));
            return Err(before(error.hint("look at it once more: windlass runs show; then take it back")));
        }
        let items = undo::plan(session, &self.entries, done, session.cancel()).map_err(before)?;
        let claims = undo::claims_left(session, &items, session.cancel()).map_err(before)?;
        if self.options.dry_run && self.options.telling.output == RunOutput::Json {
            let plan: Vec<_> = items.iter().map(plan_json).collect();
            self.ui.out_json(&json!({ "undoes": self.id, "plan": plan, "left": claims }));
            return Ok(None);
        }
        if self.options.dry_run {
            self.ui.out(&self.plan(&items, &claims, self.ui.out_style));
            return Ok(None);
        }
        self.ui.err(&self.plan(&items, &claims, self.ui.err_style));
        // One that was begun is ended all the same, so that it is known to be whole.
        if items.is_empty() && self.resumes.is_none() {
            return Ok(None);
        }
        let acting = acting(&items);
        if acting > 0 {
            let question = format!("Take back {} of {} on {}?", changes(acting), self.id, session.target().name());
            session.confirm(session.cancel(), QUESTION, &question).map_err(before)?;
        }
        let prepared = undo::prepare(session, self.id, items);
        let report = finished(undo::start(prepared), &Sources::default())?;
        drop(held);
        Ok(Some(report))
    }

    /// One that goes on waits for the lease of the process that has died.
    fn patience(&self) -> Patience {
        if self.resumes.is_some() { Patience::UntilExpired } else { Patience::None }
    }

    fn touches_a_cluster(&self) -> bool {
        self.entries.iter().any(|(intent, _)| intent.identity.as_object().is_some_and(|clusters| !clusters.is_empty()))
    }

    fn plan(&self, items: &[Item], claims: &[String], style: Style) -> String {
        let mut text = String::new();
        let run = format!("{} of {}", self.id, self.record.line.playbook);
        let goes_on = if self.resumes.is_some() { ", which was begun already" } else { "" };
        let _ = writeln!(text, "{} {}{goes_on}", style.bold("undo of"), line(&run));
        if items.is_empty() {
            text.push_str("nothing is left to be taken back\n");
        }
        text.push_str(&listed(items, claims, self.ui.verbose > 0, style));
        text
    }
}

/// What is taken back, a step after the other, each change of it where the `whole` is wanted; and what stays.
pub(crate) fn listed(items: &[Item], claims: &[String], whole: bool, style: Style) -> String {
    let mut text = String::new();
    let mut counted = false;
    for of_step in items.chunk_by(|one, other| one.step == other.step) {
        let _ = writeln!(text, "  {}", line(of_step.first().map(|item| item.step.as_str()).unwrap_or_default()));
        let way = |item: &Item| std::mem::discriminant(&item.way);
        for alike in of_step.chunk_by(|one, other| way(one) == way(other)) {
            let by = |item: &Item| matches!(item.way, Way::By(_));
            let acting = alike.iter().filter(|item| by(item));
            let acting: Vec<_> = acting.map(|item| (taking_back(item.part.op), &item.part.resource)).collect();
            let lines = grouped::lines(&acting, whole);
            counted |= lines.len() < acting.len();
            lines.iter().for_each(|one| {
                let _ = writeln!(text, "    {one}");
            });
            for item in alike {
                let resource = line(&item.part.resource.to_string());
                let _ = match &item.way {
                    Way::By(_) => Ok(()),
                    Way::HadNoEffect => writeln!(text, "    {}", style.dim(format!("{resource} was not changed"))),
                    Way::Cannot(why) => {
                        writeln!(text, "    {}", style.yellow(format!("{resource} stays as it is: {}", line(why))))
                    }
                };
            }
        }
    }
    if !claims.is_empty() {
        text.push_str("  data that stays, with the namespaces that hold it\n");
    }
    for claim in claims {
        let _ = writeln!(text, "    {}", style.yellow(line(claim)));
    }
    if !items.is_empty() {
        let stays = items.iter().filter(|item| matches!(item.way, Way::Cannot(_))).count();
        let stays = if stays > 0 { format!("; {stays} cannot be, and stay as they are") } else { String::new() };
        let each = if counted { ", each of them with -v" } else { "" };
        let _ = writeln!(text, "{} to take back{stays}{each}", changes(acting(items)));
    }
    text
}

/// How many changes are taken back.
fn acting(items: &[Item]) -> usize {
    items.iter().filter(|item| matches!(item.way, Way::By(_))).count()
}

fn changes(count: usize) -> String {
    if count == 1 { "1 change".to_owned() } else { format!("{count} changes") }
}

/// What taking back a change does.
fn taking_back(op: Op) -> &'static str {
    match op {
        Op::Create => "delete",
        Op::Update => "put back",
        Op::Delete => "make again",
        Op::Run => "take back",
    }
}

fn plan_json(item: &Item) -> serde_json::Value {
    let (does, reason) = match &item.way {
        Way::By(_) => (taking_back(item.part.op), None),
        Way::HadNoEffect => ("nothing", Some("it was not changed".to_owned())),
        Way::Cannot(why) => ("stays", Some(why.clone())),
    };
    json!({ "step": item.step, "resource": item.part.resource.to_string(), "cluster": item.part.resource.at, "does": does, "reason": reason })
}
