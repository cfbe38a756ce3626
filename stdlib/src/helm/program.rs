//! The `helm` program: which one, how old, and how it is run.
//!
//! It gets a folder of its own for each call, that only its owner can enter and that is removed afterwards: kubeconfig,
//! values and credentials lie there. The user's own Helm (repositories, plugins, settings) is neither used nor changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use windlass_runtime::child::{Child, Finished};
use windlass_runtime::cluster::Cluster;
use windlass_runtime::event::Level;
use windlass_runtime::state_folder::create_private;
use windlass_runtime::{Call, Error, Kind, Result};
use zeroize::Zeroizing;

use super::repositories;

/// How long Helm may take to end in order.
pub(super) const GRACE: Duration = Duration::from_secs(15);
/// And what is looked up after it.
pub(super) const CHANGE_GRACE: Duration = Duration::from_secs(20);

/// A version of Helm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(pub u32, pub u32, pub u32);

impl Version {
    const OLDEST: Version = Version(3, 20, 0);

    fn parse(text: &str) -> Option<Self> {
        let plain = text.trim().trim_start_matches('v').split(['-', '+']).next()?;
        let mut parts = plain.split('.').map(|part| part.parse().ok());
        Some(Self(parts.next()??, parts.next()??, parts.next().map_or(Some(0), |patch| patch)?))
    }

    /// Whether it unpacks charts as it should.
    fn is_unsafe(self) -> bool {
        self < Version(3, 20, 2) || (self.0 == 4 && self < Version(4, 1, 4))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// Where Helm is, if there is one.
pub(super) fn find(call: &Call<'_>) -> Option<PathBuf> {
    call.session().program("helm")
}

/// The error where there is none.
pub(super) fn missing() -> Error {
    let named = std::env::var_os("WINDLASS_HELM").filter(|path| !path.is_empty());
    let message = match named {
        Some(path) => format!("there is no program {}, which WINDLASS_HELM names", Path::new(&path).display()),
        None => "there is no helm in PATH".to_owned(),
    };
    Error::new(Kind::NotFound, message)
        .hint("install Helm 3.20.2 or later, or 4.1.4 or later (https://helm.sh), or name it with WINDLASS_HELM")
}

/// Where charts are kept that were fetched.
///
/// # Errors
/// Where the state folder is not known.
pub(super) fn charts(call: &Call<'_>) -> Result<PathBuf> {
    Ok(call.session().state_folder()?.join("helm/charts"))
}

/// Where the indexes of repositories are kept.
///
/// # Errors
/// Where the state folder is not known.
pub(super) fn repository_cache(call: &Call<'_>) -> Result<PathBuf> {
    Ok(call.session().state_folder()?.join("helm/repository"))
}

/// Helm, ready to be run for one call.
pub(super) struct Helm {
    path: PathBuf,
    pub version: Version,
    state: PathBuf,
    private: TempDir,
}

impl Helm {
    /// Finds Helm and makes the folder for this call.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if there is none, [`Kind::System`] for one that is too old.
    pub fn open(call: &Call<'_>) -> Result<Self> {
        let path = find(call).ok_or_else(missing)?;
        let state = call.session().state_folder()?.join("helm");
        let private = call.session().private_folder()?;
        for folder in ["plugins", "repository", "charts"] {
            create_private(&state.join(folder))?;
        }
        let mut helm = Self { path, version: Version::OLDEST, state, private };
        helm.version = helm.ask_version(call)?;
        call.session().uses(&format!("Helm {}", helm.version));
        repositories::write_for(call, &helm)?;
        Ok(helm)
    }

    /// The same with a kubeconfig of this cluster.
    ///
    /// # Errors
    /// As [`Helm::open`], and where the target gives no kubeconfig.
    pub fn on(call: &Call<'_>, cluster: &Cluster) -> Result<Self> {
        let helm = Self::open(call)?;
        helm.use_cluster(call, cluster)?;
        Ok(helm)
    }

    /// Gives it a kubeconfig of this cluster.
    ///
    /// # Errors
    /// Where the target gives none.
    pub fn use_cluster(&self, call: &Call<'_>, cluster: &Cluster) -> Result<()> {
        self.write("kubeconfig", call.kubeconfig_of(cluster)?.as_bytes()).map(drop)
    }

    /// The version, asked for once for each program.
    fn ask_version(&self, call: &Call<'_>) -> Result<Version> {
        static KNOWN: Mutex<BTreeMap<(PathBuf, u64, i64), Version>> = Mutex::new(BTreeMap::new());
        static WARNED: Mutex<BTreeSet<(String, PathBuf)>> = Mutex::new(BTreeSet::new());
        let about = fs::metadata(&self.path).map_err(|_| missing())?;
        let key = (self.path.clone(), about.ino(), about.mtime());
        let known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).get(&key).copied();
        let version = match known {
            Some(version) => version,
            None => {
                let finished = call.child(self.child(["version", "--template", "{{.Version}}"]))?;
                let said = String::from_utf8_lossy(&finished.stdout).into_owned();
                let version = Version::parse(&said).filter(|_| finished.is_success()).ok_or_else(|| {
                    Error::new(Kind::System, format!("{} does not say its version", self.path.display()))
                        .hint("is it Helm?")
                })?;
                KNOWN.lock().unwrap_or_else(PoisonError::into_inner).insert(key, version);
                version
            }
        };
        if version < Version::OLDEST {
            return Err(Error::new(
                Kind::System,
                format!("{} is Helm {version}, which is too old", self.path.display()),
            )
            .hint("install Helm 3.20.2 or later, or 4.1.4 or later"));
        }
        let mut warned = WARNED.lock().unwrap_or_else(PoisonError::into_inner);
        if version.is_unsafe() && warned.insert((call.session().id().to_owned(), self.path.clone())) {
            call.log(
                Level::Warn,
                format!(
                    "Helm {version} can be made to write outside of its folders by a chart: update to 3.20.2 or 4.1.4"
                ),
            );
        }
        Ok(version)
    }

    /// The program.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of this call.
    pub fn private(&self) -> &Path {
        self.private.path()
    }

    /// Writes a file that only its owner can read, and that goes with the call.
    ///
    /// # Errors
    /// [`Kind::System`] where it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf> {
        let path = self.private.path().join(name);
        let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
        written.and_then(|mut file| file.write_all(content)).map_err(|e| unwritable(&path, e))?;
        Ok(path)
    }

