//! How it is found out whether a change of a release took effect, and how it is taken back.

use serde::{Deserialize, Serialize};
use serde_json::json;
use windlass_runtime::change::{Change, Handler, Op, PartImage, Probed, Recipe, Resource};
use windlass_runtime::journal::{Entry, EntryId};
use windlass_runtime::{Call, Error, Kind, Result};

use super::operation::{How, Made, TIMEOUT, image, rollback, unchanged, uninstall};
use super::release::{At, Revision, recovery};

/// The handler's name in recipes.
const HANDLER: &str = "helm/releases";

/// What a recipe holds.
#[derive(Debug, Serialize, Deserialize)]
struct Step {
    /// The revision before; none if there was no release.
    from: Option<i64>,
    /// The revision that it makes; none for what makes none.
    to: Option<Made>,
    /// How it is done, and so taken back.
    how: Option<How>,
}

/// How a step from one revision to another is probed and taken back. It serves as both.
pub(super) fn recipe(from: Option<i64>, to: Option<Made>, how: Option<How>) -> Recipe {
    Recipe { handler: HANDLER.to_owned(), data: json!(Step { from, to, how }) }
}

fn step(recipe: &Recipe) -> Result<Step> {
    serde_json::from_value(recipe.data.clone())
        .map_err(|e| Error::internal("the journal's recipe for a release cannot be read").source(e))
}

fn locate(call: &Call<'_>, resource: &Resource) -> Result<At> {
    let cluster = call.cluster_called(&resource.at)?;
    let namespace = resource.namespace.clone().unwrap_or_default();
    Ok(At { cluster, namespace, name: resource.name.clone() })
}

/// The journal's entry of a revision that this run had begun before it was interrupted: the Helm that was at work on it has died
/// with the run.
pub(super) fn interrupted(call: &Call<'_>, at: &At, revision: &Revision) -> Result<Option<EntryId>> {
    let journal = call.session().journal();
    let resumed = journal.past().resumed;
    if resumed == 0 {
        return Ok(None);
    }
    let resource = at.resource();
    let begun = |(intent, _): &Entry| {
        let made = || step(&intent.probe).ok().and_then(|step| step.to);
        intent.id.resumed < resumed
            && intent.probe.handler == HANDLER
            && intent.parts.iter().any(|part| part.resource == resource)
            && made().is_some_and(|made| made.is(revision))
    };
    Ok(journal.entries()?.iter().rev().find(|entry| begun(entry)).map(|(intent, _)| intent.id.clone()))
}

/// Probes and takes back changes of releases.
pub(super) struct Releases;

impl Handler for Releases {
    fn name(&self) -> &'static str {
        HANDLER
    }

    fn probe(&self, call: &Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Vec<Probed>> {
        let step = step(recipe)?;
        let probe = |part: &PartImage| {
            let at = locate(call, &part.resource)?;
            let revisions = call.wait(async move { at.revisions().await })?;
            Ok(found(&step, part, &revisions))
        };
        parts.iter().map(probe).collect()
    }

    fn inverse(&self, call: &Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Change> {
        let step = step(recipe)?;
        let [part] = parts else { return Err(Error::internal("a change of a release has one part")) };
        inverse(call, &step, part)
    }
}

/// What the revisions that are there say of a step.
fn found(step: &Step, part: &PartImage, revisions: &[Revision]) -> Probed {
    let unclear = |status: &str| {
        Probed::Unclear(format!(
            "{} is {status}; put it right with {}",
            part.resource,
            recovery(&part.resource.name, part.resource.namespace.as_deref().unwrap_or_default(), revisions)
        ))
    };
    if part.op == Op::Run {
        return Probed::Unclear("whether it ran to its end is written down nowhere".to_owned());
    }
    if part.op == Op::Delete {
        return match revisions.last().map(|last| last.status.as_str()) {
            None | Some("uninstalled") => Probed::TookEffect,
            Some("uninstalling") => unclear("uninstalling"),
            Some(_) => Probed::DidNot,
        };
    }
    match revisions.iter().find(|revision| step.to.as_ref().is_some_and(|made| made.is(revision))) {
        None => Probed::DidNot,
        // One that has others after it was put right.
        Some(revision) if revision.is_pending() => match revisions.last() {
            Some(last) if last.number == revision.number => unclear(&revision.status),
            _ => Probed::DidNot,
        },
        Some(_) => Probed::TookEffect,
    }
}

/// Whether the last revision is as one of this number was: a rollback to it, or to a rollback to it.
fn is_back_at(revisions: &[Revision], number: i64) -> bool {
    let mut at = revisions.last();
    for _ in revisions {
        match at.and_then(|revision| revision.rolled_back_to().ok().flatten()) {
            None => return false,
            Some(to) if to == number => return true,
            Some(to) => at = revisions.iter().find(|revision| revision.number == to),
        }
    }
    false
}

fn inverse(call: &Call<'_>, step: &Step, part: &PartImage) -> Result<Change> {
    let at = locate(call, &part.resource)?;
    if step.from.is_none() && step.to.is_none() {
        return Ok(unchanged(&at, None, "nothing of it is to be taken back"));
    }
    let asked = at.clone();
    let revisions = call.wait(async move { asked.revisions().await })?;
    let last = revisions.last();
    let moved = |how: String| {
        Error::new(Kind::Conflict, format!("{} has been changed since: {how}", part.resource))
            .hint("decide what is right, and set it by hand: helm::rollback, helm::uninstall")
            .resource(&part.resource)
    };
    let gone = last.is_none_or(|last| last.status == "uninstalled");
    let Some(last) = last else {
        return match step.from {
            None => Ok(unchanged(&at, None, "it is not there")),
            Some(_) => Err(moved("it is gone".to_owned())),
        };
    };
    let before = Some(image(last)?);
    if let Some(from) = step.from {
        if is_back_at(&revisions, from) && last.status == "deployed" {
            return Ok(unchanged(&at, before, format!("it is back at revision {from} already")));
        }
    } else if gone {
        return Ok(unchanged(&at, before, "it is uninstalled already"));
    }
    let is_ours = match part.op {
        Op::Delete => Some(last.number) == step.from,
        // What came after it in the run may have been taken back to it.
        _ => step.to.as_ref().is_some_and(|made| {
            let is_made = || revisions.iter().any(|revision| made.is(revision));
            made.is(last) || (is_back_at(&revisions, made.number) && is_made())
        }),
    };
    // What this run was about to do itself when it was interrupted is nobody else's.
    let is_ours = is_ours || interrupted(call, &at, last)?.is_some();
    if !is_ours || (gone && part.op != Op::Delete) {
        return Err(moved(format!("it is in revision {}, which is {}", last.number, last.status)));
    }
    let how = step.how.unwrap_or(How { timeout: TIMEOUT, force_conflicts: false });
    match step.from {
        Some(from) => rollback(call, &at, last, from, how),
        None => uninstall(call, &at, last, false, how.timeout),
    }
}
