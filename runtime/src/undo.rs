//! Taking back what a run changed, from its journal.

mod run;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value as Json;

use crate::cancel::Cancel;
use crate::change::{Inverse, Op, Outcome, PartImage, Probed, Recipe, Resource, ResultWord};
use crate::cluster::diff::{Change, Diff, Guess};
use crate::journal::{Entry, EntryId, Intent, Undoes};
use crate::scope::{Phase, Scope, StepAt};
use crate::session::Session;
use crate::{Call, Error, Kind, Place, Result};

pub(crate) use run::take_back;
pub use run::{after, claims_left, prepare, start};

/// What became of one recorded change.
#[derive(Debug)]
pub struct Undone {
    /// The entry in the journal.
    pub id: EntryId,
    /// The step that it belongs to.
    pub step: String,
    /// The primitive that made it.
    pub primitive: String,
    /// What it was made to.
    pub resource: Resource,
    /// What became of it.
    pub result: Undoing,
}

/// What became of a change that was to be taken back.
#[derive(Debug)]
pub enum Undoing {
    /// It was taken back, or there was nothing to take back: the outcome says which.
    Done(Outcome),
    /// It had not taken effect.
    HadNoEffect,
    /// It cannot be taken back, for this reason, and stays.
    Cannot(String),
    /// Taking it back failed; what came before it in the run was not tried.
    Failed(Error),
}

/// A part of a recorded change, and what taking it back takes.
#[derive(Debug, Clone)]
pub struct Item {
    /// Which part of which entry it is.
    pub undoes: Undoes,
    /// The step that it belongs to.
    pub step: String,
    /// The primitive that made it.
    pub primitive: String,
    /// The resource, what was done to it, and its states.
    pub part: PartImage,
    /// What there is to do.
    pub way: Way,
}

/// What there is to do about a part of a recorded change.
#[derive(Debug, Clone)]
pub enum Way {
    /// It is taken back by this recipe.
    By(Recipe),
    /// It cannot be taken back, for this reason, and stays.
    Cannot(String),
    /// It had not taken effect.
    HadNoEffect,
}

/// Takes back what these entries of a journal changed, the newest first; `entries` are in the order of the journal. What
/// this does stands in the session's own journal, so that it can be taken back as well.
///
/// Whether others have changed something since is found out for all of them before anything is done.
///
/// # Errors
/// [`Kind::Conflict`] if others have changed something since, or a cluster is not the one that the run was made on:
/// nothing is done then. What fails later is in the last item.
pub fn undo(session: &Session, entries: &[Entry]) -> Result<Vec<Undone>> {
    let items = plan(session, entries, &HashSet::new(), session.cancel())?;
    let mut told = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let call = call(session, u32::try_from(index).unwrap_or(u32::MAX), session.cancel());
        let undone = item.take_back(&call);
        let failed = matches!(undone.result, Undoing::Failed(_));
        told.push(undone);
        if failed {
            break;
        }
    }
    Ok(told)
}

/// What taking back these entries takes, the newest first, without doing anything; what is among `done` is left out. It is
/// given up when `cancel` is stopped.
///
/// # Errors
/// As [`undo()`].
pub fn plan(session: &Session, entries: &[Entry], done: &HashSet<Undoes>, cancel: &Cancel) -> Result<Vec<Item>> {
    let call = call(session, 0, cancel);
    let mut items = Vec::new();
    for (intent, result) in entries.iter().rev() {
        recall(&call, intent)?;
        for (number, part) in intent.parts.iter().enumerate().rev() {
            let undoes = Undoes { id: intent.id.clone(), part: u32::try_from(number).unwrap_or(u32::MAX) };
            let mut part = part.clone();
            part.after = result.as_ref().and_then(|r| r.after.get(number)).cloned().flatten();
            let word = result.as_ref().and_then(|r| r.results.get(number)).copied().unwrap_or(ResultWord::Unknown);
            if done.contains(&undoes) || !(word.took_effect() || word == ResultWord::Unknown) {
                continue;
            }
            let way = way(&call, intent, &part, word)?;
            items.push(Item { undoes, step: intent.step.clone(), primitive: intent.primitive.clone(), part, way });
        }
    }
    check(&call, &items)?;
    Ok(items)
}

