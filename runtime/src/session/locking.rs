//! The locks of a session: taken before its first step, or before the first change on a cluster that was found on the way;
//! asked before each change; given back at its end.

mod announce;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::Session;
use crate::cancel::{Cancel, Deadline};
use crate::clock::BoxFuture;
use crate::cluster::{Cluster, Failure, Fence};
use crate::event::{Level, What};
use crate::lock::file::FileLock;
use crate::lock::lease::Lease;
use crate::lock::taking::{Taken, Wanted};
use crate::lock::{Holder, LockOptions, Patience, Previous, RUNS};
use crate::sync::lock;
use crate::{Error, Kind, Result};

/// How long giving the lock back may take.
const GIVE_BACK_WITHIN: Duration = Duration::from_secs(10);

/// What a session locks, and what of it is locked.
pub(super) struct Locks {
    options: LockOptions,
    /// Tells this session's locks from those of another process that has the same run.
    tag: String,
    held: Mutex<Held>,
    /// Whether nothing was locked yet: that is for the first change. Held while it is done.
    with_first_change: Mutex<bool>,
    /// Held while a Lease is taken, so that branches do not take the same one. Whoever waits for it can be stopped.
    taking: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Held {
    /// Whether somebody will give back what is taken.
    active: bool,
    /// Whether a person decides what comes next, who may take a lock again that was lost.
    by_hand: bool,
    /// The customer's folder, or the playbook on this machine.
    file: Option<FileLock>,
    /// Shows others on this machine that this process lives.
    alive: Option<FileLock>,
    leases: Vec<Locked>,
    /// Whether it is not known what became of a Lease.
    doubt: bool,
}

struct Locked {
    /// What the cluster is known by, whatever it is called.
    identity: String,
    /// What it is called in this session.
    names: Vec<String>,
    lease: Arc<Lease>,
    /// Whether it was lost, and another one may be taken: until then, it lets nothing pass.
    given_up: bool,
}

impl Locks {
    pub(super) fn new(options: LockOptions) -> Self {
        let (held, with_first_change, taking) = Default::default();
        Self { options, tag: tag(), held, with_first_change, taking }
    }

    fn of(&self, cluster: &str) -> Option<Arc<Lease>> {
        self.find(cluster, |_| true)
    }

    /// As [`Locks::of`], but for one that was given up.
    fn held_of(&self, cluster: &str) -> Option<Arc<Lease>> {
        self.find(cluster, |locked| !locked.given_up)
    }

    fn find(&self, cluster: &str, counts: impl Fn(&Locked) -> bool) -> Option<Arc<Lease>> {
        let is_it = |locked: &&Locked| locked.names.iter().any(|name| name == cluster) && counts(locked);
        lock(&self.held).leases.iter().find(is_it).map(|locked| locked.lease.clone())
    }
}

/// Asks the lock of one cluster.
struct OfCluster(Arc<Locks>, String);

impl Fence for OfCluster {
    fn pass(&self, within: Duration) -> BoxFuture<Result<Duration>> {
        match self.0.of(&self.1) {
            Some(lease) => Box::pin(async move { lease.pass(within).await }),
            // What is no change, such as the question of what one may do, needs no lock.
            None => Box::pin(std::future::ready(Ok(within))),
        }
    }
}

/// The locks of a session are held as long as this lives. It is not to be dropped on a thread of tokio's.
#[must_use = "the locks are given back when this is dropped"]
pub struct HeldLock {
    session: Session,
    previous: Vec<Previous>,
    is_ours: bool,
}

impl HeldLock {
    /// Those who had a lock before and did not give it back, with what they had in flight.
    #[must_use]
    pub fn previous(&self) -> &[Previous] {
        &self.previous
    }

