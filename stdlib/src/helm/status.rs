//! `helm::status`.

use serde_json::{Value as Json, json};
use windlass_runtime::{Call, Options, Result, primitive};

use super::release::At;
use crate::cluster::OnCluster;

/// The options of functions that look at one revision of a release.
#[derive(Debug, Clone, Options)]
pub struct RevisionOptions {
    /// Where the release is.
    #[option(flatten)]
    pub on: OnCluster,
    /// Which revision; the one that is deployed if it is not given, or else the last one.
    pub revision: Option<u32>,
}

/// The options of `helm::status`.
#[derive(Debug, Clone, Options)]
pub struct StatusOptions {
    /// Where the release is.
    #[option(flatten)]
    pub on: OnCluster,
}

/// Reads how a release is: `#{name, namespace, revision, status, chart, version, app_version, updated, description, notes,
/// deployed}`.
///
/// That is its last revision; `status` is Helm's word (`deployed`, `failed`, `pending-upgrade`, …), `deployed` the number of
/// the revision that is deployed, or `()`. It is read from the cluster, without running Helm.
///
/// # Errors
/// `not_found` if there is no such release.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web");
/// let portal = helm::status("portal");
/// if portal.status != "deployed" { helm::recover("portal"); }
/// ```
#[primitive(module = "helm", effect = Read, also = ["get notes"])]
pub fn status(call: &Call<'_>, release: String, options: StatusOptions) -> Result<Json> {
    let at = At::new(call, &release, &options.on)?;
    let revisions = at.known(call)?;
    let Some(last) = revisions.last() else { return Err(at.absent()) };
    let mut status = last.summary()?;
    status["notes"] = last.body()?.pointer("/info/notes").cloned().unwrap_or_default();
    let deployed = revisions.iter().rev().find(|revision| revision.status == "deployed");
    status["deployed"] = json!(deployed.map(|revision| revision.number));
    Ok(status)
}
