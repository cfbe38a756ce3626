//! The fields that field selectors may name, kind by kind.

use crate::Json;

/// A field of a selector, and where it stands in the object.
type Place = (&'static str, &'static str);

/// What the real API server lets one select the objects of a resource by, besides `metadata.name` and
/// `metadata.namespace`.
pub(crate) fn selectable(resource: &str) -> &'static [Place] {
    match resource {
        "pods" => &[
            ("spec.nodeName", "/spec/nodeName"),
            ("spec.restartPolicy", "/spec/restartPolicy"),
            ("spec.schedulerName", "/spec/schedulerName"),
            ("spec.serviceAccountName", "/spec/serviceAccountName"),
            ("spec.hostNetwork", "/spec/hostNetwork"),
            ("status.phase", "/status/phase"),
            ("status.podIP", "/status/podIP"),
            ("status.nominatedNodeName", "/status/nominatedNodeName"),
        ],
        "events" => &[
            ("involvedObject.kind", "/involvedObject/kind"),
            ("involvedObject.namespace", "/involvedObject/namespace"),
            ("involvedObject.name", "/involvedObject/name"),
            ("involvedObject.uid", "/involvedObject/uid"),
            ("involvedObject.apiVersion", "/involvedObject/apiVersion"),
            ("involvedObject.resourceVersion", "/involvedObject/resourceVersion"),
            ("involvedObject.fieldPath", "/involvedObject/fieldPath"),
            ("reason", "/reason"),
            ("reportingComponent", "/reportingComponent"),
            ("source", "/source/component"),
            ("type", "/type"),
        ],
        "nodes" => &[("spec.unschedulable", "/spec/unschedulable")],
        "replicationcontrollers" => &[("status.replicas", "/status/replicas")],
        "namespaces" => &[("status.phase", "/status/phase")],
        "secrets" => &[("type", "/type")],
        "services" => &[("spec.clusterIP", "/spec/clusterIP"), ("spec.type", "/spec/type")],
        "jobs.batch" => &[("status.successful", "/status/succeeded")],
        "certificatesigningrequests.certificates.k8s.io" => &[("spec.signerName", "/spec/signerName")],
        _ => &[],
    }
}

/// The values of those fields, in the same order.
pub(super) fn values(resource: &str, object: &Json) -> Box<[Box<str>]> {
    let value = |(field, pointer): &Place| match object.pointer(pointer) {
        Some(Json::String(text)) => text.as_str().into(),
        Some(Json::Null) | None => absent(field).into(),
        Some(other) => other.to_string().into(),
    };
    selectable(resource).iter().map(value).collect()
}

/// What Go's zero value reads like.
fn absent(field: &str) -> &'static str {
    match field {
        "spec.unschedulable" | "spec.hostNetwork" => "false",
        "status.replicas" | "status.successful" => "0",
        _ => "",
    }
}
