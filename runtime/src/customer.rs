//! A customer folder: `customer.yaml`, `values.yaml`, and what else belongs to one customer. The playbook is not in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::values::{Schema, Values, combine_as};
use crate::{Error, Kind, Place, Result, duration, yaml};

/// The file that makes a folder a customer folder.
pub const CUSTOMER_FILE: &str = "customer.yaml";

/// The JSON Schema of `customer.yaml`.
pub const CUSTOMER_SCHEMA: &str = include_str!("customer/customer.schema.json");

/// What becomes of a field that another manager owns, where a script does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflicts {
    /// It is an error.
    #[default]
    Fail,
    /// It is taken.
    Take,
    /// It is left to its owner.
    Leave,
}

/// A cluster, as `customer.yaml` names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CustomerCluster {
    /// The kubeconfig's context; the current one if none.
    pub context: Option<String>,
    /// The host through which it is reached.
    pub via: Option<String>,
}

/// What is particular to a customer about the lock of its clusters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CustomerLock {
    /// The namespace of the Lease.
    pub namespace: Option<String>,
    /// How long it lasts without a sign of life.
    pub duration: Option<Duration>,
}

/// A customer folder.
#[derive(Debug, Clone)]
pub struct Customer {
    /// The folder, as an absolute path.
    pub folder: PathBuf,
    /// What the customer is called.
    pub name: String,
    /// A stock playbook's name, or a path relative to the folder.
    pub playbook: String,
    /// The version that the folder was made with.
    pub made_for: Option<String>,
    /// The clusters, by the playbook's names for them.
    pub clusters: BTreeMap<String, CustomerCluster>,
    /// What becomes of fields that others own.
    pub conflicts: Conflicts,
    /// Who can read the folder's secrets.
    pub recipients: Vec<String>,
    /// The lock of the clusters.
    pub lock: CustomerLock,
}

/// The shortest lease: one that a busy API server can still renew in time.
const SHORTEST_LEASE: Duration = Duration::from_secs(5);
/// The longest one: so long is waited for a holder that has died.
const LONGEST_LEASE: Duration = Duration::from_secs(3600);

#[derive(Default, Deserialize)]
struct LockContent {
    namespace: Option<String>,
    duration: Option<String>,
}

impl LockContent {
    fn read(self) -> Result<CustomerLock> {
        let read = |text: String| {
            let duration = duration::parse(&text).map_err(|e| e.context("lock.duration"))?;
            if duration.subsec_nanos() != 0 || !(SHORTEST_LEASE..=LONGEST_LEASE).contains(&duration) {
                let error = Error::new(Kind::Values, format!("lock.duration: {text} is no time that a lease can last"));
                return Err(error.hint("write whole seconds, from 5s to 1h"));
            }
            Ok(duration)
        };
        Ok(CustomerLock { namespace: self.namespace, duration: self.duration.map(read).transpose()? })
    }
}

#[derive(Deserialize)]
struct Content {
    name: Option<String>,
    playbook: String,
    made_for: Option<String>,
    #[serde(default)]
    clusters: BTreeMap<String, CustomerCluster>,
    #[serde(default)]
    conflicts: Conflicts,
    #[serde(default)]
    recipients: Vec<String>,
    #[serde(default)]
    lock: LockContent,
}

impl Customer {
    /// Whether a folder is a customer folder.
    #[must_use]
    pub fn is_at(folder: &Path) -> bool {
        folder.join(CUSTOMER_FILE).is_file()
    }

    /// The customer folder that a folder is in, or is itself.
    #[must_use]
    pub fn around(folder: &Path) -> Option<PathBuf> {
        folder.ancestors().find(|f| Self::is_at(f)).map(ToOwned::to_owned)
    }

