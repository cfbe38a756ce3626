//! The row of a pod.

use super::age;
use super::row::{Row, cells, list, number, text};
use crate::Json;

/// What the containers' states say together.
#[derive(Default)]
struct Summary<'a> {
    reason: String,
    ready: usize,
    restarts: i64,
    /// When a container ended last before it was started again.
    restarted: &'a str,
}

pub(super) fn pods(row: &Row<'_>) -> Vec<Json> {
    let pod = summary(row);
    let total =
        row.list("/spec/containers").len() + row.list("/spec/initContainers").iter().filter(|c| stays(c)).count();
    let restarts = if pod.restarts != 0 && !pod.restarted.is_empty() {
        format!("{} ({} ago)", pod.restarts, age::since(pod.restarted, row.now))
    } else {
        pod.restarts.to_string()
    };
    cells![
        row.name(),
        format!("{}/{total}", pod.ready),
        pod.reason,
        restarts,
        row.age(),
        row.text_or("/status/podIPs/0/ip", "<none>"),
        row.text_or("/spec/nodeName", "<none>"),
        row.text_or("/status/nominatedNodeName", "<none>"),
        readiness_gates(row),
    ]
}

fn summary<'a>(row: &Row<'a>) -> Summary<'a> {
    let phase = row.text("/status/phase");
    let mut pod = Summary { reason: row.text_or("/status/reason", phase).to_owned(), ..Summary::default() };
    let conditions = row.list("/status/conditions");
    if conditions.iter().any(|c| text(c, "/type") == "PodScheduled" && text(c, "/reason") == "SchedulingGated") {
        pod.reason = "SchedulingGated".to_owned();
    }
    let sidecars = init_containers(row, &mut pod);
    if let Some(sidecars) = sidecars.or_else(|| row.is_true("Initialized").then(|| sidecar_restarts(row))) {
        (pod.restarts, pod.restarted) = sidecars;
        containers(row, &mut pod);
    }
    if row.is_deleting() && row.text("/status/reason") == "NodeLost" {
        pod.reason = "Unknown".to_owned();
    } else if row.is_deleting() && !matches!(phase, "Succeeded" | "Failed") {
        pod.reason = "Terminating".to_owned();
    }
    pod
}

/// An init container that goes on running beside the others.
fn stays(container: &Json) -> bool {
    text(container, "/restartPolicy") == "Always"
}

fn is_sidecar(row: &Row<'_>, status: &Json) -> bool {
    let name = text(status, "/name");
    row.list("/spec/initContainers").iter().any(|c| text(c, "/name") == name && stays(c))
}

/// Goes through the init containers up to the first that is not done; where all are, gives the restarts of the
/// sidecars among them and when the last was.
fn init_containers<'a>(row: &Row<'a>, pod: &mut Summary<'a>) -> Option<(i64, &'a str)> {
    for (index, status) in row.list("/status/initContainerStatuses").iter().enumerate() {
        pod.restarts += number(status, "/restartCount");
        later(&mut pod.restarted, status);
        let ended = status.pointer("/state/terminated");
        let waits = text(status, "/state/waiting/reason");
        match ended {
            Some(ended) if number(ended, "/exitCode") == 0 => continue,
            _ if is_sidecar(row, status) && status.get("started").and_then(Json::as_bool) == Some(true) => {
                pod.ready += usize::from(status.get("ready").and_then(Json::as_bool) == Some(true));
                continue;
            }
            Some(ended) => pod.reason = format!("Init:{}", ending(ended)),
            None if !matches!(waits, "" | "PodInitializing") => pod.reason = format!("Init:{waits}"),
            None => pod.reason = format!("Init:{index}/{}", row.list("/spec/initContainers").len()),
        }
        return None;
    }
    Some(sidecar_restarts(row))
}

fn sidecar_restarts<'a>(row: &Row<'a>) -> (i64, &'a str) {
    let (mut restarts, mut restarted) = (0, "");
    // Only those that have been looked at count: the walk stops at the first that is not done.
    for status in row.list("/status/initContainerStatuses") {
        let sidecar = is_sidecar(row, status);
        if sidecar {
            restarts += number(status, "/restartCount");
            later(&mut restarted, status);
        }
        let done = status.pointer("/state/terminated").is_some_and(|ended| number(ended, "/exitCode") == 0);
        let runs = sidecar && status.get("started").and_then(Json::as_bool) == Some(true);
        if !done && !runs {
            break;
        }
    }
    (restarts, restarted)
}

fn containers<'a>(row: &Row<'a>, pod: &mut Summary<'a>) {
    let (mut has_running, mut error) = (false, String::new());
    for status in row.list("/status/containerStatuses").iter().rev() {
        pod.restarts += number(status, "/restartCount");
        later(&mut pod.restarted, status);
        let waits = text(status, "/state/waiting/reason");
        if !waits.is_empty() {
            pod.reason = waits.to_owned();
        } else if let Some(ended) = status.pointer("/state/terminated") {
            pod.reason = ending(ended);
            if number(ended, "/exitCode") != 0 {
                error.clone_from(&pod.reason);
            }
        } else if status.get("ready").and_then(Json::as_bool) == Some(true)
            && status.pointer("/state/running").is_some()
        {
            has_running = true;
            pod.ready += 1;
        }
    }
    if pod.reason == "Completed" {
        if has_running && row.list("/status/conditions").iter().any(is_ready) {
            pod.reason = "Running".to_owned();
        } else if !error.is_empty() {
            pod.reason = error;
        } else if has_running {
            pod.reason = "NotReady".to_owned();
        }
    }
}

fn is_ready(condition: &Json) -> bool {
    text(condition, "/type") == "Ready" && text(condition, "/status") == "True"
}

/// Why a container ended.
fn ending(ended: &Json) -> String {
    match (text(ended, "/reason"), number(ended, "/signal")) {
        ("", 0) => format!("ExitCode:{}", number(ended, "/exitCode")),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

/// Keeps the later of two times.
fn later<'a>(last: &mut &'a str, status: &'a Json) {
    let at = text(status, "/lastState/terminated/finishedAt");
    // RFC 3339 in UTC and whole seconds: the order of the texts is that of the times.
    if at > *last {
        *last = at;
    }
}

fn readiness_gates(row: &Row<'_>) -> String {
    let gates = row.list("/spec/readinessGates");
    if gates.is_empty() {
        return "<none>".to_owned();
    }
    let met = gates.iter().filter(|gate| row.is_true(text(gate, "/conditionType"))).count();
    format!("{met}/{}", gates.len())
}

/// The names and the images of containers, with commas between.
pub(super) fn containers_and_images(row: &Row<'_>, path: &str) -> (String, String) {
    let all = list(row.object, path);
    let of = |field| all.iter().map(|c| text(c, field)).collect::<Vec<_>>().join(",");
    (of("/name"), of("/image"))
}
