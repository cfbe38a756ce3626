//! Rows of what a cluster itself consists of.

use super::row::{Row, cells, number, scalar, sorted, text};
use super::{Cells, age};
use crate::Json;

pub(super) fn cells(resource: &str) -> Option<Cells> {
    Some(match resource {
        "namespaces" => namespaces,
        "nodes" => nodes,
        "events" | "events.events.k8s.io" => events,
        "configmaps" => config_maps,
        "secrets" => secrets,
        "serviceaccounts" => name_and_age,
        "resourcequotas" => quotas,
        "componentstatuses" => component_statuses,
        "leases.coordination.k8s.io" => leases,
        "leasecandidates.coordination.k8s.io" => lease_candidates,
        "priorityclasses.scheduling.k8s.io" => priority_classes,
        "runtimeclasses.node.k8s.io" => runtime_classes,
        "apiservices.apiregistration.k8s.io" => api_services,
        _ => return None,
    })
}

pub(super) fn name_and_age(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.age()]
}

fn namespaces(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.text("/status/phase"), row.age()]
}

fn nodes(row: &Row<'_>) -> Vec<Json> {
    let info = |field: &str| row.text_or(&format!("/status/nodeInfo/{field}"), "<unknown>");
    let architecture = row.text("/status/nodeInfo/architecture");
    let kernel = match architecture {
        "" => info("kernelVersion").to_owned(),
        architecture => format!("{} ({architecture})", info("kernelVersion")),
    };
    let address = |kind: &str| {
        let found = row.list("/status/addresses").iter().find(|a| text(a, "/type") == kind);
        found.map_or("<none>", |a| text(a, "/address"))
    };
    cells![
        row.name(),
        node_status(row),
        node_roles(row),
        row.age(),
        row.text("/status/nodeInfo/kubeletVersion"),
        address("InternalIP"),
        address("ExternalIP"),
        info("osImage"),
        kernel,
        info("containerRuntimeVersion"),
    ]
}

fn node_status(row: &Row<'_>) -> String {
    let ready = row.list("/status/conditions").iter().rfind(|c| text(c, "/type") == "Ready");
    let ready = ready.map_or("Unknown", |c| if text(c, "/status") == "True" { "Ready" } else { "NotReady" });
    if row.flag("/spec/unschedulable", false) { format!("{ready},SchedulingDisabled") } else { ready.to_owned() }
}

fn node_roles(row: &Row<'_>) -> String {
    let labels = row.object.pointer("/metadata/labels").and_then(Json::as_object).into_iter().flatten();
    let roles = sorted(
        labels
            .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
                None if key == "kubernetes.io/role" => value.as_str(),
                role => role,
            })
            .filter(|role| !role.is_empty()),
    );
    if roles.is_empty() { "<none>".to_owned() } else { roles }
}

/// An event of either group: what they say is the same, the fields' names are not.
fn events(row: &Row<'_>) -> Vec<Json> {
    let either = |a: &str, b: &str| if row.has(a) { row.text(a).to_owned() } else { row.text(b).to_owned() };
    let since = |time: &str| age::since(time, row.now);
    let first = match either("/firstTimestamp", "/deprecatedFirstTimestamp") {
        time if time.is_empty() => row.since("/eventTime"),
        time => since(&time),
    };
    let (last, count) = if row.has("/series") {
        (row.since("/series/lastObservedTime"), row.number("/series/count"))
    } else {
        let last = match either("/lastTimestamp", "/deprecatedLastTimestamp") {
            time if time.is_empty() => first.clone(),
            time => since(&time),
        };
        (last, (row.number("/count") + row.number("/deprecatedCount")).max(1))
    };
    let about = if row.has("/regarding") { "/regarding" } else { "/involvedObject" };
    let kind = row.text(&format!("{about}/kind")).to_lowercase();
    let target = match row.text(&format!("{about}/name")) {
        "" => kind,
        name => format!("{kind}/{name}"),
    };
    let message = either("/message", "/note");
    cells![
        last,
        row.text("/type"),
        row.text("/reason"),
        target,
        row.text(&format!("{about}/fieldPath")),
        event_source(row),
        message.trim(),
        first,
        count,
        row.name(),
    ]
}

fn event_source(row: &Row<'_>) -> String {
    let first = |paths: &[&str]| paths.iter().map(|p| row.text(p)).find(|t| !t.is_empty()).unwrap_or_default();
    let component =
        first(&["/source/component", "/deprecatedSource/component", "/reportingComponent", "/reportingController"]);
    match first(&["/source/host", "/deprecatedSource/host", "/reportingInstance"]) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    }
}

fn config_maps(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.count("/data") + row.count("/binaryData"), row.age()]
}

fn secrets(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.text("/type"), row.count("/data"), row.age()]
}

fn quotas(row: &Row<'_>) -> Vec<Json> {
    let hard = row.object.pointer("/status/hard").and_then(Json::as_object);
    let mut resources: Vec<(&String, &Json)> = hard.into_iter().flatten().collect();
    resources.sort_by_key(|(name, _)| *name);
    let used = |name: &str| {
        let used = row.object.pointer("/status/used").and_then(|used| used.get(name));
        used.map_or_else(|| "0".to_owned(), scalar)
    };
    let (limits, requests): (Vec<_>, Vec<_>) = resources.into_iter().partition(|(name, _)| name.starts_with("limits."));
    let said = |list: Vec<(&String, &Json)>| {
        let list = list.iter().map(|(name, hard)| format!("{name}: {}/{}", used(name), scalar(hard)));
        list.collect::<Vec<_>>().join(", ")
    };
    cells![row.name(), said(requests), said(limits), row.age()]
}

fn component_statuses(row: &Row<'_>) -> Vec<Json> {
    let healthy = row.list("/conditions").iter().find(|c| text(c, "/type") == "Healthy");
    let Some(healthy) = healthy else { return cells![row.name(), "Unknown", "", ""] };
    let status = if text(healthy, "/status") == "True" { "Healthy" } else { "Unhealthy" };
    cells![row.name(), status, text(healthy, "/message"), text(healthy, "/error")]
}

fn leases(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.text("/spec/holderIdentity"), row.age()]
}

fn lease_candidates(row: &Row<'_>) -> Vec<Json> {
    cells![
        row.name(),
        row.text("/spec/leaseName"),
        row.text("/spec/binaryVersion"),
        row.text("/spec/emulationVersion"),
        row.age(),
    ]
}

fn priority_classes(row: &Row<'_>) -> Vec<Json> {
    let value = number(row.object, "/value");
    cells![row.name(), value, row.flag("/globalDefault", false), row.age(), row.text("/preemptionPolicy")]
}

fn runtime_classes(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.text("/handler"), row.age()]
}

fn api_services(row: &Row<'_>) -> Vec<Json> {
    let service = if row.has("/spec/service") {
        format!("{}/{}", row.text("/spec/service/namespace"), row.text("/spec/service/name"))
    } else {
        "Local".to_owned()
    };
    let available = row.list("/status/conditions").iter().find(|c| text(c, "/type") == "Available");
    let available = available.map_or_else(
        || "Unknown".to_owned(),
        |c| match (text(c, "/status"), text(c, "/reason")) {
            (status, reason) if status != "True" && !reason.is_empty() => format!("{status} ({reason})"),
            (status, _) => status.to_owned(),
        },
    );
    cells![row.name(), service, available, row.age()]
}
