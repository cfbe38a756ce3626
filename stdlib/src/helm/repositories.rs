//! Chart repositories that scripts have named: where they are, and the credentials for them.
//!
//! The places are kept in Windlass' own state folder, so that a later run knows them. Credentials are kept nowhere: they
//! live as long as their session, and reach Helm in a file that only its owner can read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};
use windlass_runtime::options::SecretText;
use windlass_runtime::state_folder::create_private;
use windlass_runtime::{Call, Error, Kind, Result};

use super::program::{Helm, unwritable};

/// Where a repository is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Repository {
    pub url: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

impl Repository {
    /// What Helm calls it: two customers may call two repositories the same.
    pub fn alias(&self, name: &str) -> String {
        let hash = Sha256::digest(self.url.as_bytes());
        let hash: String = hash.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("{name}-{hash}")
    }

    pub fn is_oci(&self) -> bool {
        self.url.starts_with("oci://")
    }
}

/// Who asks a repository.
#[derive(Clone)]
pub(super) struct Credentials {
    pub username: SecretText,
    pub password: SecretText,
}

type Named = BTreeMap<String, (Repository, Option<Credentials>)>;

/// What the sessions of this process have named, by their ids.
fn named() -> MutexGuard<'static, BTreeMap<String, Named>> {
    static NAMED: Mutex<BTreeMap<String, Named>> = Mutex::new(BTreeMap::new());
    NAMED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn file(call: &Call<'_>) -> Result<PathBuf> {
    Ok(call.session().state_folder()?.join("helm/repositories.json"))
}

fn kept(path: &Path) -> Result<BTreeMap<String, Repository>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => {
            return Err(Error::new(Kind::System, format!("{} cannot be read", path.display())).source(error));
        }
    };
    serde_json::from_str(&text).map_err(|e| {
        Error::new(Kind::Malformed, format!("{} is not what Windlass writes", path.display()))
            .hint("remove it; helm::repo makes it again")
            .source(e)
    })
}

/// All repositories that this session knows: its own, and those that an earlier one has named.
pub(super) fn all(call: &Call<'_>) -> Result<Named> {
    let mut all: Named = kept(&file(call)?)?.into_iter().map(|(name, found)| (name, (found, None))).collect();
    all.extend(named().get(call.session().id()).cloned().unwrap_or_default());
    Ok(all)
}

/// Remembers a repository; says whether it was known as it is.
pub(super) fn remember(
    call: &Call<'_>,
    name: &str,
    repository: &Repository,
    credentials: Option<Credentials>,
) -> Result<bool> {
    let known = keep(&file(call)?, name, repository)?;
    let entry = (repository.clone(), credentials);
    named().entry(call.session().id().to_owned()).or_default().insert(name.to_owned(), entry);
    Ok(known)
}

/// Adds a repository to the list; says whether it was there as it is. Whoever adds another at the same time waits.
fn keep(path: &Path, name: &str, repository: &Repository) -> Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    create_private(folder)?;
    let lock = path.with_extension("lock");
    // Held for as long as the list is read and written; it goes with this process, however that ends.
    let held = File::options().create(true).truncate(false).write(true).open(&lock);
    let _held = held.and_then(|file| file.lock().map(|()| file)).map_err(|e| unwritable(&lock, e))?;
    let mut kept = kept(path)?;
    let known = kept.insert(name.to_owned(), repository.clone()).as_ref() == Some(repository);
    if !known {
        let text = serde_json::to_vec_pretty(&kept)
            .map_err(|e| Error::internal("repositories cannot be written").source(e))?;
        let written = tempfile::NamedTempFile::new_in(folder).and_then(|mut fresh| {
            fresh.write_all(&text)?;
            fresh.as_file().sync_all()?;
            fresh.persist(path).map_err(|failed| failed.error)
        });
        written.map_err(|e| unwritable(path, e))?;
    }
    Ok(known)
}

/// Writes what Helm reads of the repositories and registries that this session knows.
pub(super) fn write_for(call: &Call<'_>, helm: &Helm) -> Result<()> {
    write(call, helm, &all(call)?)
}

/// The same with one repository more.
pub(super) fn write_with(
    call: &Call<'_>,
    helm: &Helm,
    name: &str,
    repository: &Repository,
    credentials: Option<Credentials>,
) -> Result<()> {
    let mut all = all(call)?;
    all.insert(name.to_owned(), (repository.clone(), credentials));
    write(call, helm, &all)
}

fn write(call: &Call<'_>, helm: &Helm, all: &Named) -> Result<()> {
    let secrets = call.session().secrets();
    let (mut repositories, mut registries) = (Vec::new(), serde_json::Map::new());
    for (name, (repository, credentials)) in all {
        let clear = match credentials {
            Some(Credentials { username, password }) => Some((username.resolve(secrets)?, password.resolve(secrets)?)),
            None => None,
        };
        if repository.is_oci() {
            if let Some((username, password)) = clear {
                let auth = STANDARD.encode(format!("{}:{}", *username, *password));
                registries.insert(host(&repository.url).to_owned(), json!({ "auth": auth }));
            }
            continue;
        }
        let (username, password) = clear.map_or_else(Default::default, |(u, p)| (u.to_string(), p.to_string()));
        repositories.push(json!({
            "name": repository.alias(name), "url": repository.url, "username": username, "password": password,
            "caFile": repository.ca_file.clone().unwrap_or_default(), "certFile": "", "keyFile": "",
            "insecure_skip_tls_verify": false, "pass_credentials_all": false,
        }));
    }
    let config = json!({ "apiVersion": "", "generated": "2020-01-01T00:00:00Z", "repositories": repositories });
    helm.write("repositories.yaml", config.to_string().as_bytes())?;
    helm.write("registry.json", json!({ "auths": Json::Object(registries) }).to_string().as_bytes())?;
    Ok(())
}

/// The host of a registry, with its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_of_the_same_name_are_told_apart() {
        let at = |url: &str| Repository { url: url.to_owned(), ca_file: None };
        assert_ne!(at("https://a.example").alias("internal"), at("https://b.example").alias("internal"));
        assert!(at("oci://r.example:5000/charts").is_oci());
        assert_eq!(host("oci://r.example:5000/charts/x"), "r.example:5000");
    }

    #[test]
    fn repositories_that_are_named_at_the_same_time_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("helm/repositories.json");
        let name = |number: usize| {
            let at = Repository { url: format!("https://{number}.example"), ca_file: None };
            keep(&path, &format!("r{number}"), &at).unwrap()
        };
        std::thread::scope(|scope| {
            for number in 0..16 {
                scope.spawn(move || assert!(!name(number)));
            }
        });
        assert_eq!(kept(&path).unwrap().len(), 16);
        assert!(name(3), "it is known");
        let names: Vec<_> =
            std::fs::read_dir(path.parent().unwrap()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names.len(), 2, "the list and its lock: {names:?}");
    }
}
