//! `helm::upgrade`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value as Json, json};
use windlass_runtime::change::{Change, Op, Outcome};
use windlass_runtime::cluster::ResourceId;
use windlass_runtime::cluster::ownership::value_hash;
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

use super::chart::{self, Chart, ChartOptions};
use super::given::GivenOptions;
use super::hooks::Hooks;
use super::lazy::Lazy;
use super::objects;
use super::operation::{self, How, Intended, Made, Operation};
use super::recover::put_right_own;
use super::release::{At, INTENT_LABEL, Mark, Revision};
use super::rendered::{self, Rendering};
use crate::cluster::OnCluster;
use crate::wait::description::{Description, Together};
use crate::wait::several;

/// The options of `helm::upgrade`.
#[derive(Debug, Clone, Options)]
pub struct UpgradeOptions {
    /// Where the release is.
    #[option(flatten)]
    pub on: OnCluster,
    /// Which chart it is, exactly.
    #[option(flatten)]
    pub exactly: ChartOptions,
    /// The values that it is given.
    #[option(flatten)]
    pub given: GivenOptions,
    /// Make the namespace if it is not there, as `cluster::namespace` does.
    #[option(default = "false")]
    pub create_namespace: bool,
    /// Wait until the release's workloads and custom resources are ready, as `wait::ready` has it.
    #[option(default = "false")]
    pub wait: bool,
    /// What else to wait for, as for `wait::all`; in the release's namespace if not said otherwise.
    #[option(default = "[]")]
    pub wait_for: Vec<Description>,
    /// How long hooks may take, and how long to wait.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
    /// How long blocked pods are given without progress while it is waited, as for `wait::ready`.
    #[option(default = "\"50s\"")]
    pub patience: Duration,
    /// Run the chart's hooks.
    #[option(default = "true")]
    pub hooks: bool,
    /// Install the definitions in the chart's folder `crds` if they are not there. Helm never updates those.
    #[option(default = "true")]
    pub crds: bool,
    /// Take objects into the release that are there already and do not belong to it.
    #[option(default = "false")]
    pub take_ownership: bool,
    /// Take fields that somebody else has changed. Only Helm 4 minds those.
    #[option(default = "false")]
    pub force_conflicts: bool,
    /// How many revisions are kept.
    #[option(default = "10")]
    pub history_max: u32,
}

