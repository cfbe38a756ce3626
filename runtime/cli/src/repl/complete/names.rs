//! The names that a cluster has: asked for beside the line that is typed, and kept for a while.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use reedline::CompletionStatus;
use windlass_runtime::Session;

use super::{Item, cluster};

/// How long names are kept.
const KEPT: Duration = Duration::from_secs(5);
/// How long a line waits for them; what takes longer appears when it is there.
const WAITED: Duration = Duration::from_millis(20);

/// What names are wanted of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wanted {
    /// The cluster, by its name in scripts.
    pub(super) cluster: Option<String>,
    /// The namespace; all of them without it.
    pub(super) namespace: Option<String>,
    pub(super) of: Of,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Of {
    /// The kinds that are served.
    Kinds,
    /// The objects of a kind.
    Objects(String),
    /// The labels of the objects of a kind.
    Labels(String),
    /// The containers of an object.
    Containers(String),
    /// The releases of Helm.
    Releases,
}

/// Names, and whether they are as of now.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) items: Arc<[Item]>,
    pub(super) fresh: bool,
}

/// The names of clusters. Clones are the same.
#[derive(Clone, Default)]
pub(super) struct Names(Arc<Inner>);

type Key = (String, Wanted);

#[derive(Default)]
struct Inner {
    known: Mutex<Known>,
    changed: Condvar,
}

#[derive(Default)]
struct Known {
    found: HashMap<Key, (Arc<[Item]>, Instant)>,
    asked: HashSet<Key>,
    /// Whether something was found since this was last looked at.
    news: bool,
}

impl Names {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The names, as far as they are known; they are asked for where they are not, or no longer.
    pub(super) fn look(&self, session: &Session, wanted: Wanted) -> Looked {
        let key = (session.id().to_owned(), wanted);
        let mut known = self.known();
        if let Some(items) = known.fresh(&key) {
            return Looked { items, fresh: true };
        }
        if known.asked.insert(key.clone()) {
            // What cannot be begun is answered at once.
            drop(known);
            self.ask(session, key.clone());
            known = self.known();
        }
        let still = |known: &mut Known| known.asked.contains(&key);
        let (known, _) =
            self.0.changed.wait_timeout_while(known, WAITED, still).unwrap_or_else(PoisonError::into_inner);
        match known.fresh(&key) {
            Some(items) => Looked { items, fresh: true },
            None => {
                Looked { items: known.found.get(&key).map(|found| found.0.clone()).unwrap_or_default(), fresh: false }
            }
        }
    }

    /// Asks where the session's futures run, so that nobody waits.
    fn ask(&self, session: &Session, key: Key) {
        let asked = Asked { names: self.clone(), key: Some(key), items: Vec::new() };
        let of_session = session.clone();
        session.bridge().handle().spawn(async move {
            let mut asked = asked;
            if let Some((_, wanted)) = &asked.key {
                // What cannot be reached has no names.
                asked.items = cluster::names(&of_session, wanted).await.unwrap_or_default();
            }
        });
    }

    /// What became of what was asked for.
    pub(super) fn status(&self) -> CompletionStatus {
        let mut known = self.known();
        if std::mem::take(&mut known.news) {
            CompletionStatus::Ready
        } else if known.asked.is_empty() {
            CompletionStatus::Idle
        } else {
            CompletionStatus::Pending
        }
    }
}

impl Known {
    fn fresh(&self, key: &Key) -> Option<Arc<[Item]>> {
        self.found.get(key).filter(|(_, at)| at.elapsed() < KEPT).map(|(items, _)| items.clone())
    }
}

/// Something that was asked for: it is answered when this is dropped, be it that the work was dropped or has failed.
struct Asked {
    names: Names,
    key: Option<Key>,
    items: Vec<Item>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut known = self.names.known();
        known.asked.remove(&key);
        known.found.retain(|_, (_, at)| at.elapsed() < KEPT);
        known.found.insert(key, (std::mem::take(&mut self.items).into(), Instant::now()));
        known.news = true;
        self.names.0.changed.notify_all();
    }
}