    /// Reads the folder's `customer.yaml`.
    ///
    /// # Errors
    /// [`Kind::NotFound`] without one; [`Kind::Malformed`] or [`Kind::Values`] for what it should not say, with the nearest
    /// key for one that is not known.
    pub fn open(folder: &Path) -> Result<Self> {
        let file = folder.join(CUSTOMER_FILE);
        if !file.is_file() {
            let error = Error::new(Kind::NotFound, format!("{} is no customer folder", folder.display()));
            return Err(error.hint("a customer folder has a customer.yaml that names its playbook"));
        }
        let folder = std::path::absolute(folder)
            .map_err(|e| Error::new(Kind::System, format!("{} has no absolute path", folder.display())).source(e))?;
        let folder = crate::files::tidy(&folder);
        let shown = file.display().to_string();
        let at = |error: Error| error.at(Place { source: shown.clone(), line: 0, column: 0 });
        let schema = serde_json::from_str(CUSTOMER_SCHEMA)
            .map_err(|e| Error::internal("the schema of customer.yaml is no JSON").source(e))?;
        let schema = Schema::load(schema, "customer.schema.json", |path| {
            Err(Error::internal(format!("the schema of customer.yaml refers to {path}")))
        })?;
        let schema = std::sync::Arc::new(schema.for_file(CUSTOMER_FILE));
        let read = yaml::read_one_file(&file)?;
        let values = Values::builder().schema(schema.clone()).layer_in(CUSTOMER_FILE, read, &folder).build();
        let values = values.map_err(at)?;
        schema.validate(&values).map_err(|errors| at(combine_as("customer.yaml has", errors)))?;
        let content: Content = serde_json::from_value(values.to_json())
            .map_err(|e| at(Error::new(Kind::Malformed, format!("{CUSTOMER_FILE} cannot be read")).source(e)))?;
        let own_name = || folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self {
            name: content.name.unwrap_or_else(own_name),
            playbook: content.playbook,
            made_for: content.made_for,
            clusters: content.clusters,
            conflicts: content.conflicts,
            recipients: content.recipients,
            lock: content.lock.read().map_err(at)?,
            folder,
        })
    }

    /// The folder's `values.yaml`, if there is one.
    #[must_use]
    pub fn values_file(&self) -> Option<PathBuf> {
        Some(self.folder.join("values.yaml")).filter(|file| file.is_file())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn customer(text: &str) -> (tempfile::TempDir, Result<Customer>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(CUSTOMER_FILE), text).unwrap();
        let read = Customer::open(dir.path());
        (dir, read)
    }

    #[test]
    fn a_folder_says_what_it_runs() {
        let text = "name: acme\nplaybook: single-node\nmade_for: 0.1.0\nclusters:\n  dr: { context: dr-admin }\nlock: { namespace: ops, duration: 1m30s }\n";
        let (dir, read) = customer(text);
        let read = read.unwrap();
        assert_eq!((read.name.as_str(), read.playbook.as_str()), ("acme", "single-node"));
        assert_eq!(read.clusters["dr"].context.as_deref(), Some("dr-admin"));
        assert_eq!(Customer::around(&dir.path().join("a/b")), Some(dir.path().to_owned()));
        assert_eq!(read.values_file(), None);
        let lock = CustomerLock { namespace: Some("ops".into()), duration: Some(Duration::from_secs(90)) };
        assert_eq!(read.lock, lock);
    }

    #[test]
    fn what_it_should_not_say_is_an_error_with_the_nearest_key() {
        for (text, message, hint) in [
            ("playbok: x\nplaybook: x\n", "playbok", "did you mean \"playbook\"?"),
            ("playbook: x\nclusters: { a: { contxt: b } }\n", "clusters.a.contxt", "did you mean \"context\"?"),
            ("playbook: x\nconflicts: ignore\n", "conflicts", "fail"),
            ("playbook: x\nlock: { duration: 1s }\n", "lock.duration: 1s", "from 5s to 1h"),
            ("playbook: x\nlock: { duration: 5500ms }\n", "lock.duration: 5500ms", "whole seconds"),
            ("playbook: x\nlock: { duration: 2h }\n", "lock.duration: 2h", "from 5s to 1h"),
            ("playbook: x\nlock: { duration: soon }\n", "lock.duration: ", "write it as"),
            ("playbook: x\nlock: { namspace: ops }\n", "lock.namspace", "did you mean \"namespace\"?"),
        ] {
            let error = customer(text).1.unwrap_err();
            let text = format!("{error:?}");
            assert!(text.contains(message) && text.contains(hint) && text.contains(CUSTOMER_FILE), "{text}");
        }
        let both = format!("{:?}", customer("playbok: x\n").1.unwrap_err());
        assert!(both.contains("customer.yaml has 2 problems") && both.contains("set it in customer.yaml"), "{both}");
        assert!(!both.contains("--set"), "{both}");
        assert!(customer("name: x\n").1.unwrap_err().to_string().contains("playbook is missing"));
        assert_eq!(customer("playbook: [\n").1.unwrap_err().kind(), Kind::Malformed);
        assert_eq!(Customer::open(Path::new("/nonexistent")).unwrap_err().kind(), Kind::NotFound);
    }
}
