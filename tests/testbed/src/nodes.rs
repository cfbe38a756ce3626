//! The simulated nodes as objects.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::KUBERNETES_VERSION;
use crate::real_node::{self, REAL_NODE};

/// The object of a node, as a kubelet would register it.
pub(crate) fn node<'a>(
    number: usize,
    name: &str,
    labels: impl Iterator<Item = (&'a String, &'a String)>,
    kubelet: u16,
) -> Value {
    let mut all = BTreeMap::from([
        ("type", "kwok"),
        ("kubernetes.io/hostname", name),
        ("kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", "amd64"),
    ]);
    all.extend(labels.map(|(key, value)| (key.as_str(), value.as_str())));
    let capacity = json!({"cpu": "8", "memory": "32Gi", "pods": "110", "ephemeral-storage": "150Gi"});
    let version = format!("v{KUBERNETES_VERSION}");
    json!({
        "metadata": {"name": name, "labels": all},
        "spec": {"podCIDR": format!("10.244.{number}.0/24"), "podCIDRs": [format!("10.244.{number}.0/24")]},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            "addresses": [
                {"type": "InternalIP", "address": format!("10.10.0.{number}")},
                {"type": "Hostname", "address": name},
                {"type": "InternalDNS", "address": "localhost"},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet}},
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": version, "kubeProxyVersion": version,
                "osImage": "Simulated", "kernelVersion": "6.1.0", "containerRuntimeVersion": "containerd://2.2.1",
                "machineID": name, "systemUUID": name, "bootID": name,
            },
        },
    })
}

/// The object of the real node, as a cloud provider would make it; the rest is its kubelet's.
pub(crate) fn real_node(kubelet: u16) -> Value {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    json!({
        "metadata": {"name": REAL_NODE, "labels": {
            real_node::KEY: "real",
            "kubernetes.io/hostname": REAL_NODE,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": architecture,
        }},
        "spec": {"taints": [{"key": real_node::KEY, "value": "real", "effect": "NoSchedule"}]},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "10.10.128.1"},
                {"type": "Hostname", "address": REAL_NODE},
                {"type": "InternalDNS", "address": "localhost"},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet}},
        },
    })
}

pub(crate) fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.get("items").and_then(Value::as_array).into_iter().flatten()
}

/// Whether pods can go to a node: it is ready, and the taint that it began with is gone.
pub(crate) fn is_ready(node: &Value) -> bool {
    let mut taints = node.pointer("/spec/taints").and_then(Value::as_array).into_iter().flatten();
    if taints.any(|taint| taint["key"] == "node.kubernetes.io/not-ready") {
        return false;
    }
    let conditions = node.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
