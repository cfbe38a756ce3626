//! Following objects as they change.
//!
//! Whoever watches the same objects at the same time shares one connection: a hub keeps their present state for those
//! who join later. The hub's task ends with its last [`Watch`].

mod follow;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;

use super::options::Selector;
use super::resource::{Collection, ResourceId};
use super::{Cluster, Json};
use crate::error::{Error, Result};
use follow::Follow;

/// What a [`Watch`] tells.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum WatchEvent {
    /// All objects as they are now: the first event, and again whenever the history in between is lost. What is not in
    /// it is gone.
    Snapshot(Vec<Json>),
    /// An object was created or changed, or is selected from now on.
    Applied(Json),
    /// An object was deleted, or is no longer selected; its last state.
    Deleted(Json),
    /// The connection is lost, and why; it is being made again. Told once.
    Disconnected(String),
    /// The connection is back. What happened in between follows.
    Reconnected,
}

/// A stream of [`WatchEvent`]s without gaps: it goes on over disconnections and expired history until it is dropped.
///
/// Dropping the future of [`Watch::next`] loses nothing.
#[derive(Debug)]
pub struct Watch {
    cluster: Cluster,
    topic: Topic,
    joined: Option<(Arc<Hub>, UnboundedReceiver<Told>)>,
    failed: Option<Error>,
}

impl Watch {
    /// The next event. Nothing is sent to the API server before the first call.
    ///
    /// # Errors
    /// What no reconnection mends: a refused right, a kind that is not served, a selector that is wrong. After it, the
    /// same error again.
    pub async fn next(&mut self) -> Result<WatchEvent> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let (_, events) = self.joined.get_or_insert_with(|| self.cluster.join(&self.topic));
        let told = match events.recv().await {
            Some(told) => told,
            None => Err(Error::internal(format!("the watch of {} has ended", self.topic.0))),
        };
        if let Err(error) = &told {
            self.failed = Some(error.clone());
            self.joined = None;
        }
        told
    }
}

impl Cluster {
    /// Watches the objects of a collection that are selected.
    #[must_use]
    pub fn watch(&self, of: &Collection, selector: Selector) -> Watch {
        Watch { cluster: self.clone(), topic: (of.clone(), selector), joined: None, failed: None }
    }

    /// Watches one object.
    #[must_use]
    pub fn watch_object(&self, id: &ResourceId) -> Watch {
        self.watch(&id.collection(), Selector::name(&id.name))
    }

    fn join(&self, topic: &Topic) -> (Arc<Hub>, UnboundedReceiver<Told>) {
        let mut hubs = lock(&self.shared.watches.0);
        if let Some(hub) = hubs.get(topic).and_then(Weak::upgrade)
            && let Some(events) = hub.subscribe()
        {
            return (hub, events);
        }
        hubs.retain(|_, hub| hub.strong_count() > 0);
        let hub = Arc::new(Hub::default());
        let follow = Follow::new(self.clone(), topic.0.clone(), topic.1.clone());
        // A task, not a future of one of the watchers: each of them may stop being polled at any time.
        let task = tokio::spawn(pump(follow, Arc::downgrade(&hub)));
        lock(&hub.state).task = Some(task.abort_handle());
        hubs.insert(topic.clone(), Arc::downgrade(&hub));
        let events = hub.subscribe().unwrap_or_else(|| unbounded_channel().1);
        (hub, events)
    }
}

type Topic = (Collection, Selector);
type Told = Result<WatchEvent>;

/// The hubs that are running.
#[derive(Debug, Default)]
pub(crate) struct WatchRegistry(Mutex<HashMap<Topic, Weak<Hub>>>);

#[derive(Debug, Default)]
struct Hub {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By namespace and name; none before the first list.
    objects: Option<BTreeMap<(String, String), Json>>,
    disconnected: Option<String>,
    over: bool,
    watchers: Vec<UnboundedSender<Told>>,
    task: Option<AbortHandle>,
}

impl Hub {
    /// None if the hub has failed.
    fn subscribe(&self) -> Option<UnboundedReceiver<Told>> {
        let mut state = lock(&self.state);
        if state.over {
            return None;
        }
        let (sender, receiver) = unbounded_channel();
        if let Some(objects) = &state.objects {
            // The receiver is at hand: sending cannot fail.
            let _ = sender.send(Ok(WatchEvent::Snapshot(objects.values().cloned().collect())));
        }
        if let Some(reason) = &state.disconnected {
            let _ = sender.send(Ok(WatchEvent::Disconnected(reason.clone())));
        }
        state.watchers.push(sender);
        Some(receiver)
    }

    fn tell(&self, told: &Told) {
        let mut state = lock(&self.state);
        match told {
            Ok(WatchEvent::Snapshot(objects)) => {
                state.objects = Some(objects.iter().map(|o| (key(o), o.clone())).collect());
            }
            Ok(WatchEvent::Applied(object)) => {
                state.objects.get_or_insert_default().insert(key(object), object.clone());
            }
            Ok(WatchEvent::Deleted(object)) => {
                state.objects.get_or_insert_default().remove(&key(object));
            }
            Ok(WatchEvent::Disconnected(reason)) => state.disconnected = Some(reason.clone()),
            Ok(WatchEvent::Reconnected) => state.disconnected = None,
            Err(_) => state.over = true,
        }
        state.watchers.retain(|watcher| watcher.send(told.clone()).is_ok());
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.state).task.take() {
            task.abort();
        }
    }
}

async fn pump(mut follow: Follow, hub: Weak<Hub>) {
    loop {
        let told = follow.next().await;
        let Some(hub) = hub.upgrade() else { return };
        hub.tell(&told);
        if told.is_err() {
            return;
        }
    }
}

fn key(object: &Json) -> (String, String) {
    let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
    (text("/metadata/namespace"), text("/metadata/name"))
}

/// What these locks guard is whole after each statement: a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
