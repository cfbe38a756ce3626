//! The machines of a simulated cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use crate::catalog::Catalog;
use crate::clock::RealClock;
use crate::controllers::fields::{put, stamp};
use crate::world::World;
use crate::{ApiError, Json};

/// The version that the nodes' kubelets say they have.
const VERSION: &str = "v1.36.3";

/// The machines of a simulated cluster.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Topology {
    /// In the order in which they joined.
    pub nodes: Vec<NodeSpec>,
}

/// One machine.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeSpec {
    /// The node's name.
    pub name: String,
    /// Labels besides those that every kubelet sets.
    pub labels: BTreeMap<String, String>,
    /// Taints.
    pub taints: Vec<Taint>,
    /// What the machine has, such as `cpu: "4"`; the defaults where a resource is missing.
    pub capacity: BTreeMap<String, String>,
    /// Where it stands: the labels `topology.kubernetes.io/zone` and `topology.kubernetes.io/region`.
    pub site: Option<String>,
    /// Whether it runs the control plane: the usual role label and taint.
    pub control_plane: bool,
}

/// A taint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taint {
    /// Its key.
    pub key: String,
    /// Its value; empty for none.
    pub value: String,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`.
    pub effect: String,
}

impl NodeSpec {
    /// A machine of 8 cores, 32 GiB of memory and 150 GiB of disk.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
            capacity: BTreeMap::new(),
            site: None,
            control_plane: false,
        }
    }
}

impl Topology {
    /// So many like machines: `node-1`, `node-2` and so on.
    #[must_use]
    pub fn of(nodes: usize) -> Self {
        Self { nodes: (1..=nodes).map(|number| NodeSpec::new(format!("node-{number}"))).collect() }
    }

    /// Whether the API takes every machine as it is described.
    ///
    /// # Errors
    /// What it says of the first that it refuses, such as a size that is none.
    pub fn check(&self) -> Result<(), ApiError> {
        let clock = Arc::new(RealClock::new());
        let now = crate::clock::Clock::wall(&*clock);
        let mut world = World::new(0, clock, Catalog::builtin(), None);
        world.begin();
        self.objects(now).into_iter().try_for_each(|node| world.join(node))
    }

    /// The Node objects as their kubelets report them, with status; `joined` is when.
    #[must_use]
    pub fn objects(&self, joined: jiff::Timestamp) -> Vec<Json> {
        self.nodes.iter().enumerate().map(|(place, node)| object(node, place, joined)).collect()
    }
}

fn object(node: &NodeSpec, place: usize, joined: jiff::Timestamp) -> Json {
    let mut labels = json!({
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
    });
    let mut taints: Vec<Json> = node.taints.iter().map(taint).collect();
    if node.control_plane {
        put(&mut labels, &["node-role.kubernetes.io/control-plane"], "");
        let usual = json!({"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"});
        // A topology that names its control planes' taints means those and no others.
        if taints.is_empty() {
            taints.push(usual);
        }
    }
    if let Some(site) = &node.site {
        put(&mut labels, &["topology.kubernetes.io/region"], site.as_str());
        put(&mut labels, &["topology.kubernetes.io/zone"], site.as_str());
    }
    for (key, value) in &node.labels {
        put(&mut labels, &[key], value.as_str());
    }
    let cidr = pod_range(place);
    let mut spec = json!({"podCIDR": cidr, "podCIDRs": [cidr]});
    if !taints.is_empty() {
        put(&mut spec, &["taints"], taints);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": labels,
            "annotations": {"node.alpha.kubernetes.io/ttl": "0", "volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": spec,
        "status": status(&node.name, &node.capacity, place, joined),
    })
}

fn taint(taint: &Taint) -> Json {
    let mut object = json!({"key": taint.key});
    if !taint.value.is_empty() {
        put(&mut object, &["value"], taint.value.as_str());
    }
    put(&mut object, &["effect"], taint.effect.as_str());
    object
}

/// The pods' addresses of the node at this place: a /24 each, out of 10.244.0.0/14 and what follows, round through all of 10.0.0.0/8.
pub(crate) fn pod_range(place: usize) -> String {
    format!("10.{}.{}.0/24", (244 + place / 256) % 256, place % 256)
}

/// What a kubelet reports of a machine that is well.
pub(crate) fn status(name: &str, told: &BTreeMap<String, String>, place: usize, joined: jiff::Timestamp) -> Json {
    let defaults = [
        ("cpu", "8"),
        ("ephemeral-storage", "150Gi"),
        ("hugepages-1Gi", "0"),
        ("hugepages-2Mi", "0"),
        ("memory", "32Gi"),
        ("pods", "110"),
    ];
    let mut capacity = json!({});
    for (resource, amount) in defaults {
        put(&mut capacity, &[resource], amount);
    }
    for (resource, amount) in told {
        put(&mut capacity, &[resource], amount.as_str());
    }
    let id = crate::controllers::fields::hash(&json!(name), None);
    let uuid = format!("{id:08x}-0000-4000-8000-{place:012x}");
    json!({
        "addresses": [
            {"type": "InternalIP", "address": address(place)},
            {"type": "Hostname", "address": name},
        ],
        "allocatable": capacity,
        "capacity": capacity,
        "conditions": conditions(joined),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64",
            "bootID": uuid,
            "containerRuntimeVersion": "containerd://2.2.1",
            "kernelVersion": "6.12.0",
            "kubeProxyVersion": "",
            "kubeletVersion": VERSION,
            "machineID": uuid,
            "operatingSystem": "linux",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "systemUUID": uuid,
        },
    })
}

/// The machine's own address.
fn address(place: usize) -> String {
    format!("192.168.{}.{}", place / 250 % 256, place % 250 + 2)
}

/// The conditions of a node that is well.
pub(crate) fn conditions(since: jiff::Timestamp) -> Json {
    let since = stamp(since);
    let one = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "lastHeartbeatTime": since, "lastTransitionTime": since,
            "reason": reason, "message": message,
        })
    };
    json!([
        one("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        one("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        one("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        one("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_have_what_a_kubelet_reports() {
        let mut topology = Topology::of(2);
        topology.nodes[1].control_plane = true;
        topology.nodes[1].site = Some("north".into());
        topology.nodes[1].capacity.insert("cpu".into(), "16".into());
        let nodes = topology.objects(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(nodes[0]["metadata"]["name"], "node-1");
        assert_eq!(nodes[0]["status"]["allocatable"]["memory"], "32Gi");
        assert_eq!(nodes[0]["spec"]["taints"], Json::Null);
        assert_eq!(nodes[1]["spec"]["taints"][0]["effect"], "NoSchedule");
        assert_eq!(nodes[1]["metadata"]["labels"]["topology.kubernetes.io/zone"], "north");
        assert_eq!(nodes[1]["status"]["capacity"]["cpu"], "16");
        assert_ne!(nodes[0]["spec"]["podCIDR"], nodes[1]["spec"]["podCIDR"]);
    }

    #[test]
    fn five_hundred_nodes_have_ranges_and_addresses_of_their_own() {
        let nodes = Topology::of(500).objects(jiff::Timestamp::UNIX_EPOCH);
        let ranges: std::collections::BTreeSet<String> =
            nodes.iter().map(|n| n["spec"]["podCIDR"].to_string()).collect();
        let hosts: std::collections::BTreeSet<String> =
            nodes.iter().map(|n| n["status"]["addresses"][0]["address"].to_string()).collect();
        assert_eq!((ranges.len(), hosts.len()), (500, 500));
    }
}
