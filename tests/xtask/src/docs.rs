//! `cargo xtask docs`: the reference, from the registrations.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use windlass_runtime::Runtime;

use crate::{Error, tool};

pub(crate) fn run(check: bool) -> Result<ExitCode, Error> {
    let folder = tool::workspace().join("docs");
    let runtime = Runtime::builder().with(windlass_stdlib::all()).build().map_err(|e| Error::Other(e.to_string()))?;
    let pages: BTreeMap<String, String> = runtime.reference().markdown().into_iter().collect();
    let stale = stale(&folder, &pages)?;
    if check {
        for name in &stale {
            eprintln!("docs/{name} is not what the doc comments say: run cargo xtask docs");
        }
        return Ok(if stale.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    for name in &stale {
        let path = folder.join(name);
        let failed = |source| Error::File { path: path.display().to_string(), source };
        match pages.get(name) {
            Some(text) => {
                std::fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(failed)?;
                std::fs::write(&path, text).map_err(failed)?;
            }
            None => std::fs::remove_file(&path).map_err(failed)?,
        }
        eprintln!("docs/{name}: {}", if pages.contains_key(name) { "written" } else { "removed" });
    }
    Ok(ExitCode::SUCCESS)
}

/// The pages that are missing or say something else, and those that nothing stands behind any more.
fn stale(folder: &Path, pages: &BTreeMap<String, String>) -> Result<Vec<String>, Error> {
    let differs = |(name, text): &(&String, &String)| {
        !std::fs::read_to_string(folder.join(name.as_str())).is_ok_and(|old| old == **text)
    };
    let mut stale: Vec<String> = pages.iter().filter(differs).map(|(name, _)| name.clone()).collect();
    let reference = folder.join("reference");
    let failed = |source| Error::File { path: reference.display().to_string(), source };
    if reference.is_dir() {
        for entry in std::fs::read_dir(&reference).map_err(failed)? {
            let name = format!("reference/{}", entry.map_err(failed)?.file_name().to_string_lossy());
            if !pages.contains_key(&name) {
                stale.push(name);
            }
        }
    }
    Ok(stale)
}
