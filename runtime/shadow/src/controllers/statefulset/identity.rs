//! What makes a StatefulSet's pod the one it is: name, labels, claims.

use serde_json::json;

use super::super::fields::{controller_reference, items, put, text};
use super::REVISION;
use crate::Json;
use crate::object;

/// A pod's name as its set's name and its ordinal.
pub(super) fn split(pod: &str) -> Option<(&str, i64)> {
    let (set, ordinal) = pod.rsplit_once('-')?;
    if ordinal.is_empty() || !ordinal.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((set, ordinal.parse().ok()?))
}

/// The claim that a template makes for an ordinal.
pub(super) fn claim_name(set: &Json, template: &Json, ordinal: i64) -> String {
    format!("{}-{}-{ordinal}", object::name(template), object::name(set))
}

/// The pod of an ordinal, out of a revision's template.
pub(super) fn pod(set: &Json, template: &Json, revision: &str, ordinal: i64) -> Json {
    let name = format!("{}-{ordinal}", object::name(set));
    let mut pod = super::pods::from_template(template, set);
    put(&mut pod, &["metadata", "name"], name.as_str());
    // The prefix stays, as in the real one: that is how to tell that it was made out of a template.
    for (label, value) in [
        (REVISION, revision),
        ("statefulset.kubernetes.io/pod-name", &name),
        ("apps.kubernetes.io/pod-index", &ordinal.to_string()),
    ] {
        put(&mut pod, &["metadata", "labels", label], value);
    }
    put(&mut pod, &["metadata", "ownerReferences"], json!([controller_reference(set)]));
    put(&mut pod, &["spec", "hostname"], name.as_str());
    if !text(&set["spec"]["serviceName"]).is_empty() {
        put(&mut pod, &["spec", "subdomain"], set["spec"]["serviceName"].clone());
    }
    let templates = items(&set["spec"]["volumeClaimTemplates"]);
    let mut volumes: Vec<Json> = templates
        .iter()
        .map(|claim| {
            json!({"name": object::name(claim), "persistentVolumeClaim": {"claimName": claim_name(set, claim, ordinal)}})
        })
        .collect();
    let own = items(&pod["spec"]["volumes"]).iter();
    volumes.extend(own.filter(|volume| !templates.iter().any(|c| object::name(c) == text(&volume["name"]))).cloned());
    if !volumes.is_empty() {
        put(&mut pod, &["spec", "volumes"], volumes);
    }
    pod
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_after_the_last_dash_are_an_ordinal() {
        assert_eq!(split("web-10"), Some(("web", 10)));
        assert_eq!(split("a-b-0"), Some(("a-b", 0)));
        for name in ["web", "web-", "web-x1", "web--1x"] {
            assert_eq!(split(name), None, "{name}");
        }
    }
}
