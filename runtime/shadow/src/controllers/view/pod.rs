//! What is kept of a pod.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::super::fields::{Labels, condition, int, items, labels, text, time};
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
