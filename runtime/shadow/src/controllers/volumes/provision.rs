//! What a storage class makes: a volume for a claim.

use serde_json::json;

use super::super::Context;
use super::super::fields::{items, put, text};
use crate::Json;
use crate::object;
use crate::scheduler::SELECTED_NODE;

/// Who makes volumes.
pub(super) const MANAGER: &str = "csi-provisioner";

/// Provisioners whose volumes lie on one machine's disk.
const LOCAL: [&str; 8] = [
    "rancher.io/local-path",
    "openebs.io/local",
    "local.csi.openebs.io",
    "zfs.csi.openebs.io",
    "rawfile.csi.openebs.io",
    "topolvm.io",
    "microk8s.io/hostpath",
    "docker.io/hostpath",
];

/// What a claim is told while its volume is being made.
pub(super) fn waiting(provisioner: &str) -> String {
    format!(
        "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
         system administrator. If volume creation is delayed, please verify that the provisioner is running and \
         correctly registered."
    )
}

/// The volume.
pub(super) fn volume(cx: &Context<'_>, claim: &Json, class: &Json) -> Json {
    let provisioner = text(&class["provisioner"]);
    let name = format!("pvc-{}", object::uid(claim));
    let local = LOCAL.contains(&provisioner);
    let node = object::annotation(claim, SELECTED_NODE);
    let mode = match text(&claim["spec"]["volumeMode"]) {
        "" => "Filesystem",
        said => said,
    };
    let policy = match text(&class["reclaimPolicy"]) {
        "" => "Delete",
        said => said,
    };
    let mut volume = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": provisioner}},
        "spec": {
            "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
            "accessModes": claim["spec"]["accessModes"],
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "name": object::name(claim),
                "namespace": object::namespace(claim), "resourceVersion": claim["metadata"]["resourceVersion"],
                "uid": object::uid(claim),
            },
            "persistentVolumeReclaimPolicy": policy,
            "storageClassName": object::name(class),
            "volumeMode": mode,
        },
    });
    if !items(&class["mountOptions"]).is_empty() {
        put(&mut volume, &["spec", "mountOptions"], class["mountOptions"].clone());
    }
    if local && let Some(node) = node.and_then(|node| cx.view.node_named(node)) {
        let host = node.labels.get("kubernetes.io/hostname").unwrap_or(&node.name);
        let rule = json!({"key": "kubernetes.io/hostname", "operator": "In", "values": [host]});
        let terms = json!({"nodeSelectorTerms": [{"matchExpressions": [rule]}]});
        put(&mut volume, &["spec", "nodeAffinity", "required"], terms);
        let path = format!("/opt/local-path-provisioner/{name}_{}_{}", object::namespace(claim), object::name(claim));
        put(&mut volume, &["spec", "hostPath"], json!({"path": path, "type": "DirectoryOrCreate"}));
    } else if provisioner.contains('/') {
        // Not the name of a CSI driver: one of the older kind, which mostly share a file server.
        let path = format!("/{}/{name}", object::namespace(claim));
        put(&mut volume, &["spec", "nfs"], json!({"server": "nfs.example.com", "path": path}));
    } else {
        put(&mut volume, &["spec", "csi"], json!({"driver": provisioner, "fsType": "ext4", "volumeHandle": name}));
    }
    volume
}
