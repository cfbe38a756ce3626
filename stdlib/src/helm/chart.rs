//! Charts: where one comes from, and what it is made of.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};
use windlass_runtime::child::{Child, Finished};
use windlass_runtime::files::Located;
use windlass_runtime::state_folder::{create_private, own_folder};
use windlass_runtime::yaml::{self, Limits};
use windlass_runtime::{Call, Error, Kind, Options, Result};

use super::fault;
use super::lazy::Lazy;
use super::placing;
use super::program::{Helm, unwritable};
use super::repositories::{self, Repository};
use super::surroundings;

/// The options that say which chart is meant, exactly.
#[derive(Debug, Clone, Options)]
pub struct ChartOptions {
    /// The chart's version, for one that is fetched: an exact one (`"1.2.3"`), which is fetched once and kept, or a range
    /// (`"^1.2"`), for which the repository is asked each time. The newest one if it is not given.
    pub version: Option<String>,
    /// The SHA-256 of the chart's archive, as the index of a repository has it. Another archive is refused.
    pub digest: Option<String>,
    /// Refuse a chart that its author has not signed.
    #[option(default = "false")]
    pub verify: bool,
    /// The file with the public keys for `verify`.
    pub keyring: Option<String>,
}

/// More than any chart has, unpacked.
const LARGEST: u64 = 256 << 20;

/// A chart on this machine.
pub(super) struct Chart {
    pub path: PathBuf,
    /// The hash of all that it is made of.
    pub hash: String,
}

/// Finds a chart: a folder, an archive, a URL, a chart of a repository or a registry.
///
/// # Errors
/// `not_found` if there is none, `rejected` if it is another one than `digest` says.
pub(super) fn find(call: &Call<'_>, helm: &Lazy, chart: &str, options: &ChartOptions) -> Result<Chart> {
    let path = match remote(call, chart)? {
        Some(remote) => fetched(call, helm, &remote, options)?,
        None => local(call, helm, chart, options)?,
    };
    let is_folder = path.is_dir();
    let own = path.clone();
    let hash = call.compute(move || if own.is_dir() { folder_hash(&own) } else { file_hash(&own) })?;
    if let Some(digest) = &options.digest {
        let wanted = digest.strip_prefix("sha256:").unwrap_or(digest);
        if is_folder {
            return Err(Error::usage(format!("{chart} is a folder: `digest` is for an archive")));
        }
        if !hash.eq_ignore_ascii_case(wanted) {
            return Err(Error::new(Kind::Rejected, format!("{chart} has the digest sha256:{hash}, not {digest}"))
                .hint("somebody has replaced the chart under its version: find out who, before it is used"));
        }
    }
    Ok(Chart { path, hash })
}

/// Where a chart is fetched from.
pub(super) struct Remote {
    /// As Helm takes it.
    pub reference: String,
    /// As people are told of it: Helm has names of its own for repositories.
    shown: String,
    pub repository: Option<Repository>,
}

