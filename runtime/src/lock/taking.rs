//! Taking a Lease: one that is free, one whose holder is dead, or one that has lasted out.
//!
//! Only what is observed counts, and how long it stays as it is, on this process's own clock (client-go's rule): no time that
//! another machine wrote is ever compared with one of this machine's.

use std::path::PathBuf;
use std::time::Duration;

use futures::future::{Either, select};

use super::file;
use super::holder::Holder;
use super::record::{Broken, Record, id};
use crate::clock::Moment;
use crate::cluster::{Cluster, Failure, Json, ResourceId, WatchEvent, WriteOptions};
use crate::target::Tell;
use crate::{Error, Kind, Result, duration};

/// How often somebody else may be faster.
const TRIES: u32 = 20;
/// How often it is said for how long the wait goes on.
const TOLD_EVERY: Duration = Duration::from_secs(5);

/// What to do about a lock that somebody else has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// It is an error at once, unless its holder was on this machine and is dead.
    None,
    /// Its holder has the lease's duration to give a sign of life.
    UntilExpired,
}

/// Which Lease is to be taken, by whom, and how.
#[derive(Clone)]
pub(crate) struct Wanted {
    pub cluster: Cluster,
    pub namespace: String,
    pub holder: Holder,
    pub duration: Duration,
    /// Where the runs of this user on this machine have their files.
    pub runs: Option<PathBuf>,
    pub patience: Patience,
    pub tell: Tell,
}

/// Why a former holder has the lock no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Its process, on this machine, is dead.
    Dead,
    /// It gave no sign of life for as long as its lease lasts.
    Expired,
    /// Somebody broke its lock.
    Broken(Broken),
}

/// The one who had the lock before, and did not give it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Previous {
    /// The cluster.
    pub cluster: String,
    /// Who it was.
    pub holder: Holder,
    /// What it announced last: it may be done, half done, or not done.
    pub in_flight: Vec<String>,
    /// Why it has the lock no more.
    pub ended: Ended,
}

impl std::fmt::Display for Previous {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { cluster, holder, in_flight, ended } = self;
        write!(f, "cluster {cluster}: the lock was not given back by {holder}; it is taken over, since ")?;
        match ended {
            Ended::Dead => write!(f, "its process on this machine has died")?,
            Ended::Expired => write!(f, "it gave no sign of life for as long as its lease lasts")?,
            Ended::Broken(broken) => write!(f, "{} broke it: {}", broken.by, broken.reason)?,
        }
        match in_flight.as_slice() {
            [] => write!(f, ". It had announced no change"),
            some => write!(f, ". It had announced this, which may be done, half done or not done: {}", some.join("; ")),
        }
    }
}

/// A Lease that was taken.
pub(crate) struct Taken {
    pub(super) record: Record,
    /// When it was asked for: it lasts from then on.
    pub(super) since: Moment,
    pub previous: Option<Previous>,
}

impl Wanted {
    fn id(&self) -> ResourceId {
        id(self.cluster.name(), &self.namespace)
    }

    /// Takes it.
    ///
    /// # Errors
    /// [`Kind::Locked`] where somebody else has it; what the cluster says.
    pub(crate) async fn take(&self) -> Result<Taken> {
        let (id, clock) = (self.id(), self.cluster.clock().clone());
        let mut previous = None;
        for _ in 0..TRIES {
            let mut found = self.read(&id).await?;
            if let Some(record) = &found
                && let Some(holder) = record.holder()
            {
                if holder.id == self.holder.id {
                    // It was taken, and only the answer was lost: it is written anew, so that one knows since when it lasts.
                } else if self.runs.as_ref().is_some_and(|runs| file::is_dead(runs, &holder)) {
                    previous = Some(self.follow(record, holder, Ended::Dead));
                } else if self.patience == Patience::None {
                    return Err(held(&id, record));
                } else {
                    found = self.wait_out(&id, record.clone()).await?;
                    let late = found.as_ref().and_then(|record| Some((record, record.holder()?)));
                    previous = late.map(|(record, holder)| self.follow(record, holder, Ended::Expired));
                }
            } else {
                previous = found.as_ref().and_then(|record| {
                    let broken = record.broken()?;
                    let holder = record.former(&broken.holder);
                    Some(self.follow(record, holder, Ended::Broken(broken)))
                });
            }
            let is_new = found.is_none();
            let mut record = found.unwrap_or_else(|| Record::new(&id));
            record.take(&self.holder, self.duration, clock.wall());
            let since = clock.uptime();
            let written = match is_new {
                true => self.cluster.create(&id, &record.0, &WriteOptions::default()).await,
                false => self.cluster.update(&id, &record.0, &WriteOptions::default()).await,
            };
            match written {
                Ok(object) => {
                    if let (Some(runs), Some(previous)) = (&self.runs, &previous) {
                        file::bury(runs, &previous.holder);
                    }
                    return Ok(Taken { record: Record(object), since, previous });
                }
                Err(error) if may_look_again(&error) => {}
                Err(error) => return Err(unusable(error, &id)),
            }
        }
        Err(Error::new(Kind::Locked, format!("{id}: others were faster {TRIES} times")).hint("try again").resource(&id))
    }

