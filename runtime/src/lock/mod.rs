//! The lock: one run at a time on a cluster, and in a customer folder.
//!
//! On a cluster it is a Lease, which is renewed for as long as the run goes on. Whoever finds it held is refused and told by
//! whom. A holder that gives no sign of life loses it: nobody compares the clocks of two machines for that, each only measures
//! on its own for how long it has seen nothing new. A holder that was asleep for longer than its lease changes nothing when it
//! wakes: each request that changes something is checked directly before it is sent. On this machine it is a locked file.
//!
//! A session is given [`LockOptions`]; [`crate::playbook::Prepared::take_lock`] takes what a run needs before its first step, and
//! a cluster that a script connects by itself is locked before the first change on it.

pub(crate) mod file;
mod holder;
pub(crate) mod lease;
mod look;
mod record;
pub(crate) mod taking;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::customer::Customer;
use crate::files::Home;
use crate::playbook::Playbook;

pub use holder::Holder;
pub use look::{LockState, break_lock, look, runs_here};
pub use record::Broken;
pub use taking::{Ended, Patience, Previous};

/// The namespace of the Lease, where nobody says otherwise.
pub const NAMESPACE: &str = "kube-system";
/// How long a lease lasts without a renewal: longer than an API server works on one request, so that no request has to be
/// given less time because of the lock.
pub const DURATION: Duration = Duration::from_secs(90);

/// What a session locks, and how.
#[derive(Debug, Clone)]
pub struct LockOptions {
    /// The namespace of the Lease, where it is not [`NAMESPACE`].
    pub namespace: Option<String>,
    /// How long the lease lasts without a renewal, in whole seconds.
    pub duration: Duration,
    /// The clusters that are locked beside the one that is meant without a name.
    pub clusters: Vec<String>,
    /// What is run, as the refused are told.
    pub playbook: String,
    /// The customer's folder, which is locked too.
    pub folder: Option<PathBuf>,
    /// What is locked on this machine where neither a folder nor a cluster is: the playbook's whole name.
    pub key: Option<String>,
}

impl Default for LockOptions {
    fn default() -> Self {
        Self {
            namespace: None,
            duration: DURATION,
            clusters: Vec::new(),
            playbook: String::new(),
            folder: None,
            key: None,
        }
    }
}

impl LockOptions {
    /// For runs of a playbook, for a customer or for nobody.
    #[must_use]
    pub fn of(playbook: &Playbook, customer: Option<&Customer>) -> Self {
        let key = match &playbook.home {
            Home::Built(..) => playbook.source.clone(),
            Home::Disk(folder) => {
                let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
                let name = PathBuf::from(&playbook.source);
                folder.join(name.file_name().unwrap_or(name.as_os_str())).display().to_string()
            }
        };
        let own = Self { key: Some(key), playbook: playbook.name.clone(), ..Self::default() };
        match customer {
            None => own,
            Some(customer) => Self {
                playbook: format!("{} for {}", playbook.name, customer.name),
                folder: Some(customer.folder.clone()),
                ..own
            }
            .as_said_by(customer),
        }
    }

    /// As `customer.yaml` has it.
    #[must_use]
    pub fn as_said_by(self, customer: &Customer) -> Self {
        Self {
            namespace: customer.lock.namespace.clone(),
            duration: customer.lock.duration.unwrap_or(DURATION),
            clusters: customer.clusters.keys().filter(|name| *name != "default").cloned().collect(),
            ..self
        }
    }

    /// The namespace of the Lease.
    #[must_use]
    pub fn lease_namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(NAMESPACE)
    }

    /// The file that is locked on this machine, and what it stands for. `state` is where what outlives runs is kept.
    ///
    /// # Errors
    /// Where `state` has none.
    pub(crate) fn file(
        &self,
        uses_cluster: bool,
        state: impl FnOnce() -> crate::Result<PathBuf>,
    ) -> crate::Result<Option<(PathBuf, String)>> {
        if let Some(folder) = &self.folder {
            return Ok(Some((of_folder(folder), folder.display().to_string())));
        }
        let Some(key) = self.key.as_ref().filter(|_| !uses_cluster) else { return Ok(None) };
        let digest = Sha256::digest(key);
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(Some((state()?.join(RUNS).join(format!("playbook-{name}.lock")), key.clone())))
    }
}

/// The locked file of a customer folder.
fn of_folder(folder: &Path) -> PathBuf {
    folder.join(".windlass").join("lock")
}

/// Where the locked files of this user's runs are, in the state folder.
pub(crate) const RUNS: &str = "locks";
