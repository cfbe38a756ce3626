//! Whether an object is fine, in the words of the API server.
//!
//! Objects are in the form of `schema::check_fields` and have been filled in; what Go could not read has been refused before.

mod attachment;
mod autoscaling;
mod batch;
mod causes;
mod claim;
mod cluster;
mod config;
mod endpoints;
mod job_policies;
mod metadata;
pub(crate) mod names;
mod networking;
mod pod;
mod runtime;
pub(crate) mod selector;
mod server;
mod service;
mod status;
mod storage;
mod volume_source;
pub(crate) mod warnings;
mod webhooks;
mod workload;

use causes::Causes;
use metadata::Own;

use crate::Json;
use crate::error::Cause;

/// What is wrong with a new object of a built-in kind. Of kinds without rules here, the metadata is judged.
pub(crate) fn create(group: &str, _version: &str, kind: &str, object: &Json, namespaced: bool) -> Vec<Cause> {
    let mut causes = Causes::default();
    let all = &mut causes;
    Own::of(short(group), kind).create(object, namespaced, all);
    match (short(group), kind) {
        ("core", "Pod") => pod::create(object, all),
        ("core", "Service") => service::check(object, all),
        ("core", "ConfigMap") => config::config_map(object, all),
        ("core", "Secret") => config::secret(object, all),
        ("core", "PersistentVolumeClaim") => storage::claim(object, all),
        ("core", "PersistentVolume") => storage::volume(object, all),
        ("core", "Namespace") => cluster::namespace(object, all),
        ("core", "Node") => cluster::node(object, all),
        ("core", "LimitRange") => cluster::limit_range(object, all),
        ("core", "ResourceQuota") => cluster::resource_quota(object, all),
        ("core", "ReplicationController") | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => {
            workload::create(kind, object, all);
        }
        ("core", "PodTemplate") => {
            pod::check_template(object.get("template").unwrap_or(&Json::Null), "template", &[], all);
        }
        ("batch", "Job") => batch::create_job(object, all),
        ("batch", "CronJob") => batch::create_cron_job(object, all),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::create(object, all),
        ("policy", "PodDisruptionBudget") => cluster::disruption_budget(object, all),
        ("networking", "Ingress") => networking::create_ingress(object, all),
        ("networking", "IngressClass") => networking::ingress_class(object, None, all),
        ("networking", "NetworkPolicy") => networking::network_policy(object, all),
        ("rbac", "Role") => cluster::role(object, true, all),
        ("rbac", "ClusterRole") => cluster::role(object, false, all),
        ("rbac", "RoleBinding") => cluster::binding(object, true, all),
        ("rbac", "ClusterRoleBinding") => cluster::binding(object, false, all),
        ("scheduling", "PriorityClass") => storage::priority_class(object, all),
        ("storage", "StorageClass") => storage::class(object, all),
        ("coordination", "Lease") => cluster::lease(object, all),
        ("apiregistration", "APIService") => server::api_service(object, all),
        ("admissionregistration", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            webhooks::webhooks(object, all);
        }
        ("admissionregistration", "ValidatingAdmissionPolicy") => webhooks::policy(object, all),
        ("admissionregistration", "ValidatingAdmissionPolicyBinding") => webhooks::policy_binding(object, all),
        ("flowcontrol", "FlowSchema") => server::flow_schema(object, all),
        ("flowcontrol", "PriorityLevelConfiguration") => server::priority_level(object, all),
        ("certificates", "CertificateSigningRequest") => server::signing_request(object, all),
        ("networking", "IPAddress") => networking::ip_address(object, all),
        ("networking", "ServiceCIDR") => networking::service_cidr(object, all),
        ("storage", "CSINode") => attachment::node(object, all),
        ("storage", "VolumeAttachment") => attachment::attachment(object, all),
        ("storage", "VolumeAttributesClass") => attachment::attributes(object, all),
        ("storage", "CSIStorageCapacity") => attachment::capacity(object, all),
        ("core", "Endpoints") => endpoints::endpoints(object, None, all),
        ("discovery", "EndpointSlice") => endpoints::slice(object, None, all),
        ("apps", "ControllerRevision") => workload::revision(object, None, all),
        ("node", "RuntimeClass") => runtime::runtime_class(object, all),
        ("storage", "CSIDriver") => storage::driver(object, None, all),
        ("core", "Event") => config::event(object, all),
        ("events", "Event") => config::strict_event(object, all),
        _ => {}
    }
    causes.0
}

