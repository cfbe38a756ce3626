//! Helm, in the versions that are supported: built from their Go modules once, and kept beside the control plane.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::binaries::{cache_dir, can_build};
use crate::error::Error;
use crate::process::{command, run, tail};
use crate::skip;

/// A version of Helm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Helm {
    /// The last of Helm 3.
    Three,
    /// Helm 4.
    Four,
}

impl Helm {
    /// All of them.
    pub const ALL: [Helm; 2] = [Helm::Three, Helm::Four];

    /// Its version.
    #[must_use]
    pub fn version(self) -> &'static str {
        match self {
            Helm::Three => "v3.22.0",
            Helm::Four => "v4.3.1",
        }
    }

    fn module(self) -> &'static str {
        match self {
            Helm::Three => "helm.sh/helm/v3",
            Helm::Four => "helm.sh/helm/v4",
        }
    }

    fn folder(self) -> PathBuf {
        cache_dir().join(format!("helm-{}", self.version()))
    }

    /// The program, if it is built.
    #[must_use]
    pub fn built(self) -> Option<PathBuf> {
        Some(self.folder().join("helm")).filter(|path| path.is_file())
    }

    /// The program, built now if it is not there. Processes that build at the same time wait for one another.
    ///
    /// # Errors
    /// If Go is missing, or the build fails.
    pub fn ensure(self) -> Result<PathBuf, Error> {
        if let Some(built) = self.built() {
            return Ok(built);
        }
        can_build()?;
        let cache = cache_dir();
        fs::create_dir_all(&cache).map_err(Error::file("create", &cache))?;
        let lock_path = cache.join("build-helm.lock");
        let lock = File::create(&lock_path).map_err(Error::file("create", &lock_path))?;
        lock.lock().map_err(Error::file("lock", &lock_path))?;
        match self.built() {
            Some(built) => Ok(built),
            None => self.build(&cache),
        }
    }

    fn build(self, cache: &Path) -> Result<PathBuf, Error> {
        let fresh = cache.join("helm.new");
        fs::create_dir_all(&fresh).map_err(Error::file("create", &fresh))?;
        let (module, version) = (self.module(), self.version());
        let flags = format!("-s -w -X {module}/internal/version.version={version}");
        let mut go = command(Path::new("go"));
        go.args(["install", "-trimpath", "-ldflags", &flags, &format!("{module}/cmd/helm@{version}")])
            .env("GOBIN", &fresh)
            .env("GOWORK", "off")
            .env("GOFLAGS", "");
        let output = run(&mut go, None)?;
        if !output.status.success() {
            return Err(Error::BuildHelm { helm: self, status: output.status, output: tail(&output.stderr, 20) });
        }
        let folder = self.folder();
        fs::rename(&fresh, &folder).map_err(Error::file("move into place", &folder))?;
        Ok(folder.join("helm"))
    }
}

impl fmt::Display for Helm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Helm {}", self.version())
    }
}

/// Each version of Helm with its program, for a test to go through; none if such tests are skipped, which has been said then.
/// What is built already is used even where a test bed is not asked for.
///
/// # Panics
/// If one cannot be built.
#[expect(clippy::panic, reason = "this is how a test fails")]
#[must_use]
pub fn helms() -> Vec<(Helm, PathBuf)> {
    if Helm::ALL.iter().any(|helm| helm.built().is_none()) && skip::skipped() {
        return Vec::new();
    }
    let built = |helm: Helm| (helm, helm.ensure().unwrap_or_else(|error| panic!("{helm}: {error}")));
    Helm::ALL.into_iter().map(built).collect()
}
