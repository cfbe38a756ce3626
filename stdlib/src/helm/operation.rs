//! Changes of releases: what Helm is run for, how it is found out whether that took effect, and how it is taken back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use windlass_runtime::change::{
    Act, Acted, Change, Handler, Inverse, Op, Outcome, Part, PartImage, Plan, Probed, Recipe, Resource,
};
use windlass_runtime::child::{Child, Programs};
use windlass_runtime::cluster::Cluster;
use windlass_runtime::{Call, Error, Kind, Result};

use super::objects;
use super::program::{self, CHANGE_GRACE, Helm};
use super::release::{At, Revision, recovery};

/// The handler's name in recipes.
const HANDLER: &str = "helm/releases";

/// A run of Helm that changes a release.
pub(super) struct Operation {
    pub at: At,
    /// Its folder, with the values, goes when the run has ended.
    pub helm: Arc<Helm>,
    pub child: Child,
    /// What is not done if it fails: `HelmRelease/web in shop cannot be upgraded`.
    pub doing: String,
    /// The revision that it makes, if it makes one.
    to: Option<i64>,
}

impl Operation {
    /// A run of Helm for this release, with the first words of its command line.
    pub fn new<'a>(at: &At, helm: &Arc<Helm>, words: impl IntoIterator<Item = &'a str>, done: &str) -> Self {
        Self {
            at: at.clone(),
            helm: helm.clone(),
            child: helm.child(words).argument("--namespace").argument(at.namespace.as_str()),
            doing: format!("{} cannot be {done}", at.resource()),
            to: None,
        }
    }

    /// Adds an argument.
    pub fn with(mut self, argument: impl Into<std::ffi::OsString>) -> Self {
        self.child = self.child.argument(argument);
        self
    }

    /// Adds an argument where it applies.
    pub fn with_if(self, applies: bool, argument: &str) -> Self {
        if applies { self.with(argument) } else { self }
    }

    /// Runs it as a change does. Helm gets its time to end in order.
    pub fn act(self, call: &Call<'_>) -> Act {
        call.grant(CHANGE_GRACE);
        let programs = call.programs();
        Box::new(move || Box::pin(async move { self.run(&programs).await.map(|acted| vec![acted]) }))
    }

    async fn run(self, programs: &Programs) -> Result<Acted> {
        let Self { at, helm, child, doing, to } = self;
        let ended = programs.run(child).await;
        // Values and credentials are gone before anything else is done.
        drop(helm);
        match ended.and_then(|finished| program::check(&finished, &doing)) {
            Ok(()) => Ok(Acted::Done(match at.last().await? {
                Some(last) if last.status != "uninstalled" => Some(image(&last)?),
                _ => None,
            })),
            Err(error) => {
                let (error, reached) = standing(&at, error).await;
                match error.kind().is_final() {
                    true => Err(error),
                    // It has left a revision, and with it whatever it had applied by then.
                    false if to.is_some() && reached >= to => Ok(Acted::Broken(error)),
                    false => Ok(Acted::Failed(error)),
                }
            }
        }
    }
}

/// An error, with what has become of the release, and the revision that it has come to.
async fn standing(at: &At, error: Error) -> (Error, Option<i64>) {
    let release = at.resource();
    let (state, recover, reached) = match at.last().await {
        Ok(Some(last)) => (
            format!("it is {} now, in revision {}", last.status, last.number),
            last.is_pending() || last.status == "failed",
            Some(last.number),
        ),
        Ok(None) => ("it is not there".to_owned(), false, None),
        Err(unknown) => (format!("how it is cannot be read: {unknown}"), false, None),
    };
    let error = if error.kind().is_final() {
        error.context(format!("{release} was being changed; {state}"))
    } else {
        let (kind, hint) = (error.kind(), error.hint_text().map(str::to_owned));
        let told = Error::new(kind, format!("{}; {state}", error.message()));
        hint.into_iter().fold(told, Error::hint)
    };
    let error = error.resource(&release);
    let error = if recover { error.hint(format!("put it right with {}", at.recovery())) } else { error };
    (error, reached)
}

