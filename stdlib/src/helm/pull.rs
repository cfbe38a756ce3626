//! `helm::pull`.

use serde_json::{Value as Json, json};
use windlass_runtime::state_folder::create_private;
use windlass_runtime::{Call, Error, Options, Result, primitive};

use super::chart::{self, ChartOptions};
use super::lazy::Lazy;
use super::program::unwritable;

/// The options of `helm::pull`.
#[derive(Debug, Clone, Options)]
pub struct PullOptions {
    /// Which chart it is, exactly.
    #[option(flatten)]
    pub exactly: ChartOptions,
    /// The folder that the archive is put into; the script's own if it is not given.
    pub to: Option<String>,
}

/// Fetches a chart's archive into a folder, for an installation without a network.
///
/// Returns `#{path, digest, changed}`; `changed` is false if the folder has the very archive already.
///
/// # Errors
/// As `helm::upgrade` for a chart that cannot be had; `usage` for one that is a folder on this machine.
///
/// # Example
/// ```rhai
/// try {
///     let chart = helm::pull("https://charts.example.invalid/web-1.0.0.tgz", #{ to: "bundle" });
///     log::info(`${chart.path} ${chart.digest}`);
/// } catch (e) {
///     log::warn(e.hint);
/// }
/// ```
#[primitive(module = "helm", effect = Read)]
pub fn pull(call: &Call<'_>, chart: String, options: PullOptions) -> Result<Json> {
    let folder = call.locate_on_disk(options.to.as_deref().unwrap_or("."))?;
    let helm = Lazy::default();
    let found = chart::find(call, &helm, &chart, &options.exactly)?;
    let Some(name) = found.path.file_name().filter(|_| found.path.is_file()) else {
        return Err(
            Error::usage(format!("{chart} is a folder, and nothing to fetch")).hint("pack it with helm package")
        );
    };
    create_private(&folder)?;
    let target = folder.join(name);
    let same = chart::file_hash(&target).is_ok_and(|hash| hash == found.hash);
    if !same {
        std::fs::copy(&found.path, &target).map_err(|e| unwritable(&target, e))?;
    }
    Ok(json!({
        "path": target.to_string_lossy(),
        "digest": format!("sha256:{}", found.hash),
        "changed": !same,
    }))
}
