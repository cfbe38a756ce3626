//! Taking back what a run changed, from its journal.

mod run;

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::change::{Inverse, Outcome, PartImage, Probed, Recipe, Resource, ResultWord};
use crate::journal::{Entry, EntryId, Intent, Undoes};
use crate::scope::{Phase, Scope, StepAt};
use crate::session::Session;
use crate::{Call, Error, Kind, Place, Result};

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
    let items = plan(session, entries, &HashSet::new())?;
    let mut told = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let call = call(session, u32::try_from(index).unwrap_or(u32::MAX));
        let undone = item.take_back(&call);
        let failed = matches!(undone.result, Undoing::Failed(_));
        told.push(undone);
        if failed {
            break;
        }
    }
    Ok(told)
}

/// What taking back these entries takes, the newest first, without doing anything; what is among `done` is left out.
///
/// # Errors
/// As [`undo()`].
pub fn plan(session: &Session, entries: &[Entry], done: &HashSet<Undoes>) -> Result<Vec<Item>> {
    let call = call(session, 0);
    let mut items = Vec::new();
    for (intent, result) in entries.iter().rev() {
        check_identity(&call, intent)?;
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

/// A call outside a script.
fn call(session: &Session, index: u32) -> Call<'static> {
    let step = StepAt { index, key: "undo".to_owned(), attempt: 1 };
    let scope = Scope::new(session.clone(), Phase::Run, step, session.cancel().child());
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
    let call = call(session, 0);
    check_identity(&call, intent)?;
    intent.parts.iter().map(|part| probe_part(&call, intent, part)).collect()
}

fn unclear(resource: &Resource, why: &str) -> Error {
    Error::new(Kind::Conflict, format!("whether {resource} was changed cannot be told: {why}"))
        .hint("nothing was undone: look at it, and set it by hand")
        .resource(resource)
}

/// Finds out, without doing anything, what stands in the way. Only the newest change of each resource can be judged by
/// the present state; the older ones are when it is their turn.
fn check(call: &Call<'_>, items: &[Item]) -> Result<()> {
    let mut seen = HashSet::new();
    let mut refused: Vec<Error> = Vec::new();
    for Item { part, way, .. } in items {
        let Way::By(recipe) = way else { continue };
        if !seen.insert(&part.resource) {
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

/// Refuses a cluster that is called as it was, but is another one.
fn check_identity(call: &Call<'_>, intent: &Intent) -> Result<()> {
    let recorded = intent.identity.as_object().into_iter().flatten();
    for (name, recorded) in recorded.filter(|(name, _)| intent.parts.iter().any(|p| p.resource.at == **name)) {
        let cluster = call.cluster_called(name)?;
        let present = call.wait(async move { cluster.identity().await.map(str::to_owned) })?;
        if recorded.as_str() != Some(present.as_str()) {
            let was = recorded.as_str().unwrap_or("unknown");
            return Err(Error::new(
                Kind::Conflict,
                format!("the cluster {name} is not the one that the run changed: that was {was}, this is {present}"),
            )
            .hint("use the kubeconfig of that cluster; nothing was undone"));
        }
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
