//! What controllers and the scheduler look at again and again, kept small and by index: pods and nodes.
//!
//! The store holds bytes; reading 5,000 pods at each of 5,000 changes would be far too slow.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::Seen;
use super::fields::{Labels, condition, int, items, labels, text, time};
use super::index::Index;
use crate::Json;
use crate::object;
use crate::quantity::milli;

/// Where a pod is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Pending,
    Unknown,
    Running,
    Succeeded,
    Failed,
}

/// Who controls an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// Amounts by resource, in thousandths.
pub(crate) type Amounts = BTreeMap<String, i128>;

/// A port of the node that a pod occupies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostPort {
    pub(crate) address: String,
    pub(crate) protocol: String,
    pub(crate) port: i64,
}

/// What is kept of a pod.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) labels: Labels,
    pub(crate) owner: Option<Owner>,
    /// Empty until it is scheduled.
    pub(crate) node: String,
    pub(crate) phase: Phase,
    pub(crate) ready: bool,
    /// Since when its readiness is as it is.
    pub(crate) ready_since: Option<Timestamp>,
    pub(crate) created: Timestamp,
    pub(crate) deleting: bool,
    pub(crate) restarts: i64,
    pub(crate) deletion_cost: i64,
    pub(crate) ip: String,
    pub(crate) priority: i64,
    pub(crate) requests: Amounts,
    pub(crate) host_ports: Vec<HostPort>,
    /// The claims that its volumes name.
    pub(crate) claims: Vec<String>,
    pub(crate) gated: bool,
    /// The finalizers of its metadata.
    pub(crate) finalizers: Vec<String>,
    /// What the scheduler reads of the spec: nodeSelector, affinity, tolerations, topologySpreadConstraints.
    pub(crate) spec: Json,
}

impl Pod {
    /// Reads a pod.
    pub(crate) fn read(pod: &Json) -> Self {
        let (meta, spec, status) = (&pod["metadata"], &pod["spec"], &pod["status"]);
        let ready = condition(status, "Ready");
        let owner = object::controller_of(pod).map(|owner| Owner {
            kind: text(&owner["kind"]).to_owned(),
            name: text(&owner["name"]).to_owned(),
            uid: text(&owner["uid"]).to_owned(),
        });
        let mut kept = json!({});
        for field in ["nodeSelector", "affinity", "tolerations", "topologySpreadConstraints"] {
            if !spec[field].is_null() {
                kept[field] = spec[field].clone();
            }
        }
        Self {
            namespace: text(&meta["namespace"]).to_owned(),
            name: text(&meta["name"]).to_owned(),
            uid: text(&meta["uid"]).to_owned(),
            labels: labels(&meta["labels"]),
            owner,
            node: text(&spec["nodeName"]).to_owned(),
            phase: match text(&status["phase"]) {
                "Running" => Phase::Running,
                "Succeeded" => Phase::Succeeded,
                "Failed" => Phase::Failed,
                "Unknown" => Phase::Unknown,
                _ => Phase::Pending,
            },
            ready: ready.is_some_and(|c| c["status"] == "True"),
            ready_since: ready.and_then(|c| time(&c["lastTransitionTime"])),
            created: time(&meta["creationTimestamp"]).unwrap_or(Timestamp::UNIX_EPOCH),
            deleting: object::is_deleting(pod),
            restarts: items(&status["containerStatuses"]).iter().map(|c| int(&c["restartCount"])).max().unwrap_or(0),
            deletion_cost: object::annotation(pod, "controller.kubernetes.io/pod-deletion-cost")
                .and_then(|cost| cost.parse().ok())
                .unwrap_or(0),
            ip: text(&status["podIP"]).to_owned(),
            priority: int(&spec["priority"]),
            requests: requests(spec),
            host_ports: host_ports(spec),
            claims: claims(text(&meta["name"]), spec),
            gated: !items(&spec["schedulingGates"]).is_empty(),
            finalizers: items(&meta["finalizers"]).iter().map(|f| text(f).to_owned()).collect(),
            spec: kept,
        }
    }

