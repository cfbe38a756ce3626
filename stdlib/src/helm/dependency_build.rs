//! `helm::dependency_build`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value as Json, json};
use windlass_runtime::change::Outcome;
use windlass_runtime::files::{Located, tidy};
use windlass_runtime::state_folder::create_private;
use windlass_runtime::{Call, Error, Kind, Result, primitive, yaml};

use super::chart::{archive_content, write_out};
use super::placing::{self, Placing, Wanted};
use super::program::{Helm, unwritable};
use super::surroundings;

/// Fetches the charts that a chart in a folder depends on, in the versions that its `Chart.lock` names, into its folder
/// `charts`.
///
/// Repositories that the chart names by an alias (`@internal`) have to be named with `helm::repo` before; those that it names
/// by their URL need not. If its archives hold what Helm would put there, nothing changes. The outcome's `object` is
/// `#{path, charts}`. Undo puts back what was there.
///
/// Helm works on a copy, so that the folder is never half done. A rehearsal leaves it as it is; what comes later in the same
/// rehearsal finds the chart with what it depends on.
///
/// # Errors
/// `not_found` for what is no chart's folder, or a dependency that cannot be found; `rejected` for a `Chart.lock` that does
/// not fit the `Chart.yaml`; `system` where the folder cannot be written to.
///
/// # Example
/// ```rhai
/// let built = helm::dependency_build("charts/shop");
/// log::info(built.object.charts);
/// helm::upgrade("shop", "charts/shop");
/// ```
#[primitive(module = "helm", effect = Change, also = ["dependency update", "dep build", "dep update"])]
pub fn dependency_build(call: &Call<'_>, chart: String) -> Result<Outcome> {
    let named = call.locate_on_disk(&chart)?;
    if !named.join("Chart.yaml").is_file() {
        return Err(Error::new(
            Kind::NotFound,
            format!("{} is no chart's folder: it has no Chart.yaml", named.display()),
        ));
    }
    let folder = named.canonicalize().unwrap_or(named);
    let helm = Arc::new(Helm::open(call)?);
    let (from, private) = (folder.clone(), helm.private().join("built"));
    let copy = call.compute(move || copied(&from, &private))?;
    let path = copy.to_string_lossy().into_owned();
    let child = surroundings::through_proxy(call, helm.child(["dependency", "build", path.as_str()]));
    let shown = folder.display().to_string();
    call.progress(&shown, "fetching what the chart depends on");
    helm.output(call, child, &format!("what {shown} depends on cannot be fetched"))?;
    let (here, there) = (folder.clone(), copy.clone());
    let (files, before, after) = call.compute(move || {
        let (before, after) = (managed(&here), managed(&there));
        Ok((different(&here, &there)?, before, after))
    })?;
    let image = |names: &BTreeSet<String>| {
        let charts: Vec<&str> = names.iter().filter_map(|name| name.strip_prefix("charts/")).collect();
        json!({ "path": shown, "charts": charts })
    };
    let placing = Placing {
        resource: placing::resource("Chart", &folder),
        folder: folder.clone(),
        files,
        reason: "its folder charts has what it depends on".to_owned(),
        before: Some(image(&before)),
        after: image(&after),
        instead: (folder.clone(), copy),
        helm: Some(helm),
    };
    placing::place(call, placing)
}

/// Copies a chart to where the charts beside it, which it may name as `file://../other`, are found too.
fn copied(folder: &Path, private: &Path) -> Result<PathBuf> {
    let copy = private.join(folder.strip_prefix("/").unwrap_or(folder));
    write_out(&Located::Disk(folder.to_owned()), &copy)?;
    if folder.join(".helmignore").is_file() {
        std::fs::copy(folder.join(".helmignore"), copy.join(".helmignore")).map_err(|e| unwritable(&copy, e))?;
    }
    for file in ["Chart.yaml", "requirements.yaml"] {
        let Ok(text) = std::fs::read_to_string(folder.join(file)) else { continue };
        // What is no YAML, Helm refuses in its own words.
        let about = yaml::read_one(&text, file).unwrap_or_default();
        let dependencies = about.get("dependencies").and_then(Json::as_array).into_iter().flatten();
        for beside in dependencies.filter_map(|d| d.get("repository")?.as_str()?.strip_prefix("file://")) {
            let (place, own) = (tidy(&copy.join(beside)), tidy(&folder.join(beside)));
            let is_outside = place.starts_with(private) && !place.starts_with(&copy);
            if let Some(parent) = place.parent().filter(|_| is_outside && !place.exists()) {
                create_private(parent)?;
                std::os::unix::fs::symlink(&own, &place).map_err(|e| unwritable(&place, e))?;
            }
        }
    }
    Ok(copy)
}

/// The files of a chart's folder that Helm manages: archives of dependencies, and the lock.
fn managed(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder.join("charts")).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let archives = names.filter(|name| name.ends_with(".tgz")).map(|name| format!("charts/{name}"));
    let locks = ["Chart.lock", "requirements.lock"].map(str::to_owned);
    archives.chain(locks.into_iter().filter(|lock| folder.join(lock).is_file())).collect()
}

/// The files that are other in the copy, which Helm has worked on.
fn different(folder: &Path, copy: &Path) -> Result<Vec<Wanted>> {
    let (here, there) = (managed(folder), managed(copy));
    let mut different = Vec::new();
    for name in here.union(&there) {
        let (old, new) = (folder.join(name), copy.join(name));
        if !there.contains(name) {
            different.push(Wanted { name: name.clone(), from: None });
        } else if !here.contains(name) || content(&old)? != content(&new)? {
            different.push(Wanted { name: name.clone(), from: Some(new) });
        }
    }
    Ok(different)
}

/// What a file says, whenever it was packed.
fn content(path: &Path) -> Result<BTreeMap<String, String>> {
    let hash = super::chart::file_hash(path)?;
    let is_archive = path.extension().is_some_and(|ending| ending == "tgz");
    // What cannot be unpacked is other than what Helm has packed.
    let unpacked = if is_archive { archive_content(path).ok() } else { None };
    Ok(unpacked.unwrap_or_else(|| BTreeMap::from([(String::new(), hash)])))
}

#[cfg(test)]
mod tests;