/// What the journal keeps of a revision.
pub(super) fn image(revision: &Revision) -> Result<Json> {
    let mut image = revision.summary()?;
    // What cannot be read as objects is not needed to go back to it.
    let objects = objects::of(&revision.body()?, &revision.name).unwrap_or_default();
    image["objects"] = objects::hidden(objects).into();
    Ok(image)
}

/// What a script gets to see of an outcome.
pub(super) fn shown(mut outcome: Outcome) -> Outcome {
    for object in outcome.objects.iter_mut().flatten().filter_map(Json::as_object_mut) {
        object.shift_remove("objects");
    }
    outcome
}

/// The change of a release that is as it should be.
pub(super) fn unchanged(at: &At, before: Option<Json>, reason: impl Into<String>) -> Change {
    nothing(at, before, Plan::Unchanged(reason.into()))
}

fn nothing(at: &At, before: Option<Json>, plan: Plan) -> Change {
    let recipe = recipe(None, None);
    Change {
        parts: vec![Part { resource: at.resource(), before, plan }],
        act: Box::new(|| Box::pin(async { Ok(Vec::new()) })),
        probe: recipe.clone(),
        inverse: Inverse::By(recipe),
    }
}

/// The change of a release where there is no Helm, or it cannot reach the cluster: not rendered if that is simulated.
///
/// # Errors
/// `not_found` without Helm on a live cluster.
pub(super) fn without_helm(call: &Call<'_>, at: &At) -> Result<Option<Change>> {
    Ok(why_not(call, &at.cluster)?.map(|reason| nothing(at, None, Plan::NotRendered(reason))))
}

/// Why there is no Helm for this cluster, if a rehearsal has to do without.
///
/// # Errors
/// `not_found` without Helm on a live cluster.
pub(super) fn why_not(call: &Call<'_>, cluster: &Cluster) -> Result<Option<String>> {
    let live = call.session().target().is_live();
    match program::find(call) {
        None if live => Err(program::missing()),
        None => {
            let missing = program::missing();
            Ok(Some(format!("{}: install Helm 3.20.2 or later, or name it with WINDLASS_HELM", missing.message())))
        }
        Some(_) if live => Ok(None),
        Some(_) => Ok(call.kubeconfig_of(cluster).err().map(|error| error.message().to_owned())),
    }
}

/// What a recipe holds.
#[derive(Debug, Serialize, Deserialize)]
struct Step {
    /// The revision before; none if there was no release.
    from: Option<i64>,
    /// The revision that it makes; none for what makes none.
    to: Option<i64>,
}

/// How a step from one revision to another is probed and taken back. It serves as both.
pub(super) fn recipe(from: Option<i64>, to: Option<i64>) -> Recipe {
    Recipe { handler: HANDLER.to_owned(), data: json!(Step { from, to }) }
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
            recovery(&part.resource.name, part.resource.namespace.as_deref().unwrap_or_default())
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
    match revisions.iter().find(|revision| Some(revision.number) == step.to) {
        None => Probed::DidNot,
        Some(revision) if revision.is_pending() => unclear(&revision.status),
        Some(_) => Probed::TookEffect,
    }
}