impl Remote {
    fn key(&self, version: &str) -> String {
        let place = self.repository.as_ref().map_or("", |repository| repository.url.as_str());
        let digest = Sha256::digest(format!("{place}\n{}\n{version}", self.reference));
        digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Where a chart is to be fetched, if that is what its name says.
pub(super) fn remote(call: &Call<'_>, chart: &str) -> Result<Option<Remote>> {
    if ["oci://", "https://", "http://"].iter().any(|scheme| chart.starts_with(scheme)) {
        if chart.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or_default().contains('@')) {
            return Err(Error::usage("a chart's URL holds no credentials")
                .hint("give them to helm::repo(name, url, #{ username: …, password: … })"));
        }
        return Ok(Some(Remote { reference: chart.to_owned(), shown: chart.to_owned(), repository: None }));
    }
    let Some((name, rest)) = chart.split_once('/') else { return Ok(None) };
    if name.is_empty() || name.starts_with('.') || rest.contains('/') || call.locate(chart)?.exists() {
        return Ok(None);
    }
    let Some((repository, _)) = repositories::all(call)?.remove(name) else { return Ok(None) };
    let (reference, shown) = if repository.is_oci() {
        let url = format!("{}/{rest}", repository.url.trim_end_matches('/'));
        (url.clone(), url)
    } else {
        (format!("{}/{rest}", repository.alias(name)), chart.to_owned())
    };
    Ok(Some(Remote { reference, shown, repository: Some(repository) }))
}

fn local(call: &Call<'_>, helm: &Lazy, chart: &str, options: &ChartOptions) -> Result<PathBuf> {
    let located = match call.locate(chart)? {
        Located::Disk(path) => Located::Disk(in_rehearsal(call, path)),
        built @ Located::Built(..) => built,
    };
    if !located.exists() {
        return Err(Error::new(Kind::NotFound, format!("there is no chart {}", located.shown())).hint(
            "a chart is a folder, a .tgz, a URL (https:// or oci://), or repository/chart after helm::repo(repository, url)",
        ));
    }
    if options.version.is_some() {
        return Err(Error::usage(format!("{chart} is on this machine: `version` is for a chart that is fetched"))
            .hint("its version is the one in its Chart.yaml"));
    }
    let path = match located {
        Located::Disk(path) => absolute(path)?,
        built @ Located::Built(..) => {
            let folder = helm.get(call)?.private().join("chart");
            let to = folder.clone();
            call.compute(move || write_out(&built, &to))?;
            folder
        }
    };
    if path.is_dir() && !path.join("Chart.yaml").is_file() {
        return Err(Error::new(Kind::NotFound, format!("{} is no chart: it has no Chart.yaml", path.display())));
    }
    if options.verify {
        if path.is_dir() {
            return Err(Error::usage(format!("{chart} is a folder: only an archive is signed"))
                .hint("pack it with helm package --sign"));
        }
        let (helm, shown) = (helm.get(call)?, path.to_string_lossy().into_owned());
        let mut child = helm.child(["verify", shown.as_str()]);
        for argument in keyring(call, options)? {
            child = child.argument(argument);
        }
        helm.output(call, child, &format!("{chart} cannot be verified"))
            .map_err(|error| if error.kind() == Kind::Rejected { error } else { refused(&error) })?;
    }
    Ok(path)
}

/// Where something lies that a rehearsal has fetched and not written to this path.
fn in_rehearsal(call: &Call<'_>, path: PathBuf) -> PathBuf {
    let known = placing::instead_of(call, &path);
    known.or_else(|| placing::instead_of(call, &path.canonicalize().ok()?)).unwrap_or(path)
}

/// The signature that belongs to an archive.
pub(super) fn signature(archive: &Path) -> PathBuf {
    let mut path = archive.as_os_str().to_owned();
    path.push(".prov");
    path.into()
}

/// The signature is what matters, whatever keeps it from being checked.
fn refused(error: &Error) -> Error {
    Error::new(Kind::Rejected, error.message())
        .hint("a signed chart has a .prov beside its archive; `keyring` is a file with the author's public key")
}

fn absolute(path: PathBuf) -> Result<PathBuf> {
    path.canonicalize().map_err(|e| Error::new(Kind::System, format!("{} cannot be read", path.display())).source(e))
}

fn keyring(call: &Call<'_>, options: &ChartOptions) -> Result<Vec<String>> {
    let Some(keyring) = &options.keyring else { return Ok(Vec::new()) };
    let path = call.locate_on_disk(keyring)?;
    if !path.is_file() {
        return Err(Error::new(Kind::NotFound, format!("there is no keyring {}", path.display())));
    }
    Ok(vec!["--keyring".to_owned(), absolute(path)?.to_string_lossy().into_owned()])
}

/// Fetches a chart, or takes the one of this version that was fetched before.
fn fetched(call: &Call<'_>, helm: &Lazy, remote: &Remote, options: &ChartOptions) -> Result<PathBuf> {
    let exact = options.version.as_deref().filter(|version| is_exact(version));
    let kept = match exact {
        Some(version) => Some(super::program::charts(call)?.join(remote.key(version))),
        None => None,
    };
    // A signature is checked while the chart is fetched.
    if let (Some(kept), false) = (&kept, options.verify)
        && let Some(archive) = archive_in(kept)
    {
        return Ok(archive);
    }
    let helm = helm.get(call)?;
    let archive = pull(call, helm, remote, options)?;
    let (Some(kept), Some(name)) = (kept, archive.file_name()) else { return Ok(archive) };
    let target = kept.join(name);
    let own = target.clone();
    call.compute(move || keep(&archive, &kept, &own))?;
    Ok(target)
}

/// Keeps an archive, with its signature if it has one; others may do the same at the same time.
fn keep(archive: &Path, kept: &Path, target: &Path) -> Result<()> {
    create_private(kept)?;
    let fresh = own_folder(kept, "new-")?;
    for (from, to) in [(signature(archive), signature(target)), (archive.to_owned(), target.to_owned())] {
        let Some(name) = to.file_name().filter(|_| from.is_file()) else { continue };
        let beside = fresh.path().join(name);
        std::fs::copy(&from, &beside).and_then(|_| std::fs::rename(&beside, &to)).map_err(|e| unwritable(&to, e))?;
    }
    Ok(())
}

/// Fetches a chart into the folder of the call.
pub(super) fn pull(call: &Call<'_>, helm: &Helm, remote: &Remote, options: &ChartOptions) -> Result<PathBuf> {
    let to = helm.private().join("pulled");
    create_private(&to)?;
    let shown = to.to_string_lossy().into_owned();
    let mut child = helm.child(["pull", remote.reference.as_str(), "--destination", shown.as_str()]);
    if let Some(version) = &options.version {
        child = child.argument("--version").argument(version.as_str());
    }
    if options.verify {
        child = keyring(call, options)?.into_iter().fold(child.argument("--verify"), Child::argument);
    }
    // That of a repository with an index is in Helm's own list.
    let authority = match &remote.repository {
        None => surroundings::ca_bundle(call)?,
        Some(repository) => repository.ca_file.clone().filter(|_| repository.is_oci()),
    };
    if let Some(authority) = authority {
        child = child.argument("--ca-file").argument(authority);
    }
    call.progress(&remote.shown, "fetching the chart");
    let doing = format!("the chart {} cannot be fetched", remote.shown);
    let finished = call.child(surroundings::through_proxy(call, child))?;
    if !finished.is_success() {
        return Err(not_fetched(call, remote, options, finished, &doing));
    }
    archive_in(&to).ok_or_else(|| Error::new(Kind::System, format!("{doing}: Helm has left no archive")))
}

/// Why a chart cannot be fetched, without Helm's own name of its repository.
fn not_fetched(call: &Call<'_>, remote: &Remote, options: &ChartOptions, mut finished: Finished, doing: &str) -> Error {
    if let (Some(repository), Some((name, chart))) = (&remote.repository, remote.shown.split_once('/'))
        && !repository.is_oci()
    {
        let alias = repository.alias(name);
        let said = String::from_utf8_lossy(&finished.stderr).into_owned();
        if said.contains(&format!("not found in {alias} index")) {
            let place = format!("the repository {name} ({})", repository.url);
            let lacking = index_of(call, &alias)
                .and_then(|index| super::index::lacks(&index, &place, chart, options.version.as_deref()));
            if let Some(error) = lacking {
                return error;
            }
        }
        finished.stderr = said.replace(&alias, name).replace(" (try 'helm repo update')", "").into_bytes();
    }
    fault::of(&finished, doing)
}

/// The index of a repository as it was fetched last; none where it cannot be read.
fn index_of(call: &Call<'_>, alias: &str) -> Option<Json> {
    let path = super::program::repository_cache(call).ok()?.join(format!("{alias}-index.yaml"));
    let read = call.compute(move || {
        let text = Located::Disk(path).read_text()?;
        let limits = Limits { text: 64 << 20, twice: true, ..Limits::default() };
        Ok(yaml::read_within(&text, "the index", &limits)?.pop().map(|document| document.value))
    });
    read.ok().flatten()
}

fn archive_in(folder: &Path) -> Option<PathBuf> {
    let is_archive = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "tgz") && path.is_file();
    std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).find(is_archive)
}

