//! `helm::uninstall`.

use std::time::Duration;

use windlass_runtime::change::Outcome;
use windlass_runtime::{Call, Options, Result, primitive};

use super::operation;
use super::release::At;
use crate::cluster::OnCluster;

/// The options of `helm::uninstall`.
#[derive(Debug, Clone, Options)]
pub struct UninstallOptions {
    /// Where the release is.
    #[option(flatten)]
    pub on: OnCluster,
    /// Keep the release's history: only then can it be taken back.
    #[option(default = "false")]
    pub keep_history: bool,
    /// How long hooks may take.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
}

/// Removes a release and its objects.
///
/// Definitions of kinds from a chart's folder `crds`, claims of StatefulSets and objects with `helm.sh/resource-policy: keep`
/// stay, as Helm has it; so does what hooks have made, which `items[0].reason` of the outcome names.
/// What is not there is left at that.
///
/// # Errors
/// `forbidden` and others with what Helm says.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web");
/// helm::uninstall("portal", #{ keep_history: true });
/// ```
#[primitive(module = "helm", effect = Change, also = ["delete", "remove"])]
pub fn uninstall(call: &Call<'_>, release: String, options: UninstallOptions) -> Result<Outcome> {
    let at = At::new(call, &release, &options.on)?;
    if let Some(not_rendered) = operation::without_helm(call, &at)? {
        return call.change(not_rendered);
    }
    let asked = at.clone();
    let outcome = call.change(match call.wait(async move { asked.last().await })? {
        None => operation::unchanged(&at, None, "it is not there"),
        Some(last) if last.status == "uninstalled" && options.keep_history => {
            operation::unchanged(&at, Some(last.summary()?), "it is uninstalled already")
        }
        Some(last) => operation::uninstall(call, &at, &last, options.keep_history, options.timeout)?,
    })?;
    Ok(operation::shown(outcome))
}