/// Installs a chart as a release, or makes the release what chart and values say.
///
/// The chart is a folder, an archive (`.tgz`), a URL (`https://…`, `oci://…`), or `repository/chart` after `helm::repo`.
/// A release that was made from the same chart (every file of it) and the same values is left alone, without running Helm.
/// `--reset-values` is meant: what is not given is the chart's default.
///
/// The values `images` and `network` are honoured: images by the option `images`, the proxy and the authorities by Helm when
/// it fetches a chart. What the chart's pods need of a proxy is in the chart's own values.
///
/// It is what `helm install` and `helm upgrade --install` are. There is no `--atomic`: a release that fails stays as it
/// failed, to be looked at, and `helm::recover` takes it back. `helm::diff` shows what would change.
///
/// While hooks run, it is told what each of them waits for; a hook that fails or does not end is diagnosed, in `details`, as
/// `wait::ready` does it. When the run is stopped, Helm is asked to end and has up to 15 seconds for that.
///
/// It needs Helm 3.20 or later, or Helm 4: the program that `WINDLASS_HELM` names, or the one in `PATH`. Plugins,
/// repositories and settings of the user's own Helm are not used. In a rehearsal without Helm, the release is told as not
/// rendered.
///
/// The outcome has `changed`, `reason`, `diff` (the fields of objects that change) and `object`:
/// `#{name, namespace, revision, status, chart, version, app_version, updated, description}`. Undo rolls back to the
/// revision before, or uninstalls what was not there.
///
/// # Errors
/// `not_found` without Helm, or for a chart that is not there; `conflict` for a release on which somebody is at work
/// (`pending-…`, see `helm::recover`); `values` for images from elsewhere; `rejected`, `values`, `malformed` and others with what Helm says, and what has become
/// of the release; `timeout` and `hopeless` from waiting.
///
/// # Example
/// ```rhai
/// let r = helm::upgrade("portal", "charts/web", #{ values: #{ replicas: 2 }, set: #{ "colour": "blue" }, wait: true, timeout: "5m" });
/// log::info(`revision ${r.object.revision} of ${r.object.chart} ${r.object.version}`);
/// ```
#[primitive(module = "helm", effect = Change, also = ["install", "upgrade install", "deploy", "atomic"])]
pub fn upgrade(call: &Call<'_>, release: String, chart: String, options: UpgradeOptions) -> Result<Outcome> {
    let at = At::new(call, &release, &options.on)?;
    let values = options.given.merged(call)?;
    if let Some(not_rendered) = operation::without_helm(call, &at)? {
        return call.change(not_rendered);
    }
    let helm = Lazy::default();
    let chart = chart::find(call, &helm, &chart, &options.exactly)?;
    let wanted = Wanted { hash: intent(call, &at, &chart, &values, &options)?, chart, values };
    put_right_own(call, &at, options.how())?;
    let change = decide(call, &at, &helm, &wanted, &options)?;
    drop(helm);
    let outcome = call.change(change)?;
    if options.wait {
        let asked = at.clone();
        let last = call.wait(async move { asked.last().await })?.ok_or_else(|| at.absent())?;
        let objects = objects::of(&last.body()?, &at.name)?;
        objects::wait_until_ready(call, &at, &objects, options.timeout, options.patience)?;
    }
    if !options.wait_for.is_empty() {
        let on = OnCluster { namespace: Some(at.namespace.clone()), ..options.on.clone() };
        several::described(call, &options.wait_for, &Together { on, timeout: options.timeout })?;
    }
    Ok(operation::shown(outcome))
}

impl UpgradeOptions {
    fn how(&self) -> How {
        How { timeout: self.timeout, force_conflicts: self.force_conflicts }
    }
}

/// What the release is to be.
struct Wanted {
    chart: Chart,
    values: Json,
    hash: String,
}

/// The hash of all that makes a release what it is.
fn intent(call: &Call<'_>, at: &At, chart: &Chart, values: &Json, options: &UpgradeOptions) -> Result<String> {
    let cluster = at.cluster.clone();
    // Who may not ask for it does without: it only keeps hashes of two clusters from being compared.
    let salt = call.wait(async move { Ok(cluster.identity().await.map_or_else(|_| String::new(), str::to_owned)) })?;
    let mut intent = json!({ "chart": chart.hash, "values": values, "hooks": options.hooks, "crds": options.crds });
    if let Some(images) = options.given.images(call).intent() {
        intent["images"] = images;
    }
    Ok(value_hash(&intent, &salt))
}

