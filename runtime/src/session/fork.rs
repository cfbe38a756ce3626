//! A session on a copy of what another one acts on, which begins where that one stands.

use std::sync::Arc;

use serde_json::Value as Json;

use super::{Session, SessionBuilder};
use crate::Result;
use crate::secret::MemoryVault;
use crate::sync::lock;

impl Session {
    /// A session on a [fork](crate::target::Target::forked) of the target, to find out what something would change: with the
    /// same values, secrets, and state and results of the steps so far. It may change what this one may, read-only or not, and
    /// nothing that it does, keeps or generates stays. It asks nobody, tells nobody and stops nowhere, unless `set` says so.
    ///
    /// # Errors
    /// Where the target cannot be forked.
    pub fn fork(&self, set: impl FnOnce(SessionBuilder) -> SessionBuilder) -> Result<Self> {
        let inner = &self.0;
        let mut builder = SessionBuilder::new(inner.runtime.clone(), inner.target.forked()?)
            .values(Json::clone(&self.values()))
            .vault(Arc::new(MemoryVault::over(inner.vault.clone())))
            .access(inner.access.with_changes())
            .conflicts(inner.conflicts)
            .limits(inner.limits);
        builder.secrets = Arc::new(inner.secrets.copy());
        builder.approved.clone_from(&inner.approved);
        builder.programs.clone_from(&inner.programs);
        builder.state_folder.clone_from(&inner.state_folder);
        let fork = set(builder).open();
        let connections: Vec<_> = lock(&inner.gathered.connections).clone().into_iter().collect();
        for (name, by) in connections {
            fork.connect(&name, by, fork.cancel())?;
        }
        *lock(&fork.0.gathered.left) = lock(&inner.gathered.left).clone();
        *lock(&fork.0.gathered.claims) = lock(&inner.gathered.claims).clone();
        fork.files().take_over(self.files());
        Ok(fork)
    }
}
