//! All objects of a cluster, kept up to date by watches.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::{Error, Json};

/// What is watched: kinds, and the path of all their objects.
const KINDS: [(&str, &str); 22] = [
    ("Namespace", "/api/v1/namespaces"),
    ("Pod", "/api/v1/pods"),
    ("Service", "/api/v1/services"),
    ("Endpoints", "/api/v1/endpoints"),
    ("ConfigMap", "/api/v1/configmaps"),
    ("ServiceAccount", "/api/v1/serviceaccounts"),
    ("PersistentVolumeClaim", "/api/v1/persistentvolumeclaims"),
    ("PersistentVolume", "/api/v1/persistentvolumes"),
    ("ReplicationController", "/api/v1/replicationcontrollers"),
    ("ResourceQuota", "/api/v1/resourcequotas"),
    ("Event", "/api/v1/events"),
    ("Deployment", "/apis/apps/v1/deployments"),
    ("ReplicaSet", "/apis/apps/v1/replicasets"),
    ("StatefulSet", "/apis/apps/v1/statefulsets"),
    ("DaemonSet", "/apis/apps/v1/daemonsets"),
    ("ControllerRevision", "/apis/apps/v1/controllerrevisions"),
    ("Job", "/apis/batch/v1/jobs"),
    ("CronJob", "/apis/batch/v1/cronjobs"),
    ("PodDisruptionBudget", "/apis/policy/v1/poddisruptionbudgets"),
    ("HorizontalPodAutoscaler", "/apis/autoscaling/v2/horizontalpodautoscalers"),
    ("EndpointSlice", "/apis/discovery.k8s.io/v1/endpointslices"),
    ("Node", "/api/v1/nodes"),
];

/// Kind, namespace, name.
type Key = (&'static str, String, String);

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<Key, Json>,
    /// How often something has changed, by namespace.
    changes: BTreeMap<String, u64>,
}

/// The objects of a cluster.
#[derive(Clone)]
pub struct Mirror {
    state: Arc<Mutex<State>>,
    changed: Arc<watch::Sender<()>>,
}

impl Mirror {
    /// Begins to watch a cluster, for as long as the runtime lives.
    #[must_use]
    pub fn of(cluster: &Cluster) -> Self {
        let mirror = Self { state: Arc::default(), changed: Arc::new(watch::Sender::new(())) };
        for (kind, path) in KINDS {
            let (cluster, mirror) = (cluster.clone(), mirror.clone());
            tokio::spawn(async move { mirror.follow(&cluster, kind, path).await });
        }
        mirror
    }

    async fn follow(&self, cluster: &Cluster, kind: &'static str, path: &str) -> Result<(), Error> {
        loop {
            cluster.follow(&format!("{path}?watch=true"), |event| self.take(kind, event)).await?;
            // The server ends watches now and then; the next one begins with all there is.
            self.lock().objects.retain(|(of, _, _), _| *of != kind);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, kind: &'static str, event: Json) {
        let object = event.get("object").cloned().unwrap_or_default();
        let text = |pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
        let name = text("/metadata/name");
        let namespace = match kind {
            "Namespace" => name.clone(),
            "PersistentVolume" => text("/spec/claimRef/namespace"),
            _ => text("/metadata/namespace"),
        };
        let mut state = self.lock();
        *state.changes.entry(namespace.clone()).or_default() += 1;
        if event["type"] == "DELETED" {
            state.objects.remove(&(kind, namespace, name));
        } else {
            state.objects.insert((kind, namespace, name), object);
        }
        drop(state);
        self.changed.send_replace(());
    }

    /// How often something has changed in a namespace; an empty one is for what is in none.
    #[must_use]
    pub fn changes(&self, namespace: &str) -> u64 {
        self.lock().changes.get(namespace).copied().unwrap_or_default()
    }

    /// The objects of a namespace, with their kinds.
    #[must_use]
    pub fn objects(&self, namespace: &str) -> Vec<(&'static str, Json)> {
        let state = self.lock();
        let ours = state.objects.iter().filter(|((_, of, _), _)| of == namespace);
        ours.map(|((kind, _, _), object)| (*kind, object.clone())).collect()
    }

    /// Tells of changes.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}
