//! What PersistentVolumes can be made of.

use serde_json::json;

use super::causes::Causes;
use super::{names, pod};
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text, truth};

/// What is wrong with a volume's source; `path` is where it stands in the volume.
pub(super) fn check(kind: &str, source: &Json, path: &str, causes: &mut Causes) {
    match kind {
        "gcePersistentDisk" => disk(source, causes),
        "awsElasticBlockStore" => {
            required(source, &["volumeID"], path, causes);
            partition(source, path, causes);
        }
        "glusterfs" => {
            required(source, &["endpoints", "path"], path, causes);
            if let Some(namespace) = get(source, "endpointsNamespace").as_str() {
                let field = format!("{path}.endpointsNamespace");
                if namespace.is_empty() {
                    let words = "if the endpointnamespace is set, it must be a valid namespace name";
                    causes.invalid(&field, namespace, words);
                } else {
                    causes.each(&field, namespace, names::dns_label(namespace));
                }
            }
        }
        "flocker" => flocker(source, path, causes),
        "quobyte" => quobyte(source, path, causes),
        "iscsi" => iscsi(source, path, causes),
        "cinder" => {
            required(source, &["volumeID"], path, causes);
            secret(source, path, causes);
        }
        "fc" => fibre_channel(source, path, causes),
        "flexVolume" => {
            required(source, &["driver"], path, causes);
            for (key, _) in entries(source, "options") {
                let domain = key.split_once('/').map_or(key.as_str(), |(domain, _)| domain);
                let domain = format!(".{}", domain.to_lowercase());
                if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
                    let words = "kubernetes.io and k8s.io namespaces are reserved";
                    causes.invalid(&format!("{path}.options[{key}]"), key.as_str(), words);
                }
            }
        }
        "azureFile" => {
            required(source, &["secretName", "shareName"], path, causes);
            if source.get("secretNamespace").is_some() {
                required(source, &["secretNamespace"], path, causes);
            }
        }
        "vsphereVolume" => required(source, &["volumePath"], path, causes),
        "photonPersistentDisk" => required(source, &["pdID"], path, causes),
        "portworxVolume" => required(source, &["volumeID"], path, causes),
        "azureDisk" => azure_disk(source, path, causes),
        "scaleIO" => required(source, &["gateway", "system", "volumeName"], path, causes),
        "storageos" => {
            required(source, &["volumeName"], path, causes);
            for name in ["volumeName", "volumeNamespace"] {
                let value = text(source, name);
                if !value.is_empty() {
                    causes.each(&format!("{path}.{name}"), value, names::dns_label(value));
                }
            }
            secret(source, path, causes);
        }
        "csi" => {
            pod::check_shared_volume(kind, source, path, causes);
            let of = ["controllerPublish", "controllerExpand", "nodePublish", "nodeExpand"];
            for name in of.map(|of| format!("{of}SecretRef")) {
                let Some(secret) = source.get(&name) else { continue };
                let path = format!("{path}.{name}");
                required(secret, &["name", "namespace"], &path, causes);
                let (name, namespace) = (text(secret, "name"), text(secret, "namespace"));
                if !name.is_empty() {
                    causes.each(&format!("{path}.name"), name, names::dns_subdomain(name));
                }
                if !namespace.is_empty() {
                    causes.each(&format!("{path}.namespace"), namespace, names::dns_label(namespace));
                }
            }
        }
        _ => pod::check_shared_volume(kind, source, path, causes),
    }
}

fn required(source: &Json, fields: &[&str], path: &str, causes: &mut Causes) {
    for name in fields.iter().filter(|name| text(source, name).is_empty()) {
        causes.required(&format!("{path}.{name}"), "");
    }
}

fn secret(source: &Json, path: &str, causes: &mut Causes) {
    if let Some(secret) = source.get("secretRef") {
        required(secret, &["name", "namespace"], &format!("{path}.secretRef"), causes);
    }
}

fn partition(source: &Json, path: &str, causes: &mut Causes) {
    if let Some(partition) = number(source, "partition").filter(|partition| !(0..=255).contains(partition)) {
        causes.invalid(&format!("{path}.partition"), partition, "must be between 0 and 255, inclusive");
    }
}

/// It is told by another name.
fn disk(source: &Json, causes: &mut Causes) {
    const PATH: &str = "spec.persistentDisk";
    required(source, &["pdName"], PATH, causes);
    partition(source, PATH, causes);
}

fn flocker(source: &Json, path: &str, causes: &mut Causes) {
    let (name, uuid) = (text(source, "datasetName"), text(source, "datasetUUID"));
    match (name.is_empty(), uuid.is_empty()) {
        (true, true) => causes.required(path, "one of datasetName and datasetUUID is required"),
        (false, false) => {
            let words = "datasetName and datasetUUID can not be specified simultaneously";
            causes.invalid(path, "resource", words);
        }
        _ => {}
    }
    if name.contains('/') {
        causes.invalid(&format!("{path}.datasetName"), name, "must not contain '/'");
    }
}

