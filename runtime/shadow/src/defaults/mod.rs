//! What the API server makes of an object of a built-in kind before it judges it: what it fills in.

mod autoscaling;
mod cluster;
mod container;
pub(crate) mod fields;
pub(crate) mod pod;
pub(crate) mod prepare;
mod secret;
mod service;
mod storage;
mod volume;
mod workload;

use crate::Json;

/// Fills in what the API server fills into objects of a built-in kind; others stay as they are.
///
/// The object has to be in the form that `schema::check_fields` brings it into.
pub(crate) fn apply(group: &str, version: &str, kind: &str, object: &mut Json) {
    let name = if group.is_empty() { "core" } else { group.split('.').next().unwrap_or(group) };
    match (name, version, kind) {
        ("core", "v1", "Pod") => pod::apply(object),
        ("core", "v1", "PodTemplate") => workload::pod_template(object),
        ("core", "v1", "ReplicationController") => workload::replication_controller(object),
        ("core", "v1", "Service") => service::service(object),
        ("core", "v1", "Endpoints") => service::endpoints(object),
        ("core", "v1", "PersistentVolumeClaim") => storage::claim(object),
        ("core", "v1", "PersistentVolume") => storage::persistent_volume(object),
        ("core", "v1", "Secret") => secret::apply(object),
        ("core", "v1", "Namespace") => cluster::namespace(object),
        ("core", "v1", "Node") => cluster::node(object),
        ("core", "v1", "LimitRange") => cluster::limit_range(object),
        ("core", "v1", "ResourceQuota") => cluster::resource_quota(object),
        ("apps", "v1", "Deployment") => workload::deployment(object),
        ("apps", "v1", "DaemonSet") => {
            workload::daemon_set(object);
            prepare::daemon_set(object);
        }
        ("apps", "v1", "StatefulSet") => workload::stateful_set(object),
        ("apps", "v1", "ReplicaSet") => workload::replica_set(object),
        ("batch", "v1", "Job") => workload::job(object),
        ("batch", "v1", "CronJob") => workload::cron_job(object),
        ("autoscaling", "v1", "HorizontalPodAutoscaler") => autoscaling::version_1(object),
        ("autoscaling", "v2", "HorizontalPodAutoscaler") => autoscaling::version_2(object),
        ("networking", "v1", "NetworkPolicy") => service::network_policy(object),
        ("networking", "v1", "IngressClass") => service::ingress_class(object),
        ("discovery", "v1", "EndpointSlice") => service::endpoint_slice(object),
        ("rbac", "v1", "RoleBinding" | "ClusterRoleBinding") => cluster::binding(object),
        ("scheduling", "v1", "PriorityClass") => cluster::priority_class(object),
        ("storage", "v1", "StorageClass") => storage::storage_class(object),
        ("storage", "v1", "CSIDriver") => storage::csi_driver(object),
        ("admissionregistration", "v1", "ValidatingWebhookConfiguration") => cluster::webhooks(object, false),
        ("admissionregistration", "v1", "MutatingWebhookConfiguration") => cluster::webhooks(object, true),
        ("admissionregistration", "v1", "ValidatingAdmissionPolicy" | "MutatingAdmissionPolicy") => {
            cluster::admission_policy(object);
        }
        ("admissionregistration", "v1", "ValidatingAdmissionPolicyBinding" | "MutatingAdmissionPolicyBinding") => {
            cluster::admission_policy_binding(object);
        }
        ("flowcontrol", "v1", "FlowSchema") => cluster::flow_schema(object),
        ("flowcontrol", "v1", "PriorityLevelConfiguration") => cluster::priority_level(object),
        ("resource", "v1", "ResourceClaim") => cluster::resource_claim(object),
        ("resource", "v1", "ResourceClaimTemplate") => {
            if let Some(claim) = object.get_mut("spec") {
                cluster::resource_claim(claim);
            }
        }
        ("apiextensions", "v1", "CustomResourceDefinition") => cluster::custom_resource_definition(object),
        ("apiregistration", "v1", "APIService") => service::api_service(object),
        _ => {}
    }
}
