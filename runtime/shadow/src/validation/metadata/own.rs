//! How often, and by which rules, each kind judges the metadata of its objects itself, besides what the registry does for
//! all kinds: each time tells the same faults once more.

use super::{Name, create, kube_finalizers, update};
use crate::Json;
use crate::validation::causes::Causes;

/// One judgement of a changed object.
#[derive(Debug, Clone, Copy)]
enum Judged {
    /// As if it were new.
    New,
    /// Beside the old one.
    Changed,
}

use Judged::{Changed, New};

/// A kind's own judgements of metadata.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Own {
    /// Of a new object; none where only the registry looks.
    name: Option<Name>,
    /// Whether finalizers need a domain, but for Kubernetes' own.
    domains: bool,
    /// Of a changed object.
    update: &'static [Judged],
    /// Of one whose status was changed, or another part of it.
    part: &'static [Judged],
}

impl Own {
    /// Custom resources and their definitions.
    pub(crate) const CUSTOM: Self =
        Self { name: Some(Name::Subdomain), domains: false, update: &[Changed], part: &[Changed] };

    /// A built-in kind; `group` is the first part of its group's name.
    pub(crate) fn of(group: &str, kind: &str) -> Self {
        let name = match (group, kind) {
            ("core", "Event") | ("policy", _) => None,
            ("core", "Namespace" | "Service") | ("apps", "StatefulSet") => Some(Name::Label),
            ("rbac" | "apiregistration", _) | ("networking", "IPAddress") => Some(Name::PathSegment),
            _ => Some(Name::Subdomain),
        };
        let domains = !matches!(group, "admissionregistration" | "apiregistration" | "coordination" | "node");
        let update: &[Judged] = match (group, kind) {
            ("core", "Event") | ("policy", _) => &[],
            ("core", "PersistentVolume") => &[New, New],
            ("core", "LimitRange")
            | ("storage", "VolumeAttachment" | "CSINode")
            | ("discovery" | "flowcontrol" | "admissionregistration", _) => &[New],
            (
                "core",
                "Pod"
                | "ConfigMap"
                | "Secret"
                | "PersistentVolumeClaim"
                | "Namespace"
                | "Node"
                | "ServiceAccount"
                | "Endpoints",
            )
            | ("apps", "ControllerRevision")
            | ("batch", "Job")
            | ("networking", "Ingress" | "IngressClass" | "IPAddress")
            | ("storage", "StorageClass" | "CSIStorageCapacity" | "VolumeAttributesClass")
            | ("resource", "ResourceClaim" | "ResourceClaimTemplate" | "DeviceClass")
            | ("rbac" | "node" | "certificates" | "apiregistration", _) => &[New, Changed],
            _ => &[Changed],
        };
        let part: &[Judged] = match (group, kind) {
            ("batch", "CronJob") | ("policy" | "flowcontrol" | "admissionregistration", _) => &[],
            ("storage", "VolumeAttachment") => &[New],
            ("certificates", _) => &[New, Changed],
            _ => &[Changed],
        };
        Self { name, domains, update, part }
    }

    pub(crate) fn create(self, object: &Json, namespaced: bool, causes: &mut Causes) {
        let Some(name) = self.name else { return };
        create(object, namespaced, name, causes);
        self.finalizers(object, causes);
    }

    /// `part`: which part of it was changed, if not the object itself.
    pub(crate) fn update(self, object: &Json, old: &Json, namespaced: bool, part: &str, causes: &mut Causes) {
        let judged = match part {
            "" | "scale" => self.update,
            // All of the pod is judged again.
            "ephemeralcontainers" | "resize" => &[Changed, New],
            _ => self.part,
        };
        for one in judged {
            match one {
                New => self.create(object, namespaced, causes),
                Changed => {
                    update(object, old, causes);
                    self.finalizers(object, causes);
                }
            }
        }
    }

    fn finalizers(self, object: &Json, causes: &mut Causes) {
        if self.domains {
            kube_finalizers(object, causes);
        }
    }
}
