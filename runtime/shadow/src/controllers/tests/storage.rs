use serde_json::json;

use crate::Json;
use crate::controllers::fields::text;
use crate::controllers::testing::{Test, pod, stateful_set};

fn class(name: &str, mode: &str, provisioner: &str) -> Json {
    json!({
        "metadata": {"name": name}, "provisioner": provisioner, "volumeBindingMode": mode, "reclaimPolicy": "Delete",
        "allowVolumeExpansion": true,
    })
}

fn claim(name: &str, class: &str) -> Json {
    json!({
        "metadata": {"name": name, "finalizers": ["kubernetes.io/pvc-protection"]},
        "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": class, "volumeMode": "Filesystem",
            "resources": {"requests": {"storage": "1Gi"}},
        },
    })
}

fn using(name: &str, claim: &str) -> Json {
    let mut object = pod(name, "x");
    object["spec"]["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]);
    object
}

#[test]
fn an_immediate_class_makes_a_volume_at_once_and_deletes_it_with_the_claim() {
    let mut test = Test::new(1);
    test.create("storageclasses.storage.k8s.io", class("fast", "Immediate", "csi.example.com"));
    test.create("persistentvolumeclaims", claim("data", "fast"));
    assert_eq!(test.get("persistentvolumeclaims", "data")["status"]["phase"], "Pending");
    test.finish();
    let bound = test.get("persistentvolumeclaims", "data");
    assert_eq!(bound["status"]["phase"], "Bound");
    assert_eq!(bound["status"]["capacity"]["storage"], "1Gi");
    let volume = test.get("persistentvolumes", text(&bound["spec"]["volumeName"]));
    assert_eq!(volume["status"]["phase"], "Bound");
    assert_eq!(volume["spec"]["csi"]["driver"], "csi.example.com");
    test.set("persistentvolumeclaims", "data", &["spec", "resources", "requests", "storage"], "2Gi");
    test.finish();
    assert_eq!(test.get("persistentvolumeclaims", "data")["status"]["capacity"]["storage"], "2Gi");
    test.delete("persistentvolumeclaims", "data");
    test.finish();
    assert!(test.find("persistentvolumeclaims", "data").is_none());
    assert!(test.list("persistentvolumes").is_empty());
}

#[test]
fn a_provisioner_that_is_no_csi_driver_makes_volumes_too() {
    let mut test = Test::new(1);
    test.create("storageclasses.storage.k8s.io", class("shared", "Immediate", "example.com/nfs"));
    test.create("persistentvolumeclaims", claim("data", "shared"));
    test.finish();
    let bound = test.get("persistentvolumeclaims", "data");
    let volume = test.get("persistentvolumes", text(&bound["spec"]["volumeName"]));
    assert_eq!((text(&bound["status"]["phase"]), text(&volume["spec"]["nfs"]["server"])), ("Bound", "nfs.example.com"));
}

#[test]
fn a_volume_that_is_to_be_kept_stays_released() {
    let mut test = Test::new(1);
    let mut keep = class("keep", "Immediate", "csi.example.com");
    keep["reclaimPolicy"] = json!("Retain");
    test.create("storageclasses.storage.k8s.io", keep);
    test.create("persistentvolumeclaims", claim("data", "keep"));
    test.finish();
    test.delete("persistentvolumeclaims", "data");
    test.finish();
    assert_eq!(test.list("persistentvolumes")[0]["status"]["phase"], "Released");
}

#[test]
fn a_claim_that_waits_for_its_pod_gets_a_volume_on_the_pods_node() {
    let mut test = Test::new(3);
    test.create("storageclasses.storage.k8s.io", class("local", "WaitForFirstConsumer", "rancher.io/local-path"));
    test.create("persistentvolumeclaims", claim("data", "local"));
    test.finish();
    assert!(test.has_event("data", "WaitForFirstConsumer", "waiting for first consumer to be created before binding"));
    assert!(test.list("persistentvolumes").is_empty());
    test.create("pods", using("web", "data"));
    test.finish();
    assert_eq!(test.ready(), 1);
    let node = test.get("pods", "web")["spec"]["nodeName"].clone();
    let volume = &test.list("persistentvolumes")[0];
    let terms = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"];
    assert_eq!(terms[0]["matchExpressions"][0]["values"][0], node);
    // A claim in use stays until its pod is gone; the next pod goes where the data is.
    test.set("nodes", text(&node), &["spec", "unschedulable"], true);
    test.create("pods", using("next", "data"));
    test.finish();
    let message = text(
        &crate::controllers::fields::condition(&test.get("pods", "next")["status"], "PodScheduled").unwrap()["message"],
    )
    .to_owned();
    assert!(message.starts_with("0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match PersistentVolume's node affinity. "), "{message}");
    test.delete("persistentvolumeclaims", "data");
    test.finish();
    assert!(test.find("persistentvolumeclaims", "data").is_some());
    test.delete("pods", "next");
    test.delete("pods", "web");
    test.finish();
    assert!(test.find("persistentvolumeclaims", "data").is_none());
}

#[test]
fn a_claim_without_its_class_says_so_until_the_class_comes() {
    let mut test = Test::new(1);
    test.create("persistentvolumeclaims", claim("data", "missing"));
    test.create("pods", using("web", "data"));
    test.finish();
    assert!(test.has_event("data", "ProvisioningFailed", "storageclass.storage.k8s.io \"missing\" not found"));
    let pod = test.get("pods", "web");
    let message =
        text(&crate::controllers::fields::condition(&pod["status"], "PodScheduled").unwrap()["message"]).to_owned();
    assert_eq!(message, "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found");
    assert!(test.has_event("web", "FailedScheduling", &message));
    test.create("storageclasses.storage.k8s.io", class("missing", "Immediate", "csi.example.com"));
    test.finish();
    assert_eq!(test.ready(), 1);
}

#[test]
fn a_claim_takes_the_smallest_volume_that_is_there() {
    let mut test = Test::new(1);
    for (name, size) in [("large", "9Gi"), ("small", "1Gi"), ("tiny", "1Mi")] {
        test.create(
            "persistentvolumes",
            json!({
                "metadata": {"name": name},
                "spec": {
                    "capacity": {"storage": size}, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
                    "persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem", "hostPath": {"path": "/d"},
                },
            }),
        );
    }
    assert_eq!(test.get("persistentvolumes", "small")["status"]["phase"], "Available");
    test.create("persistentvolumeclaims", claim("data", ""));
    test.create("persistentvolumeclaims", claim("more", ""));
    test.create("persistentvolumeclaims", claim("none", ""));
    test.finish();
    assert_eq!(test.get("persistentvolumeclaims", "data")["spec"]["volumeName"], "small");
    assert_eq!(test.get("persistentvolumeclaims", "more")["spec"]["volumeName"], "large");
    assert_eq!(test.get("persistentvolumeclaims", "none")["status"]["phase"], "Pending");
    let message = "no persistent volumes available for this claim and no storage class is set";
    assert!(test.has_event("none", "FailedBinding", message));
}

#[test]
fn a_stuck_claim_stays_pending_until_it_is_mended() {
    let mut test = Test::new(1);
    test.inject("pvc/data");
    test.create("storageclasses.storage.k8s.io", class("fast", "Immediate", "csi.example.com"));
    test.create("persistentvolumeclaims", claim("data", "fast"));
    test.finish();
    assert_eq!(test.get("persistentvolumeclaims", "data")["status"]["phase"], "Pending");
    assert!(test.events("data").iter().any(|(reason, _)| reason == "ExternalProvisioning"));
    test.mend("pvc/data");
    test.finish();
    assert_eq!(test.get("persistentvolumeclaims", "data")["status"]["phase"], "Bound");
}

#[test]
fn a_stateful_sets_claims_follow_its_retention_policy() {
    let mut test = Test::new(2);
    test.create("storageclasses.storage.k8s.io", class("fast", "WaitForFirstConsumer", "csi.example.com"));
    let mut set = stateful_set("db", 3, "pg");
    set["spec"]["volumeClaimTemplates"] = json!([{"metadata": {"name": "data"}, "spec": claim("x", "fast")["spec"]}]);
    set["spec"]["persistentVolumeClaimRetentionPolicy"] = json!({"whenDeleted": "Delete", "whenScaled": "Retain"});
    test.create("statefulsets.apps", set);
    test.finish();
    assert_eq!(test.ready(), 3);
    assert!(test.has_event("db", "SuccessfulCreate", "Create Claim data-db-0 Pod db-0 in StatefulSet db success"));
    assert_eq!(test.get("persistentvolumeclaims", "data-db-0")["metadata"]["labels"]["app"], "db");
    test.set("statefulsets.apps", "db", &["spec", "replicas"], 1);
    test.finish();
    assert_eq!(test.list("persistentvolumeclaims").len(), 3);
    test.set("statefulsets.apps", "db", &["spec", "persistentVolumeClaimRetentionPolicy", "whenScaled"], "Delete");
    test.set("statefulsets.apps", "db", &["spec", "replicas"], 2);
    test.finish();
    test.set("statefulsets.apps", "db", &["spec", "replicas"], 1);
    test.finish();
    assert!(test.find("persistentvolumeclaims", "data-db-1").is_none());
    test.delete("statefulsets.apps", "db");
    test.finish();
    assert!(test.find("persistentvolumeclaims", "data-db-0").is_none());
}
