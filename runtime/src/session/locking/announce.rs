//! What the locks say of a change that is about to be made.

use std::sync::Arc;

use futures::future::try_join_all;

use crate::Result;
use crate::change::{Change, Part};
use crate::lock::Patience;
use crate::lock::lease::{Announced, Lease};
use crate::scope::Scope;
use crate::session::Session;
use crate::sync::lock;

/// So many resources are named.
const MOST_NAMED: usize = 5;

impl Session {
    /// Says in the locks that this is about to be changed; it is in flight as long as the result lives. A cluster that is not
    /// locked yet is locked first.
    ///
    /// # Errors
    /// [`crate::Kind::Locked`] where somebody else has a lock, or has it now.
    pub(crate) fn announce(&self, primitive: &str, change: &Change, scope: &Scope) -> Result<Vec<Announced>> {
        let Some(locks) = self.0.locks.as_ref().filter(|locks| lock(&locks.held).active) else { return Ok(Vec::new()) };
        {
            let mut first = lock(&locks.with_first_change);
            if *first {
                let is_of_cluster = |part: &Part| self.open_cluster_called(&part.resource.at).is_some();
                self.take_file(locks, change.parts.iter().any(is_of_cluster))?;
                *first = false;
            }
        }
        let mut about: Vec<Arc<Lease>> = Vec::new();
        for part in change.parts.iter().filter(|part| part.acts()) {
            let lease = match (locks.held_of(&part.resource.at), self.open_cluster_called(&part.resource.at)) {
                (Some(lease), _) => Some(lease),
                (None, Some(cluster)) => {
                    let identity = self.identity_of(&cluster, &scope.cancel)?;
                    self.take_lease(locks, &identity, &cluster, Patience::None, &scope.cancel)?;
                    locks.held_of(cluster.name())
                }
                (None, None) => None,
            };
            about.extend(lease.filter(|lease| about.iter().all(|other| !Arc::ptr_eq(other, lease))));
        }
        // What is done beside the clusters is done under their locks too.
        if about.is_empty() {
            let held = lock(&locks.held);
            about = held.leases.iter().filter(|one| !one.given_up).map(|one| one.lease.clone()).collect();
        }
        if about.is_empty() {
            return Ok(Vec::new());
        }
        let text = self.mask(&announcement(primitive, change, &scope.step.key));
        let announcing = async move { try_join_all(about.iter().map(|lease| lease.announce(&text))).await };
        self.bridge().wait(&scope.cancel, self.clock(), announcing)
    }
}

/// What is about to be done, in one line.
fn announcement(primitive: &str, change: &Change, step: &str) -> String {
    let acting: Vec<&Part> = change.parts.iter().filter(|part| part.acts()).collect();
    let names: Vec<String> = acting.iter().take(MOST_NAMED).map(|part| part.resource.to_string()).collect();
    let more = match acting.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("step {step}: {primitive}: {}{more}", names.join(", "))
}