    /// Neither finished nor on its way out.
    pub(crate) fn active(&self) -> bool {
        !self.finished() && !self.deleting
    }

    /// Its containers have ended for good.
    pub(crate) fn finished(&self) -> bool {
        matches!(self.phase, Phase::Succeeded | Phase::Failed)
    }

    /// Ready for so many seconds.
    pub(crate) fn available(&self, min_ready: i64, now: Timestamp) -> bool {
        self.ready
            && (min_ready == 0
                || self.ready_since.is_some_and(|since| now.as_second() - since.as_second() >= min_ready))
    }
}

/// What a pod asks for: its containers together, or its greediest init container.
pub(crate) fn requests(spec: &Json) -> Amounts {
    let mut sum = Amounts::new();
    for container in items(&spec["containers"]) {
        add(&mut sum, &container["resources"]["requests"]);
    }
    // Sidecars stay beside what starts after them.
    let mut beside = Amounts::new();
    let mut peak = Amounts::new();
    for container in items(&spec["initContainers"]) {
        let asked = &container["resources"]["requests"];
        if container["restartPolicy"] == "Always" {
            add(&mut sum, asked);
            add(&mut beside, asked);
            raise(&mut peak, &beside);
        } else {
            let mut now = beside.clone();
            add(&mut now, asked);
            raise(&mut peak, &now);
        }
    }
    raise(&mut sum, &peak);
    for (name, value) in spec["resources"]["requests"].as_object().into_iter().flatten() {
        sum.insert(name.clone(), milli(value).unwrap_or(0));
    }
    add(&mut sum, &spec["overhead"]);
    sum
}

/// Adds a resource list.
pub(crate) fn add(sum: &mut Amounts, list: &Json) {
    for (name, value) in list.as_object().into_iter().flatten() {
        *sum.entry(name.clone()).or_default() += milli(value).unwrap_or(0);
    }
}

fn raise(sum: &mut Amounts, other: &Amounts) {
    for (name, value) in other {
        let entry = sum.entry(name.clone()).or_default();
        *entry = (*entry).max(*value);
    }
}

fn host_ports(spec: &Json) -> Vec<HostPort> {
    let sidecars = items(&spec["initContainers"]).iter().filter(|c| c["restartPolicy"] == "Always");
    let ports = items(&spec["containers"]).iter().chain(sidecars).flat_map(|c| items(&c["ports"]));
    let taken = ports.filter(|port| int(&port["hostPort"]) > 0);
    taken
        .map(|port| HostPort {
            address: match text(&port["hostIP"]) {
                "" => "0.0.0.0".to_owned(),
                said => said.to_owned(),
            },
            protocol: match text(&port["protocol"]) {
                "" => "TCP".to_owned(),
                said => said.to_owned(),
            },
            port: int(&port["hostPort"]),
        })
        .collect()
}

fn claims(pod: &str, spec: &Json) -> Vec<String> {
    let volumes = items(&spec["volumes"]).iter();
    let named = volumes.filter_map(|volume| {
        if volume["ephemeral"].is_object() {
            return Some(format!("{pod}-{}", text(&volume["name"])));
        }
        volume["persistentVolumeClaim"]["claimName"].as_str().map(str::to_owned)
    });
    named.collect()
}

/// What is kept of a node.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) taints: Vec<Json>,
    pub(crate) unschedulable: bool,
    pub(crate) ready: bool,
    pub(crate) allocatable: Amounts,
    /// What the pods on it ask for.
    pub(crate) requested: Amounts,
    /// How many pods are on it.
    pub(crate) pods: usize,
    pub(crate) host_ports: Vec<HostPort>,
}

