//! Changes of releases: what Helm is run for, and what comes of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use windlass_runtime::call::Teller;
use windlass_runtime::change::{Act, Acted, Change, Inverse, Op, Outcome, Part, Plan};
use windlass_runtime::child::{Child, Programs};
use windlass_runtime::cluster::Cluster;
use windlass_runtime::{Call, Clock, Computer, Error, Kind, Result};

use super::handler::recipe;
use super::hooks::Hooks;
use super::objects;
use super::program::{self, CHANGE_GRACE, Helm};
use super::release::{At, Mark, Revision};

/// How long hooks may take, where nothing says so.
pub(super) const TIMEOUT: Duration = Duration::from_secs(600);

/// A run of Helm that changes a release.
pub(super) struct Operation {
    pub at: At,
    /// Its folder, with the values, goes when the run has ended.
    pub helm: Arc<Helm>,
    pub child: Child,
    /// What is not done if it fails: `HelmRelease/web in shop cannot be upgraded`.
    pub doing: String,
    hooks: Hooks,
    tell: Teller,
    op: Op,
    /// What it makes, if it makes a revision.
    makes: Option<Made>,
}

/// A revision that is to be made.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Made {
    pub number: i64,
    /// By what it is known not to be another's.
    pub mark: Mark,
}

impl Made {
    /// Whether it is this one.
    pub fn is(&self, revision: &Revision) -> bool {
        revision.number == self.number && revision.is_made_by(&self.mark)
    }
}

/// What is said to Helm besides, whatever it does with a release.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct How {
    /// How long hooks may take.
    pub timeout: Duration,
    /// Take fields that others have changed.
    #[serde(default)]
    pub force_conflicts: bool,
}

impl Operation {
    /// A run of Helm for this release, with the first words of its command line.
    pub fn new<'a>(
        call: &Call<'_>,
        at: &At,
        helm: &Arc<Helm>,
        words: impl IntoIterator<Item = &'a str>,
        done: &str,
    ) -> Self {
        Self {
            at: at.clone(),
            helm: helm.clone(),
            child: helm.child(words).argument("--namespace").argument(at.namespace.as_str()),
            doing: format!("{} cannot be {done}", at.resource()),
            hooks: Hooks::none(at),
            tell: call.teller(),
            op: Op::Run,
            makes: None,
        }
    }

    /// The hooks that it runs.
    pub fn with_hooks(self, hooks: Hooks) -> Self {
        Self { hooks, ..self }
    }

    /// Says how long hooks may take, and whose fields count.
    pub fn with_how(self, how: How) -> Self {
        let forces = how.force_conflicts && self.helm.version.0 >= 4;
        self.with("--timeout").with(format!("{}s", how.timeout.as_secs().max(1))).with_if(forces, "--force-conflicts")
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
        let (programs, computer, clock) = (call.programs(), call.computer(), call.clock());
        Box::new(move || Box::pin(async move { self.run(&programs, &computer, &clock).await.map(|acted| vec![acted]) }))
    }

    async fn run(self, programs: &Programs, computer: &Computer, clock: &Arc<dyn Clock>) -> Result<Acted> {
        let Self { at, helm, child, doing, hooks, tell, op, makes } = self;
        let (following, running) = (pin!(hooks.clone().follow(tell)), pin!(programs.run(child)));
        let ended = match select(running, following).await {
            Either::Left((ended, _)) => ended,
            Either::Right(((), running)) => running.await,
        };
        // Values and credentials are gone before anything else is done.
        drop(helm);
        match ended.and_then(|finished| program::check(&finished, &doing)) {
            // It is done, even where what came of it cannot be read.
            Ok(()) => Ok(match after(&at, computer).await {
                Ok(image) => Acted::Done(image),
                Err(error) => Acted::Broken(error),
            }),
            Err(error) => {
                let error = if error.kind().is_final() { error } else { hooks.explain(error, clock).await };
                let (error, has_left_something) = standing(&at, error, op, makes.as_ref()).await;
                match error.kind().is_final() {
                    true => Err(error),
                    // With what is written down of the release, whatever it had applied or deleted by then.
                    false if has_left_something => Ok(Acted::Broken(error)),
                    false => Ok(Acted::Failed(error)),
                }
            }
        }
    }
}

