//! The mounts and devices of containers.

use std::collections::BTreeSet;

use super::super::causes::Causes;
use super::Volumes;
use super::volume::descending;
use crate::Json;
use crate::defaults::fields::{get, items, text, truth};

/// The mounts and devices of a container.
pub(super) fn check(container: &Json, path: &str, volumes: &Volumes<'_>, causes: &mut Causes) {
    let list = format!("{path}.volumeMounts");
    let devices = items(container, "volumeDevices");
    let mut taken = BTreeSet::new();
    for (at, mount) in items(container, "volumeMounts").iter().enumerate() {
        let path = format!("{list}[{at}]");
        let (name, target) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            causes.required(&format!("{path}.name"), "");
        }
        if !volumes.contains_key(name) {
            causes.not_found(&format!("{path}.name"), name);
        }
        if target.is_empty() {
            causes.required(&format!("{path}.mountPath"), "");
        }
        if !taken.insert(target) {
            causes.invalid(&format!("{path}.mountPath"), target, "must be unique");
        }
        if devices.iter().any(|device| text(device, "name") == name) {
            causes.invalid(&format!("{path}.name"), name, "must not already exist in volumeDevices");
        }
        if devices.iter().any(|device| text(device, "devicePath") == target) {
            let words = "must not already exist as a path in volumeDevices";
            causes.invalid(&format!("{path}.mountPath"), target, words);
        }
        for name in ["subPath", "subPathExpr"] {
            let sub = text(mount, name);
            if name == "subPathExpr" && !sub.is_empty() && !text(mount, "subPath").is_empty() {
                let words = "subPathExpr and subPath are mutually exclusive";
                causes.invalid(&format!("{path}.subPathExpr"), sub, words);
            }
            descending(sub, &format!("{list}.{name}"), causes);
        }
        if let Some(mode) = get(mount, "mountPropagation").as_str() {
            let field = format!("{list}.mountPropagation");
            causes.one_of(&field, mode, &["Bidirectional", "HostToContainer", "None"]);
            if mode == "Bidirectional" && !truth(get(container, "securityContext"), "privileged") {
                let words = "Bidirectional mount propagation is available only to privileged containers";
                causes.forbidden(&field, words);
            }
        }
    }
    check_devices(container, path, volumes, causes);
}

fn check_devices(container: &Json, path: &str, volumes: &Volumes<'_>, causes: &mut Causes) {
    let mounts = items(container, "volumeMounts");
    let (mut named, mut placed) = (BTreeSet::new(), BTreeSet::new());
    for (at, device) in items(container, "volumeDevices").iter().enumerate() {
        let path = format!("{path}.volumeDevices[{at}]");
        let (name, target) = (text(device, "name"), text(device, "devicePath"));
        let found = volumes.get(name);
        if name.is_empty() {
            causes.required(&format!("{path}.name"), "");
        }
        if !named.insert(name) {
            causes.invalid(&format!("{path}.name"), name, "must be unique");
        }
        let block = |volume: &&Json| {
            ["persistentVolumeClaim", "ephemeral", "spec"].iter().any(|kind| volume.get(*kind).is_some())
        };
        match found {
            None => causes.not_found(&format!("{path}.name"), name),
            Some(volume) if !block(volume) => {
                let words = "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode";
                causes.invalid(&format!("{path}.name"), name, words);
            }
            Some(_) => {}
        }
        if target.is_empty() {
            causes.required(&format!("{path}.devicePath"), "");
        }
        if !placed.insert(target) {
            causes.invalid(&format!("{path}.devicePath"), target, "must be unique");
        }
        if target.split('/').any(|part| part == "..") {
            causes.invalid(&format!("{path}.devicePath"), target, "can not contain backsteps ('..')");
        }
        if mounts.iter().any(|mount| text(mount, "name") == name) {
            causes.invalid(&format!("{path}.name"), name, "must not already exist in volumeMounts");
        }
        if mounts.iter().any(|mount| text(mount, "mountPath") == target) {
            causes.invalid(&format!("{path}.devicePath"), target, "must not already exist as a path in volumeMounts");
        }
    }
}
