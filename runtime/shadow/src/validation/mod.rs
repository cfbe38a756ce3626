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
mod metadata;
pub(crate) mod names;
mod networking;
mod pod;
pub(crate) mod selector;
mod server;
mod service;
mod status;
mod storage;
pub(crate) mod warnings;
mod webhooks;
mod workload;

use causes::Causes;
use metadata::Name;

use crate::Json;
use crate::error::Cause;

/// What is wrong with a new object of a built-in kind. Of kinds without rules here, the metadata is judged.
pub(crate) fn create(group: &str, _version: &str, kind: &str, object: &Json, namespaced: bool) -> Vec<Cause> {
    let mut causes = Causes::default();
    let all = &mut causes;
    match (short(group), kind) {
        ("core", "Pod") => pod::create(object, all),
        ("core", "Service") => service::create(object, all),
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
            metadata::create(object, true, Name::Subdomain, all);
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
        ("apiregistration", "APIService") => server::api_service(object, true, all),
        ("admissionregistration", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            webhooks::webhooks(object, true, all);
        }
        ("admissionregistration", "ValidatingAdmissionPolicy") => webhooks::policy(object, true, all),
        ("admissionregistration", "ValidatingAdmissionPolicyBinding") => webhooks::policy_binding(object, true, all),
        ("flowcontrol", "FlowSchema") => server::flow_schema(object, true, all),
        ("flowcontrol", "PriorityLevelConfiguration") => server::priority_level(object, true, all),
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
        ("node", "RuntimeClass") => cluster::runtime_class(object, all),
        ("storage", "CSIDriver") => storage::driver(object, None, all),
        ("core", "Event") => config::event(object, all),
        ("events", "Event") => config::strict_event(object, all),
        _ => metadata::create(object, namespaced, Name::Subdomain, all),
    }
    // These two go by the rules of any object's metadata.
    if !matches!(kind, "Lease" | "Event") {
        metadata::kube_finalizers(object, all);
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
        ("policy", "PodDisruptionBudget") => cluster::disruption_budget_spec(object, all),
        ("networking", "Ingress") => networking::ingress(object, all),
        ("networking", "IngressClass") => networking::ingress_class(object, Some(old), all),
        ("networking", "NetworkPolicy") => networking::network_policy(object, all),
        ("core", "Endpoints") => endpoints::endpoints(object, Some(old), all),
        ("discovery", "EndpointSlice") => endpoints::slice(object, Some(old), all),
        ("core", "PodTemplate") => {
            pod::check_template(object.get("template").unwrap_or(&Json::Null), "template", &[], all);
        }
        ("apps", "ControllerRevision") => workload::revision(object, Some(old), all),
        ("node", "RuntimeClass") => all.immutable(
            "handler",
            object.get("handler").unwrap_or(&Json::Null),
            old.get("handler").unwrap_or(&Json::Null),
        ),
        ("storage", "CSIDriver") => storage::driver(object, Some(old), all),
        ("coordination", "Lease") => cluster::lease(object, all),
        ("rbac", "Role") => cluster::role(object, true, all),
        ("rbac", "ClusterRole") => cluster::role(object, false, all),
        ("rbac", "RoleBinding") => cluster::update_binding(object, old, true, all),
        ("rbac", "ClusterRoleBinding") => cluster::update_binding(object, old, false, all),
        ("scheduling", "PriorityClass") => storage::update_priority_class(object, old, all),
        ("storage", "StorageClass") => storage::update_class(object, old, all),
        ("apiregistration", "APIService") => server::api_service(object, false, all),
        ("admissionregistration", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            webhooks::webhooks(object, false, all);
        }
        ("admissionregistration", "ValidatingAdmissionPolicy") => webhooks::policy(object, false, all),
        ("admissionregistration", "ValidatingAdmissionPolicyBinding") => webhooks::policy_binding(object, false, all),
        ("flowcontrol", "FlowSchema") => server::flow_schema(object, false, all),
        ("flowcontrol", "PriorityLevelConfiguration") => server::priority_level(object, false, all),
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

/// What is wrong with the metadata of a new object of any kind: after its own judgement, a name that fits a path; for
/// custom resources, this is all that is judged here, besides [`custom_metadata`].
pub(crate) fn metadata(object: &Json) -> Vec<Cause> {
    let mut causes = Causes::default();
    metadata::path_name(object, &mut causes);
    causes.0
}

/// What is wrong with the metadata of a new custom resource.
pub(crate) fn custom_metadata(object: &Json, namespaced: bool) -> Vec<Cause> {
    let mut causes = Causes::default();
    metadata::create(object, namespaced, Name::Subdomain, &mut causes);
    causes.0
}

/// What is wrong with the metadata of a changed object of any kind, and then, for a built-in kind, what its own rules say of
/// it: the same again, and more.
pub(crate) fn metadata_update(object: &Json, old: &Json, namespaced: bool, built_in: bool) -> Vec<Cause> {
    let mut causes = Causes::default();
    metadata::any(object, namespaced, &mut causes);
    metadata::update(object, old, &mut causes);
    metadata::update(object, old, &mut causes);
    if built_in {
        metadata::kube_finalizers(object, &mut causes);
    }
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
