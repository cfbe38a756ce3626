//! Volumes of pods.

use std::collections::BTreeSet;

use super::super::causes::Causes;
use super::super::{claim, names};
use super::{Volumes, environment};
use crate::Json;
use crate::defaults::fields::{get, items, number, text};
use crate::quantity::Quantity;

const MODE: &str = "must be a number between 0 and 0777 (octal), both inclusive";

/// All volumes of a pod; the good ones are put into `volumes`.
pub(super) fn check<'a>(spec: &'a Json, path: &str, volumes: &mut Volumes<'a>, causes: &mut Causes) {
    let claims: BTreeSet<&str> = volumes.keys().copied().collect();
    let mut taken = BTreeSet::new();
    for (at, volume) in items(spec, "volumes").iter().enumerate() {
        let path = format!("{path}[{at}]");
        let name = text(volume, "name");
        // A StatefulSet's claim takes the place of a volume of its name.
        if claims.contains(name) {
            continue;
        }
        let before = causes.0.len();
        check_source(volume, &path, causes);
        if name.is_empty() {
            causes.required(&format!("{path}.name"), "");
        } else {
            causes.each(&format!("{path}.name"), name, names::dns_label(name));
        }
        if taken.contains(name) {
            causes.duplicate(&format!("{path}.name"), name);
        }
        if causes.0.len() == before {
            taken.insert(name);
            volumes.insert(name, volume);
        }
    }
}

fn check_source(volume: &Json, path: &str, causes: &mut Causes) {
    // In the order in which the API server looks.
    const KINDS: [&str; 30] = [
        "emptyDir",
        "hostPath",
        "gitRepo",
        "gcePersistentDisk",
        "awsElasticBlockStore",
        "secret",
        "nfs",
        "iscsi",
        "glusterfs",
        "flocker",
        "persistentVolumeClaim",
        "rbd",
        "cinder",
        "cephfs",
        "quobyte",
        "downwardAPI",
        "fc",
        "flexVolume",
        "configMap",
        "azureFile",
        "vsphereVolume",
        "photonPersistentDisk",
        "portworxVolume",
        "azureDisk",
        "storageos",
        "projected",
        "scaleIO",
        "csi",
        "ephemeral",
        "image",
    ];
    let mut found = false;
    for kind in KINDS {
        let Some(source) = volume.get(kind) else { continue };
        let at = path;
        let path = format!("{at}.{kind}");
        if std::mem::replace(&mut found, true) {
            let named = if kind == "cephfs" { format!("{at}.cephFS") } else { path };
            causes.forbidden(&named, "may not specify more than 1 volume type");
            continue;
        }
        check_kind(kind, source, &path, causes);
    }
    if !found {
        causes.required(path, "must specify a volume type");
    }
}

fn check_kind(kind: &str, source: &Json, path: &str, causes: &mut Causes) {
    let required = |name: &str, causes: &mut Causes| {
        if text(source, name).is_empty() {
            causes.required(&format!("{path}.{name}"), "");
        }
    };
    match kind {
        "emptyDir" => {
            let limit = get(source, "sizeLimit").as_str().and_then(|limit| Quantity::parse(limit).ok());
            if limit.is_some_and(Quantity::is_negative) {
                let words = "SizeLimit field must be a valid resource quantity";
                causes.forbidden(&format!("{path}.sizeLimit"), words);
            }
        }
        "secret" | "configMap" => {
            required(if kind == "secret" { "secretName" } else { "name" }, causes);
            check_mode(source, "defaultMode", path, causes);
            check_items(source, path, causes);
        }
        "persistentVolumeClaim" => required("claimName", causes),
        "downwardAPI" => {
            check_mode(source, "defaultMode", path, causes);
            for file in items(source, "items") {
                check_downward_file(file, path, causes);
            }
        }
        "projected" => check_projected(source, path, causes),
        "ephemeral" => match source.get("volumeClaimTemplate") {
            Some(template) => claim::check(get(template, "spec"), &format!("{path}.volumeClaimTemplate.spec"), causes),
            None => causes.required(&format!("{path}.volumeClaimTemplate"), ""),
        },
        "csi" => check_driver(text(source, "driver"), &format!("{path}.driver"), causes),
        "image" => {
            required("reference", causes);
            let policy = text(source, "pullPolicy");
            causes.one_of(&format!("{path}.pullPolicy"), policy, &["Always", "IfNotPresent", "Never"]);
        }
        "gitRepo" => required("repository", causes),
        _ => check_shared(kind, source, path, causes),
    }
}

