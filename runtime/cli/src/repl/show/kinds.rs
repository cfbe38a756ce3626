//! The columns of a table of objects of a cluster, as kubectl's users know them.

use serde_json::Value as Json;

/// A column.
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) cell: fn(&Json) -> String,
}

const NAMESPACE: Column = Column { head: "NAMESPACE", cell: |object| word(object.pointer("/metadata/namespace")) };
const NAME: Column = Column { head: "NAME", cell: |object| word(object.pointer("/metadata/name")) };

/// The columns for objects of this kind.
pub(super) fn columns(kind: &str, objects: &[&Json]) -> Vec<Column> {
    let mut columns = Vec::new();
    if objects.iter().any(|object| object.pointer("/metadata/namespace").is_some()) {
        columns.push(NAMESPACE);
    }
    columns.push(NAME);
    columns.extend(of_kind(kind));
    columns
}

fn of_kind(kind: &str) -> Vec<Column> {
    match kind {
        "Pod" => vec![
            Column { head: "READY", cell: pod_ready },
            Column { head: "STATUS", cell: pod_status },
            Column { head: "RESTARTS", cell: pod_restarts },
            Column { head: "NODE", cell: |pod| word(pod.pointer("/spec/nodeName")) },
        ],
        "Deployment" | "StatefulSet" | "ReplicaSet" => vec![
            Column { head: "READY", cell: |object| of("/status/readyReplicas", "/spec/replicas", object) },
            Column { head: "UPDATED", cell: |object| count(object.pointer("/status/updatedReplicas")) },
        ],
        "DaemonSet" => vec![Column {
            head: "READY",
            cell: |object| of("/status/numberReady", "/status/desiredNumberScheduled", object),
        }],
        "Job" => vec![Column { head: "COMPLETE", cell: |job| of("/status/succeeded", "/spec/completions", job) }],
        "Node" => vec![
            Column { head: "STATUS", cell: node_status },
            Column { head: "VERSION", cell: |node| word(node.pointer("/status/nodeInfo/kubeletVersion")) },
        ],
        "Service" => vec![
            Column { head: "TYPE", cell: |service| word(service.pointer("/spec/type")) },
            Column { head: "CLUSTER-IP", cell: |service| word(service.pointer("/spec/clusterIP")) },
            Column { head: "PORTS", cell: ports },
        ],
        "PersistentVolumeClaim" => vec![
            Column { head: "STATUS", cell: phase },
            Column { head: "CAPACITY", cell: |claim| word(claim.pointer("/status/capacity/storage")) },
            Column { head: "CLASS", cell: |claim| word(claim.pointer("/spec/storageClassName")) },
        ],
        "Event" => vec![
            Column { head: "TYPE", cell: |event| word(event.get("type")) },
            Column { head: "REASON", cell: |event| word(event.get("reason")) },
            Column { head: "MESSAGE", cell: |event| word(event.get("message")) },
        ],
        "ConfigMap" | "Secret" => vec![Column {
            head: "KEYS",
            cell: |object| object["data"].as_object().map_or(0, serde_json::Map::len).to_string(),
        }],
        _ => vec![Column { head: "STATUS", cell: phase }],
    }
}

/// A plain value as a word.
pub(super) fn word(value: Option<&Json>) -> String {
    match value {
        None | Some(Json::Null | Json::Array(_) | Json::Object(_)) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

fn count(value: Option<&Json>) -> String {
    value.and_then(Json::as_i64).unwrap_or_default().to_string()
}

fn of(part: &str, whole: &str, object: &Json) -> String {
    format!("{}/{}", count(object.pointer(part)), count(object.pointer(whole)))
}

fn phase(object: &Json) -> String {
    word(object.pointer("/status/phase"))
}

fn containers(pod: &Json) -> &[Json] {
    pod.pointer("/status/containerStatuses").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn pod_ready(pod: &Json) -> String {
    let ready = containers(pod).iter().filter(|container| container["ready"] == true).count();
    let specified = pod.pointer("/spec/containers").and_then(Json::as_array).map_or(0, Vec::len);
    format!("{ready}/{}", specified.max(containers(pod).len()))
}

/// What holds a container up says more than the pod's phase.
fn pod_status(pod: &Json) -> String {
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return "Terminating".to_owned();
    }
    let reason = |container: &Json| {
        ["/state/waiting/reason", "/state/terminated/reason"]
            .iter()
            .find_map(|path| container.pointer(path)?.as_str().map(str::to_owned))
    };
    let held = containers(pod).iter().filter(|container| container["ready"] != true).find_map(reason);
    held.or_else(|| pod.pointer("/status/reason").and_then(Json::as_str).map(str::to_owned))
        .unwrap_or_else(|| phase(pod))
}

fn pod_restarts(pod: &Json) -> String {
    containers(pod).iter().filter_map(|container| container["restartCount"].as_i64()).sum::<i64>().to_string()
}

fn node_status(node: &Json) -> String {
    let conditions = node.pointer("/status/conditions").and_then(Json::as_array);
    let ready = conditions.into_iter().flatten().any(|c| c["type"] == "Ready" && c["status"] == "True");
    let cordoned =
        if node.pointer("/spec/unschedulable") == Some(&Json::Bool(true)) { ",SchedulingDisabled" } else { "" };
    format!("{}{cordoned}", if ready { "Ready" } else { "NotReady" })
}

fn ports(service: &Json) -> String {
    let ports = service.pointer("/spec/ports").and_then(Json::as_array);
    let one = |port: &Json| format!("{}/{}", count(port.get("port")), word(port.get("protocol")));
    ports.into_iter().flatten().map(one).collect::<Vec<_>>().join(",")
}