impl Node {
    fn read(node: &Json) -> Self {
        let mut allocatable = Amounts::new();
        add(&mut allocatable, &node["status"]["allocatable"]);
        Self {
            name: object::name(node).to_owned(),
            labels: labels(&node["metadata"]["labels"]),
            taints: items(&node["spec"]["taints"]).to_vec(),
            unschedulable: node["spec"]["unschedulable"] == true,
            ready: condition(&node["status"], "Ready").is_some_and(|c| c["status"] == "True"),
            allocatable,
            requested: Amounts::new(),
            pods: 0,
            host_ports: Vec::new(),
        }
    }

    fn take(&mut self, pod: &Pod) {
        self.pods += 1;
        for (name, amount) in &pod.requests {
            *self.requested.entry(name.clone()).or_default() += amount;
        }
        self.host_ports.extend(pod.host_ports.iter().cloned());
    }

    fn give_back(&mut self, pod: &Pod) {
        self.pods = self.pods.saturating_sub(1);
        for (name, amount) in &pod.requests {
            *self.requested.entry(name.clone()).or_default() -= amount;
        }
        for port in &pod.host_ports {
            if let Some(at) = self.host_ports.iter().position(|taken| taken == port) {
                self.host_ports.swap_remove(at);
            }
        }
    }
}

type PodKey = (String, String);

/// Pods and nodes by what they are looked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pods: BTreeMap<PodKey, Arc<Pod>>,
    by_owner: BTreeMap<String, BTreeSet<PodKey>>,
    by_node: BTreeMap<String, BTreeSet<PodKey>>,
    by_claim: BTreeMap<PodKey, BTreeSet<PodKey>>,
    orphans: BTreeSet<PodKey>,
    /// Pods with required anti-affinity: others have to respect it.
    repelling: BTreeSet<PodKey>,
    /// How many pods of an owner a node has.
    spread: BTreeMap<String, BTreeMap<String, usize>>,
    nodes: BTreeMap<String, Node>,
    /// All objects, with their owners.
    pub(crate) index: Index,
}

impl View {
    /// Takes a change in; gives what was known of the pod before.
    pub(crate) fn take(&mut self, change: &Seen) -> Option<Arc<Pod>> {
        self.index.take(change);
        match &*change.key.resource {
            "pods" => {
                let key = (change.key.namespace.to_string(), change.key.name.to_string());
                let before = self.remove(&key);
                if !change.gone() {
                    self.insert(key, Pod::read(&change.object));
                }
                before
            }
            "nodes" => {
                self.node(change);
                None
            }
            _ => None,
        }
    }

    fn node(&mut self, change: &Seen) {
        let name = change.key.name.to_string();
        if change.gone() {
            self.nodes.remove(&name);
            return;
        }
        let mut node = Node::read(&change.object);
        match self.nodes.get_mut(&name) {
            Some(old) => {
                node.pods = old.pods;
                node.requested = std::mem::take(&mut old.requested);
                node.host_ports = std::mem::take(&mut old.host_ports);
            }
            None => {
                let here: Vec<Arc<Pod>> = self.on_node(&name).filter(|pod| !pod.finished()).cloned().collect();
                here.iter().for_each(|pod| node.take(pod));
            }
        }
        self.nodes.insert(name, node);
    }

