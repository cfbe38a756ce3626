//! The controllers: what a cluster does by itself after a write.
//!
//! Each file is one controller. [`driver::Engine`] tells them what has changed and lets them act until nothing is left to do.

use std::time::Duration;

use crate::Json;
use crate::error::ApiError;
use crate::fault::Scene;
use crate::store::{Change, ChangeKind, Key};
use crate::world::{Objects, Writer};

mod api_service;
mod cronjob;
mod daemonset;
mod deployment;
mod disruption;
pub(crate) mod driver;
mod endpoints;
pub(crate) mod endpointslice;
pub(crate) mod fields;
mod garbage;
mod history;
mod hpa;
pub(crate) mod index;
mod job;
mod kubelet;
mod namespace;
mod node;
mod podgc;
mod pods;
mod quota;
mod replicaset;
pub(crate) mod selector;
mod service_account;
mod statefulset;
mod taints;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod ttl;
pub(crate) mod view;
mod volumes;

pub(crate) use view::View;

/// What is to be done about an object after this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing until something changes.
    Wait,
    /// Look again after this time: something will happen then.
    After(Duration),
    /// Look again after this time if anything else is still going on: repetition alone changes nothing that anybody waits
    /// for, so the virtual clock does not jump for its sake.
    Weakly(Duration),
}

impl Next {
    /// The earlier of two.
    pub(crate) fn or(self, other: Self) -> Self {
        let when = |next: Self| match next {
            Self::Wait => None,
            Self::After(after) | Self::Weakly(after) => Some(after),
        };
        match (when(self), when(other)) {
            (Some(a), Some(b)) if b < a => other,
            (Some(_), _) => self,
            (None, _) => other,
        }
    }
}

/// A change, read.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) kind: ChangeKind,
    pub(crate) key: Key,
    pub(crate) object: Json,
    /// What is known of the pod as it was before, where it is one.
    pub(crate) pod_before: Option<std::sync::Arc<view::Pod>>,
}

impl Seen {
    /// Whether it is about this resource.
    pub(crate) fn of(&self, resource: &str) -> bool {
        &*self.key.resource == resource
    }

    /// Whether the object is gone.
    pub(crate) fn gone(&self) -> bool {
        self.kind == ChangeKind::Deleted
    }
}

/// What a controller works with.
pub(crate) struct Context<'a> {
    pub(crate) world: &'a mut dyn Objects,
    /// Summaries of pods and nodes, as they were when the controller was called.
    pub(crate) view: &'a View,
    /// How long things take, and what is broken.
    pub(crate) scene: &'a Scene,
}

impl Context<'_> {
    /// Writes an object's status if it differs from what is there; says whether it did.
    pub(crate) fn set_status(
        &mut self,
        manager: &str,
        resource: &str,
        object: &Json,
        status: Json,
    ) -> Result<bool, ApiError> {
        if object["status"] == status {
            return Ok(false);
        }
        let mut new = object.clone();
        fields::put(&mut new, &["status"], status);
        self.world.update_status(&writer(manager), resource, new)?;
        Ok(true)
    }
}

/// One controller: a function from what there is to writes, called again and again.
pub(crate) trait Controller: Send {
    /// Such as `deployment-controller`: the component in Events.
    fn name(&self) -> &'static str;
    /// The resources whose changes matter to it; `*` for all but Events and Leases.
    fn watches(&self) -> &'static [&'static str];
    /// Which objects have to be looked at after a change.
    fn keys(&mut self, world: &dyn Objects, view: &View, change: &Seen) -> Vec<Key>;
    /// Whether it looks after objects that only the base has: where they say what is true of others, such as the endpoints of a
    /// Service.
    fn acts_below(&self) -> bool {
        false
    }
    /// Looks at one object, and brings the world one step nearer to what it asks for. Idempotent. A conflict is repeated by
    /// whoever calls.
    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError>;
}

/// A world whose changes can be followed: what the [`driver::Engine`] needs besides [`Objects`].
pub(crate) trait Cluster: Objects {
    /// The newest entry of the history.
    fn version(&self) -> u64;
    /// The history's entries after this one, in order; nothing where they are no longer known.
    fn changes_after(&self, version: u64) -> Option<Vec<Change>>;
    /// The resources of which there are objects, sorted: `pods`, `deployments.apps`.
    fn resources(&self) -> Vec<crate::catalog::ResourceName>;
    /// Whether the object is the base's alone.
    fn is_below(&self, key: &Key) -> bool;
}

impl Cluster for crate::world::World {
    fn version(&self) -> u64 {
        self.store.version()
    }

    fn changes_after(&self, version: u64) -> Option<Vec<Change>> {
        let records = self.store.changes_since(version).ok()?;
        Some(records.map(|record| record.change.clone()).collect())
    }

    fn resources(&self) -> Vec<crate::catalog::ResourceName> {
        self.store.resources()
    }

    fn is_below(&self, key: &Key) -> bool {
        self.store.is_below(key)
    }
}

/// The manager of almost all controllers' writes.
pub(crate) const MANAGER: &str = "kube-controller-manager";

/// Who writes.
pub(crate) fn writer(manager: &str) -> Writer {
    Writer { manager: manager.to_owned(), ..Writer::default() }
}

/// Whether the API said that it is not there (any more).
pub(crate) fn is_gone(error: &ApiError) -> bool {
    error.code == 404
}

/// Takes "not found" for done.
pub(crate) fn unless_gone(result: Result<(), ApiError>) -> Result<(), ApiError> {
    match result {
        Err(error) if is_gone(&error) => Ok(()),
        other => other,
    }
}

/// Those of the API server itself, which work where nothing else does.
fn of_api_server() -> Vec<Box<dyn Controller>> {
    vec![Box::new(crate::crd::CustomResources), Box::new(api_service::ApiServices)]
}

/// All of them, in the order in which they are asked.
fn all() -> Vec<Box<dyn Controller>> {
    let mut all = of_api_server();
    all.extend(of_cluster());
    all
}

fn of_cluster() -> Vec<Box<dyn Controller>> {
    vec![
        Box::new(namespace::Namespaces),
        Box::new(service_account::ServiceAccounts),
        Box::new(garbage::Garbage),
        Box::new(node::Nodes::default()),
        Box::new(taints::Evictions::default()),
        Box::new(podgc::PodGarbage::default()),
        Box::new(deployment::Deployments::default()),
        Box::new(replicaset::ReplicaSets::of_sets()),
        Box::new(replicaset::ReplicaSets::of_controllers()),
        Box::new(statefulset::StatefulSets),
        Box::new(daemonset::DaemonSets::default()),
        Box::new(job::Jobs::default()),
        Box::new(ttl::FinishedJobs),
        Box::new(cronjob::CronJobs),
        Box::new(volumes::Claims::default()),
        Box::new(volumes::release::Volumes),
        Box::new(volumes::protect::Protection),
        Box::new(crate::scheduler::Scheduler::default()),
        Box::new(kubelet::Kubelet::default()),
        Box::new(endpoints::Endpoints::default()),
        Box::new(endpointslice::EndpointSlices::default()),
        Box::new(disruption::Budgets),
        Box::new(quota::Quotas),
        Box::new(hpa::Autoscalers),
    ]
}