fn decide(call: &Call<'_>, at: &At, helm: &Lazy, wanted: &Wanted, options: &UpgradeOptions) -> Result<Change> {
    let asked = at.clone();
    let revisions = call.wait(async move { asked.revisions().await })?;
    let last = revisions.last();
    if let Some(last) = last.filter(|last| last.is_pending()) {
        return Err(Error::new(
            Kind::Conflict,
            format!(
                "{} is {} (revision {}): somebody is at work on it, or was killed",
                at.resource(),
                last.status,
                last.number
            ),
        )
        .hint(format!("if nobody is, put it right with {}", at.recovery(&revisions)))
        .resource(at.resource()));
    }
    let deployed = last.filter(|last| last.status == "deployed");
    if let Some(deployed) = deployed
        && deployed.is_of_intent(&wanted.hash)?
    {
        let reason = format!("revision {} was made from this chart and these values", deployed.number);
        return Ok(operation::unchanged(at, Some(deployed.summary()?), reason));
    }
    let helm = helm.get(call)?;
    helm.use_cluster(call, &at.cluster)?;
    helm.write("values.json", wanted.values.to_string().as_bytes())?;
    let UpgradeOptions { hooks, crds, take_ownership, .. } = *options;
    let rendering = Rendering { at, helm, chart: &wanted.chart.path, hooks, crds, take_ownership };
    let new = rendering.on_the_cluster(call)?;
    options.given.images(call).check(at, &new)?;
    // What a release was before a failed upgrade is still on the cluster for the most part.
    let base = revisions.iter().rev().find(|revision| revision.status == "deployed");
    let old = base.map(Revision::body).transpose()?;
    if let (Some(deployed), Some(old)) = (deployed, &old)
        && rendered::is_same(old, &new)
    {
        let reason = format!("revision {} has this chart and these values", deployed.number);
        return Ok(operation::unchanged(at, Some(deployed.summary()?), reason));
    }
    if last.is_none() && options.create_namespace {
        make_namespace(call, at, options)?;
    }
    let next = last.map_or(0, |last| last.number) + 1;
    let diff = rendered::diff(old.as_ref(), &new, &at.name)?;
    let before = last.map(operation::image).transpose()?;
    let gone = last.is_none_or(|last| last.status == "uninstalled");
    let (mark, how) = (format!("{}.{next}", wanted.hash), options.how());
    let runs =
        if options.hooks { Hooks::of(at, &new, if gone { "install" } else { "upgrade" }) } else { Hooks::none(at) };
    let words = [
        "upgrade",
        at.name.as_str(),
        &wanted.chart.path.to_string_lossy(),
        "--install",
        "--reset-values",
        "--history-max",
        &options.history_max.to_string(),
        "--labels",
        &format!("{INTENT_LABEL}={mark}"),
        "--output",
        "json",
    ]
    .map(str::to_owned);
    let operation = Operation::new(call, at, helm, words.iter().map(String::as_str), "upgraded")
        .with("--values")
        .with(helm.private().join("values.json"))
        .with_if(!options.hooks, "--no-hooks")
        .with_if(!options.crds, "--skip-crds")
        .with_if(options.take_ownership, "--take-ownership")
        .with_hooks(runs)
        .with_how(how);
    Ok(operation::change(
        call,
        operation,
        Intended {
            op: if gone { Op::Create } else { Op::Update },
            before,
            diff,
            // What a failed revision was, nobody wants back.
            from: revisions.iter().rev().filter(|_| !gone).find(|r| r.status == "deployed").map(|r| r.number),
            to: Some(Made { number: next, mark: Mark::Intent(mark) }),
            how: Some(how),
            cannot: None,
        },
    ))
}

/// A change of its own, which undo takes back if nothing else is in the namespace.
fn make_namespace(call: &Call<'_>, at: &At, options: &UpgradeOptions) -> Result<()> {
    let (cluster, id) = (at.cluster.clone(), ResourceId::namespace_object(at.cluster.name(), &at.namespace));
    let there = call.wait(async move { Ok(cluster.get(&id).await?.is_some()) })?;
    if !there {
        let made = crate::cluster::namespace::NamespaceOptions {
            cluster: options.on.cluster.clone(),
            labels: crate::cluster::labels::Marks::default(),
            annotations: crate::cluster::labels::Marks::default(),
        };
        crate::cluster::namespace::namespace(call, at.namespace.clone(), made)?;
    }
    Ok(())
}

/// A release's Helm, for those that are shown what an upgrade would do.
pub(super) fn render(
    call: &Call<'_>,
    at: &At,
    chart: &str,
    exactly: &ChartOptions,
    given: &GivenOptions,
) -> Result<Json> {
    let helm = Lazy::default();
    let values = given.merged(call)?;
    let chart = chart::find(call, &helm, chart, exactly)?;
    let helm: Arc<_> = helm.get(call)?.clone();
    helm.use_cluster(call, &at.cluster)?;
    helm.write("values.json", values.to_string().as_bytes())?;
    Rendering { at, helm: &helm, chart: &chart.path, hooks: true, crds: true, take_ownership: true }
        .on_the_cluster(call)
}

#[cfg(test)]
mod tests;