fn quobyte(source: &Json, path: &str, causes: &mut Causes) {
    const PAIRS: &str = "must be a host:port pair or multiple pairs separated by commas";
    let (registry, field) = (text(source, "registry"), format!("{path}.registry"));
    if registry.is_empty() {
        causes.required(&field, PAIRS);
    } else if text(source, "tenant").len() >= 65 {
        let words = "must be a UUID and may not exceed a length of 64 characters";
        causes.required(&format!("{path}.tenant"), words);
    } else {
        for _ in registry.split(',').filter(|pair| !is_host_and_port(pair)) {
            causes.invalid(&field, registry, PAIRS);
        }
    }
    required(source, &["volume"], path, causes);
}

fn is_host_and_port(pair: &str) -> bool {
    let Some((host, port)) = pair.rsplit_once(':') else { return false };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let odd = |part: &str| part.contains(['[', ']']);
    !odd(port) && bare.map_or(!host.contains(':') && !odd(host), |bare| !odd(bare))
}

fn iscsi(source: &Json, path: &str, causes: &mut Causes) {
    const FORM: &str = "must be valid format";
    required(source, &["targetPortal", "iqn"], path, causes);
    let name = text(source, "iqn");
    if !name.is_empty() && !is_iscsi_name(name) {
        causes.invalid(&format!("{path}.iqn"), name, FORM);
    }
    if let Some(lun) = number(source, "lun").filter(|lun| !(0..=255).contains(lun)) {
        causes.invalid(&format!("{path}.lun"), lun, "must be between 0 and 255, inclusive");
    }
    let asks = truth(source, "chapAuthDiscovery") || truth(source, "chapAuthSession");
    match source.get("secretRef") {
        None if asks => causes.required(&format!("{path}.secretRef"), ""),
        Some(secret) => required(secret, &["name"], &format!("{path}.secretRef"), causes),
        None => {}
    }
    if let Some(name) = get(source, "initiatorName").as_str().filter(|name| !is_iscsi_name(name)) {
        causes.invalid(&format!("{path}.initiatorname"), name, FORM);
    }
}

/// `iqn.YEAR-MONTH.DOMAIN:NAME`, `eui.` and 16 digits or letters, or `naa.` and 32.
fn is_iscsi_name(name: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match name.split_once('.') {
        Some(("iqn", rest)) => rest.split_once('.').is_some_and(|(month, domain)| {
            let dated = month.split_once('-').is_some_and(|(year, month)| digits(year, 4) && digits(month, 2));
            let named = domain.split_once(':').is_some_and(|(domain, name)| {
                let known = |c: char| c.is_ascii_alphanumeric() || "-.".contains(c);
                let odd = |c: char| c.is_ascii_whitespace() || ",;*&$|".contains(c);
                !domain.is_empty() && domain.chars().all(known) && !name.is_empty() && !name.contains(odd)
            });
            dated && named
        }),
        Some(("eui", rest)) => plain(rest, 16),
        Some(("naa", rest)) => plain(rest, 32),
        _ => false,
    }
}

fn fibre_channel(source: &Json, path: &str, causes: &mut Causes) {
    let (targets, wwids) = (items(source, "targetWWNs"), items(source, "wwids"));
    let field = format!("{path}.targetWWNs");
    match (targets, wwids) {
        ([], []) => causes.required(&field, "must specify either targetWWNs or wwids, but not both"),
        ([_, ..], [_, ..]) => {
            causes.invalid(&field, json!(targets), "targetWWNs and wwids can not be specified simultaneously");
        }
        _ => {}
    }
    if targets.is_empty() {
        return;
    }
    match number(source, "lun") {
        None => causes.required(&format!("{path}.lun"), "lun is required if targetWWNs is specified"),
        Some(lun) if !(0..=255).contains(&lun) => {
            causes.invalid(&format!("{path}.lun"), lun, "must be between 0 and 255, inclusive");
        }
        Some(_) => {}
    }
}

fn azure_disk(source: &Json, path: &str, causes: &mut Causes) {
    const MANAGED: &str =
        "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}";
    const BLOB: &str = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd";
    required(source, &["diskName", "diskURI"], path, causes);
    if let Some(mode) = get(source, "cachingMode").as_str() {
        causes.one_of(&format!("{path}.cachingMode"), mode, &["None", "ReadOnly", "ReadWrite"]);
    }
    let Some(kind) = get(source, "kind").as_str() else { return };
    causes.one_of(&format!("{path}.kind"), kind, &["Dedicated", "Managed", "Shared"]);
    let (start, form) = if kind == "Managed" { ("/subscriptions/", MANAGED) } else { ("https://", BLOB) };
    let address = text(source, "diskURI");
    if !address.starts_with(start) {
        causes.unsupported(&format!("{path}.diskURI"), address, &[form]);
    }
}
