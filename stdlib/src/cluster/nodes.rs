//! `cluster::nodes`.

use serde_json::{Map, Value as Json, json};
use windlass_runtime::cluster::{ListOptions, Selector};
use windlass_runtime::{Call, Options, Result, primitive};

use super::cordon::is_cordoned;
use super::list::Labels;
use crate::fields::{Condition, condition, list, name, text};

const ROLE: &str = "node-role.kubernetes.io/";
/// The conditions that are bad news when they are true.
const PRESSURES: [&str; 4] = ["MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable"];

/// The options of `cluster::nodes`.
#[derive(Debug, Clone, Options)]
pub struct NodesOptions {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
    /// Only nodes with these labels: a selector as kubectl takes it (`"site=primary"`), or a map.
    pub labels: Option<Labels>,
}

/// The nodes of a cluster, by name, as one looks for them: a list of `#{name, ready, why, cordoned, roles, version,
/// internal_ip, addresses, pressure, taints, cpu, memory, ephemeral_storage, pods, os, kernel, runtime, labels, created}`.
///
/// `ready` is true or false, and `why` says in the node's words why it is not. `roles` is a list such as
/// `["control-plane", "etcd"]`. `addresses` maps types to lists: `#{InternalIP: ["10.0.0.4"], Hostname: ["worker-1"]}`.
/// `pressure` lists the conditions that are true and should not be, `taints` texts such as `"dedicated=db:NoSchedule"`.
/// What a node has to give is written as Kubernetes writes it: `cpu: "8"`, `memory: "16Gi"`. The whole object is to be had
/// with `cluster::get("Node/…")`.
///
/// # Errors
/// `rejected` for a selector that the API server does not understand.
///
/// # Example
/// ```rhai
/// for n in cluster::nodes() { log::info(`${n.name} ${n.roles} ${n.version} ${n.internal_ip} ready: ${n.ready}`); }
/// let away = cluster::nodes().filter(|n| !n.ready).map(|n| n.name);
/// if away.len() > 0 { log::warn(`not ready: ${away}`); }
/// ```
#[primitive(module = "cluster", effect = Read)]
pub fn nodes(call: &Call<'_>, options: NodesOptions) -> Result<Vec<Json>> {
    let cluster = call.cluster(options.cluster.as_deref())?;
    let selector = Selector { labels: options.labels.map(Labels::into_selector), fields: None };
    let mut nodes = call.wait(async move {
        let of = cluster.collection("Node", None, false).await?;
        Ok(cluster.list(&of, &ListOptions::from(selector)).await?.items)
    })?;
    nodes.sort_by(|a, b| name(a).cmp(name(b)));
    Ok(nodes.iter().map(row).collect())
}

/// A node as it is shown.
pub(crate) fn row(node: &Json) -> Json {
    let ready = condition(node, "Ready");
    let is_ready = ready.is_some_and(Condition::is_true);
    let why = match ready {
        Some(ready) if !is_ready => ready.words(),
        Some(_) => String::new(),
        None => "it has not reported yet".to_owned(),
    };
    let labels = node.pointer("/metadata/labels").and_then(Json::as_object);
    let roles: Vec<&str> = labels.into_iter().flat_map(Map::keys).filter_map(|key| key.strip_prefix(ROLE)).collect();
    let mut addresses: Map<String, Json> = Map::new();
    for address in list(node, "/status/addresses") {
        let of_type = text(address, "/type").unwrap_or_default();
        if let Json::Array(all) = addresses.entry(of_type).or_insert_with(|| json!([])) {
            all.push(address["address"].clone());
        }
    }
    let internal = addresses.get("InternalIP").and_then(|all| all.get(0)).cloned();
    let pressure: Vec<&str> =
        PRESSURES.into_iter().filter(|c| condition(node, c).is_some_and(Condition::is_true)).collect();
    let info = |key: &str| node.pointer(&format!("/status/nodeInfo/{key}")).cloned();
    let has = |key: &str| node.pointer("/status/allocatable").and_then(|all| all.get(key)).cloned();
    json!({
        "name": name(node), "ready": is_ready, "why": why, "cordoned": is_cordoned(node), "roles": roles,
        "version": info("kubeletVersion"), "internal_ip": internal, "addresses": addresses, "pressure": pressure,
        "taints": list(node, "/spec/taints").iter().map(taint).collect::<Vec<_>>(),
        "cpu": has("cpu"), "memory": has("memory"), "ephemeral_storage": has("ephemeral-storage"), "pods": has("pods"),
        "os": info("osImage"), "kernel": info("kernelVersion"), "runtime": info("containerRuntimeVersion"),
        "labels": labels, "created": node.pointer("/metadata/creationTimestamp"),
    })
}

/// As kubectl writes it: `key=value:Effect`.
fn taint(taint: &Json) -> String {
    let part = |key: &str| taint.get(key).and_then(Json::as_str).unwrap_or_default();
    match part("value") {
        "" => format!("{}:{}", part("key"), part("effect")),
        value => format!("{}={value}:{}", part("key"), part("effect")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::row;
    use crate::testing::{Bed, Scripting as _, on};

    #[on(shadow, live)]
    fn nodes_are_listed_by_name_and_selected(bed: Bed) {
        let nodes = bed.run("cluster::nodes(#{ labels: \"kubernetes.io/hostname in (node-3,node-1)\" })").value();
        let names: Vec<&str> = nodes.as_array().unwrap().iter().map(|n| n["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["node-1", "node-3"]);
        let first = &nodes[0];
        assert_eq!((&first["ready"], &first["why"]), (&json!(true), &json!("")));
        assert!(first["version"].as_str().is_some_and(|v| !v.is_empty()), "{first:#}");
        assert!(first["cpu"].as_str().is_some(), "{first:#}");
        assert_eq!(bed.run("cluster::nodes(#{ labels: \"a b\" })").error()["kind"], "rejected");
    }

    #[test]
    fn what_is_wrong_with_a_node_is_seen() {
        let node = json!({
            "metadata": { "name": "n", "labels": { "node-role.kubernetes.io/etcd": "", "node-role.kubernetes.io/control-plane": "true" } },
            "spec": { "unschedulable": true, "taints": [{ "key": "a", "value": "b", "effect": "NoSchedule" }, { "key": "c", "effect": "NoExecute" }] },
            "status": {
                "conditions": [
                    { "type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status." },
                    { "type": "DiskPressure", "status": "True" }, { "type": "MemoryPressure", "status": "False" },
                ],
                "addresses": [{ "type": "InternalIP", "address": "10.0.0.4" }, { "type": "InternalIP", "address": "fd00::4" }, { "type": "Hostname", "address": "n" }],
            },
        });
        let row = row(&node);
        assert_eq!(row["roles"], json!(["etcd", "control-plane"]));
        assert_eq!((&row["ready"], &row["cordoned"]), (&json!(false), &json!(true)));
        assert_eq!(row["why"], "NodeStatusUnknown: Kubelet stopped posting node status.");
        assert_eq!(row["pressure"], json!(["DiskPressure"]));
        assert_eq!(row["taints"], json!(["a=b:NoSchedule", "c:NoExecute"]));
        assert_eq!(row["internal_ip"], "10.0.0.4");
        assert_eq!(row["addresses"]["InternalIP"], json!(["10.0.0.4", "fd00::4"]));
    }
}