/// What a run has taken back of its own changes, and the changes by which it did, or tried to: neither is to be taken back.
#[must_use]
pub fn taken_back_within(entries: &[Entry]) -> HashSet<Undoes> {
    let mut all = HashSet::new();
    for (intent, result) in entries {
        let Some(undoes) = &intent.undoes else { continue };
        let parts = 0..u32::try_from(intent.parts.len()).unwrap_or(u32::MAX);
        all.extend(parts.map(|part| Undoes { id: intent.id.clone(), part }));
        if result.as_ref().is_some_and(|result| result.results.iter().all(|word| word.took_effect())) {
            all.insert(undoes.clone());
        }
    }
    all
}

fn way(call: &Call<'_>, intent: &Intent, part: &PartImage, word: ResultWord) -> Result<Way> {
    if word == ResultWord::Unknown {
        match probe_part(call, intent, part)? {
            Probed::TookEffect => {}
            Probed::DidNot => return Ok(Way::HadNoEffect),
            Probed::Unclear(why) => return Err(unclear(&part.resource, &why)),
        }
    }
    Ok(match &intent.inverse {
        Inverse::By(recipe) => Way::By(recipe.clone()),
        Inverse::Cannot(reason) => Way::Cannot(reason.clone()),
    })
}

impl Item {
    /// Takes it back.
    pub(crate) fn take_back(&self, call: &Call<'_>) -> Undone {
        let result = match &self.way {
            Way::Cannot(reason) => Undoing::Cannot(reason.clone()),
            Way::HadNoEffect => Undoing::HadNoEffect,
            Way::By(recipe) => {
                call.undoes(self.undoes.clone());
                let parts = std::slice::from_ref(&self.part);
                let look = || call.session().handler(recipe)?.inverse(call, recipe, parts);
                match call.change_fresh(look) {
                    Ok(outcome) => Undoing::Done(outcome),
                    Err(error) => Undoing::Failed(error),
                }
            }
        };
        let (id, step) = (self.undoes.id.clone(), self.step.clone());
        Undone { id, step, primitive: self.primitive.clone(), resource: self.part.resource.clone(), result }
    }
}

/// A call outside a script, until `cancel` is stopped.
fn call(session: &Session, index: u32, cancel: &Cancel) -> Call<'static> {
    let step = StepAt { index, key: "undo".to_owned(), attempt: 1 };
    let scope = Scope::new(session.clone(), Phase::Run, step, cancel.child());
    native(&scope)
}

/// A call of the engine's own in a scope.
pub(crate) fn native(scope: &Arc<Scope>) -> Call<'static> {
    let place = Place { source: "undo".to_owned(), line: 0, column: 0 };
    Call::new(scope.clone(), None, "undo".to_owned(), place)
}

fn probe_part(call: &Call<'_>, intent: &Intent, part: &PartImage) -> Result<Probed> {
    let handler = call.session().handler(&intent.probe)?;
    let mut probed = handler.probe(call, &intent.probe, std::slice::from_ref(part))?;
    Ok(if probed.len() == 1 { probed.remove(0) } else { Probed::Unclear("nothing could be found out".to_owned()) })
}

/// Whether each part of an intent without a result took effect: what was in flight when a run died.
///
/// # Errors
/// [`Kind::Conflict`] on another cluster than the run's, and what keeps from looking.
pub fn probe(session: &Session, intent: &Intent) -> Result<Vec<Probed>> {
    let call = call(session, 0, session.cancel());
    recall(&call, intent)?;
    intent.parts.iter().map(|part| probe_part(&call, intent, part)).collect()
}

