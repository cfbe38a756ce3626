//! What is filled into the volumes of pods, and into persistent volumes, which share most of it.

use serde_json::json;

use super::container::{pull_policy, round};
use super::fields::{fill, items_mut, text};
use crate::Json;

/// A pod's volume.
pub(super) fn apply(volume: &mut Json) {
    if volume.as_object().is_some_and(|fields| fields.keys().all(|name| name == "name")) {
        fill(volume, "emptyDir", json!({}));
    }
    for name in ["secret", "configMap", "downwardAPI", "projected"] {
        if let Some(source) = volume.get_mut(name) {
            fill(source, "defaultMode", 0o644);
        }
    }
    if let Some(source) = volume.get_mut("downwardAPI") {
        field_references(source);
    }
    if let Some(projected) = volume.get_mut("projected") {
        for source in items_mut(projected, "sources") {
            if let Some(downward) = source.get_mut("downwardAPI") {
                field_references(downward);
            }
            if let Some(token) = source.get_mut("serviceAccountToken") {
                fill(token, "expirationSeconds", 3600);
            }
        }
    }
    if let Some(image) = volume.get_mut("image") {
        fill(image, "pullPolicy", pull_policy(text(image, "reference")));
    }
    if let Some(claim) = volume.pointer_mut("/ephemeral/volumeClaimTemplate/spec") {
        apply_claim(claim);
    }
    apply_shared(volume);
}

fn field_references(source: &mut Json) {
    for field in items_mut(source, "items").filter_map(|item| item.get_mut("fieldRef")) {
        fill(field, "apiVersion", "v1");
    }
}

/// The spec of a claim.
pub(super) fn apply_claim(spec: &mut Json) {
    fill(spec, "volumeMode", "Filesystem");
    if let Some(resources) = spec.get_mut("resources") {
        round(resources);
    }
}

/// What volumes of pods and persistent volumes have in common.
pub(super) fn apply_shared(volume: &mut Json) {
    let defaults = [
        ("hostPath", json!({"type": ""})),
        ("iscsi", json!({"iscsiInterface": "default"})),
        ("rbd", json!({"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"})),
        ("azureDisk", json!({"cachingMode": "ReadWrite", "fsType": "ext4", "readOnly": false, "kind": "Shared"})),
        ("scaleIO", json!({"storageMode": "ThinProvisioned", "fsType": "xfs"})),
    ];
    for (name, values) in defaults {
        if let (Some(source), Json::Object(values)) = (volume.get_mut(name), values) {
            for (name, value) in values {
                fill(source, &name, value);
            }
        }
    }
}
