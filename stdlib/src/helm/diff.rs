//! `helm::diff`.

use windlass_runtime::{Call, Result, primitive};

use super::release::{At, Revision};
use super::rendered;
use super::template::RenderOptions;
use super::upgrade::render;

/// Says what `helm::upgrade` would change in the objects of a release, against the revision that is deployed: a list of
/// lines such as `Deployment/web: spec.replicas: 1 → 3`. It is empty if nothing would. Nothing is changed.
///
/// Values of Secrets are hidden. A chart that makes up something new each time (a password) differs each time.
///
/// # Errors
/// As `helm::upgrade`.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web");
/// for line in helm::diff("portal", "charts/web", #{ values: #{ replicas: 3 } }) { log::info(line); }
/// ```
#[primitive(module = "helm", effect = Read, also = ["dry run"])]
pub fn diff(call: &Call<'_>, release: String, chart: String, options: RenderOptions) -> Result<Vec<String>> {
    let at = At::new(call, &release, &options.on)?;
    let rendered = render(call, &at, &chart, &options.exactly, &options.given)?;
    let asked = at.clone();
    let revisions = call.wait(async move { asked.revisions().await })?;
    let deployed = revisions.iter().rev().find(|revision| revision.status == "deployed");
    let deployed = deployed.map(Revision::body).transpose()?;
    if deployed.as_ref().is_some_and(|deployed| rendered::is_same(deployed, &rendered)) {
        return Ok(Vec::new());
    }
    rendered::diff(deployed.as_ref(), &rendered, &at.name)
}
