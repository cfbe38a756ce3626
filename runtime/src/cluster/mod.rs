//! One Kubernetes cluster, asynchronously: what it serves, its objects, who owns which field, what differs.
//!
//! Nothing here knows of scripts, sessions or the boundary of a primitive; whoever calls it does the waiting. All time
//! comes from the [`Clock`], so the same code serves a live cluster and a simulated one: no timer of tokio's is used,
//! and a [`Cluster`] works on a runtime without `enable_time`.
//!
//! - [`Cluster::open`] reads kubeconfig files; [`Cluster::with_client`] takes a client made elsewhere.
//! - [`Cluster::kind`] finds a kind by any of its names; [`Cluster::resource`] names one object,
//!   [`Cluster::collection`] all of a kind.
//! - [`Cluster::get`], [`Cluster::list`], [`Cluster::apply`] and so on are the verbs, on plain JSON.
//! - [`Cluster::restore`] and [`Cluster::recreate`] undo, values and owners alike.
//! - [`Cluster::watch`] follows objects over disconnections and expired history.
//! - [`ownership`], [`fields`] and [`diff`] are functions on objects; [`schema`] knows how the API merges lists.
//!
//! ```no_run
//! # async fn example() -> windlass_runtime::Result<()> {
//! use std::sync::Arc;
//! use windlass_runtime::RealClock;
//! use windlass_runtime::cluster::ownership::{APPLY_MANAGER, Standing, intent_of, standing};
//! use windlass_runtime::cluster::{ApplyOptions, Cluster, OpenOptions, ResourceRef, WatchEvent};
//!
//! let cluster = Cluster::open(OpenOptions::default(), Arc::new(RealClock::new())).await?;
//! let id = cluster.resource(&ResourceRef::parse("deploy/web")?, Some("shop")).await?;
//! let manifest = serde_json::json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "web" } });
//! let intent = intent_of(&manifest, true);
//! let unchanged = match cluster.get(&id).await? {
//!     Some(live) => matches!(standing(&live, &intent, cluster.identity().await?), Standing::Unchanged { .. }),
//!     None => false,
//! };
//! if !unchanged {
//!     let options = ApplyOptions { manager: APPLY_MANAGER.into(), ..ApplyOptions::default() };
//!     cluster.apply(&id, &intent, &options).await?;
//! }
//! let mut watch = cluster.watch_object(&id);
//! while let WatchEvent::Snapshot(_) | WatchEvent::Applied(_) = watch.next().await? {}
//! # Ok(())
//! # }
//! ```

mod connect;
pub mod diff;
pub mod discovery;
mod exchange;
mod exec;
mod failure;
mod fence;
pub mod fields;
mod forward;
mod kubeconfig;
mod list;
mod note;
mod options;
pub mod ownership;
mod pod_log;
mod request;
mod resource;
mod restore;
mod retry;
pub mod schema;
#[cfg(test)]
mod testing;
mod transport;
mod watch;

use std::fmt;
use std::sync::Arc;

use tokio::sync::OnceCell;

pub use connect::OpenOptions;
pub use discovery::ApiKind;
pub use exec::{Command, Executed, Give, Take};
pub use failure::{ApiStatus, Cause, Failure, FieldConflict};
pub use fence::Fence;
pub use fields::{FieldPath, Segment};
pub use kubeconfig::ContextInfo;
pub use note::{Note, Observer, WarningNote};
pub use options::{
    ApplyOptions, DeleteOptions, Deleted, ListOptions, Listing, LogOptions, Patch, PatchOptions, Propagation, Selector,
    WriteOptions,
};
pub use pod_log::PodLog;
pub use resource::{Collection, ResourceId, ResourceRef};
pub use restore::former_values;
pub use retry::{RetryNote, RetryPolicy};
pub use watch::{Watch, WatchEvent};

use crate::clock::Clock;
use crate::error::{Error, Result};
use discovery::DiscoveryCache;
use schema::SchemaCache;
use transport::Upgrading;
use watch::WatchRegistry;

/// An object, or any part of one, as the API sends it; the order of fields is kept.
pub type Json = serde_json::Value;

