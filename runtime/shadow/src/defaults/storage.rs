//! What is filled into volumes, claims, classes and drivers of storage.

use serde_json::json;

use super::fields::{each_resource_list, fill, get, object, set};
use super::volume;
use crate::Json;

pub(super) fn claim(object: &mut Json) {
    if let Some(status) = self::object(object, "status") {
        fill(status, "phase", "Pending");
        each_resource_list(status, "capacity");
        each_resource_list(status, "allocatedResources");
    }
    if let Some(spec) = object.get_mut("spec") {
        volume::apply_claim(spec);
    }
}

pub(super) fn persistent_volume(object: &mut Json) {
    if let Some(status) = self::object(object, "status") {
        fill(status, "phase", "Pending");
    }
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "persistentVolumeReclaimPolicy", "Retain");
    fill(spec, "volumeMode", "Filesystem");
    each_resource_list(spec, "capacity");
    volume::apply_shared(spec);
}

pub(super) fn storage_class(object: &mut Json) {
    fill(object, "reclaimPolicy", "Delete");
    fill(object, "volumeBindingMode", "Immediate");
}

pub(super) fn csi_driver(object: &mut Json) {
    let Some(spec) = object.get_mut("spec") else { return };
    fill(spec, "attachRequired", true);
    for name in ["podInfoOnMount", "storageCapacity", "requiresRepublish", "seLinuxMount"] {
        fill(spec, name, false);
    }
    fill(spec, "fsGroupPolicy", "ReadWriteOnceWithFSType");
    if get(spec, "volumeLifecycleModes").is_null() {
        set(spec, "volumeLifecycleModes", json!(["Persistent"]));
    }
}
