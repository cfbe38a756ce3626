//! The specs of claims, which stand in pods and StatefulSets as well.

use super::causes::Causes;
use super::pod::resources;
use super::{names, selector};
use crate::Json;
use crate::defaults::fields::{get, items, text};
use crate::quantity::Quantity;

const ACCESS: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

/// The access modes of a claim or a volume.
pub(super) fn check_access_modes(spec: &Json, path: &str, causes: &mut Causes) {
    let field = format!("{path}.accessModes");
    let modes: Vec<&str> = items(spec, "accessModes").iter().filter_map(Json::as_str).collect();
    for mode in &modes {
        causes.one_of(&field, mode, &ACCESS);
    }
    let others = modes.iter().any(|mode| *mode != "ReadWriteOncePod" && ACCESS.contains(mode));
    if modes.contains(&"ReadWriteOncePod") && others {
        causes.forbidden(&field, "may not use ReadWriteOncePod with other access modes");
    }
}

/// The spec of a claim.
pub(super) fn check(spec: &Json, path: &str, causes: &mut Causes) {
    if items(spec, "accessModes").is_empty() {
        causes.required(&format!("{path}.accessModes"), "at least 1 access mode is required");
    }
    if let Some(selector) = spec.get("selector") {
        selector::check(selector, &format!("{path}.selector"), causes);
    }
    check_access_modes(spec, path, causes);
    let field = format!("{path}.resources[storage]");
    match get(get(spec, "resources"), "requests").get("storage") {
        None => causes.required(&field, ""),
        Some(size) => {
            let read = size.as_str().and_then(|size| Quantity::parse(size).ok()).unwrap_or(Quantity::ZERO);
            if causes.quantity_positive(&field, read) {
                resources::check_quantity("storage", size, &field, causes);
            }
        }
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        causes.each(&format!("{path}.storageClassName"), class, names::dns_subdomain(class));
    }
    if let Some(mode) = get(spec, "volumeMode").as_str() {
        causes.one_of(&format!("{path}.volumeMode"), mode, &["Block", "Filesystem"]);
    }
    for name in ["dataSource", "dataSourceRef"] {
        let Some(source) = spec.get(name) else { continue };
        for part in ["name", "kind"] {
            if text(source, part).is_empty() {
                causes.required(&format!("{path}.{name}.{part}"), "");
            }
        }
        let (group, kind) = (text(source, "apiGroup"), text(source, "kind"));
        if group.is_empty() && kind != "PersistentVolumeClaim" {
            let words = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
            causes.invalid(&format!("{path}.{name}"), kind, words);
        }
        if !group.is_empty() {
            causes.each(&format!("{path}.{name}.apiGroup"), group, names::dns_subdomain(group));
        }
    }
}