/// What is wrong with a changed object of a built-in kind, beside the old one; nothing for other kinds. The metadata is
/// judged by [`metadata_update`].
pub(crate) fn update(group: &str, _version: &str, kind: &str, object: &Json, old: &Json) -> Vec<Cause> {
    let mut causes = Causes::default();
    let all = &mut causes;
    match (short(group), kind) {
        ("core", "Pod") => pod::update(object, old, all),
        ("core", "Service") => service::update(object, old, all),
        ("core", "ConfigMap") => {
            config::update(object, old, &["data", "binaryData"], all);
            config::config_map(object, all);
        }
        ("core", "Secret") => {
            config::update(object, old, &["type", "data"], all);
            config::secret(object, all);
        }
        ("core", "Namespace") => cluster::namespace(object, all),
        ("core", "PersistentVolumeClaim") => storage::update_claim(object, old, all),
        ("core", "PersistentVolume") => storage::update_volume(object, old, all),
        ("core", "Node") => cluster::update_node(object, old, all),
        ("core", "LimitRange") => cluster::limit_range(object, all),
        ("core", "ResourceQuota") => cluster::update_resource_quota(object, old, all),
        ("core", "ReplicationController") | ("apps", "Deployment" | "ReplicaSet" | "StatefulSet" | "DaemonSet") => {
            workload::update(kind, object, old, all);
        }
        ("batch", "Job") => batch::update_job(object, old, all),
        ("batch", "CronJob") => batch::update_cron_job(object, old, all),
        ("autoscaling", "HorizontalPodAutoscaler") => autoscaling::check(object, all),
        ("policy", "PodDisruptionBudget") => cluster::disruption_budget(object, all),
        ("networking", "Ingress") => networking::ingress(object, all),
        ("networking", "IngressClass") => networking::ingress_class(object, Some(old), all),
        ("networking", "NetworkPolicy") => networking::network_policy(object, all),
        ("core", "Endpoints") => endpoints::endpoints(object, Some(old), all),
        ("discovery", "EndpointSlice") => endpoints::slice(object, Some(old), all),
        ("core", "PodTemplate") => {
            pod::check_template(object.get("template").unwrap_or(&Json::Null), "template", &[], all);
        }
        ("apps", "ControllerRevision") => workload::revision(object, Some(old), all),
        ("node", "RuntimeClass") => runtime::update_runtime_class(object, old, all),
        ("storage", "CSINode") => attachment::update_node(object, old, all),
        ("storage", "VolumeAttachment") => attachment::update_attachment(object, old, all),
        ("storage", "VolumeAttributesClass") => attachment::update_attributes(object, old, all),
        ("storage", "CSIStorageCapacity") => attachment::update_capacity(object, old, all),
        ("networking", "IPAddress") => networking::update_ip_address(object, old, all),
        ("networking", "ServiceCIDR") => networking::update_service_cidr(object, old, all),
        ("storage", "CSIDriver") => storage::driver(object, Some(old), all),
        ("coordination", "Lease") => cluster::lease(object, all),
        ("rbac", "Role") => cluster::role(object, true, all),
        ("rbac", "ClusterRole") => cluster::role(object, false, all),
        ("rbac", "RoleBinding") => cluster::update_binding(object, old, true, all),
        ("rbac", "ClusterRoleBinding") => cluster::update_binding(object, old, false, all),
        ("scheduling", "PriorityClass") => storage::update_priority_class(object, old, all),
        ("storage", "StorageClass") => storage::update_class(object, old, all),
        ("apiregistration", "APIService") => server::api_service(object, all),
        ("admissionregistration", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            webhooks::webhooks(object, all);
        }
        ("admissionregistration", "ValidatingAdmissionPolicy") => webhooks::policy(object, all),
        ("admissionregistration", "ValidatingAdmissionPolicyBinding") => webhooks::policy_binding(object, all),
        ("flowcontrol", "FlowSchema") => server::flow_schema(object, all),
        ("flowcontrol", "PriorityLevelConfiguration") => server::priority_level(object, all),
        _ => {}
    }
    causes.0
}

/// What is wrong with the addresses in a Service's spec, and their families.
pub(crate) fn service_addresses(spec: &Json) -> Vec<Cause> {
    let mut causes = Causes::default();
    service::check_addresses(spec, &mut causes);
    causes.0
}

/// What the registry finds in the metadata of a new object of any kind, once its own rules have found nothing.
pub(crate) fn metadata(object: &Json, namespaced: bool) -> Vec<Cause> {
    let mut causes = Causes::default();
    metadata::any(object, namespaced, &mut causes);
    causes.0
}

/// What is wrong with the metadata of a new custom resource.
pub(crate) fn custom_metadata(object: &Json, namespaced: bool) -> Vec<Cause> {
    let mut causes = Causes::default();
    Own::CUSTOM.create(object, namespaced, &mut causes);
    causes.0
}

/// What is wrong with the metadata of a changed object: what the registry finds, and then what its kind does, which tells
/// the same again. `group` is nothing for custom kinds; `part` is what was changed of it, if not the object itself.
pub(crate) fn metadata_update(
    group: Option<&str>,
    kind: &str,
    part: &str,
    object: &Json,
    old: &Json,
    namespaced: bool,
) -> Vec<Cause> {
    let mut causes = Causes::default();
    metadata::any(object, namespaced, &mut causes);
    metadata::update(object, old, &mut causes);
    let own = group.map_or(Own::CUSTOM, |group| Own::of(short(group), kind));
    own.update(object, old, namespaced, part, &mut causes);
    causes.0
}

/// What is wrong with a part of an object that is written by itself: its status, and others. The metadata is judged by
/// [`metadata_update`].
pub(crate) fn update_part(group: &str, kind: &str, part: &str, object: &Json, old: &Json) -> Vec<Cause> {
    let mut causes = Causes::default();
    match (short(group), kind, part) {
        ("core", "Pod", "ephemeralcontainers") => pod::ephemeral(object, old, &mut causes),
        ("core", "Pod", "resize") => pod::resize(object, old, &mut causes),
        ("core", "Namespace", "finalize") => cluster::finalizers(object, &mut causes),
        (group, _, "status") => status::check(group, kind, object, old, &mut causes),
        _ => {}
    }
    causes.0
}

fn short(group: &str) -> &str {
    let built_in = group.is_empty() || !group.contains('.') || group.ends_with(".k8s.io");
    match group.split('.').next() {
        _ if !built_in => "",
        Some("") | None => "core",
        Some(first) => first,
    }
}
