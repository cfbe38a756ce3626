//! A cluster for tests: the world, controllers, and a clock that is moved by hand.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::driver::{Engine, Idle};
use super::fields::{put, text};
use super::writer;
use crate::Json;
use crate::catalog::Catalog;
use crate::fault::{Fault, Scene};
use crate::testing::{HandClock, clock};
use crate::topology::Topology;
use crate::world::{Deletion, Objects, Propagation, World};

/// A cluster for tests.
pub(crate) struct Test {
    pub(crate) world: World,
    pub(crate) engine: Engine,
    hand: Arc<HandClock>,
    last: Idle,
}

impl Test {
    /// With so many nodes.
    pub(crate) fn new(nodes: usize) -> Self {
        Self::of(Topology::of(nodes), Scene::default())
    }

    pub(crate) fn of(topology: Topology, scene: Scene) -> Self {
        let hand = HandClock::new();
        let mut world = World::new(7, clock(&hand), Catalog::builtin(), None);
        world.begin();
        for node in topology.objects(world.wall()) {
            world.join(node).unwrap();
        }
        let mut test = Self { world, engine: Engine::new(scene), hand, last: Idle::default() };
        test.settle();
        test
    }

    /// Lets the controllers act, without any time.
    pub(crate) fn settle(&mut self) -> &Idle {
        self.last = self.engine.run(&mut self.world);
        while self.last.strong == Some(self.world.now()) {
            self.last = self.engine.run(&mut self.world);
        }
        assert_eq!(self.last.endless, Vec::<String>::new());
        // A quota or a namespace that ends may refuse; nothing that a controller writes is wrong in itself.
        let wrong: Vec<_> = self.engine.refused.iter().filter(|(_, error)| error.code != 403).collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
        &self.last
    }

