//! `helm::pull`.

use serde_json::json;
use windlass_runtime::change::Outcome;
use windlass_runtime::{Call, Error, Options, Result, primitive};

use super::chart::{self, ChartOptions};
use super::lazy::Lazy;
use super::placing::{self, Placing, Wanted};

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
/// With `verify`, its signature (`.prov`) is put beside it. If the very archive is there already, nothing changes. The
/// outcome's `object` is `#{path, digest}`. Undo takes it away, or puts back what it has replaced.
///
/// A rehearsal fetches it and does not write it there; what comes later in the same rehearsal finds it under that path.
///
/// # Errors
/// As `helm::upgrade` for a chart that cannot be had; `usage` for one that is a folder on this machine; `system` where the
/// folder cannot be written to.
///
/// # Example
/// ```rhai
/// try {
///     let chart = helm::pull("https://charts.example.invalid/web-1.0.0.tgz", #{ to: "bundle" }).object;
///     log::info(`${chart.path} ${chart.digest}`);
/// } catch (e) {
///     log::warn(e.hint);
/// }
/// ```
#[primitive(module = "helm", effect = Change, also = ["fetch", "download"])]
pub fn pull(call: &Call<'_>, chart: String, options: PullOptions) -> Result<Outcome> {
    let folder = call.locate_on_disk(options.to.as_deref().unwrap_or("."))?;
    let helm = Lazy::default();
    let found = chart::find(call, &helm, &chart, &options.exactly)?;
    let Some(name) = found.path.file_name().filter(|_| found.path.is_file()) else {
        return Err(
            Error::usage(format!("{chart} is a folder, and nothing to fetch")).hint("pack it with helm package")
        );
    };
    let (target, signature) = (folder.join(name), chart::signature(&found.path));
    let mut files = vec![found.path.clone()];
    files.extend(Some(signature).filter(|path| options.exactly.verify && path.is_file()));
    let below = folder.clone();
    let (before, files) = call.compute(move || {
        let hash = |path: &std::path::Path| chart::file_hash(path).ok();
        let before = files.first().and_then(|path| hash(&below.join(path.file_name()?)));
        let differs = |path: std::path::PathBuf| {
            let name = path.file_name()?.to_string_lossy().into_owned();
            (hash(&below.join(&name)) != hash(&path)).then_some(Wanted { name, from: Some(path) })
        };
        Ok((before, files.into_iter().filter_map(differs).collect()))
    })?;
    let image = |hash: &str| json!({ "path": target.to_string_lossy(), "digest": format!("sha256:{hash}") });
    let placing = Placing {
        resource: placing::resource("File", &target),
        folder,
        files,
        reason: format!("it is there already, with the digest sha256:{}", found.hash),
        before: before.as_deref().map(image),
        after: image(&found.hash),
        instead: (target.clone(), found.path),
        helm: helm.opened(),
    };
    placing::place(call, placing)
}

#[cfg(test)]
mod tests;
