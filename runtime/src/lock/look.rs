//! Looking at a cluster's lock, and breaking it; and at the runs of this machine.

use std::path::Path;

use serde::Serialize;

use super::file::living;
use super::holder::Holder;
use super::record::{Broken, Record, id};
use super::taking::unusable;
use super::{RUNS, of_folder};
use crate::cluster::{Cluster, ResourceId, WriteOptions};
use crate::who::Who;
use crate::{Error, Kind, Result};

/// A cluster's lock as it is.
#[derive(Debug, Clone, Serialize)]
pub struct LockState {
    /// The cluster.
    pub cluster: String,
    /// The Lease: `kube-system/windlass`.
    pub lease: String,
    /// Who holds it, if anybody does.
    pub holder: Option<Holder>,
    /// When its holder gave a sign of life, by the holder's clock.
    pub renewed: Option<String>,
    /// What its holder has in flight; of a lock that was broken, what the former one had.
    pub in_flight: Vec<String>,
    /// By whom it was broken, if it was, and nobody has given it back since.
    pub broken: Option<Broken>,
}

/// The runs that go on on this machine now, as far as their locks say: this user's, whose state folder this is, and those of a
/// customer folder.
#[must_use]
pub fn runs_here(state: &Path, customer: Option<&Path>) -> Vec<Holder> {
    let own = std::fs::read_dir(state.join(RUNS)).into_iter().flatten();
    let own = own.filter_map(|entry| entry.ok().map(|entry| entry.path()));
    let of_customer = customer.map(of_folder);
    own.chain(of_customer).filter_map(|path| living(&path)).collect()
}

fn shown(id: &ResourceId) -> String {
    format!("{}/{}", id.namespace.as_deref().unwrap_or_default(), id.name)
}

/// Looks at a cluster's lock.
///
/// # Errors
/// What the cluster says.
pub async fn look(cluster: &Cluster, namespace: &str) -> Result<LockState> {
    let id = id(cluster.name(), namespace);
    let found = cluster.get(&id).await.map_err(|e| unusable(e, &id))?.map(Record);
    let record = found.unwrap_or_else(|| Record::new(&id));
    let holder = record.holder();
    Ok(LockState {
        cluster: cluster.name().to_owned(),
        lease: shown(&id),
        renewed: holder.is_some().then(|| record.renewed().map(str::to_owned)).flatten(),
        holder,
        in_flight: record.in_flight(),
        broken: record.broken(),
    })
}

/// Takes the lock of a cluster from this holder, whatever it does. It is told why, and changes nothing more; the next holder is
/// told what it had in flight.
///
/// # Errors
/// [`Kind::Conflict`] where somebody else holds it, [`Kind::NotFound`] where nobody does; what the cluster says.
pub async fn break_lock(cluster: &Cluster, namespace: &str, holder: &str, reason: &str) -> Result<Broken> {
    let id = id(cluster.name(), namespace);
    // A holder that lives writes all the time.
    for _ in 0..20 {
        let found = cluster.get(&id).await.map_err(|e| unusable(e, &id))?.map(Record);
        let mut record = match found {
            Some(record) if record.is_held_by(holder) => record,
            Some(record) if record.holder_id().is_some() => return Err(held_by_other(&id, &record, holder)),
            _ => {
                return Err(Error::new(Kind::NotFound, format!("cluster {}: nobody holds the lock", id.cluster))
                    .hint("there is nothing to break")
                    .resource(&id));
            }
        };
        let (by, reason) = (Who::here().named(), reason.to_owned());
        let broken = Broken { holder: holder.to_owned(), by, reason, in_flight: record.in_flight() };
        record.take_away(&broken, cluster.clock().wall());
        match cluster.update(&id, &record.0, &WriteOptions::default()).await {
            Ok(_) => return Ok(broken),
            Err(error) if error.kind() == Kind::Conflict => {}
            Err(error) => return Err(unusable(error, &id)),
        }
    }
    Err(Error::new(Kind::Conflict, format!("{id}: its holder writes it all the time"))
        .hint("it lives: stop that run instead")
        .resource(&id))
}

fn held_by_other(id: &ResourceId, record: &Record, wanted: &str) -> Error {
    let holder = record.holder().unwrap_or_default();
    Error::new(Kind::Conflict, format!("cluster {} is not locked by {wanted}, but by {holder}", id.cluster))
        .hint(format!("if that is the one you mean: windlass lock break --holder '{}' --reason '…'", holder.id))
        .resource(id)
}