    async fn read(&self, id: &ResourceId) -> Result<Option<Record>> {
        let found = self.cluster.get(id).await.map_err(|error| unusable(error, id))?;
        Ok(found.map(Record))
    }

    fn follow(&self, record: &Record, holder: Holder, ended: Ended) -> Previous {
        Previous { cluster: self.cluster.name().to_owned(), holder, in_flight: record.in_flight(), ended }
    }

    /// Waits until the holder has given no sign of life for as long as its lease lasts. Gives the Lease as it is then, if it
    /// is still there; it may have been given back.
    async fn wait_out(&self, id: &ResourceId, mut seen: Record) -> Result<Option<Record>> {
        let clock = self.cluster.clock();
        let since = clock.uptime();
        let mut watch = self.cluster.watch_object(id);
        loop {
            let left = seen.duration().saturating_sub(clock.uptime() - since);
            if left.is_zero() {
                return Ok(Some(seen));
            }
            let holder = seen.holder().unwrap_or_default();
            (self.tell)(&format!(
                "the lock is held by {holder}; it is taken over in {} if that gives no sign of life",
                duration::display(Duration::from_secs(left.as_secs_f64().ceil() as u64))
            ));
            let next = std::pin::pin!(watch.next());
            let event = match select(next, clock.sleep(left.min(TOLD_EVERY))).await {
                Either::Left((event, _)) => event.map_err(|error| unusable(error, id))?,
                Either::Right(_) => continue,
            };
            let now = match event {
                WatchEvent::Snapshot(objects) => objects.into_iter().next(),
                WatchEvent::Applied(object) => Some(object),
                WatchEvent::Deleted(_) => None,
                _ => continue,
            };
            let Some(now) = now.map(Record) else { return Ok(None) };
            if now.holder_id().is_none() {
                return Ok(Some(now));
            }
            if now.spec() != seen.spec() {
                return Err(held(id, &now).context("it gives signs of life"));
            }
            seen = now;
        }
    }
}

impl Record {
    /// The one who had it before it was broken.
    fn former(&self, id: &str) -> Holder {
        let mut as_held = self.clone();
        as_held.0["spec"]["holderIdentity"] = Json::String(id.to_owned());
        as_held.holder().unwrap_or_else(|| Holder::of_id(id))
    }
}

/// Somebody else was faster, or the answer was lost.
fn may_look_again(error: &Error) -> bool {
    matches!(error.kind(), Kind::Conflict | Kind::AlreadyExists)
        || Failure::of(error).is_some_and(Failure::is_unknown_outcome)
}

/// Somebody has it.
pub(super) fn held(id: &ResourceId, record: &Record) -> Error {
    let holder = record.holder().unwrap_or_default();
    Error::new(Kind::Locked, format!("cluster {} is locked by {holder}", id.cluster))
        .hint(format!(
            "wait until that run has ended (windlass lock shows it); if it is surely dead: windlass lock break --holder '{}' --reason '…'",
            holder.id
        ))
        .resource(id)
        .details(serde_json::json!({
            "cluster": id.cluster, "holder": holder.id, "since": holder.since, "run": holder.run,
            "playbook": holder.playbook, "in_flight": record.in_flight(),
        }))
}

/// The Lease cannot be read or written.
pub(super) fn unusable(error: Error, id: &ResourceId) -> Error {
    let namespace = id.namespace.clone().unwrap_or_default();
    match error.kind() {
        Kind::Forbidden => Error::new(Kind::Forbidden, format!("the lock cannot be used: {}", error.message()))
            .hint(format!(
                "a run needs get, create, update and watch of leases.coordination.k8s.io in {namespace}; to keep the lock in a namespace where you have them, say so in customer.yaml, as must all who work on this cluster: lock: {{ namespace: … }}"
            ))
            .resource(id)
            .source(error),
        Kind::NotFound => Error::new(Kind::NotFound, format!("the lock cannot be taken: {}", error.message()))
            .hint(format!("is there a namespace {namespace}? customer.yaml says which one it is: lock: {{ namespace: … }}"))
            .resource(id)
            .source(error),
        _ => error.context("the lock cannot be used"),
    }
}
