//! What is kept of a node.

use super::super::fields::{Labels, condition, items, labels};
use crate::Json;
use crate::object;

use super::pod::{Amounts, HostPort, Pod, add};

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
    pub(super) fn read(node: &Json) -> Self {
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

    pub(super) fn take(&mut self, pod: &Pod) {
        self.pods += 1;
        for (name, amount) in &pod.requests {
            *self.requested.entry(name.clone()).or_default() += amount;
        }
        self.host_ports.extend(pod.host_ports.iter().cloned());
    }

    pub(super) fn give_back(&mut self, pod: &Pod) {
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