/// Sources that pods and persistent volumes have in common.
pub(crate) fn check_shared(kind: &str, source: &Json, path: &str, causes: &mut Causes) {
    let required = |name: &str, causes: &mut Causes| {
        if text(source, name).is_empty() {
            causes.required(&format!("{path}.{name}"), "");
        }
    };
    match kind {
        "hostPath" => {
            let host = text(source, "path");
            if host.is_empty() {
                return causes.required(&format!("{path}.path"), "");
            }
            no_back_steps(host, &format!("{path}.path"), causes);
            let kinds =
                ["", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"];
            causes.one_of(&format!("{path}.type"), text(source, "type"), &kinds);
        }
        "nfs" => {
            required("server", causes);
            required("path", causes);
            if !text(source, "path").starts_with('/') {
                causes.invalid(&format!("{path}.path"), text(source, "path"), "must be an absolute path");
            }
        }
        "local" => {
            if text(source, "path").is_empty() {
                return causes.required(&format!("{path}.path"), "");
            }
            no_back_steps(text(source, "path"), &format!("{path}.path"), causes);
        }
        "csi" => {
            check_driver(text(source, "driver"), &format!("{path}.driver"), causes);
            required("volumeHandle", causes);
        }
        "iscsi" => {
            required("targetPortal", causes);
            required("iqn", causes);
        }
        "glusterfs" => {
            required("endpoints", causes);
            required("path", causes);
        }
        "rbd" => {
            if items(source, "monitors").is_empty() {
                causes.required(&format!("{path}.monitors"), "");
            }
            required("image", causes);
        }
        "cephfs" if items(source, "monitors").is_empty() => causes.required(&format!("{path}.monitors"), ""),
        "cinder" => required("volumeID", causes),
        "gcePersistentDisk" => required("pdName", causes),
        "awsElasticBlockStore" => required("volumeID", causes),
        _ => {}
    }
}

fn check_driver(driver: &str, path: &str, causes: &mut Causes) {
    if driver.is_empty() {
        return causes.required(path, "");
    }
    if driver.len() > 63 {
        causes.too_long(path, 63);
    }
    causes.each(path, driver, names::dns_subdomain(&driver.to_lowercase()));
}

fn check_mode(source: &Json, name: &str, path: &str, causes: &mut Causes) {
    if let Some(mode) = number(source, name).filter(|mode| !(0..=0o777).contains(mode)) {
        causes.invalid(&format!("{path}.{name}"), mode, MODE);
    }
}

fn check_items(source: &Json, path: &str, causes: &mut Causes) {
    for (at, item) in items(source, "items").iter().enumerate() {
        let path = format!("{path}.items[{at}]");
        for name in ["key", "path"] {
            if text(item, name).is_empty() {
                causes.required(&format!("{path}.{name}"), "");
            }
        }
        local_path(text(item, "path"), &format!("{path}.path"), causes);
        check_mode(item, "mode", &path, causes);
    }
}

fn check_downward_file(file: &Json, path: &str, causes: &mut Causes) {
    if text(file, "path").is_empty() {
        causes.required(&format!("{path}.path"), "");
    }
    local_path(text(file, "path"), &format!("{path}.path"), causes);
    match (file.get("fieldRef"), file.get("resourceFieldRef")) {
        (Some(field), resource) => {
            environment::check_field(field, &format!("{path}.fieldRef"), &environment::VOLUME_FIELDS, causes);
            if resource.is_some() {
                let words = "fieldRef and resourceFieldRef can not be specified simultaneously";
                causes.invalid(path, "resource", words);
            }
        }
        (None, Some(resource)) => {
            environment::check_resource(resource, &format!("{path}.resourceFieldRef"), true, causes);
        }
        (None, None) => causes.required(path, "one of fieldRef and resourceFieldRef is required"),
    }
    check_mode(file, "mode", path, causes);
}

fn check_projected(source: &Json, path: &str, causes: &mut Causes) {
    check_mode(source, "defaultMode", path, causes);
    let mut taken = BTreeSet::new();
    let mut once = |file: &str, said: &str, causes: &mut Causes| {
        if !file.is_empty() && !taken.insert(file.to_owned()) {
            causes.invalid(path, said, "conflicting duplicate paths");
        }
    };
    for (at, part) in items(source, "sources").iter().enumerate() {
        let at_path = format!("{path}.sources[{at}]");
        for kind in ["secret", "configMap"] {
            let Some(of) = part.get(kind) else { continue };
            if text(of, "name").is_empty() {
                causes.required(&format!("{at_path}.{kind}.name"), "");
            }
            check_items(of, &format!("{at_path}.{kind}"), causes);
            for item in items(of, "items") {
                once(text(item, "path"), text(of, "name"), causes);
            }
        }
        if let Some(of) = part.get("downwardAPI") {
            for file in items(of, "items") {
                check_downward_file(file, &format!("{at_path}.downwardAPI"), causes);
                once(text(file, "path"), text(file, "path"), causes);
            }
        }
        if let Some(token) = part.get("serviceAccountToken") {
            let seconds = number(token, "expirationSeconds").unwrap_or_default();
            let field = format!("{at_path}.serviceAccountToken.expirationSeconds");
            if seconds < 600 {
                causes.invalid(&field, seconds, "may not specify a duration less than 10 minutes");
            }
            if seconds > 1 << 32 {
                causes.invalid(&field, seconds, "may not specify a duration larger than 2^32 seconds");
            }
            match text(token, "path") {
                "" => causes.required(&format!("{path}.path"), ""),
                file => local_path(file, &format!("{path}.path"), causes),
            }
        }
        if part.as_object().is_some_and(|part| part.len() > 1) {
            causes.forbidden(&at_path, "may not specify more than 1 volume type per source");
        }
    }
}

fn no_back_steps(path: &str, field: &str, causes: &mut Causes) {
    if path.split('/').any(|part| part == "..") {
        causes.invalid(field, path, "must not contain '..'");
    }
}

pub(super) fn descending(path: &str, field: &str, causes: &mut Causes) {
    if path.starts_with('/') {
        causes.invalid(field, path, "must be a relative path");
    }
    no_back_steps(path, field, causes);
}

fn local_path(path: &str, field: &str, causes: &mut Causes) {
    descending(path, field, causes);
    if path.starts_with("..") && !path.starts_with("../") {
        causes.invalid(field, path, "must not start with '..'");
    }
}
