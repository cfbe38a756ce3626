//! Somebody else who works on the cluster, beside what is tested.

use std::time::Duration;

use serde_json::Value as Json;
use windlass_runtime::cluster::{
    ApplyOptions, Cluster, DeleteOptions, ListOptions, Patch, PatchOptions, ResourceId, ResourceRef, WatchEvent,
    WriteOptions,
};

/// The field managers that kubectl has for what it is asked to do.
const CREATES: &str = "kubectl-create";
const PATCHES: &str = "kubectl-patch";

/// Somebody else who works on the cluster: an administrator, with kubectl's field managers. An object is named as scripts
/// name it, `cm/c`; what is cluster-wide is in the namespace `""`.
#[derive(Debug, Clone)]
pub struct Other {
    pub(crate) cluster: Cluster,
}

impl Other {
    async fn id(&self, what: &str, namespace: &str) -> ResourceId {
        let namespace = (!namespace.is_empty()).then_some(namespace);
        self.cluster.resource(&ResourceRef::parse(what).unwrap(), namespace).await.unwrap()
    }

    async fn id_of(&self, object: &Json, namespace: &str) -> ResourceId {
        let namespace = (!namespace.is_empty()).then_some(namespace);
        self.cluster.identify_object(object, namespace).await.unwrap()
    }

    /// An object, if it is there.
    pub async fn find(&self, what: &str, namespace: &str) -> Option<Json> {
        self.cluster.get(&self.id(what, namespace).await).await.unwrap()
    }

    /// All objects of a kind in a namespace.
    pub async fn list(&self, kind: &str, namespace: &str) -> Vec<Json> {
        let place = (!namespace.is_empty()).then_some(namespace);
        let all = self.cluster.collection(kind, place, false).await.unwrap();
        self.cluster.list(&all, &ListOptions::default()).await.unwrap().items
    }

    /// All objects of a kind in all namespaces.
    pub async fn list_everywhere(&self, kind: &str) -> Vec<Json> {
        let all = self.cluster.collection(kind, None, true).await.unwrap();
        self.cluster.list(&all, &ListOptions::default()).await.unwrap().items
    }

    /// Makes an object.
    pub async fn create(&self, namespace: &str, object: Json) -> Json {
        let options = WriteOptions { manager: CREATES.into(), dry_run: false };
        self.cluster.create(&self.id_of(&object, namespace).await, &object, &options).await.unwrap()
    }

    /// Applies an object as this manager, over all others.
    pub async fn apply_as(&self, manager: &str, namespace: &str, object: Json) -> Json {
        let options = ApplyOptions { manager: manager.into(), force: true, ..ApplyOptions::default() };
        self.cluster.apply(&self.id_of(&object, namespace).await, &object, &options).await.unwrap()
    }

    /// Changes an object by a merge patch.
    pub async fn patch(&self, what: &str, namespace: &str, patch: Json) -> Json {
        self.patch_as(PATCHES, what, namespace, Patch::Merge(patch)).await
    }

    /// Changes an object as this manager.
    pub async fn patch_as(&self, manager: &str, what: &str, namespace: &str, patch: Patch) -> Json {
        let options = PatchOptions { manager: manager.into(), ..PatchOptions::default() };
        self.cluster.patch(&self.id(what, namespace).await, &patch, &options).await.unwrap()
    }

    /// Deletes an object, and does not wait until it is gone.
    pub async fn begin_to_delete(&self, what: &str, namespace: &str) {
        self.cluster.delete(&self.id(what, namespace).await, &DeleteOptions::default()).await.unwrap();
    }

    /// Deletes an object, and waits until it is gone.
    pub async fn delete(&self, what: &str, namespace: &str) {
        self.begin_to_delete(what, namespace).await;
        self.until(what, namespace, |object| object.is_none()).await;
    }

    /// Waits for a state of an object, which may be that it is not there.
    pub async fn until(&self, what: &str, namespace: &str, done: impl Fn(Option<&Json>) -> bool) {
        let mut watch = self.cluster.watch_object(&self.id(what, namespace).await);
        loop {
            let is_done = match watch.next().await.unwrap() {
                WatchEvent::Snapshot(all) => done(all.first()),
                WatchEvent::Applied(object) => done(Some(&object)),
                WatchEvent::Deleted(_) => done(None),
                _ => false,
            };
            if is_done {
                return;
            }
        }
    }

    /// Waits until a Deployment has rolled out.
    pub async fn until_rolled_out(&self, what: &str, namespace: &str) {
        let is_out = |object: &Json| {
            let number = |pointer: &str| object.pointer(pointer).and_then(Json::as_u64).unwrap_or_default();
            let wanted = number("/spec/replicas");
            number("/status/observedGeneration") == number("/metadata/generation")
                && ["updatedReplicas", "availableReplicas", "replicas"]
                    .iter()
                    .all(|name| number(&format!("/status/{name}")) == wanted)
        };
        self.until(what, namespace, |object| object.is_some_and(is_out)).await;
    }

    /// Lets time pass: the cluster's.
    pub async fn sleep(&self, time: Duration) {
        self.cluster.clock().sleep(time).await;
    }
}
