//! Volumes on their nodes, and the drivers that bring them there.

use std::collections::BTreeSet;

use serde_json::json;

use super::causes::Causes;
use super::{names, selector};
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text};
use crate::quantity::Quantity;

/// The name of a driver.
fn check_driver(name: &str, field: &str, causes: &mut Causes) {
    if name.is_empty() {
        return causes.required(field, "");
    }
    if name.len() > 63 {
        causes.too_long(field, 63);
    }
    causes.each(field, name, names::dns_subdomain(&name.to_lowercase()));
}

/// The drivers of a node.
pub(super) fn node(object: &Json, causes: &mut Causes) {
    let mut taken = BTreeSet::new();
    for (at, driver) in items(get(object, "spec"), "drivers").iter().enumerate() {
        let path = format!("spec.drivers[{at}]");
        let (name, id) = (text(driver, "name"), text(driver, "nodeID"));
        check_driver(name, &format!("{path}.name"), causes);
        if id.is_empty() {
            causes.required(&format!("{path}.nodeID"), "");
        }
        if id.len() > 256 {
            causes.invalid(&format!("{path}.nodeID"), id, "must be 256 characters or less");
        }
        let count = number(get(driver, "allocatable"), "count");
        causes.not_negative(&format!("{path}.allocatable.count"), count);
        if !taken.insert(name) {
            causes.duplicate(&format!("{path}.name"), name);
        }
        let mut keys = BTreeSet::new();
        for key in items(driver, "topologyKeys").iter().filter_map(Json::as_str) {
            if key.is_empty() {
                causes.required(&path, "");
            }
            if !keys.insert(key) {
                causes.duplicate(&path, key);
            }
            causes.each(&path, key, names::qualified(key));
        }
    }
}

/// A driver stays as it was, but for how many volumes it can have.
pub(super) fn update_node(object: &Json, old: &Json, causes: &mut Causes) {
    node(object, causes);
    let drivers = |object: &'_ Json| items(get(object, "spec"), "drivers").to_vec();
    let fixed = |driver: &Json| ["nodeID", "topologyKeys"].map(|name| get(driver, name).clone());
    for before in drivers(old) {
        for driver in drivers(object).iter().filter(|driver| text(driver, "name") == text(&before, "name")) {
            if fixed(driver) != fixed(&before) {
                let value = json!({
                    "Name": text(driver, "name"), "NodeID": text(driver, "nodeID"),
                    "TopologyKeys": get(driver, "topologyKeys"), "Allocatable": Json::Null,
                });
                causes.invalid("spec.drivers", value, "field is immutable");
            }
        }
    }
}

/// A volume that is, or is to be, on a node.
pub(super) fn attachment(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    check_driver(text(spec, "attacher"), "spec.attacher", causes);
    let source = get(spec, "source");
    let (volume, inline) = (source.get("persistentVolumeName"), source.get("inlineVolumeSpec"));
    let words = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
    match (volume.and_then(Json::as_str), inline) {
        (None, None) => causes.required("spec.source", words),
        (Some(_), Some(_)) => causes.forbidden("spec.source", words),
        (Some(""), None) => {
            causes.required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName");
        }
        _ => {}
    }
    let node = text(spec, "nodeName");
    causes.each("spec.nodeName", node, names::dns_subdomain(node));
    if let Some(volume) = volume.and_then(Json::as_str) {
        causes.each("spec.source.persistentVolumeName", volume, names::dns_subdomain(volume));
    }
}

pub(super) fn update_attachment(object: &Json, old: &Json, causes: &mut Causes) {
    attachment(object, causes);
    let spec = get(object, "spec");
    if spec != get(old, "spec") {
        let source = get(spec, "source");
        let value = json!({
            "Attacher": text(spec, "attacher"),
            "Source": {
                "PersistentVolumeName": get(source, "persistentVolumeName"),
                "InlineVolumeSpec": get(source, "inlineVolumeSpec"),
            },
            "NodeName": text(spec, "nodeName"),
        });
        causes.invalid("spec", value, "field is immutable");
    }
}

/// What can be changed of a driver's volumes.
pub(super) fn attributes(object: &Json, causes: &mut Causes) {
    match text(object, "driverName").to_lowercase() {
        name if name.is_empty() => causes.required("driverName", ""),
        name => causes.each("driverName", &name, names::qualified(&name)),
    }
    if entries(object, "parameters").next().is_none() {
        causes.required("parameters", "must contain at least one key/value pair");
    }
}

pub(super) fn update_attributes(object: &Json, old: &Json, causes: &mut Causes) {
    for name in ["driverName", "parameters"].into_iter().filter(|name| get(object, name) != get(old, name)) {
        causes.forbidden(name, &format!("updates to {name} are forbidden."));
    }
    attributes(object, causes);
}

/// How much room a driver has somewhere.
pub(super) fn capacity(object: &Json, causes: &mut Causes) {
    if let Some(of) = object.get("nodeTopology") {
        selector::check(of, "nodeTopology", causes);
    }
    let class = text(object, "storageClassName");
    causes.each("storageClassName", class, names::dns_subdomain(class));
    let room = get(object, "capacity").as_str().and_then(|room| Quantity::parse(room).ok());
    if let Some(room) = room {
        causes.quantity_not_negative("capacity", room);
    }
}

/// What was asked of the driver does not change.
pub(super) fn update_capacity(object: &Json, old: &Json, causes: &mut Causes) {
    capacity(object, causes);
    for name in ["nodeTopology", "storageClassName"] {
        let value = if name == "storageClassName" { text(object, name).into() } else { get(object, name).clone() };
        if get(object, name) != get(old, name) {
            causes.invalid(name, value, "field is immutable");
        }
    }
}
