//! `helm::repo`.

use std::net::IpAddr;
use std::path::Path;

use serde_json::{Value as Json, json};
use windlass_runtime::event::Level;
use windlass_runtime::options::SecretText;
use windlass_runtime::state_folder::create_private;
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};
use zeroize::Zeroizing;

use super::program::{self, Helm};
use super::repositories::{self, Credentials, Repository};
use super::{chart, fault, surroundings};

/// The options of `helm::repo`.
#[derive(Debug, Clone, Options)]
pub struct RepoOptions {
    /// Who asks.
    pub username: Option<SecretText>,
    /// The password that goes with it. It is kept nowhere.
    pub password: Option<SecretText>,
    /// A file with the authority of the server's certificate, PEM; that of `network` if it is not given.
    pub ca_file: Option<String>,
    /// Fetch the index of the repository anew, even if one was fetched before.
    #[option(default = "true")]
    pub update: bool,
}

/// Names a repository of charts, so that `name/chart` can be given to `helm::upgrade` and others.
///
/// The URL is that of a repository with an index, which is fetched, or that of a registry (`oci://host/path`). Windlass keeps
/// its own list, in its state folder: the user's Helm is neither used nor changed, and nothing changes on a cluster. A
/// repository that needs credentials has to be named in each run: those are not kept. Over `http://` to another machine they
/// go unencrypted, which is warned about.
///
/// Returns `#{name, url, changed}`: whether it was not known before, or its index has changed.
///
/// # Errors
/// `unavailable` or `not_found` where the index cannot be had, `malformed` where what is there is none, `forbidden` where
/// credentials are wrong.
///
/// # Example
/// ```rhai
/// let registry = helm::repo("internal", "oci://registry.example.com/charts");
/// log::info(registry.url);
/// ```
#[primitive(module = "helm", effect = Read, also = ["repo add", "repo update", "add repo", "registry login"])]
pub fn repo(call: &Call<'_>, name: String, url: String, options: RepoOptions) -> Result<Json> {
    check(&name, &url)?;
    let credentials = match (options.username, options.password) {
        (Some(username), Some(password)) => Some(Credentials { username, password }),
        (None, None) => None,
        _ => return Err(Error::usage("helm::repo needs `username` and `password` together")),
    };
    let ca_file = match &options.ca_file {
        Some(path) => Some(call.locate_on_disk(path)?),
        None => surroundings::ca_bundle(call)?,
    };
    if let Some(path) = ca_file.as_ref().filter(|path| !path.is_file()) {
        return Err(Error::new(Kind::NotFound, format!("there is no file {}", path.display())));
    }
    if credentials.is_some() && is_open(&url) {
        call.log(Level::Warn, format!("the password for {url} goes over the network unencrypted: use https"));
    }
    let repository = Repository { url: url.trim_end_matches('/').to_owned(), ca_file };
    let helm = Helm::open(call)?;
    let fresh = if repository.is_oci() {
        false
    } else {
        repositories::write_with(call, &helm, &name, &repository, credentials.clone())?;
        fetch_index(call, &helm, &repository.alias(&name), &repository.url, options.update)?
    };
    let known = repositories::remember(call, &name, &repository, credentials)?;
    Ok(json!({ "name": name, "url": repository.url, "changed": fresh || !known }))
}

fn check(name: &str, url: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Error::usage(format!("{name:?} cannot be the name of a repository")).hint("letters, digits, - _ ."));
    }
    let host =
        url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https" | "oci")).map(|(_, rest)| rest);
    match host.and_then(|rest| rest.split('/').next()).filter(|host| !host.is_empty()) {
        None => Err(Error::usage(format!("{url:?} is no URL of a repository")).hint("https://…, http://… or oci://…")),
        Some(host) if host.contains('@') => Err(Error::usage("the URL of a repository holds no credentials")
            .hint("give `username` and `password` in the options: they are kept out of sight")),
        Some(_) => Ok(()),
    }
}

/// Whether what goes there can be read on the way: without TLS, and to another machine.
fn is_open(url: &str) -> bool {
    let Some(host) = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()) else { return false };
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.split(':').next(),
    };
    let host = host.unwrap_or_default();
    host != "localhost" && !host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Fetches the index; says whether it is another one than before.
///
/// Helm fetches it into the folder of the call. Only then it takes the place of the one that was there, so that others who
/// use that at the same time always find one, and none is lost where this ends in the middle.
fn fetch_index(call: &Call<'_>, helm: &Helm, alias: &str, url: &str, update: bool) -> Result<bool> {
    let (known, fresh) = (program::repository_cache(call)?, helm.private().join("index"));
    let (index, list) = (format!("{alias}-index.yaml"), format!("{alias}-charts.txt"));
    if known.join(&index).is_file() && !update {
        return Ok(false);
    }
    create_private(&fresh)?;
    call.progress(url, "fetching the index of the repository");
    let child = helm
        .child(["repo", "update", alias])
        .variable("HELM_REPOSITORY_CACHE", Zeroizing::new(fresh.to_string_lossy().into_owned()));
    let finished = call.child(surroundings::through_proxy(call, child))?;
    // Helm calls a failure a success: the index that is not there tells.
    if !fresh.join(&index).is_file() || !finished.is_success() {
        return Err(fault::of_index(&finished, url));
    }
    call.compute(move || {
        let hash = |path: &Path| chart::file_hash(path).ok();
        let changed = hash(&known.join(&index)) != hash(&fresh.join(&index));
        for name in [&list, &index] {
            let (from, to) = (fresh.join(name), known.join(name));
            if from.is_file() {
                std::fs::rename(&from, &to).map_err(|e| program::unwritable(&to, e))?;
            }
        }
        Ok(changed)
    })
}

#[cfg(test)]
mod tests;
