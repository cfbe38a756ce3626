//! `helm::dependency_build`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value as Json, json};
use windlass_runtime::{Call, Error, Kind, Result, primitive};

use super::program::Helm;
use super::surroundings;

/// Fetches the charts that a chart in a folder depends on, in the versions that its `Chart.lock` names, into its folder
/// `charts`.
///
/// Repositories that the chart names by an alias (`@internal`) have to be named with `helm::repo` before; those that it names
/// by their URL need not. Returns `#{charts, changed}`: what is there afterwards, and whether that is other than before.
///
/// # Errors
/// `not_found` for what is no chart's folder, or a dependency that cannot be found; `rejected` for a `Chart.lock` that does
/// not fit the `Chart.yaml`.
///
/// # Example
/// ```rhai
/// let built = helm::dependency_build("charts/shop");
/// log::info(built.charts);
/// helm::upgrade("shop", "charts/shop");
/// ```
#[primitive(module = "helm", effect = Read)]
pub fn dependency_build(call: &Call<'_>, chart: String) -> Result<Json> {
    let folder = call.locate_on_disk(&chart)?;
    if !folder.join("Chart.yaml").is_file() {
        return Err(Error::new(
            Kind::NotFound,
            format!("{} is no chart's folder: it has no Chart.yaml", folder.display()),
        ));
    }
    let shown = folder.canonicalize().unwrap_or(folder);
    let below = shown.join("charts");
    let before = archives(&below);
    let helm = Helm::open(call)?;
    let path = shown.to_string_lossy().into_owned();
    let child = surroundings::through_proxy(call, helm.child(["dependency", "build", path.as_str()]));
    call.progress(&path, "fetching what the chart depends on");
    helm.output(call, child, &format!("what {path} depends on cannot be fetched"))?;
    let after = archives(&below);
    // Archives that Helm packs of folders beside the chart differ in their times each time: their names tell.
    Ok(json!({ "charts": after, "changed": before != after }))
}

/// The archives in a folder.
fn archives(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(".tgz")).collect()
}
