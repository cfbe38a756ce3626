//! What tests share: a clock that stands still until it is moved, a few kinds.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::catalog::{Catalog, ResourceType, Subresource};
use crate::clock::Clock;

/// A clock that is moved by hand. It begins at 2030-01-01T00:00:00Z.
#[derive(Debug, Default)]
pub(crate) struct HandClock {
    now: Mutex<Duration>,
    moved: tokio::sync::Notify,
}

impl HandClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.now.lock().unwrap() += by;
        self.moved.notify_waiters();
    }
}

struct Shared(Arc<HandClock>);

/// The clock as the shadow takes it.
pub(crate) fn clock(hand: &Arc<HandClock>) -> Arc<dyn Clock> {
    Arc::new(Shared(hand.clone()))
}

impl Clock for Shared {
    fn now(&self) -> Duration {
        *self.0.now.lock().unwrap()
    }

    fn wall(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_second(1_893_456_000).unwrap() + self.now()
    }

    fn sleep_until(&self, at: Duration) -> BoxFuture<'static, ()> {
        let hand = self.0.clone();
        async move {
            loop {
                let moved = hand.moved.notified();
                if *hand.now.lock().unwrap() >= at {
                    return;
                }
                moved.await;
            }
        }
        .boxed()
    }
}

/// A kind without a schema.
pub(crate) fn kind(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> ResourceType {
    let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let name = if group.is_empty() { plural.to_owned() } else { format!("{plural}.{group}") };
    ResourceType {
        name: name.into(),
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
        plural: plural.into(),
        singular: kind.to_lowercase(),
        short_names: Vec::new(),
        categories: Vec::new(),
        namespaced,
        verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
            .map(String::from)
            .into(),
        subresources: vec![Subresource {
            name: "status".into(),
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            verbs: ["get", "patch", "update"].map(String::from).into(),
        }],
        schema: None,
        columns: Vec::new(),
        definition: None,
        storage_version: api_version,
    }
}

/// Some built-in kinds without their schemas.
pub(crate) fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let mut add =
        |group, version, name, plural, namespaced| catalog.insert(kind(group, version, name, plural, namespaced));
    add("", "v1", "Namespace", "namespaces", false);
    add("", "v1", "Pod", "pods", true);
    add("", "v1", "Event", "events", true);
    add("apps", "v1", "Deployment", "deployments", true);
    add("apps", "v1", "ReplicaSet", "replicasets", true);
    let mut settings = kind("", "v1", "ConfigMap", "configmaps", true);
    settings.subresources.clear();
    catalog.insert(settings);
    catalog
}
