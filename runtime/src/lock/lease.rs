//! A Lease that is held: renewed, announced in, fenced by, given back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use futures::future::{Either, select};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::holder::Holder;
use super::record::{Record, id};
use super::taking::{Taken, Wanted, unusable};
use crate::clock::Moment;
use crate::cluster::{Cluster, ResourceId, WriteOptions};
use crate::sync::lock;
use crate::{Error, Kind, Result};

/// How often a write meets one of somebody else's.
const TRIES: u32 = 5;
/// What is announced is no longer than this.
const LONGEST: usize = 300;

/// Told once, when the lock is lost.
pub(crate) type OnLost = Box<dyn Fn(&Error) + Send + Sync>;

/// A Lease that this process holds, until it is lost.
pub(crate) struct Lease {
    cluster: Cluster,
    id: ResourceId,
    holder: Holder,
    duration: Duration,
    /// As it was written last. Whoever writes has it.
    record: tokio::sync::Mutex<Record>,
    /// When the last write that was accepted was sent: the lease lasts from then on.
    renewed: Mutex<Moment>,
    flying: Mutex<Flying>,
    lost: OnceLock<Error>,
    on_lost: OnLost,
    keeper: Mutex<Option<AbortHandle>>,
}

/// What is in flight.
#[derive(Default)]
struct Flying {
    /// The number that the next one gets.
    next: u64,
    changes: BTreeMap<u64, String>,
    /// The changes below this number have been written.
    announced: u64,
}

/// A change is in flight as long as this lives.
pub(crate) struct Announced {
    lease: Arc<Lease>,
    number: u64,
}

impl Drop for Announced {
    fn drop(&mut self) {
        lock(&self.lease.flying).changes.remove(&self.number);
    }
}

impl Lease {
    pub(crate) fn of(wanted: &Wanted, taken: Taken, on_lost: OnLost) -> Arc<Self> {
        Arc::new(Self {
            cluster: wanted.cluster.clone(),
            id: id(wanted.cluster.name(), &wanted.namespace),
            holder: wanted.holder.clone(),
            // As others read it.
            duration: taken.record.duration(),
            record: tokio::sync::Mutex::new(taken.record),
            renewed: Mutex::new(taken.since),
            flying: Mutex::default(),
            lost: OnceLock::new(),
            on_lost,
            keeper: Mutex::default(),
        })
    }

    /// Renews it from now on, until it is lost or dropped.
    pub(crate) fn keep(self: &Arc<Self>, on: &Handle) {
        let (weak, clock, pause) = (Arc::downgrade(self), self.cluster.clock().clone(), self.duration / 3);
        let task = on.spawn(async move {
            loop {
                clock.sleep_weakly_until(clock.now() + pause).await;
                let Some(lease) = weak.upgrade() else { return };
                // What cannot be renewed now may be later: until then, the fence lets nothing pass.
                if let Err(error) = lease.renew().await {
                    tracing::debug!(lease = %lease.id, %error, "not renewed");
                }
                if lease.is_lost() {
                    return;
                }
            }
        });
        *lock(&self.keeper) = Some(task.abort_handle());
    }

