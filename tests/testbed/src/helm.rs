//! Helm, in the versions that are supported: built from their Go modules once, and kept beside the control plane.

use std::fmt;
use std::path::PathBuf;

use crate::error::Error;
use crate::install::Install;
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

    fn install(self) -> Install {
        let version = self.version();
        let module = match self {
            Helm::Three => "helm.sh/helm/v3",
            Helm::Four => "helm.sh/helm/v4",
        };
        let flags = format!("-s -w -X {module}/internal/version.version={version}");
        Install {
            what: self.to_string(),
            folder: format!("helm-{version}"),
            runs: vec![vec!["-ldflags".to_owned(), flags, format!("{module}/cmd/helm@{version}")]],
        }
    }

    /// The program, if it is built.
    #[must_use]
    pub fn built(self) -> Option<PathBuf> {
        self.install().built().map(|folder| folder.join("helm"))
    }

    /// The program, built now if it is not there. Processes that build at the same time wait for one another.
    ///
    /// # Errors
    /// If Go is missing, or the build fails.
    pub fn ensure(self) -> Result<PathBuf, Error> {
        self.install().ensure().map(|folder| folder.join("helm"))
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
