//! Claims, volumes and classes of storage.

use super::causes::Causes;
use super::metadata;
use super::{claim, names, pod, volume_source};
use crate::Json;
use crate::defaults::fields::{drop, entries, get, items, number, set, text};
use crate::quantity::Quantity;
use crate::schema::internal::{difference, printed};

pub(super) fn claim(object: &Json, causes: &mut Causes) {
    claim::check(get(object, "spec"), "spec", causes);
}

fn size(spec: &Json) -> Quantity {
    let text = spec.pointer("/resources/requests/storage").and_then(Json::as_str).unwrap_or("0");
    Quantity::parse(text).unwrap_or(Quantity::ZERO)
}

pub(super) fn update_claim(object: &Json, old: &Json, causes: &mut Causes) {
    claim(object, causes);
    let (spec, mut before) = (get(object, "spec"), get(old, "spec").clone());
    // It may be bound, once.
    if text(&before, "volumeName").is_empty()
        && let Some(name) = spec.get("volumeName")
    {
        set(&mut before, "volumeName", name.clone());
    }
    let before = &before;
    let bound = text(get(object, "status"), "phase") == "Bound";
    // What may change is taken to be as it was.
    let mut fixed = spec.clone();
    let mut as_before = |name: &str| match before.get(name) {
        Some(value) => set(&mut fixed, name, value.clone()),
        None => {
            drop(&mut fixed, name);
        }
    };
    if before.get("storageClassName").is_none() {
        as_before("storageClassName");
    }
    if bound {
        as_before("volumeAttributesClassName");
        if let (Some(requests), Some(size)) =
            (fixed.pointer_mut("/resources/requests"), before.pointer("/resources/requests/storage"))
        {
            set(requests, "storage", size.clone());
        }
    }
    if fixed != *before {
        let words = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound \
                     claims";
        let how = difference("PersistentVolumeClaimSpec", before, &fixed);
        causes.forbidden("spec", &format!("{words}\n{how}"));
    }
    let held = get(get(get(old, "status"), "capacity"), "storage").as_str().and_then(|s| Quantity::parse(s).ok());
    if size(spec) < size(before) && size(spec) <= held.unwrap_or(Quantity::ZERO) {
        causes.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity");
    }
    causes.immutable("volumeMode", get(spec, "volumeMode"), get(before, "volumeMode"));
}

/// The sources that a volume can have, in the order in which the API server looks.
const SOURCES: [&str; 22] = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "photonPersistentDisk",
    "portworxVolume",
    "azureDisk",
    "scaleIO",
    "local",
    "storageos",
    "csi",
];

pub(super) fn volume(object: &Json, causes: &mut Causes) {
    let spec = get(object, "spec");
    if items(spec, "accessModes").is_empty() {
        causes.required("spec.accessModes", "");
    }
    claim::check_access_modes(spec, "spec", causes);
    let capacity = get(spec, "capacity");
    let count = entries(spec, "capacity").count();
    if count == 0 {
        causes.required("spec.capacity", "");
    }
    if capacity.get("storage").is_none() || count > 1 {
        causes.unsupported("spec.capacity", capacity.clone(), &["storage"]);
    }
    for (name, quantity) in entries(spec, "capacity") {
        let value = quantity.as_str().and_then(|q| Quantity::parse(q).ok()).unwrap_or(Quantity::ZERO);
        let field = format!("spec.capacity[{name}]");
        if value.is_negative() {
            causes.invalid(&field, value.value(), "must be a valid resource quantity");
        }
        causes.quantity_positive(&field, value);
    }
    let policy = text(spec, "persistentVolumeReclaimPolicy");
    causes.one_of("spec.persistentVolumeReclaimPolicy", policy, &["Delete", "Recycle", "Retain"]);
    if let Some(affinity) = spec.get("nodeAffinity") {
        match affinity.get("required") {
            Some(required) => pod::check_node_selector(required, "spec.nodeAffinity.required", causes),
            None => causes.required("spec.nodeAffinity.required", "must specify required node constraints"),
        }
    }
    let mut found = false;
    for kind in SOURCES {
        let Some(source) = spec.get(kind) else { continue };
        let field = format!("spec.{kind}");
        // One more is always let pass here.
        if std::mem::replace(&mut found, true) && kind != "flexVolume" {
            let named = if kind == "cephfs" { "spec.cephFS" } else { &field };
            causes.forbidden(named, "may not specify more than 1 volume type");
            continue;
        }
        volume_source::check(kind, source, &field, causes);
        if kind == "local" && spec.get("nodeAffinity").is_none() {
            causes.required("spec.nodeAffinity", "Local volume requires node affinity");
        }
    }
    if !found {
        causes.required("spec", "must specify a volume type");
    }
    if text(get(spec, "hostPath"), "path") == "/" && policy == "Recycle" {
        let words = "may not be 'recycle' for a hostPath mount of '/'";
        causes.forbidden("spec.persistentVolumeReclaimPolicy", words);
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        causes.each("spec.storageClassName", class, names::dns_subdomain(class));
    }
    if let Some(mode) = get(spec, "volumeMode").as_str() {
        causes.one_of("spec.volumeMode", mode, &["Block", "Filesystem"]);
    }
    if let Some(class) = get(spec, "volumeAttributesClassName").as_str() {
        const FIELD: &str = "spec.volumeAttributesClassName";
        if class.is_empty() {
            causes.required(FIELD, "an empty string is disallowed");
        } else {
            causes.each(FIELD, class, names::dns_subdomain(class));
        }
        if spec.get("csi").is_none() {
            causes.required("spec.csi", "has to be specified when using volumeAttributesClassName");
        }
    }
}

