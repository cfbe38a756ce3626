//! What the node itself decides: taints, labels, ports, resources.

use serde_json::json;

use super::cycle::Refusal;
use crate::controllers::fields::items;
use crate::controllers::selector::{node_fits, tolerates, untolerated};
use crate::controllers::view::{HostPort, Node, Pod};

/// Cordoned nodes are for pods that tolerate it.
pub(super) fn unschedulable(pod: &Pod, node: &Node) -> Option<Refusal> {
    if !node.unschedulable {
        return None;
    }
    let taint = json!({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"});
    let tolerated = items(&pod.spec["tolerations"]).iter().any(|toleration| tolerates(toleration, &taint));
    (!tolerated).then(|| Refusal::lasting("node(s) were unschedulable"))
}

/// Taints that keep pods away.
pub(super) fn taints(pod: &Pod, node: &Node) -> Option<Refusal> {
    if node.taints.is_empty() {
        return None;
    }
    let taint = untolerated(&node.taints, items(&pod.spec["tolerations"]), &["NoSchedule", "NoExecute"]);
    taint.map(|_| Refusal::lasting("node(s) had untolerated taint(s)"))
}

/// The pod's node selector and required node affinity.
pub(super) fn affinity(pod: &Pod, node: &Node) -> Option<Refusal> {
    let fits = node_fits(&pod.spec, &node.name, &node.labels);
    (!fits).then(|| Refusal::lasting("node(s) didn't match Pod's node affinity/selector"))
}

/// Ports of the node itself.
pub(super) fn ports(pod: &Pod, node: &Node) -> Option<Refusal> {
    let taken = |port: &HostPort| node.host_ports.iter().any(|other| collide(port, other));
    let any = pod.host_ports.iter().any(taken);
    any.then(|| Refusal::passing("node(s) didn't have free ports for the requested pod ports"))
}

fn collide(a: &HostPort, b: &HostPort) -> bool {
    let all = |port: &HostPort| port.address == "0.0.0.0" || port.address == "::";
    a.port == b.port && a.protocol == b.protocol && (a.address == b.address || all(a) || all(b))
}

/// What the pod asks for, and what is left.
pub(super) fn resources(pod: &Pod, node: &Node) -> Option<Refusal> {
    let amount = |of: &crate::controllers::view::Amounts, name: &str| of.get(name).copied().unwrap_or(0);
    let mut reasons = Vec::new();
    let mut resolvable = true;
    let most = amount(&node.allocatable, "pods") / 1000;
    if i128::try_from(node.pods).unwrap_or(i128::MAX) + 1 > most {
        reasons.push("Too many pods".to_owned());
    }
    // The three that every node has come first, in the real one's order.
    let first = ["cpu", "memory", "ephemeral-storage"];
    let others = pod.requests.keys().map(String::as_str).filter(|name| !first.contains(name) && *name != "pods");
    for name in first.into_iter().chain(others) {
        let wanted = amount(&pod.requests, name);
        let there = amount(&node.allocatable, name);
        if wanted > 0 && wanted > there - amount(&node.requested, name) {
            reasons.push(format!("Insufficient {name}"));
            resolvable &= wanted <= there;
        }
    }
    (!reasons.is_empty()).then_some(Refusal { reasons, resolvable })
}