/// What there is of a release after a change of it.
async fn after(at: &At, computer: &Computer) -> Result<Option<Json>> {
    match at.last().await? {
        Some(last) if last.status != "uninstalled" => {
            // Unpacked where it keeps nobody waiting.
            Ok(Some(computer.run(move || image(&last)).await?))
        }
        _ => Ok(None),
    }
}

/// Whether these revisions are no longer as they were before a run of Helm.
fn has_begun(op: Op, makes: Option<&Made>, revisions: &[Revision]) -> bool {
    match op {
        Op::Delete => revisions.last().is_none_or(Revision::is_going),
        _ => makes.is_some_and(|made| revisions.iter().any(|revision| made.is(revision))),
    }
}

/// An error, with what has become of the release, and whether Helm has left something of what it was to do.
async fn standing(at: &At, error: Error, op: Op, makes: Option<&Made>) -> (Error, bool) {
    let release = at.resource();
    let (state, recovery, has_begun) = match at.revisions().await {
        Ok(revisions) => {
            let has_begun = has_begun(op, makes, &revisions);
            match revisions.last() {
                Some(last) => (
                    format!("it is {} now, in revision {}", last.status, last.number),
                    (last.is_pending() || last.status == "failed").then(|| at.recovery(&revisions)),
                    has_begun,
                ),
                None => ("the release is not there".to_owned(), None, has_begun),
            }
        }
        // Whoever probes it later finds out.
        Err(unknown) => (format!("how it is cannot be read: {unknown}"), None, true),
    };
    let (hint, details) = (error.hint_text().map(str::to_owned), error.detail_value().cloned());
    // What to do about the cause is worth saying where it is known exactly.
    let cause = hint.clone().filter(|_| details.is_some() || error.kind() == Kind::Conflict);
    let hint = match (recovery, cause) {
        (None, _) => hint,
        (Some(recovery), None) => Some(format!("put it right with {recovery}")),
        (Some(recovery), Some(cause)) => Some(format!("{cause}; then put the release right with {recovery}")),
    };
    let told = match error.kind().is_final() {
        true => error.context(format!("{release} was being changed; {state}")),
        false => Error::new(error.kind(), format!("{}; {state}", error.message())),
    };
    let told = details.into_iter().fold(told, Error::details);
    let error = hint.into_iter().fold(told, Error::hint).resource(&release);
    (error, has_begun)
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
    let recipe = recipe(None, None, None);
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
        Some(_) => Ok(call.kubeconfig_of(cluster).err().map(|error| match error.hint_text() {
            Some(hint) => format!("{}: {hint}", error.message()),
            None => error.message().to_owned(),
        })),
    }
}

/// The change that goes back to a revision.
pub(super) fn rollback(call: &Call<'_>, at: &At, last: &Revision, to: i64, how: How) -> Result<Change> {
    let helm = Arc::new(Helm::on(call, &at.cluster)?);
    let number = to.to_string();
    let words = ["rollback", at.name.as_str(), number.as_str()];
    let asked = at.clone();
    let revisions = call.wait(async move { asked.revisions().await })?;
    let (diff, hooks) = match revisions.iter().find(|revision| revision.number == to) {
        Some(target) => {
            let body = target.body()?;
            let now = objects::of(&last.body()?, &at.name)?;
            let diff = objects::differences(&now, &objects::of(&body, &at.name)?);
            let diff = diff.iter().map(|line| without_values(line)).collect();
            (diff, Hooks::of(at, &body, "rollback"))
        }
        None => (Vec::new(), Hooks::none(at)),
    };
    let operation = Operation::new(call, at, &helm, words, &format!("rolled back to revision {to}"));
    let operation = operation.with_hooks(hooks).with_how(how);
    Ok(change(
        call,
        operation,
        Intended {
            op: Op::Update,
            before: Some(image(last)?),
            diff: [vec![format!("revision: {} → {}, as {to} was", last.number, last.number + 1)], diff].concat(),
            from: Some(last.number),
            to: Some(Made { number: last.number + 1, mark: Mark::RollbackTo(to) }),
            how: Some(how),
            cannot: (last.status != "deployed")
                .then(|| format!("revision {} was {}: nobody wants it back", last.number, last.status)),
        },
    ))
}

