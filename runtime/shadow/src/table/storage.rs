//! Rows of volumes, claims and classes.

use super::Cells;
use super::row::{Row, cells, scalar, text};
use crate::Json;
use crate::object::annotation;

pub(super) fn cells(resource: &str) -> Option<Cells> {
    Some(match resource {
        "persistentvolumes" => volumes,
        "persistentvolumeclaims" => claims,
        "storageclasses.storage.k8s.io" => classes,
        "volumeattributesclasses.storage.k8s.io" => attributes_classes,
        "volumeattachments.storage.k8s.io" => attachments,
        "csidrivers.storage.k8s.io" => drivers,
        "csinodes.storage.k8s.io" => csi_nodes,
        _ => return None,
    })
}

/// The short names of access modes, in their own order.
fn access_modes(row: &Row<'_>, path: &str) -> String {
    let has = |mode: &str| row.list(path).iter().any(|m| m.as_str() == Some(mode));
    let all =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    all.iter().filter(|(mode, _)| has(mode)).map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

/// The class, by the annotation of old or by the field.
fn class<'a>(row: &Row<'a>) -> &'a str {
    annotation(row.object, "volume.beta.kubernetes.io/storage-class")
        .unwrap_or_else(|| row.text("/spec/storageClassName"))
}

fn phase<'a>(row: &Row<'a>) -> &'a str {
    if row.is_deleting() { "Terminating" } else { row.text("/status/phase") }
}

fn unset<'a>(row: &Row<'a>, path: &str) -> &'a str {
    if row.has(path) { row.text(path) } else { "<unset>" }
}

fn quantity(row: &Row<'_>, path: &str) -> String {
    row.object.pointer(path).map_or_else(|| "0".to_owned(), scalar)
}

fn volumes(row: &Row<'_>) -> Vec<Json> {
    let claim = if row.has("/spec/claimRef") {
        format!("{}/{}", row.text("/spec/claimRef/namespace"), row.text("/spec/claimRef/name"))
    } else {
        String::new()
    };
    cells![
        row.name(),
        quantity(row, "/spec/capacity/storage"),
        access_modes(row, "/spec/accessModes"),
        row.text("/spec/persistentVolumeReclaimPolicy"),
        phase(row),
        claim,
        class(row),
        unset(row, "/spec/volumeAttributesClassName"),
        row.text("/status/reason"),
        row.age(),
        unset(row, "/spec/volumeMode"),
    ]
}

fn claims(row: &Row<'_>) -> Vec<Json> {
    let volume = row.text("/spec/volumeName");
    let (capacity, modes) = if volume.is_empty() {
        (String::new(), String::new())
    } else {
        (quantity(row, "/status/capacity/storage"), access_modes(row, "/status/accessModes"))
    };
    cells![
        row.name(),
        phase(row),
        volume,
        capacity,
        modes,
        class(row),
        unset(row, "/spec/volumeAttributesClassName"),
        row.age(),
        unset(row, "/spec/volumeMode"),
    ]
}

fn classes(row: &Row<'_>) -> Vec<Json> {
    let is_default =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"]
            .iter()
            .any(|key| annotation(row.object, key) == Some("true"));
    cells![
        if is_default { format!("{} (default)", row.name()) } else { row.name().to_owned() },
        row.text("/provisioner"),
        row.text_or("/reclaimPolicy", "Delete"),
        row.text_or("/volumeBindingMode", "Immediate"),
        row.flag("/allowVolumeExpansion", false),
        row.age(),
    ]
}

fn attributes_classes(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.text("/driverName"), row.age()]
}

fn attachments(row: &Row<'_>) -> Vec<Json> {
    cells![
        row.name(),
        row.text("/spec/attacher"),
        row.text("/spec/source/persistentVolumeName"),
        row.text("/spec/nodeName"),
        row.flag("/status/attached", false),
        row.age(),
    ]
}

fn drivers(row: &Row<'_>) -> Vec<Json> {
    let audiences = row.list("/spec/tokenRequests").iter().map(|r| text(r, "/audience")).collect::<Vec<_>>().join(",");
    let modes = super::row::joined(row.list("/spec/volumeLifecycleModes"));
    cells![
        row.name(),
        row.flag("/spec/attachRequired", true),
        row.flag("/spec/podInfoOnMount", false),
        row.flag("/spec/storageCapacity", false),
        if row.has("/spec/tokenRequests") { audiences } else { "<unset>".to_owned() },
        row.flag("/spec/requiresRepublish", false),
        if modes.is_empty() { "<none>".to_owned() } else { modes },
        row.age(),
    ]
}

fn csi_nodes(row: &Row<'_>) -> Vec<Json> {
    cells![row.name(), row.list("/spec/drivers").len(), row.age()]
}