    /// Whether it is lost: it is asked in vain from then on.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.get().is_some()
    }

    /// How long it lasts without another renewal.
    fn left(&self) -> Duration {
        self.duration.saturating_sub(self.cluster.clock().uptime() - *lock(&self.renewed))
    }

    /// Renews it, unless somebody else here does so meanwhile.
    ///
    /// # Errors
    /// [`Kind::Locked`] if it is lost; what keeps it from being written.
    async fn renew(&self) -> Result<()> {
        let begun = self.cluster.clock().uptime();
        let mut record = self.record.lock().await;
        if *lock(&self.renewed) > begun {
            return Ok(());
        }
        self.write(&mut record).await
    }

    /// Says that this is about to be changed, and renews the lease by that. Nothing may be done before.
    ///
    /// # Errors
    /// [`Kind::Locked`] if the lock is lost; what keeps it from being written.
    pub(crate) async fn announce(self: &Arc<Self>, what: &str) -> Result<Announced> {
        let number = {
            let mut flying = lock(&self.flying);
            let number = flying.next;
            flying.next += 1;
            flying.changes.insert(number, what.chars().take(LONGEST).collect());
            number
        };
        let announced = Announced { lease: self.clone(), number };
        let mut record = self.record.lock().await;
        // A branch beside this one may have written what both announce.
        if lock(&self.flying).announced <= number {
            self.write(&mut record).await?;
        }
        Ok(announced)
    }

    /// Lets a request pass that changes something, and says how long it may take.
    ///
    /// # Errors
    /// [`Kind::Locked`] if the lock is lost, or its lease runs out and cannot be renewed in time; what keeps it from being
    /// renewed.
    pub(crate) async fn pass(&self, within: Duration) -> Result<Duration> {
        let wanted = within.min(self.duration * 2 / 3);
        for _ in 0..TRIES {
            if let Some(lost) = self.lost.get() {
                return Err(lost.clone());
            }
            let left = self.left();
            if left >= wanted {
                return Ok(left.min(within));
            }
            self.renew().await.map_err(|e| e.context("nothing was sent, because the lock could not be renewed"))?;
        }
        Err(Error::new(Kind::Locked, format!("{}: its lease runs out faster than it can be renewed", self.id))
            .hint("the API server is too slow for so short a lease: give it more time in customer.yaml, lock: { duration: … }")
            .resource(&self.id))
    }

    async fn write(&self, record: &mut Record) -> Result<()> {
        let clock = self.cluster.clock();
        for _ in 0..TRIES {
            if let Some(lost) = self.lost.get() {
                return Err(lost.clone());
            }
            let (changes, before) = {
                let flying = lock(&self.flying);
                (flying.changes.values().cloned().collect::<Vec<_>>(), flying.next)
            };
            let mut next = record.clone();
            next.renew(&changes, clock.wall());
            let sent = clock.uptime();
            match self.in_time(self.cluster.update(&self.id, &next.0, &WriteOptions::default())).await {
                Ok(written) => {
                    *record = Record(written);
                    *lock(&self.renewed) = sent;
                    lock(&self.flying).announced = before;
                    return Ok(());
                }
                Err(error) if matches!(error.kind(), Kind::Conflict | Kind::NotFound) => {}
                Err(error) => return Err(unusable(error, &self.id)),
            }
            // Somebody has written it: an administrator who annotates, a former write of ours whose answer was lost, or the
            // next holder.
            let found = self.in_time(self.cluster.get(&self.id)).await.map_err(|e| unusable(e, &self.id))?.map(Record);
            match found {
                Some(found) if found.is_held_by(&self.holder.id) => *record = found,
                found => return Err(self.lose(found.as_ref())),
            }
        }
        Err(Error::new(Kind::Conflict, format!("{}: somebody else writes it all the time", self.id))
            .hint("kubectl get lease -o yaml --show-managed-fields says who")
            .resource(&self.id))
    }

    /// One request that gets no answer must not take the time in which another one could.
    async fn in_time<T>(&self, asked: impl Future<Output = Result<T>>) -> Result<T> {
        let (clock, within) = (self.cluster.clock(), self.duration / 3);
        match select(std::pin::pin!(asked), clock.sleep_weakly_until(clock.now() + within)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => {
                let message = format!("no answer within {} s", within.as_secs());
                Err(Error::new(Kind::Unavailable, message).hint("is the API server overloaded, or the connection cut?"))
            }
        }
    }

    fn lose(&self, found: Option<&Record>) -> Error {
        let cluster = &self.id.cluster;
        let broken = found.and_then(Record::broken).filter(|broken| broken.holder == self.holder.id);
        let taken = found.and_then(Record::holder);
        let by = match (&taken, found) {
            (Some(holder), _) => format!("{holder} has it now"),
            (None, Some(_)) => "nobody has it now".to_owned(),
            (None, None) => "its Lease was deleted".to_owned(),
        };
        let why = match &broken {
            Some(broken) => format!("{} broke it: {}; {by}", broken.by, broken.reason),
            None => by,
        };
        let error = Error::new(Kind::Locked, format!("the lock of cluster {cluster} is lost: {why}"))
            .hint("this run changes nothing more; look at what it has done before it is run again")
            .resource(&self.id)
            .details(serde_json::json!({
                "cluster": cluster, "holder": taken.map(|holder| holder.id), "broken": broken,
            }));
        // Whoever comes second has the first one's reason.
        if self.lost.set(error.clone()).is_ok() {
            (self.on_lost)(&error);
        }
        error
    }

    /// Gives it back, if it is still held.
    ///
    /// # Errors
    /// What keeps it from being written.
    pub(crate) async fn give_back(&self) -> Result<()> {
        self.stop_keeping();
        let mut record = self.record.lock().await;
        for _ in 0..TRIES {
            let mut next = record.clone();
            next.give_back(self.cluster.clock().wall());
            match self.cluster.update(&self.id, &next.0, &WriteOptions::default()).await {
                Err(error) if matches!(error.kind(), Kind::Conflict | Kind::NotFound) => {}
                other => return other.map(|_| ()),
            }
            match self.cluster.get(&self.id).await?.map(Record) {
                Some(found) if found.is_held_by(&self.holder.id) => *record = found,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn stop_keeping(&self) {
        if let Some(keeper) = lock(&self.keeper).take() {
            keeper.abort();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.stop_keeping();
    }
}