/// Whether a version is one, and not a range of them.
fn is_exact(version: &str) -> bool {
    let plain = version.trim_start_matches('v').split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = plain.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()))
}

/// Writes out a folder, wherever it is; hidden files are left out.
pub(super) fn write_out(from: &Located, to: &Path) -> Result<()> {
    create_private(to)?;
    for item in from.list()? {
        let target = to.join(item.name());
        if item.is_folder() {
            write_out(&item, &target)?;
        } else {
            std::fs::write(&target, item.read()?).map_err(|e| unwritable(&target, e))?;
        }
    }
    Ok(())
}

pub(super) fn file_hash(path: &Path) -> Result<String> {
    let content = Located::Disk(path.to_owned()).read()?;
    Ok(hex(&Sha256::digest(content)))
}

/// The hash of each file in a chart's archive, by its name: what it holds, whenever and by whom it was packed.
pub(super) fn archive_content(archive: &Path) -> Result<BTreeMap<String, String>> {
    let broken = |e: std::io::Error| {
        Error::new(Kind::Malformed, format!("{} is no chart's archive", archive.display())).source(e)
    };
    let packed = Located::Disk(archive.to_owned()).read()?;
    let mut unpacked = tar::Archive::new(GzDecoder::new(packed.as_slice()).take(LARGEST));
    let mut found = BTreeMap::new();
    for entry in unpacked.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).map_err(broken)?;
        found.insert(name, hex(&Sha256::digest(content)));
    }
    Ok(found)
}

