//! What has happened: a ring of the last changes, and those who are told of new ones.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Change, Stored, TooOld};
use crate::catalog::ResourceName;

/// A change, with the objects that its bytes are of.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) change: Change,
    pub(crate) object: Arc<Stored>,
    pub(crate) before: Option<Arc<Stored>>,
}

/// How many changes are kept: more than a client can miss between a list and its watch.
const KEPT: usize = 20_000;
/// How many bytes the objects of those may have: some 20,000 of 3 KB.
const KEPT_BYTES: usize = 64 << 20;
/// How many changes a watcher may be behind before it is given up, as the real one gives up slow watchers.
const BEHIND: usize = 200_000;

/// What a watcher is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) resource: ResourceName,
    pub(crate) namespace: Option<Arc<str>>,
    pub(crate) name: Option<Arc<str>>,
}

impl Scope {
    pub(crate) fn contains(&self, change: &Change) -> bool {
        let is = |wanted: &Option<Arc<str>>, value: &Arc<str>| wanted.as_ref().is_none_or(|wanted| wanted == value);
        self.resource == change.key.resource
            && is(&self.namespace, &change.key.namespace)
            && is(&self.name, &change.key.name)
    }
}

/// Where changes within a scope arrive; it ends when it was too far behind, or the store is gone.
pub(crate) type Watcher = mpsc::Receiver<Arc<Record>>;

#[derive(Debug)]
pub(crate) struct History {
    records: VecDeque<Arc<Record>>,
    /// How many bytes the objects in the records have.
    bytes: usize,
    /// The version of the last change, and the one before the first that is kept.
    version: u64,
    start: u64,
    watchers: Vec<(Scope, mpsc::Sender<Arc<Record>>)>,
}

impl History {
    pub(crate) fn new(version: u64) -> Self {
        Self { records: VecDeque::new(), bytes: 0, version, start: version, watchers: Vec::new() }
    }

    pub(crate) fn fork(&self) -> Self {
        let (records, watchers) = (self.records.clone(), Vec::new());
        Self { records, bytes: self.bytes, version: self.version, start: self.start, watchers }
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn record(&mut self, record: Record) {
        self.version = record.change.version;
        let record = Arc::new(record);
        self.watchers.retain(|(scope, sender)| {
            if scope.contains(&record.change) { sender.try_send(record.clone()).is_ok() } else { !sender.is_closed() }
        });
        self.bytes += record.change.object.len();
        self.records.push_back(record);
        while (self.records.len() > KEPT || self.bytes > KEPT_BYTES)
            && let Some(gone) = self.records.pop_front()
        {
            self.bytes -= gone.change.object.len();
            self.start = gone.change.version;
        }
    }

    pub(crate) fn since(&self, version: u64) -> Result<impl DoubleEndedIterator<Item = &Arc<Record>>, TooOld> {
        if version < self.start {
            return Err(TooOld { oldest: self.start });
        }
        let first = self.records.partition_point(|record| record.change.version <= version);
        Ok(self.records.range(first..))
    }

    pub(crate) fn watch(&mut self, scope: Scope) -> Watcher {
        let (sender, receiver) = mpsc::channel(BEHIND);
        self.watchers.push((scope, sender));
        receiver
    }
}
