//! Where the pods of each kind of workload are described.

use windlass_runtime::{Error, Kind, Result, Value};

use super::manifests::{Object, kind_of, text};

/// The kinds that have pods, with their group and the way to the pod's template (empty: the object is the pod).
const WORKLOADS: &[(&str, &str, &[&str])] = &[
    ("apps", "Deployment", &["spec", "template"]),
    ("apps", "StatefulSet", &["spec", "template"]),
    ("apps", "DaemonSet", &["spec", "template"]),
    ("apps", "ReplicaSet", &["spec", "template"]),
    ("batch", "Job", &["spec", "template"]),
    ("batch", "CronJob", &["spec", "jobTemplate", "spec", "template"]),
    ("", "Pod", &[]),
    ("", "ReplicationController", &["spec", "template"]),
];

/// Whether the object is of this kind of Kubernetes' own.
pub fn is(object: &Object, group: &str, kind: &str) -> bool {
    let own_group = text(object.get("apiVersion")).map(|v| v.rsplit_once('/').map_or("", |(group, _)| group));
    kind_of(object) == Some(kind) && own_group.is_none_or(|g| g == group)
}

/// Whether the object has a number of replicas.
pub fn is_scalable(object: &Object) -> bool {
    [("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "ReplicaSet"), ("", "ReplicationController")]
        .iter()
        .any(|(group, kind)| is(object, group, kind))
}

/// The template of the object's pods (with their `metadata` and `spec`); none for an object without pods.
///
/// # Errors
/// [`Kind::Malformed`] for a workload that does not describe its pods.
pub fn pod_template(object: &mut Object) -> Result<Option<&mut Object>> {
    let Some((_, _, way)) = WORKLOADS.iter().find(|(group, kind, _)| is(object, group, kind)) else { return Ok(None) };
    let mut at = object;
    for (depth, key) in way.iter().enumerate() {
        let Some(Value::Map(next)) = at.get_mut(*key) else { return Err(missing(&way[..=depth])) };
        at = next;
    }
    Ok(Some(at))
}

/// The `spec` of the object's pods; none for an object without pods.
///
/// # Errors
/// As [`pod_template`].
pub fn pod_spec(object: &mut Object) -> Result<Option<&mut Object>> {
    let Some(template) = pod_template(object)? else { return Ok(None) };
    match template.get_mut("spec") {
        Some(Value::Map(spec)) => Ok(Some(spec)),
        _ => Err(missing(&["the pod's spec"])),
    }
}

fn missing(way: &[&str]) -> Error {
    Error::new(Kind::Malformed, format!("{} is missing, or no map", way.join(".")))
        .hint("a workload describes its pods there; see that the manifest is complete and indented rightly")
}