    /// Gives back now what was taken; the next change takes it again. Whether anything was taken.
    pub fn give_back_until_next_change(&mut self) -> bool {
        self.is_ours && {
            let had = self.session.give_locks_back();
            self.session.take_with_first_change();
            had
        }
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        if self.is_ours {
            self.session.give_locks_back();
        }
    }
}

impl Session {
    /// Takes the locks that the session was set up for: the customer's folder, and, where `clusters` says so, the clusters, all
    /// or none of them. A cluster that is changed without that is locked before its first change. Whatever is taken is given back
    /// when the result is dropped. A session that may change nothing, or whose target is simulated, takes none.
    ///
    /// # Errors
    /// [`Kind::Locked`] where somebody else has one, with who that is; what the file system or a cluster says.
    pub fn take_lock(&self, clusters: bool, patience: Patience) -> Result<HeldLock> {
        let mut held = HeldLock { session: self.clone(), previous: Vec::new(), is_ours: false };
        let Some(locks) = self.0.locks.as_ref().filter(|_| self.locks_at_all()) else { return Ok(held) };
        if std::mem::replace(&mut lock(&locks.held).active, true) {
            return Err(Error::internal("a session takes its lock twice"));
        }
        held.is_ours = true;
        self.take_file(locks, clusters)?;
        if clusters {
            for (identity, cluster) in self.clusters_to_lock(locks)? {
                held.previous.extend(self.take_lease(locks, &identity, &cluster, patience, self.cancel())?);
            }
        }
        Ok(held)
    }

    /// Lets the session take its locks with its first change: for who looks around, and may change something. They are given back
    /// when the result is dropped.
    pub fn lock_with_first_change(&self) -> HeldLock {
        let is_ours = self.take_with_first_change();
        HeldLock { session: self.clone(), previous: Vec::new(), is_ours }
    }

    /// Whether there is anything to take.
    fn take_with_first_change(&self) -> bool {
        let Some(locks) = self.0.locks.as_ref().filter(|_| self.target().is_live()) else { return false };
        let mut held = lock(&locks.held);
        (held.active, held.by_hand) = (true, true);
        *lock(&locks.with_first_change) = true;
        true
    }

    fn take_file(&self, locks: &Locks, clusters: bool) -> Result<()> {
        if let Some((path, of)) = locks.options.file(clusters, || self.state_folder())? {
            let file = FileLock::take(&path, &self.holder(locks), &of)?;
            lock(&locks.held).file = Some(file);
        }
        Ok(())
    }

    fn locks_at_all(&self) -> bool {
        self.target().is_live() && self.access().may_change()
    }

    fn holder(&self, locks: &Locks) -> Holder {
        Holder::here(self.id(), &locks.tag, &locks.options.playbook, self.clock().wall())
    }

    /// The session's clusters, each once, in an order that is the same for everybody.
    fn clusters_to_lock(&self, locks: &Locks) -> Result<Vec<(String, Cluster)>> {
        let names = locks.options.clusters.iter().map(|name| Some(name.as_str()));
        let mut all = Vec::new();
        for name in std::iter::once(None).chain(names) {
            let cluster = self.cluster(name, self.cancel())?;
            all.push((self.identity_of(&cluster, self.cancel())?, cluster));
        }
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(all)
    }

    /// What a cluster is known by. One that may not be asked is known by its address.
    fn identity_of(&self, cluster: &Cluster, cancel: &Cancel) -> Result<String> {
        let asked = cluster.clone();
        let identity = async move { asked.identity().await.map(str::to_owned) };
        match self.bridge().wait(cancel, self.clock(), identity) {
            Err(error) if error.kind() == Kind::Forbidden => {
                Ok(cluster.server().unwrap_or_else(|| cluster.name()).to_owned())
            }
            asked => asked,
        }
    }

    /// Takes the Lease of a cluster, unless it is held already.
    fn take_lease(
        &self,
        locks: &Arc<Locks>,
        identity: &str,
        cluster: &Cluster,
        patience: Patience,
        cancel: &Cancel,
    ) -> Result<Option<Previous>> {
        let taking = locks.taking.clone();
        let _one_at_a_time = self.bridge().wait(cancel, self.clock(), async move { Ok(taking.lock_owned().await) })?;
        let is_it = |locked: &&mut Locked| locked.identity == identity && !locked.given_up;
        if let Some(known) = lock(&locks.held).leases.iter_mut().find(is_it) {
            if known.names.iter().all(|name| name != cluster.name()) {
                known.names.push(cluster.name().to_owned());
            }
            return Ok(None);
        }
        let holder = self.holder(locks);
        let runs = self.runs();
        if let Some(runs) = &runs {
            let held = &mut *lock(&locks.held);
            // Without it nobody can tell that this process has died, and waits instead.
            held.alive = held.alive.take().or_else(|| FileLock::alive(runs, &holder).ok());
        }
        let (session, subject) = (self.clone(), format!("lock of {}", cluster.name()));
        let wanted = Wanted {
            cluster: cluster.unfenced(),
            namespace: locks.options.lease_namespace().to_owned(),
            holder,
            duration: locks.options.duration,
            runs,
            patience,
            tell: Arc::new(move |text| {
                session.tell(None, What::Progress { subject: subject.clone(), text: text.to_owned() });
            }),
        };
        let asking = wanted.clone();
        let taken = self.bridge().wait(cancel, self.clock(), async move { asking.take().await });
        let taken = taken.inspect_err(|error| {
            let unseen = Failure::of(error).is_some_and(Failure::is_unknown_outcome);
            lock(&locks.held).doubt |= unseen || (error.kind().is_final() && error.kind() != Kind::Locked);
        })?;
        if locks.options.namespace.is_some() {
            let text = format!("the lock of cluster {} is in the namespace {}", cluster.name(), wanted.namespace);
            self.log(None, Level::Info, text);
        }
        if let Some(previous) = &taken.previous {
            let text = previous.to_string();
            self.log(None, Level::Warn, &text);
            self.remark(&text);
        }
        let previous = taken.previous.clone();
        self.keep(locks, identity, &wanted, taken);
        Ok(previous)
    }

