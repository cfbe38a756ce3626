//! Environment variables.

use super::super::causes::Causes;
use super::super::names;
use crate::Json;
use crate::defaults::fields::{get, items, text};

pub(super) fn check(container: &Json, path: &str, causes: &mut Causes) {
    for (at, variable) in items(container, "env").iter().enumerate() {
        let path = format!("{path}.env[{at}]");
        let name = text(variable, "name");
        if name.is_empty() {
            causes.required(&format!("{path}.name"), "");
        } else {
            causes.each(&format!("{path}.name"), name, names::variable(name));
        }
        if let Some(from) = variable.get("valueFrom") {
            check_source(variable, from, &format!("{path}.valueFrom"), causes);
        }
    }
    let list = format!("{path}.envFrom");
    for (at, from) in items(container, "envFrom").iter().enumerate() {
        let prefix = text(from, "prefix");
        if !prefix.is_empty() {
            causes.each(&format!("{list}[{at}].prefix"), prefix, names::variable(prefix));
        }
        let mut sources = 0;
        for name in ["configMapRef", "secretRef"] {
            let Some(source) = from.get(name) else { continue };
            sources += 1;
            let field = format!("{list}[{at}].{name}.name");
            match text(source, "name") {
                "" => causes.required(&field, ""),
                name => causes.each(&field, name, names::dns_subdomain(name)),
            }
        }
        match sources {
            0 => causes.invalid(&list, "", "must specify one of: `configMapRef` or `secretRef`"),
            1 => {}
            _ => causes.invalid(&list, "", "may not have more than one field specified at a time"),
        }
    }
}

fn check_source(variable: &Json, from: &Json, path: &str, causes: &mut Causes) {
    let mut sources = 0;
    if let Some(field) = from.get("fieldRef") {
        sources += 1;
        check_field(field, &format!("{path}.fieldRef"), &FIELDS, causes);
    }
    if let Some(resource) = from.get("resourceFieldRef") {
        sources += 1;
        check_resource(resource, &format!("{path}.resourceFieldRef"), false, causes);
    }
    for name in ["configMapKeyRef", "secretKeyRef"] {
        let Some(source) = from.get(name) else { continue };
        sources += 1;
        let object = text(source, "name");
        causes.each(&format!("{path}.{name}.name"), object, names::dns_subdomain(object));
        match text(source, "key") {
            "" => causes.required(&format!("{path}.{name}.key"), ""),
            key => causes.each(&format!("{path}.{name}.key"), key, names::config_key(key)),
        }
    }
    sources += usize::from(from.get("fileKeyRef").is_some());
    let has_value = !text(variable, "value").is_empty();
    if sources == 0 {
        let words =
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`";
        causes.invalid(path, "", words);
    } else if has_value {
        causes.invalid(path, "", "may not be specified when `value` is not empty");
    } else if sources > 1 {
        causes.invalid(path, "", "may not have more than one field specified at a time");
    }
}

const FIELDS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];

/// The fields that a volume can show.
pub(super) const VOLUME_FIELDS: [&str; 5] =
    ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

/// A field of the pod itself.
pub(super) fn check_field(reference: &Json, path: &str, known: &[&str], causes: &mut Causes) {
    let field = text(reference, "fieldPath");
    if text(reference, "apiVersion").is_empty() {
        return causes.required(&format!("{path}.apiVersion"), "");
    }
    if field.is_empty() {
        return causes.required(&format!("{path}.fieldPath"), "");
    }
    let readable = FIELDS.contains(&field) || VOLUME_FIELDS.contains(&field) || field == "spec.host";
    let subscript = field.strip_suffix("']").and_then(|f| f.split_once("['"));
    match subscript {
        Some(("metadata.annotations", key)) => causes.each(path, key, names::qualified(&key.to_lowercase())),
        Some(("metadata.labels", key)) => causes.each(path, key, names::qualified(key)),
        Some((other, _)) if readable => causes.invalid(path, other, "does not support subscript"),
        _ if !readable => {
            let words = format!("error converting fieldPath: field label not supported: {field}");
            causes.invalid(&format!("{path}.fieldPath"), field, &words);
        }
        _ if !known.contains(&field) => causes.unsupported(&format!("{path}.fieldPath"), field, known),
        _ => {}
    }
}

/// A container's request or limit.
pub(super) fn check_resource(reference: &Json, path: &str, in_volume: bool, causes: &mut Causes) {
    const KNOWN: [&str; 6] = [
        "limits.cpu",
        "limits.ephemeral-storage",
        "limits.memory",
        "requests.cpu",
        "requests.ephemeral-storage",
        "requests.memory",
    ];
    let resource = text(reference, "resource");
    let huge = resource.starts_with("requests.hugepages-") || resource.starts_with("limits.hugepages-");
    if in_volume && text(reference, "containerName").is_empty() {
        causes.required(&format!("{path}.containerName"), "");
    } else if resource.is_empty() {
        causes.required(&format!("{path}.resource"), "");
    } else if !KNOWN.contains(&resource) && !huge {
        causes.unsupported(&format!("{path}.resource"), resource, &KNOWN);
    }
    let divisor = get(reference, "divisor").as_str().unwrap_or("0");
    if divisor == "0" {
        return;
    }
    let known: &[&str] = match resource.split_once('.') {
        Some((_, "cpu")) => &["1", "1m"],
        Some(_) => &["1", "1E", "1Ei", "1G", "1Gi", "1Ki", "1M", "1Mi", "1P", "1Pi", "1T", "1Ti", "1k"],
        None => return,
    };
    if !known.contains(&divisor) {
        let words = if known.len() == 2 {
            "only divisor's values 1m and 1 are supported with the cpu resource"
        } else {
            "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the memory \
             resource"
        };
        // The name of the resource stands where the divisor should.
        causes.invalid(&format!("{path}.divisor"), resource, words);
    }
}