/// The hash of the names and contents of a folder's files; hidden ones are no part of a chart, but for `.helmignore`.
fn folder_hash(folder: &Path) -> Result<String> {
    fn walk(folder: &Path, within: &str, hash: &mut Sha256) -> Result<()> {
        let unreadable = |e| Error::new(Kind::System, format!("{} cannot be read", folder.display())).source(e);
        let mut entries: Vec<_> =
            std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<_>>).map_err(unreadable)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
            if name.starts_with('.') && name != ".helmignore" {
                continue;
            }
            let name = format!("{within}/{name}");
            if path.is_dir() {
                walk(&path, &name, hash)?;
            } else {
                hash.update(format!("{name}\0{}\n", file_hash(&path)?));
            }
        }
        Ok(())
    }
    let mut hash = Sha256::new();
    walk(folder, "", &mut hash)?;
    Ok(hex(&hash.finalize()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_version_is_exact() {
        for (version, exact) in [
            ("1.2.3", true),
            ("v1.2.3-rc.1", true),
            ("1.2", false),
            ("^1.2.3", false),
            ("1.x.0", false),
            (">=1.0.0 <2.0.0", false),
        ] {
            assert_eq!(is_exact(version), exact, "{version}");
        }
    }

    #[test]
    fn a_folder_is_known_by_its_names_and_contents() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("templates")).unwrap();
        std::fs::write(at("Chart.yaml"), "name: a").unwrap();
        std::fs::write(at("templates/a.yaml"), "x").unwrap();
        let first = folder_hash(folder.path()).unwrap();
        std::fs::write(at(".swp"), "x").unwrap();
        assert_eq!(folder_hash(folder.path()).unwrap(), first);
        std::fs::rename(at("templates/a.yaml"), at("templates/b.yaml")).unwrap();
        assert_ne!(folder_hash(folder.path()).unwrap(), first);
    }
}