/// A line of a difference without values. Who goes back has not read the secrets that a release was made with, and so cannot
/// mask what a chart has made of them.
fn without_values(line: &str) -> String {
    let mut pieces = line.splitn(3, ": ");
    match (pieces.next(), pieces.next(), pieces.next()) {
        (Some(object), Some(path), Some(_)) => format!("{object}: {path}"),
        _ => line.to_owned(),
    }
}

/// The change that removes a release.
pub(super) fn uninstall(
    call: &Call<'_>,
    at: &At,
    last: &Revision,
    keep_history: bool,
    timeout: Duration,
) -> Result<Change> {
    let helm = Arc::new(Helm::on(call, &at.cluster)?);
    let (body, how) = (last.body()?, How { timeout, force_conflicts: false });
    let operation = Operation::new(call, at, &helm, ["uninstall", at.name.as_str()], "uninstalled");
    let operation = operation.with_hooks(Hooks::of(at, &body, "delete")).with_how(how);
    let mut objects = objects::of(&body, &at.name)?;
    let mut notes = Vec::new();
    if last.status != "deployed" {
        // It may never have got as far as these.
        objects = objects::there(call, at, objects)?;
        if objects.is_empty() {
            notes.push("none of its objects is there".to_owned());
        }
    }
    let left: Vec<String> =
        objects::there(call, at, objects::left_by_hooks(&body))?.iter().map(objects::shown).collect();
    if !left.is_empty() {
        notes.push(format!("its hooks have made what stays (cluster::delete takes it away): {}", left.join(", ")));
    }
    let mut change = change(
        call,
        operation.with_if(keep_history, "--keep-history"),
        Intended {
            op: Op::Delete,
            before: Some(image(last)?),
            diff: objects::differences(&objects, &[]),
            from: Some(last.number),
            to: None,
            how: Some(how),
            cannot: (!keep_history)
                .then(|| "the release's history went with it; keep_history: true keeps it".to_owned()),
        },
    );
    if let Some(Part { plan: Plan::Act { note, .. }, .. }) = change.parts.first_mut() {
        *note = (!notes.is_empty()).then(|| notes.join("; "));
    }
    Ok(change)
}

/// What is intended by a run of Helm.
pub(super) struct Intended {
    pub op: Op,
    pub before: Option<Json>,
    pub diff: Vec<String>,
    pub from: Option<i64>,
    pub to: Option<Made>,
    pub how: Option<How>,
    /// Why it cannot be taken back.
    pub cannot: Option<String>,
}

/// The change that a run of Helm is.
pub(super) fn change(call: &Call<'_>, mut operation: Operation, intended: Intended) -> Change {
    let Intended { op, before, diff, from, to, how, cannot } = intended;
    (operation.op, operation.makes) = (op, to.clone());
    let recipe = recipe(from, to, how);
    let part = Part { resource: operation.at.resource(), before, plan: Plan::Act { op, diff, note: None } };
    Change {
        parts: vec![part],
        act: operation.act(call),
        probe: recipe.clone(),
        inverse: cannot.map_or(Inverse::By(recipe), Inverse::Cannot),
    }
}