    fn insert(&mut self, key: PodKey, pod: Pod) {
        match &pod.owner {
            Some(owner) => {
                self.by_owner.entry(owner.uid.clone()).or_default().insert(key.clone());
                if !pod.node.is_empty() && pod.active() {
                    *self.spread.entry(owner.uid.clone()).or_default().entry(pod.node.clone()).or_default() += 1;
                }
            }
            None => {
                self.orphans.insert(key.clone());
            }
        }
        for claim in &pod.claims {
            self.by_claim.entry((key.0.clone(), claim.clone())).or_default().insert(key.clone());
        }
        if !pod.node.is_empty() {
            self.by_node.entry(pod.node.clone()).or_default().insert(key.clone());
            if !pod.finished()
                && let Some(node) = self.nodes.get_mut(&pod.node)
            {
                node.take(&pod);
            }
        }
        let anti = &pod.spec["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
        if !items(anti).is_empty() {
            self.repelling.insert(key.clone());
        }
        self.pods.insert(key, Arc::new(pod));
    }

    fn remove(&mut self, key: &PodKey) -> Option<Arc<Pod>> {
        let pod = self.pods.remove(key)?;
        if let Some(owner) = &pod.owner {
            unlink(&mut self.by_owner, &owner.uid, key);
            if !pod.node.is_empty()
                && pod.active()
                && let Some(nodes) = self.spread.get_mut(&owner.uid)
            {
                if let Some(count) = nodes.get_mut(&pod.node) {
                    *count = count.saturating_sub(1);
                }
                nodes.retain(|_, count| *count > 0);
                if nodes.is_empty() {
                    self.spread.remove(&owner.uid);
                }
            }
        }
        self.orphans.remove(key);
        self.repelling.remove(key);
        for claim in &pod.claims {
            unlink(&mut self.by_claim, &(key.0.clone(), claim.clone()), key);
        }
        if !pod.node.is_empty() {
            unlink(&mut self.by_node, &pod.node, key);
            if !pod.finished()
                && let Some(node) = self.nodes.get_mut(&pod.node)
            {
                node.give_back(&pod);
            }
        }
        Some(pod)
    }

    /// One pod.
    pub(crate) fn pod(&self, namespace: &str, name: &str) -> Option<&Arc<Pod>> {
        self.pods.get(&(namespace.to_owned(), name.to_owned()))
    }

    fn named<'a>(&'a self, keys: Option<&'a BTreeSet<PodKey>>) -> impl Iterator<Item = &'a Arc<Pod>> {
        keys.into_iter().flatten().filter_map(|key| self.pods.get(key))
    }

    /// The pods that an object controls, by name.
    pub(crate) fn owned(&self, uid: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.named(self.by_owner.get(uid))
    }

    /// The pods of a node.
    pub(crate) fn on_node(&self, node: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.named(self.by_node.get(node))
    }

    /// The pods that use a claim.
    pub(crate) fn using(&self, namespace: &str, claim: &str) -> impl Iterator<Item = &Arc<Pod>> {
        self.named(self.by_claim.get(&(namespace.to_owned(), claim.to_owned())))
    }

    /// The pods of a namespace that nothing controls.
    pub(crate) fn orphans(&self, namespace: &str) -> impl Iterator<Item = &Arc<Pod>> {
        let from = (namespace.to_owned(), String::new());
        let keys = self.orphans.range(from..).take_while(move |key| key.0 == namespace);
        keys.filter_map(|key| self.pods.get(key))
    }

    /// The pods of a namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> impl Iterator<Item = &Arc<Pod>> {
        let from = (namespace.to_owned(), String::new());
        self.pods.range(from..).take_while(move |(key, _)| key.0 == namespace).map(|(_, pod)| pod)
    }

    /// The pods whose required anti-affinity others have to respect.
    pub(crate) fn repelling(&self) -> impl Iterator<Item = &Arc<Pod>> {
        self.named(Some(&self.repelling))
    }

    /// How many active pods of an owner each node has.
    pub(crate) fn spread(&self, owner: &str) -> Option<&BTreeMap<String, usize>> {
        self.spread.get(owner)
    }

    /// All nodes, by name.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.values()
    }

    /// How many nodes there are.
    pub(crate) fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// One node.
    pub(crate) fn node_named(&self, name: &str) -> Option<&Node> {
        self.nodes.get(name)
    }
}

fn unlink<K: Ord>(index: &mut BTreeMap<K, BTreeSet<PodKey>>, at: &K, key: &PodKey) {
    if let Some(set) = index.get_mut(at) {
        set.remove(key);
        if set.is_empty() {
            index.remove(at);
        }
    }
}