fn inverse(call: &Call<'_>, step: &Step, part: &PartImage) -> Result<Change> {
    let at = locate(call, &part.resource)?;
    let asked = at.clone();
    let last = call.wait(async move { asked.last().await })?;
    let moved = |how: String| {
        Error::new(Kind::Conflict, format!("{} has been changed since: {how}", part.resource))
            .hint("decide what is right, and set it by hand: helm::rollback, helm::uninstall")
            .resource(&part.resource)
    };
    let gone = last.as_ref().is_none_or(|last| last.status == "uninstalled");
    let Some(last) = last else {
        return match step.from {
            None => Ok(unchanged(&at, None, "it is not there")),
            Some(_) => Err(moved("it is gone".to_owned())),
        };
    };
    let before = Some(image(&last)?);
    if let Some(from) = step.from {
        let body = last.body()?;
        let back = body.pointer("/info/description").and_then(Json::as_str) == Some(&format!("Rollback to {from}"));
        if back && last.status == "deployed" {
            return Ok(unchanged(&at, before, format!("it is back at revision {from} already")));
        }
    } else if gone {
        return Ok(unchanged(&at, before, "it is uninstalled already"));
    }
    let expected = if part.op == Op::Delete { step.from } else { step.to };
    if Some(last.number) != expected || (gone && part.op != Op::Delete) {
        return Err(moved(format!("it is in revision {}, which is {}", last.number, last.status)));
    }
    match step.from {
        Some(from) => rollback(call, &at, &last, from),
        None => uninstall(call, &at, &last, false),
    }
}

/// The change that goes back to a revision.
pub(super) fn rollback(call: &Call<'_>, at: &At, last: &Revision, to: i64) -> Result<Change> {
    let helm = Arc::new(Helm::on(call, &at.cluster)?);
    let number = to.to_string();
    let words = ["rollback", at.name.as_str(), number.as_str()];
    let asked = at.clone();
    let revisions = call.wait(async move { asked.revisions().await })?;
    let diff = match revisions.iter().find(|revision| revision.number == to) {
        Some(target) => {
            let objects = |revision: &Revision| objects::of(&revision.body()?, &at.name);
            objects::differences(&objects(last)?, &objects(target)?)
        }
        None => Vec::new(),
    };
    let operation = Operation::new(at, &helm, words, &format!("rolled back to revision {to}"));
    Ok(change(
        call,
        operation,
        Intended {
            op: Op::Update,
            before: Some(image(last)?),
            diff: [vec![format!("revision: {} → {}, as {to} was", last.number, last.number + 1)], diff].concat(),
            from: Some(last.number),
            to: Some(last.number + 1),
            cannot: (last.status != "deployed")
                .then(|| format!("revision {} was {}: nobody wants it back", last.number, last.status)),
        },
    ))
}

/// The change that removes a release.
pub(super) fn uninstall(call: &Call<'_>, at: &At, last: &Revision, keep_history: bool) -> Result<Change> {
    let helm = Arc::new(Helm::on(call, &at.cluster)?);
    let operation = Operation::new(at, &helm, ["uninstall", at.name.as_str()], "uninstalled");
    let objects = objects::of(&last.body()?, &at.name)?;
    Ok(change(
        call,
        operation.with_if(keep_history, "--keep-history"),
        Intended {
            op: Op::Delete,
            before: Some(image(last)?),
            diff: objects::differences(&objects, &[]),
            from: Some(last.number),
            to: None,
            cannot: (!keep_history)
                .then(|| "the release's history went with it; keep_history: true keeps it".to_owned()),
        },
    ))
}

/// What is intended by a run of Helm.
pub(super) struct Intended {
    pub op: Op,
    pub before: Option<Json>,
    pub diff: Vec<String>,
    pub from: Option<i64>,
    pub to: Option<i64>,
    /// Why it cannot be taken back.
    pub cannot: Option<String>,
}

/// The change that a run of Helm is.
pub(super) fn change(call: &Call<'_>, mut operation: Operation, intended: Intended) -> Change {
    let Intended { op, before, diff, from, to, cannot } = intended;
    operation.to = to;
    let recipe = recipe(from, to);
    let part = Part { resource: operation.at.resource(), before, plan: Plan::Act { op, diff, note: None } };
    Change {
        parts: vec![part],
        act: operation.act(call),
        probe: recipe.clone(),
        inverse: cannot.map_or(Inverse::By(recipe), Inverse::Cannot),
    }
}