fn unclear(resource: &Resource, why: &str) -> Error {
    Error::new(Kind::Conflict, format!("whether {resource} was changed cannot be told: {why}"))
        .hint("nothing was undone: look at it, and set it by hand")
        .resource(resource)
}

/// Finds out, without doing anything, what stands in the way: of the newest change of each resource by the present state, of the
/// older ones by what the next one found.
fn check(call: &Call<'_>, items: &[Item]) -> Result<()> {
    let mut newer: HashMap<Resource, &PartImage> = HashMap::new();
    let mut refused: Vec<Error> = Vec::new();
    for Item { part, way, .. } in items {
        let mut resource = part.resource.clone();
        if let Some(cluster) = call.session().open_cluster_called(&resource.at) {
            cluster.name().clone_into(&mut resource.at);
        }
        let next = match way {
            Way::HadNoEffect => continue,
            Way::By(_) | Way::Cannot(_) => newer.insert(resource, part),
        };
        let Way::By(recipe) = way else { continue };
        if let Some(next) = next {
            refused.extend(changed_between(part, next));
            continue;
        }
        let handler = call.session().handler(recipe)?;
        match handler.inverse(call, recipe, std::slice::from_ref(part)) {
            Ok(_) => {}
            Err(error) if error.kind() == Kind::Conflict => refused.push(error),
            Err(error) => return Err(error),
        }
    }
    match refused.len() {
        0 => Ok(()),
        1 => Err(refused.remove(0)),
        _ => {
            let all: Vec<String> = refused.iter().map(|e| e.message().to_owned()).collect();
            let details: Vec<Json> = refused.iter().map(Error::to_json).collect();
            Err(Error::new(Kind::Conflict, all.join("\n"))
                .hint("nothing was undone: decide what is right, and set it by hand")
                .details(serde_json::json!({ "refused": details })))
        }
    }
}

/// What others have changed of an object between two changes of it by the run, where that is in the way of the older one.
fn changed_between(older: &PartImage, newer: &PartImage) -> Option<Error> {
    let (left, found) = (older.after.as_ref()?, newer.before.as_ref()?);
    if left.get("metadata").is_none() || found.get("metadata").is_none() {
        return None;
    }
    let ours = Diff::between(older.before.as_ref(), Some(left), &Guess);
    let since = Diff::between(Some(left), Some(found), &Guess);
    let is_ours = |theirs: &&Change| match older.op {
        // What was added to what the run has made goes with it.
        Op::Create => theirs.before.is_some(),
        _ => ours.changes().iter().any(|own| own.path.starts_with(&theirs.path) || theirs.path.starts_with(&own.path)),
    };
    // What somebody has put back already is not in the way.
    let is_back = |theirs: &&Change| {
        let former = older.before.as_ref().and_then(|before| theirs.path.get(before));
        older.op != Op::Create && theirs.path.get(found) == former
    };
    let theirs = since.changes().iter().filter(|change| is_ours(change) && !is_back(change));
    let lines: Vec<String> = theirs.map(|change| change.guarded().to_string()).collect();
    if lines.is_empty() {
        return None;
    }
    let text = format!("changed by somebody else while the run went on: {}: {}", older.resource, lines.join(", "));
    Some(
        Error::new(Kind::Conflict, text)
            .hint("nothing was undone: decide what is right, and set it by hand; --to a later step takes back what came after it")
            .resource(&older.resource),
    )
}

/// Finds the clusters of an intent by their identities: they may be called otherwise here.
fn recall(call: &Call<'_>, intent: &Intent) -> Result<()> {
    let recorded = intent.identity.as_object().into_iter().flatten();
    for (name, identity) in recorded.filter(|(name, _)| intent.parts.iter().any(|p| p.resource.at == **name)) {
        call.session().recall(name, identity.as_str().unwrap_or("unknown"), &call.scope.cancel)?;
    }
    Ok(())
}

impl Undone {
    /// Whether something was taken back.
    #[must_use]
    pub fn changed(&self) -> bool {
        matches!(&self.result, Undoing::Done(outcome) if outcome.changed())
    }
}
