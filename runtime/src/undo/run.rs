//! An undo as a run of its own: it has a journal, goes on after it was interrupted, and can itself be taken back.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::{Item, Undoing, Way};
use crate::cancel::Cancel;
use crate::change::{Op, Resource};
use crate::cluster::{Collection, ListOptions};
use crate::event::Level;
use crate::journal::{Entry, Note, RemarkSort, RunRecord};
use crate::playbook::{Body, Prepared, Resume, Run, Selection, Step, StepOptions};
use crate::session::Session;
use crate::{Call, Error, Kind, Place, Result};

/// The entries of a run that came after a step; all of them without one.
///
/// # Errors
/// [`Kind::NotFound`] for a step that was not run; [`Kind::Conflict`] where a step among them is irreversible.
pub fn after(record: &RunRecord, entries: Vec<Entry>, step: Option<&str>) -> Result<Vec<Entry>> {
    let ran: Vec<_> = record.steps.iter().filter(|attempt| attempt.attempt > 0).collect();
    let last = match step {
        None => None,
        Some(step) => Some(ran.iter().rposition(|attempt| attempt.key == step).ok_or_else(|| {
            let mut known: Vec<&str> = Vec::new();
            for attempt in &ran {
                if !known.contains(&attempt.key.as_str()) {
                    known.push(&attempt.key);
                }
            }
            let error =
                Error::new(Kind::NotFound, format!("the run {} has not run a step \"{step}\"", record.line.run));
            match crate::suggest::did_you_mean(step, known.iter().copied()) {
                Some(hint) => error.hint(hint),
                None => error.hint(format!("it ran {}", known.join(", "))),
            }
        })?),
    };
    let later = || ran.iter().skip(last.map_or(0, |last| last + 1));
    if let Some(hard) = later().rfind(|attempt| attempt.irreversible) {
        let text =
            format!("the step \"{}\" is irreversible: it cannot be taken back, nor what came before it", hard.key);
        return Err(Error::new(Kind::Conflict, text)
            .hint(format!("--to {} takes back only what came after it", hard.key))
            .resource(&hard.key));
    }
    let wanted: std::collections::HashSet<_> =
        later().map(|attempt| (attempt.resumed, attempt.key.as_str(), attempt.attempt)).collect();
    let is_wanted =
        |(intent, _): &Entry| wanted.contains(&(intent.id.resumed, intent.step.as_str(), intent.id.attempt));
    Ok(entries.into_iter().filter(is_wanted).collect())
}

/// The volume claims that are left when these items are taken back, with the data in them: what a StatefulSet or a release has
/// claimed does not go with it. It is given up when `cancel` is stopped.
///
/// # Errors
/// Where a cluster cannot be asked.
pub fn claims_left(session: &Session, items: &[Item], cancel: &Cancel) -> Result<Vec<String>> {
    let goes = |item: &&Item| item.part.op == Op::Create && matches!(item.way, Way::By(_));
    let mut places: Vec<(String, String)> = items
        .iter()
        .filter(goes)
        .filter_map(|item| {
            let Resource { at, kind, namespace, .. } = &item.part.resource;
            let claims = matches!(kind.as_str(), "StatefulSet" | "HelmRelease");
            Some((at.clone(), namespace.clone()?)).filter(|_| claims)
        })
        .collect();
    places.sort();
    places.dedup();
    let mut left = Vec::new();
    for (at, namespace) in places {
        let cluster = session.cluster_called(&at, cancel)?;
        let claims = Collection {
            cluster: at.clone(),
            api_version: "v1".to_owned(),
            kind: "PersistentVolumeClaim".to_owned(),
            plural: "persistentvolumeclaims".to_owned(),
            namespace: Some(namespace.clone()),
        };
        let listing = async move { cluster.list(&claims, &ListOptions::default()).await };
        let listing = session.bridge().wait(cancel, session.clock(), listing)?;
        let name = |claim: &Json| claim.pointer("/metadata/name").and_then(Json::as_str).map(str::to_owned);
        let is_taken_back = |name: &String| {
            items.iter().any(|item| {
                let of = &item.part.resource;
                of.kind == "PersistentVolumeClaim" && of.name == *name && of.namespace.as_ref() == Some(&namespace)
            })
        };
        let names = listing.items.iter().filter_map(name).filter(|name| !is_taken_back(name));
        left.extend(names.map(|name| format!("PersistentVolumeClaim/{name} in {namespace}")));
    }
    Ok(left)
}

/// The steps that take back these items, which are in the order in which they are taken back.
#[must_use]
pub fn prepare(session: &Session, run: &str, items: Vec<Item>) -> Prepared {
    let is_on_cluster = |item: &Item| session.open_cluster_called(&item.part.resource.at).is_some();
    let uses_cluster = items.iter().any(is_on_cluster);
    let mut groups: Vec<(String, Vec<Item>)> = Vec::new();
    for item in items {
        match groups.last_mut() {
            Some((step, group)) if *step == item.step => group.push(item),
            _ => groups.push((item.step.clone(), vec![item])),
        }
    }
    let mut seen: HashMap<String, u32> = HashMap::new();
    let steps = groups.into_iter().map(|(step, items)| {
        // A step that was run again later is taken back twice.
        let times = seen.entry(step.clone()).and_modify(|times| *times += 1).or_insert(1);
        let key = if *times == 1 { step.clone() } else { format!("{step}.{times}") };
        let work = move |call: &Call<'_>| items.iter().try_for_each(|item| take_back(item, call));
        Step {
            key,
            options: StepOptions::titled(&format!("Take back {step}")),
            body: Body::Native(Arc::new(work)),
            place: Place { source: run.to_owned(), line: 0, column: 0 },
            hooks: Vec::new(),
        }
    });
    Prepared::of_steps(session, &format!("undo of {run}"), steps.collect(), uses_cluster)
}

/// Runs what [`prepare`] has prepared, or goes on with it where the session's journal is that of an undo which was interrupted.
///
/// # Errors
/// As [`Prepared::start`] and [`Prepared::resume`].
pub fn start(prepared: Prepared) -> Result<Run> {
    if prepared.session().journal().past().run.is_none() {
        return prepared.start(&Selection::default());
    }
    // What was taken back is not among the items. What is left may be of steps that it has begun with.
    let redo = prepared.steps().iter().map(|step| step.key.clone()).collect();
    prepared.resume(&Selection::default(), &Resume { redo, accept_changes: true, failed_only: false })
}

/// Takes an item back, and notes that.
///
/// # Errors
/// What keeps it from being taken back.
pub(crate) fn take_back(item: &Item, call: &Call<'_>) -> Result<()> {
    let undone = item.take_back(call);
    match undone.result {
        Undoing::Failed(error) => return Err(error),
        Undoing::Done(outcome) => {
            // What was made and is still there was left for a reason: it holds what others made.
            let stands = |object: &Json| object.pointer("/metadata/deletionTimestamp").is_none();
            let is_there = outcome.objects.iter().flatten().any(stands);
            if item.part.op == Op::Create && !outcome.changed() && is_there {
                stays(call, &undone.resource, outcome.reason().unwrap_or_default());
            }
        }
        Undoing::HadNoEffect => call.log(Level::Info, format!("{} was not changed by the run", undone.resource)),
        Undoing::Cannot(why) => stays(call, &undone.resource, &why),
    }
    call.session().journal().note(Note::Undone(item.undoes.clone()));
    Ok(())
}

fn stays(call: &Call<'_>, resource: &Resource, why: &str) {
    let text = format!("{resource} stays: {why}");
    call.log(Level::Warn, &text);
    call.remark(RemarkSort::Manual, &text);
}