pub(super) fn update_volume(object: &Json, old: &Json, causes: &mut Causes) {
    // It is judged as a new one, and then again beside the old one.
    volume(object, causes);
    volume(object, causes);
    let (spec, before) = (&with_new_secret(get(object, "spec"), get(old, "spec")), get(old, "spec"));
    if SOURCES.iter().any(|kind| get(spec, kind) != get(before, kind)) {
        let how = difference("PersistentVolumeSource", before, spec);
        let words = format!("spec.persistentvolumesource is immutable after creation\n{how}");
        causes.forbidden("spec.persistentvolumesource", &words);
    }
    causes.immutable("volumeMode", get(spec, "volumeMode"), get(before, "volumeMode"));
    if let Some(affinity) = before.get("nodeAffinity")
        && !is_same_affinity(get(spec, "nodeAffinity"), affinity)
    {
        let now = printed("*VolumeNodeAffinity", get(spec, "nodeAffinity"));
        causes.invalid("nodeAffinity", now, "field is immutable, except for updating from beta label to GA");
    }
    if before.get("volumeAttributesClassName").is_some() && spec.get("volumeAttributesClassName").is_none() {
        causes.forbidden("spec.volumeAttributesClassName", "update from non-nil value to nil is forbidden");
    }
}

/// A changed spec, beside the old one: a driver may be given the secret by which it makes volumes larger, if it had none.
fn with_new_secret(spec: &Json, before: &Json) -> Json {
    const SECRET: &str = "controllerExpandSecretRef";
    let mut spec = spec.clone();
    if let (Some(driver), Some(had)) = (spec.get_mut("csi"), before.get("csi"))
        && had.get(SECRET).is_none()
    {
        drop(driver, SECRET);
    }
    spec
}

/// Whether volumes are on the same nodes, but for labels that have other names now.
fn is_same_affinity(now: &Json, before: &Json) -> bool {
    const RENAMED: [(&str, &str); 5] = [
        ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone"),
        ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region"),
        ("beta.kubernetes.io/os", "kubernetes.io/os"),
        ("beta.kubernetes.io/arch", "kubernetes.io/arch"),
        ("beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type"),
    ];
    match (now, before) {
        (Json::Object(one), Json::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, now)| {
                    other.get(key).is_some_and(|before| {
                        let renamed = || RENAMED.iter().any(|(old, new)| before == old && now == new);
                        is_same_affinity(now, before) || key == "key" && renamed()
                    })
                })
        }
        (Json::Array(one), Json::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(now, before)| is_same_affinity(now, before))
        }
        (now, before) => now == before,
    }
}

pub(super) fn class(object: &Json, causes: &mut Causes) {
    match text(object, "provisioner") {
        "" => causes.required("provisioner", ""),
        name => {
            let lower = name.to_lowercase();
            causes.each("provisioner", &lower, names::qualified(&lower));
        }
    }
    for (key, _) in metadata::texts(object, "parameters").filter(|(key, _)| key.is_empty()) {
        causes.invalid("parameters", key, "field can not be empty.");
    }
    causes.one_of("reclaimPolicy", text(object, "reclaimPolicy"), &["Delete", "Retain"]);
    let mode = text(object, "volumeBindingMode");
    causes.one_of("volumeBindingMode", mode, &["Immediate", "WaitForFirstConsumer"]);
}

pub(super) fn update_class(object: &Json, old: &Json, causes: &mut Causes) {
    class(object, causes);
    for name in ["parameters", "provisioner", "reclaimPolicy", "volumeBindingMode"] {
        causes.immutable(name, get(object, name), get(old, name));
    }
}

pub(super) fn priority_class(object: &Json, causes: &mut Causes) {
    let value = number(object, "value").unwrap_or_default();
    let name = crate::object::name(object);
    let known =
        matches!((name, value), ("system-node-critical", 2_000_001_000) | ("system-cluster-critical", 2_000_000_000));
    if name.starts_with("system-") {
        if !known {
            let words = format!(
                "priority class names with 'system-' prefix are reserved for system use only. error: {name} is not a known \
                 system priority class"
            );
            causes.forbidden("metadata.name", &words);
        }
    } else if value > 1_000_000_000 {
        causes.forbidden("value", "maximum allowed value of a user defined priority is 1000000000");
    }
    let policy = text(object, "preemptionPolicy");
    if policy.is_empty() {
        causes.required("preemptionPolicy", "");
    } else {
        causes.one_of("preemptionPolicy", policy, &["PreemptLowerPriority", "Never"]);
    }
}

pub(super) fn update_priority_class(object: &Json, old: &Json, causes: &mut Causes) {
    if get(object, "value") != get(old, "value") {
        causes.forbidden("value", "may not be changed in an update.");
    }
    causes.immutable("preemptionPolicy", get(object, "preemptionPolicy"), get(old, "preemptionPolicy"));
}

/// A driver of storage: what it can do is fixed, for the most part.
pub(super) fn driver(object: &Json, old: Option<&Json>, causes: &mut Causes) {
    let spec = get(object, "spec");
    if let Some(policy) = get(spec, "fsGroupPolicy").as_str() {
        causes.one_of("spec.fsGroupPolicy", policy, &["File", "None", "ReadWriteOnceWithFSType"]);
    }
    for (at, mode) in items(spec, "volumeLifecycleModes").iter().filter_map(Json::as_str).enumerate() {
        causes.one_of(&format!("spec.volumeLifecycleModes[{at}]"), mode, &["Ephemeral", "Persistent"]);
    }
    if let Some(before) = old.map(|old| get(old, "spec")) {
        for (name, said) in [("attachRequired", "attachedRequired"), ("volumeLifecycleModes", "volumeLifecycleModes")] {
            causes.immutable(&format!("spec.{said}"), get(spec, name), get(before, name));
        }
    }
}
