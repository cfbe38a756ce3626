//! Secrets that end with the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Vault, checked_name};
use crate::Result;
use crate::secret::{Origin, Secret};

/// Keeps secrets in memory: for a rehearsal or a plan. Over another vault, it reads what that one has and writes nothing to
/// it.
#[derive(Default)]
pub struct MemoryVault {
    below: Option<Arc<dyn Vault>>,
    kept: Mutex<BTreeMap<String, Secret>>,
}

impl MemoryVault {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One that reads from `below` what it does not have itself.
    #[must_use]
    pub fn over(below: Arc<dyn Vault>) -> Self {
        Self { below: Some(below), kept: Mutex::default() }
    }

    fn own(&self, name: &str) -> Option<Secret> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }
}

impl Vault for MemoryVault {
    fn read(&self, name: &str) -> Result<Option<Secret>> {
        match (self.own(name), &self.below) {
            (None, Some(below)) => below.read(name),
            (own, _) => Ok(own),
        }
    }

    fn keep(&self, name: &str, value: &Secret) -> Result<()> {
        checked_name(name)?;
        if self.read(name)?.is_none() {
            let kept = || value.with_origin(Origin::Age(name.to_owned()));
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_insert_with(kept);
        }
        Ok(())
    }

    fn place(&self) -> String {
        match &self.below {
            None => "memory, for this run only".into(),
            Some(below) => format!("memory, for this run only, over {}", below.place()),
        }
    }
}
