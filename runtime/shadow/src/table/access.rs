//! Rows of who may do what, and of what looks at requests.

use jiff::SignedDuration;

use super::row::{Row, cells, text};
use super::{Cells, age, selector};
use crate::Json;

pub(super) fn cells(resource: &str) -> Option<Cells> {
    Some(match resource {
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => bindings,
        "certificatesigningrequests.certificates.k8s.io" => signing_requests,
        "clustertrustbundles.certificates.k8s.io" => trust_bundles,
        "podcertificaterequests.certificates.k8s.io" => pod_certificates,
        "mutatingwebhookconfigurations.admissionregistration.k8s.io"
        | "validatingwebhookconfigurations.admissionregistration.k8s.io" => webhooks,
        "validatingadmissionpolicies.admissionregistration.k8s.io" => validating_policies,
        "mutatingadmissionpolicies.admissionregistration.k8s.io" => mutating_policies,
        "validatingadmissionpolicybindings.admissionregistration.k8s.io"
        | "mutatingadmissionpolicybindings.admissionregistration.k8s.io" => policy_bindings,
        "flowschemas.flowcontrol.apiserver.k8s.io" => flow_schemas,
        "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io" => priority_levels,
        _ => return None,
    })
}

fn bindings(row: &Row<'_>) -> Vec<Json> {
    let subjects = |kind: &str| {
        let of_kind = row.list("/subjects").iter().filter(|s| text(s, "/kind") == kind);
        let named = of_kind.map(|s| match (kind, text(s, "/namespace"), text(s, "/name")) {
            ("ServiceAccount", namespace, name) => format!("{namespace}/{name}"),
            (_, _, name) => name.to_owned(),
        });
        named.collect::<Vec<_>>().join(", ")
    };
    cells![
        row.name(),
        format!("{}/{}", row.text("/roleRef/kind"), row.text("/roleRef/name")),
        row.age(),
        subjects("User"),
        subjects("Group"),
        subjects("ServiceAccount"),
    ]
}

fn signing_requests(row: &Row<'_>) -> Vec<Json> {
    let requested = row.object.pointer("/spec/expirationSeconds").and_then(Json::as_i64);
    let has = |kind: &str| row.list("/status/conditions").iter().any(|c| text(c, "/type") == kind);
    let mut status = match () {
        () if has("Denied") => "Denied",
        () if has("Approved") => "Approved",
        () => "Pending",
    }
    .to_owned();
    if has("Failed") {
        status.push_str(",Failed");
    }
    if !row.text("/status/certificate").is_empty() {
        status.push_str(",Issued");
    }
    cells![
        row.name(),
        row.age(),
        row.text_or("/spec/signerName", "<none>"),
        row.text("/spec/username"),
        requested.map_or_else(|| "<none>".to_owned(), |s| age::human(SignedDuration::from_secs(s))),
        status,
    ]
}

fn trust_bundles(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.text_or("/spec/signerName", "<none>")]
}

fn pod_certificates(row: &Row<'_>) -> Vec<Json> {
    let mut states = row.list("/status/conditions").iter().map(|c| text(c, "/type"));
    let state = states.rfind(|s| ["Issued", "Denied", "Failed"].contains(s)).unwrap_or("Pending");
    cells![
        row.name(),
        row.text("/spec/podName"),
        row.text("/spec/serviceAccountName"),
        row.text("/spec/nodeName"),
        row.text("/spec/signerName"),
        state,
        selector::labels(row.object.pointer("/spec/unverifiedUserAnnotations")),
    ]
}

fn webhooks(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.list("/webhooks").len(), row.age()]
}

fn validating_policies(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.list("/spec/validations").len(), parameter_kind(row), row.age()]
}

fn mutating_policies(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.list("/spec/mutations").len(), parameter_kind(row), row.age()]
}

fn parameter_kind(row: &Row<'_>) -> String {
    if row.has("/spec/paramKind") {
        format!("{}/{}", row.text("/spec/paramKind/apiVersion"), row.text("/spec/paramKind/kind"))
    } else {
        "<unset>".to_owned()
    }
}

fn policy_bindings(row: &Row<'_>) -> Vec<Json> {
    let parameter = match (row.text("/spec/paramRef/name"), row.text("/spec/paramRef/namespace")) {
        ("", _) => "<unset>".to_owned(),
        (name, "") => format!("*/{name}"),
        (name, namespace) => format!("{namespace}/{name}"),
    };
    cells![row.name(), row.text("/spec/policyName"), parameter, row.age()]
}

fn flow_schemas(row: &Row<'_>) -> Vec<Json> {
    let dangling = row.list("/status/conditions").iter().find(|c| text(c, "/type") == "Dangling");
    let by = row.has("/spec/distinguisherMethod");
    cells![
        row.name(),
        row.text("/spec/priorityLevelConfiguration/name"),
        row.number("/spec/matchingPrecedence"),
        if by { row.text("/spec/distinguisherMethod/type") } else { "<none>" },
        row.age(),
        dangling.map_or("?", |c| text(c, "/status")),
    ]
}

fn priority_levels(row: &Row<'_>) -> Vec<Json> {
    let queuing = row.has("/spec/limited/limitResponse/queuing");
    let of = |there: bool, path: &str| if there { Json::from(row.number(path)) } else { Json::from("<none>") };
    cells![
        row.name(),
        row.text("/spec/type"),
        of(row.has("/spec/limited"), "/spec/limited/nominalConcurrencyShares"),
        of(queuing, "/spec/limited/limitResponse/queuing/queues"),
        of(queuing, "/spec/limited/limitResponse/queuing/handSize"),
        of(queuing, "/spec/limited/limitResponse/queuing/queueLengthLimit"),
        row.age(),
    ]
}