    /// Lets time pass.
    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.world.now() + time;
        loop {
            let next = [self.last.strong, self.last.weak].into_iter().flatten().min();
            let now = self.world.now();
            let at = next.map_or(end, |at| at.max(now)).min(end);
            self.hand.advance(at - now);
            self.settle();
            let due = [self.last.strong, self.last.weak].into_iter().flatten().any(|at| at <= end);
            if at == end && !due {
                return;
            }
        }
    }

    pub(crate) fn seconds(&mut self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// Lets time pass until nothing is left that would happen by itself; says how long that took.
    pub(crate) fn finish(&mut self) -> Duration {
        let start = self.world.now();
        self.settle();
        while let Some(at) = self.last.strong {
            let now = self.world.now();
            assert!(now < start + Duration::from_secs(86_400), "it never ends");
            self.hand.advance(at.max(now) - now);
            self.settle();
        }
        self.world.now() - start
    }

    pub(crate) fn inject(&mut self, fault: &str) {
        self.engine.inject(fault.parse::<Fault>().unwrap());
        self.settle();
    }

    pub(crate) fn mend(&mut self, fault: &str) {
        self.engine.mend(&fault.parse::<Fault>().unwrap());
        self.settle();
    }

    /// Creates an object in the namespace `default`, unless it says another.
    pub(crate) fn create(&mut self, resource: &str, mut object: Json) -> Json {
        let namespaced = self.world.stored_type(resource).unwrap().namespaced;
        if namespaced && object["metadata"]["namespace"].is_null() {
            put(&mut object, &["metadata", "namespace"], "default");
        }
        let made = self.world.create(&writer("test"), resource, object).unwrap();
        self.settle();
        Json::clone(&made)
    }

    pub(crate) fn get(&self, resource: &str, name: &str) -> Json {
        self.find(resource, name).unwrap_or_else(|| panic!("{resource} {name} is not there"))
    }

    pub(crate) fn find(&self, resource: &str, name: &str) -> Option<Json> {
        let found = self.world.get(resource, "default", name).or_else(|| self.world.get(resource, "", name));
        found.map(|found| Json::clone(&found))
    }

    pub(crate) fn find_in(&self, namespace: &str, resource: &str, name: &str) -> Option<Json> {
        self.world.get(resource, namespace, name).map(|found| Json::clone(&found))
    }

    pub(crate) fn get_in(&self, namespace: &str, resource: &str, name: &str) -> Json {
        self.find_in(namespace, resource, name).unwrap_or_else(|| panic!("{resource} {namespace}/{name} is not there"))
    }

    pub(crate) fn list(&self, resource: &str) -> Vec<Json> {
        self.world.list(resource, None).iter().map(|object| Json::clone(object)).collect()
    }

    /// Changes a field of an object.
    pub(crate) fn set(&mut self, resource: &str, name: &str, path: &[&str], value: impl Into<Json>) {
        let namespace = text(&self.get(resource, name)["metadata"]["namespace"]).to_owned();
        self.set_in(&namespace, resource, name, path, value);
    }

    pub(crate) fn set_in(
        &mut self,
        namespace: &str,
        resource: &str,
        name: &str,
        path: &[&str],
        value: impl Into<Json>,
    ) {
        let mut object = self.get_in(namespace, resource, name);
        put(&mut object, path, value);
        self.world.update(&writer("test"), resource, object).unwrap();
        self.settle();
    }

    pub(crate) fn delete(&mut self, resource: &str, name: &str) {
        self.delete_with(resource, name, None);
    }

    pub(crate) fn delete_with(&mut self, resource: &str, name: &str, propagation: Option<Propagation>) {
        let namespace = text(&self.get(resource, name)["metadata"]["namespace"]).to_owned();
        self.delete_in(&namespace, resource, name, propagation);
    }

    pub(crate) fn delete_in(&mut self, namespace: &str, resource: &str, name: &str, propagation: Option<Propagation>) {
        let deletion = Deletion { propagation, ..Deletion::default() };
        self.world.delete(&writer("test"), resource, namespace, name, &deletion).unwrap();
        self.settle();
    }

    /// What controllers were refused, other than by conflicts, and by namespaces that end.
    pub(crate) fn refused(&self) -> Vec<String> {
        let refused = self.engine.refused.iter().filter(|(_, error)| !super::pods::namespace_ends(error));
        refused.map(|(what, error)| format!("{what}: {}", error.message)).collect()
    }

    /// The names of the pods, with their phase and whether they are ready.
    pub(crate) fn pods(&self) -> Vec<(String, String, bool)> {
        let of = |pod: &Json| {
            let name = text(&pod["metadata"]["name"]).to_owned();
            (name, text(&pod["status"]["phase"]).to_owned(), super::fields::is_true(&pod["status"], "Ready"))
        };
        self.list("pods").iter().map(of).collect()
    }

    /// How many pods are ready.
    pub(crate) fn ready(&self) -> usize {
        self.pods().iter().filter(|(_, _, ready)| *ready).count()
    }

    /// The Events about an object: reason and message.
    pub(crate) fn events(&self, name: &str) -> Vec<(String, String)> {
        let about = |event: &Json| event["involvedObject"]["name"] == name;
        let both = |event: &Json| (text(&event["reason"]).to_owned(), text(&event["message"]).to_owned());
        self.list("events").iter().filter(|event| about(event)).map(both).collect()
    }

    pub(crate) fn has_event(&self, name: &str, reason: &str, message: &str) -> bool {
        self.events(name).iter().any(|(r, m)| r == reason && m == message)
    }
}

/// A template of pods with one container, as the API server completes it.
pub(crate) fn template(app: &str, image: &str) -> Json {
    json!({
        "metadata": {"labels": {"app": app}},
        "spec": {
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
            "containers": [{"name": "main", "image": image, "imagePullPolicy": "IfNotPresent", "resources": {}}],
        },
    })
}

/// A Deployment with the defaults that the API server fills in.
pub(crate) fn deployment(name: &str, replicas: i64, image: &str) -> Json {
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name, image),
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
            "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600,
        },
    })
}

/// A StatefulSet with the defaults that the API server fills in.
pub(crate) fn stateful_set(name: &str, replicas: i64, image: &str) -> Json {
    json!({
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template(name, image),
            "serviceName": name, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10,
            "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
        },
    })
}

/// A pod.
pub(crate) fn pod(name: &str, image: &str) -> Json {
    let template = template(name, image);
    json!({"metadata": {"name": name, "labels": {"app": name}}, "spec": template["spec"]})
}