/// One cluster: its client, its clock, and what has been learned about it. Clones share everything.
#[derive(Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
    observer: Option<Observer>,
    fence: Option<Arc<dyn Fence>>,
    /// The namespace of objects that name none, where it is not that of the context.
    namespace: Option<Arc<str>>,
}

struct Shared {
    name: String,
    server: Option<String>,
    namespace: String,
    client: kube::Client,
    upgrading: Upgrading,
    clock: Arc<dyn Clock>,
    retry: RetryPolicy,
    discovery: DiscoveryCache,
    schemas: SchemaCache,
    identity: OnceCell<String>,
    watches: WatchRegistry,
}

impl Cluster {
    /// A cluster behind a client made elsewhere, such as one over an in-process service.
    ///
    /// The client must not retry by itself (`default_retry = false`): retries are this module's.
    pub fn with_client(
        name: impl Into<String>,
        client: kube::Client,
        namespace: impl Into<String>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let upgrading = Upgrading::Made(client.clone());
        Self::assemble(name.into(), None, (client, upgrading), namespace.into(), clock, RetryPolicy::default())
    }

    fn assemble(
        name: String,
        server: Option<String>,
        (client, upgrading): (kube::Client, Upgrading),
        namespace: String,
        clock: Arc<dyn Clock>,
        retry: RetryPolicy,
    ) -> Self {
        let shared = Shared {
            name,
            server,
            namespace,
            client,
            upgrading,
            clock,
            retry,
            discovery: DiscoveryCache::default(),
            schemas: SchemaCache::default(),
            identity: OnceCell::new(),
            watches: WatchRegistry::default(),
        };
        Self { shared: Arc::new(shared), observer: None, fence: None, namespace: None }
    }

    /// The same cluster, with everything learned about it, where objects that name no namespace are in this one.
    #[must_use]
    pub fn in_namespace(&self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.into()), ..self.clone() }
    }

    /// The same cluster, with everything learned about it, whose retries and warnings are told to `observer`.
    #[must_use]
    pub fn observed(&self, observer: Observer) -> Self {
        Self { observer: Some(observer), ..self.clone() }
    }

    /// Its name: the kubeconfig's context.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The address of its API server, where it was opened by kubeconfig.
    #[must_use]
    pub fn server(&self) -> Option<&str> {
        self.shared.server.as_deref()
    }

    /// The namespace of objects that name none.
    #[must_use]
    pub fn default_namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(&self.shared.namespace)
    }

    /// The client underneath, for what this module does not cover.
    #[must_use]
    pub fn client(&self) -> &kube::Client {
        &self.shared.client
    }

    /// The client for connections that become something else than HTTP.
    async fn upgrading_client(&self) -> Result<kube::Client> {
        let client = self.shared.upgrading.client().await;
        client.map_err(|e| connect::unbuilt(self.name(), e))
    }

    /// The clock that its retries, timeouts and watches go by.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// What identifies the cluster, whatever it is called: the uid of its namespace `kube-system`. Asked for once.
    ///
    /// # Errors
    /// Whatever keeps that namespace from being read.
    pub async fn identity(&self) -> Result<&str> {
        let uid = self.shared.identity.get_or_try_init(|| async {
            let id = ResourceId::namespace_object(self.name(), "kube-system");
            let namespace = self.get(&id).await?.ok_or_else(|| self.without_identity())?;
            let uid = namespace.pointer("/metadata/uid").and_then(Json::as_str).map(str::to_owned);
            uid.ok_or_else(|| self.without_identity())
        });
        uid.await.map(String::as_str)
    }

    /// Its identity, where it has been asked for: see [`Cluster::identity`].
    #[must_use]
    pub fn known_identity(&self) -> Option<&str> {
        self.shared.identity.get().map(String::as_str)
    }

    fn without_identity(&self) -> Error {
        Error::new(
            crate::Kind::NotFound,
            format!("cluster {} has no namespace kube-system with a uid to know it by", self.name()),
        )
        .hint("is this a Kubernetes API server?")
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("name", &self.name()).field("namespace", &self.default_namespace()).finish()
    }
}