    /// A run of Helm.
    pub fn child<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Child {
        let mut child = Child::new(&self.path).grace(GRACE).folder(self.private.path());
        for (name, _) in std::env::vars_os() {
            let own = name.to_str().is_some_and(|name| name.starts_with("HELM_") || name == "KUBECONFIG");
            if own {
                child = child.without_variable(name);
            }
        }
        let (state, private) = (&self.state, self.private.path());
        for (name, path) in [
            ("HELM_CACHE_HOME", state.clone()),
            ("HELM_CONFIG_HOME", private.to_owned()),
            ("HELM_DATA_HOME", private.to_owned()),
            ("HELM_PLUGINS", state.join("plugins")),
            ("HELM_REPOSITORY_CACHE", state.join("repository")),
            ("HELM_REPOSITORY_CONFIG", private.join("repositories.yaml")),
            ("HELM_REGISTRY_CONFIG", private.join("registry.json")),
            // What one cluster serves must not be taken for what another does.
            ("KUBECACHEDIR", private.join("kube")),
            ("KUBECONFIG", private.join("kubeconfig")),
        ] {
            child = child.variable(name, Zeroizing::new(path.to_string_lossy().into_owned()));
        }
        for (name, value) in [("HELM_DRIVER", "secret"), ("NO_COLOR", "1")] {
            child = child.variable(name, Zeroizing::new(value.to_owned()));
        }
        arguments.into_iter().fold(child, Child::argument)
    }

    /// Runs it where it only reads, and gives its standard output.
    ///
    /// # Errors
    /// What Helm says, as `doing` describes it.
    pub fn output(&self, call: &Call<'_>, child: Child, doing: &str) -> Result<Vec<u8>> {
        let finished = call.child(child)?;
        if finished.is_success() { Ok(finished.stdout) } else { Err(super::fault::of(&finished, doing)) }
    }

    /// The same for what is JSON.
    ///
    /// # Errors
    /// As [`Helm::output`], and for what is no JSON.
    pub fn json(&self, call: &Call<'_>, child: Child, doing: &str) -> Result<serde_json::Value> {
        let output = self.output(call, child, doing)?;
        serde_json::from_slice(&output)
            .map_err(|e| Error::new(Kind::System, format!("{doing}: Helm's answer is no JSON")).source(e))
    }
}

/// Whether a run of Helm was successful.
///
/// # Errors
/// What Helm says.
pub(super) fn check(finished: &Finished, doing: &str) -> Result<()> {
    if finished.is_success() { Ok(()) } else { Err(super::fault::of(finished, doing)) }
}

pub(super) fn unwritable(path: &Path, error: std::io::Error) -> Error {
    Error::new(Kind::System, format!("{} cannot be written", path.display()))
        .hint("is the disk full, or the file system read-only?")
        .source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_and_judged() {
        assert_eq!(Version::parse("v3.22.0\n"), Some(Version(3, 22, 0)));
        assert_eq!(Version::parse("v4.3"), Some(Version(4, 3, 0)));
        assert_eq!(Version::parse("v3.21.0-rc.1+g1234"), Some(Version(3, 21, 0)));
        assert_eq!(Version::parse("helm"), None);
        let unsafe_ones = [(3, 20, 1, true), (3, 20, 2, false), (4, 0, 0, true), (4, 1, 3, true), (4, 1, 4, false)];
        for (major, minor, patch, expected) in unsafe_ones {
            assert_eq!(Version(major, minor, patch).is_unsafe(), expected, "{major}.{minor}.{patch}");
        }
    }
}