    fn keep(&self, locks: &Locks, identity: &str, wanted: &Wanted, taken: Taken) {
        let session = Arc::downgrade(&self.0);
        let on_lost = move |error: &Error| {
            if let Some(session) = session.upgrade().map(Session) {
                session.log(None, Level::Error, error.to_string());
                session.remark(error.message());
                session.lose_lock(error);
            }
        };
        let lease = Lease::of(wanted, taken, Box::new(on_lost));
        lease.keep(self.bridge().handle());
        let names = vec![wanted.cluster.name().to_owned()];
        let mut held = lock(&locks.held);
        held.leases.retain(|locked| locked.identity != identity);
        held.leases.push(Locked { identity: identity.to_owned(), names, lease, given_up: false });
    }

    /// Stops the run. Where a person decides what comes next, it stops what runs, and nothing is changed until they say so.
    fn lose_lock(&self, error: &Error) {
        let Some(locks) = self.0.locks.as_ref().filter(|locks| lock(&locks.held).by_hand) else {
            return self.cancel().stop(error.clone());
        };
        self.access().set_read_only(true);
        self.stop_running(error);
        lock(&locks.held).leases.iter_mut().for_each(|locked| locked.given_up |= locked.lease.is_lost());
    }

    fn runs(&self) -> Option<PathBuf> {
        self.state_folder().ok().map(|state| state.join(RUNS))
    }

    /// A cluster that asks the session's lock before each request that changes something.
    pub(super) fn fenced(&self, cluster: Cluster) -> Cluster {
        match &self.0.locks {
            Some(locks) => {
                let fence = OfCluster(locks.clone(), cluster.name().to_owned());
                cluster.fenced(Arc::new(fence))
            }
            None => cluster,
        }
    }

    /// Gives back what was taken: whether anything was.
    fn give_locks_back(&self) -> bool {
        let Some(locks) = &self.0.locks else { return false };
        *lock(&locks.with_first_change) = false;
        let Held { file, alive, leases, mut doubt, .. } = std::mem::take(&mut *lock(&locks.held));
        let any = file.is_some() || !leases.is_empty();
        for locked in leases {
            let (lease, clock) = (locked.lease, self.clock());
            let deadline = Deadline {
                at: clock.now() + GIVE_BACK_WITHIN,
                limit: GIVE_BACK_WITHIN,
                what: "giving the lock back".to_owned(),
            };
            let given =
                self.bridge().wait(&Cancel::root_until(deadline), clock, async move { lease.give_back().await });
            if let Err(error) = given {
                doubt = true;
                let text = format!("the lock was not given back, and lasts until its lease has run out: {error}");
                self.log(None, Level::Warn, text);
            }
        }
        // Where a Lease may still name this run, the file stays as the proof that it has ended.
        match alive {
            Some(alive) if !doubt => alive.remove(),
            other => drop(other),
        }
        drop(file);
        any
    }
}

fn tag() -> String {
    let mut bytes = [0_u8; 4];
    // Where the system gives no chance, process and time of day do.
    if getrandom::fill(&mut bytes).is_err() {
        let now = jiff::Timestamp::now().subsec_nanosecond().cast_unsigned();
        bytes = (std::process::id().rotate_left(16) ^ now).to_le_bytes();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
