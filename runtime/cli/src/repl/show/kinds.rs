//! The columns of a table of objects of a cluster, as kubectl's users know them.

use jiff::Timestamp;
use serde_json::Value as Json;

/// A column.
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) cell: fn(&Json, Timestamp) -> String,
}

const KIND: Column = Column { head: "KIND", cell: |object, _| word(object.get("kind")) };
const NAMESPACE: Column = Column { head: "NAMESPACE", cell: |object, _| word(object.pointer("/metadata/namespace")) };
const NAME: Column = Column { head: "NAME", cell: |object, _| word(object.pointer("/metadata/name")) };
const AGE: Column = Column { head: "AGE", cell: age };

/// The columns for these objects: those of their kind, where it is one.
pub(super) fn columns(objects: &[&Json]) -> Vec<Column> {
    let mut columns = Vec::new();
    let kind = objects.first().and_then(|object| object["kind"].as_str()).unwrap_or_default();
    let is_one = objects.iter().all(|object| object["kind"].as_str().unwrap_or_default() == kind);
    if !is_one {
        columns.push(KIND);
    }
    if objects.iter().any(|object| object.pointer("/metadata/namespace").is_some()) {
        columns.push(NAMESPACE);
    }
    columns.push(NAME);
    if is_one {
        columns.extend(of_kind(kind));
    }
    // What is in no cluster yet has none.
    if objects.iter().any(|object| object.pointer("/metadata/creationTimestamp").is_some_and(Json::is_string)) {
        columns.push(AGE);
    }
    columns
}

/// How long it has been there, in one unit, as kubectl says it.
fn age(object: &Json, now: Timestamp) -> String {
    let made = object.pointer("/metadata/creationTimestamp").and_then(Json::as_str);
    let Some(made) = made.and_then(|text| text.parse::<Timestamp>().ok()) else { return String::new() };
    let seconds = now.duration_since(made).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

fn of_kind(kind: &str) -> Vec<Column> {
    match kind {
        "Pod" => vec![
            Column { head: "READY", cell: |object, _| pod_ready(object) },
            Column { head: "STATUS", cell: |object, _| pod_status(object) },
            Column { head: "RESTARTS", cell: |object, _| pod_restarts(object) },
            Column { head: "NODE", cell: |pod, _| word(pod.pointer("/spec/nodeName")) },
        ],
        "ReplicaSet" => {
            vec![Column { head: "READY", cell: |object, _| of("/status/readyReplicas", "/spec/replicas", object) }]
        }
        "Deployment" | "StatefulSet" => vec![
            Column { head: "READY", cell: |object, _| of("/status/readyReplicas", "/spec/replicas", object) },
            Column { head: "UPDATED", cell: |object, _| count(object.pointer("/status/updatedReplicas")) },
        ],
        "DaemonSet" => vec![Column {
            head: "READY",
            cell: |object, _| of("/status/numberReady", "/status/desiredNumberScheduled", object),
        }],
        "Job" => vec![Column { head: "COMPLETE", cell: |job, _| of("/status/succeeded", "/spec/completions", job) }],
        "Node" => vec![
            Column { head: "STATUS", cell: |object, _| node_status(object) },
            Column { head: "VERSION", cell: |node, _| word(node.pointer("/status/nodeInfo/kubeletVersion")) },
        ],
        "Service" => vec![
            Column { head: "TYPE", cell: |service, _| word(service.pointer("/spec/type")) },
            Column { head: "CLUSTER-IP", cell: |service, _| word(service.pointer("/spec/clusterIP")) },
            Column { head: "PORTS", cell: |object, _| ports(object) },
        ],
        "PersistentVolumeClaim" => vec![
            Column { head: "STATUS", cell: |object, _| phase(object) },
            Column { head: "CAPACITY", cell: |claim, _| word(claim.pointer("/status/capacity/storage")) },
            Column { head: "CLASS", cell: |claim, _| word(claim.pointer("/spec/storageClassName")) },
        ],
        "Event" => vec![
            Column { head: "TYPE", cell: |event, _| word(event.get("type")) },
            Column { head: "REASON", cell: |event, _| word(event.get("reason")) },
            Column { head: "MESSAGE", cell: |event, _| word(event.get("message")) },
        ],
        "ConfigMap" | "Secret" => vec![Column {
            head: "KEYS",
            cell: |object, _| object["data"].as_object().map_or(0, serde_json::Map::len).to_string(),
        }],
        _ => vec![Column { head: "STATUS", cell: |object, _| phase(object) }],
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
