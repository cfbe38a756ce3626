//! Taking back what a run changed, from its journal.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::change::{Inverse, Outcome, PartImage, Probed, Recipe, Resource, ResultWord};
use crate::journal::{EntryId, Intent, ResultRecord};
use crate::scope::{Phase, Scope, StepAt};
use crate::session::Session;
use crate::{Call, Error, Kind, Place, Result};

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

/// A recorded change that took effect, in one resource.
struct Item<'a> {
    intent: &'a Intent,
    part: PartImage,
    recipe: std::result::Result<&'a Recipe, &'a str>,
}

/// Takes back what these entries of a journal changed, the newest first; `entries` are in the order of the journal. What
/// this does stands in the session's own journal, so that it can be taken back as well.
///
/// Whether others have changed something since is found out for all of them before anything is done.
///
/// # Errors
/// [`Kind::Conflict`] if others have changed something since, or a cluster is not the one that the run was made on:
/// nothing is done then. What fails later is in the last item.
pub fn undo(session: &Session, entries: &[(Intent, Option<ResultRecord>)]) -> Result<Vec<Undone>> {
    let mut told = Vec::new();
    let mut items = Vec::new();
    let first = call(session, 0);
    for (intent, result) in entries.iter().rev() {
        check_identity(&first, intent)?;
        for (part, took_effect) in effective(&first, intent, result.as_ref())? {
            let recipe = match &intent.inverse {
                Inverse::By(recipe) => Ok(recipe),
                Inverse::Cannot(reason) => Err(reason.as_str()),
            };
            if took_effect {
                items.push(Item { intent, part, recipe });
            } else {
                told.push(item(intent, part.resource, Undoing::HadNoEffect));
            }
        }
    }
    check(&first, &items)?;
    for (index, Item { intent, part, recipe }) in items.into_iter().enumerate() {
        let resource = part.resource.clone();
        let result = match recipe {
            Err(reason) => Undoing::Cannot(reason.to_owned()),
            Ok(recipe) => {
                let call = call(session, u32::try_from(index).unwrap_or(u32::MAX));
                let handler = session.handler(recipe)?;
                match call.change_fresh(|| handler.inverse(&call, recipe, std::slice::from_ref(&part))) {
                    Ok(outcome) => Undoing::Done(outcome),
                    Err(error) => Undoing::Failed(error),
                }
            }
        };
        let failed = matches!(result, Undoing::Failed(_));
        told.push(item(intent, resource, result));
        if failed {
            break;
        }
    }
    Ok(told)
}

fn item(intent: &Intent, resource: Resource, result: Undoing) -> Undone {
    Undone { id: intent.id.clone(), step: intent.step.clone(), primitive: intent.primitive.clone(), resource, result }
}

/// A call outside a script.
fn call(session: &Session, index: u32) -> Call<'static> {
    let step = StepAt { index, key: "undo".to_owned(), attempt: 1 };
    let scope = Scope::new(session.clone(), Phase::Run, step, session.cancel().child());
    let place = Place { source: "undo".to_owned(), line: 0, column: 0 };
    Call::new(scope, None, "undo".to_owned(), place)
}

/// The parts of an entry that were tried, the last one first, and whether each took effect. Where the journal does not
/// know, it is looked up; what is known to have failed is left out.
fn effective(call: &Call<'_>, intent: &Intent, result: Option<&ResultRecord>) -> Result<Vec<(PartImage, bool)>> {
    let word = |index: usize| result.and_then(|r| r.results.get(index)).copied().unwrap_or(ResultWord::Unknown);
    let mut found = Vec::new();
    for (index, part) in intent.parts.iter().enumerate().rev() {
        let mut part = part.clone();
        part.after = result.and_then(|r| r.after.get(index)).cloned().flatten();
        let took_effect = match word(index) {
            word if word.took_effect() => true,
            ResultWord::Unknown => match probe_part(call, intent, &part)? {
                Probed::TookEffect => true,
                Probed::DidNot => false,
                Probed::Unclear(why) => return Err(unclear(&part.resource, &why)),
            },
            _ => continue,
        };
        found.push((part, took_effect));
    }
    Ok(found)
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
fn check(call: &Call<'_>, items: &[Item<'_>]) -> Result<()> {
    let mut seen = HashSet::new();
    let mut refused: Vec<Error> = Vec::new();
    for Item { part, recipe, .. } in items {
        let Ok(recipe) = recipe else { continue };
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

/// The changes of these entries that cannot be taken back, each with its reason.
#[must_use]
pub fn impossible(entries: &[(Intent, Option<ResultRecord>)]) -> Vec<(Resource, String)> {
    let cannot = |(intent, _): &(Intent, Option<ResultRecord>)| match &intent.inverse {
        Inverse::Cannot(reason) => {
            intent.parts.iter().map(|p| (p.resource.clone(), reason.clone())).collect::<Vec<_>>()
        }
        Inverse::By(_) => Vec::new(),
    };
    entries.iter().flat_map(cannot).collect()
}

impl Undone {
    /// Whether something was taken back.
    #[must_use]
    pub fn changed(&self) -> bool {
        matches!(&self.result, Undoing::Done(outcome) if outcome.changed())
    }
}
