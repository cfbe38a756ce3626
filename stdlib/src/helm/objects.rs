//! The objects of a release: read from its manifest, compared, and waited for.

use std::time::Duration;

use serde_json::Value as Json;
use windlass_runtime::cluster::diff::{Diff, Guess, HIDDEN};
use windlass_runtime::yaml::{self, Limits};
use windlass_runtime::{Call, Kind, Result};

use super::release::At;
use crate::fields::list;
use crate::wait::several;

/// The objects in what Helm has rendered. Templates may write a key twice; the last one counts, as for the API server.
///
/// # Errors
/// `malformed` for what is no YAML.
pub(super) fn read(manifest: &str, source: &str) -> Result<Vec<Json>> {
    let limits = Limits { text: 64 << 20, twice: true, ..Limits::default() };
    let mut objects = Vec::new();
    for document in yaml::read_within(manifest, source, &limits)? {
        match document.value {
            Json::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "List") => {
                if let Some(Json::Array(items)) = list.shift_remove("items") {
                    objects.extend(items);
                }
            }
            object @ Json::Object(_) => objects.push(object),
            _ => {}
        }
    }
    Ok(objects)
}

/// The objects of a release as Helm keeps it.
///
/// # Errors
/// As [`read`].
pub(super) fn of(body: &Json, name: &str) -> Result<Vec<Json>> {
    let manifest = body.get("manifest").and_then(Json::as_str).unwrap_or_default();
    read(manifest, &format!("the manifest of HelmRelease/{name}"))
}

/// The objects of those hooks of a release that are run at an event (`upgrade`: before and after it), or of all others.
/// What cannot be read, Helm refuses in its own words.
pub(super) fn of_hooks(body: &Json, event: &str, is_run: bool) -> impl Iterator<Item = Json> {
    let runs = move |hook: &Json| list(hook, "/events").iter().filter_map(Json::as_str).any(|e| e.ends_with(event));
    let hooks = list(body, "/hooks").iter().filter(move |hook| runs(hook) == is_run);
    let manifests = hooks.filter_map(|hook| hook.get("manifest")?.as_str());
    manifests.flat_map(|manifest| read(manifest, "a hook").unwrap_or_default())
}

/// What hooks of a release make and its uninstallation does not run: Helm leaves that alone.
pub(super) fn left_by_hooks(body: &Json) -> Vec<Json> {
    let mut objects: Vec<Json> = Vec::new();
    for object in of_hooks(body, "delete", false) {
        if !objects.iter().any(|known| is_same(known, &object)) {
            objects.push(object);
        }
    }
    objects
}

/// Those that are on the cluster. What may not be looked at counts as there.
///
/// # Errors
/// Where the cluster does not answer.
pub(super) fn there(call: &Call<'_>, at: &At, objects: Vec<Json>) -> Result<Vec<Json>> {
    let at = at.clone();
    call.wait(async move {
        let mut there = Vec::new();
        for object in objects {
            let namespace = text(&object, "/metadata/namespace").is_empty().then_some(at.namespace.as_str());
            let found = match at.cluster.identify_object(&object, namespace).await {
                Ok(id) => at.cluster.get(&id).await.map(|found| found.is_some()),
                Err(error) => Err(error),
            };
            match found.map_err(|error| (error.kind(), error)) {
                // Nor is there anything of a kind that the cluster does not know.
                Ok(false) | Err((Kind::NotFound, _)) => {}
                Err((kind, error)) if kind.is_final() || kind == Kind::Unavailable => return Err(error),
                Ok(true) | Err(_) => there.push(object),
            }
        }
        Ok(there)
    })
}

/// As people call an object.
pub(super) fn shown(object: &Json) -> String {
    format!("{}/{}", text(object, "/kind"), text(object, "/metadata/name"))
}

fn text<'a>(object: &'a Json, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

fn group(object: &Json) -> &str {
    text(object, "/apiVersion").split_once('/').map_or("", |(group, _)| group)
}

/// Whether two objects are states of the same one.
fn is_same(one: &Json, other: &Json) -> bool {
    let key =
        |o: &Json| [text(o, "/kind"), text(o, "/metadata/namespace"), text(o, "/metadata/name")].map(str::to_owned);
    group(one) == group(other) && key(one) == key(other)
}

/// What differs, a line a field: first the object, then the field. Values of Secrets are hidden.
pub(super) fn differences(before: &[Json], after: &[Json]) -> Vec<String> {
    let mut lines = Vec::new();
    for old in before {
        let new = after.iter().find(|new| is_same(old, new));
        let diff = Diff::between(Some(old), new, &Guess);
        lines.extend(diff.changes().iter().map(|change| format!("{}: {change}", shown(old))));
    }
    let added = after.iter().filter(|new| !before.iter().any(|old| is_same(old, new)));
    lines.extend(added.map(|new| format!("{}: created", shown(new))));
    lines
}

/// The objects without the values of Secrets: for the journal.
pub(super) fn hidden(mut objects: Vec<Json>) -> Vec<Json> {
    for object in objects.iter_mut().filter(|object| text(object, "/kind") == "Secret" && group(object).is_empty()) {
        for part in ["data", "stringData"] {
            let values =
                object.get_mut(part).and_then(Json::as_object_mut).into_iter().flat_map(|map| map.values_mut());
            values.for_each(|value| *value = HIDDEN.into());
        }
    }
    objects
}

/// Kubernetes' own groups; what is in others is a custom resource.
const OWN_GROUPS: [&str; 19] = [
    "",
    "batch",
    "policy",
    "autoscaling",
    "networking.k8s.io",
    "storage.k8s.io",
    "rbac.authorization.k8s.io",
    "scheduling.k8s.io",
    "node.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "certificates.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "resource.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
];

/// Whether the readiness of an object says something of the release's: workloads and what they need, definitions, and
/// custom resources, whose controllers say how they are.
fn counts(object: &Json) -> bool {
    match (text(object, "/kind"), group(object)) {
        ("Pod" | "PersistentVolumeClaim" | "ReplicationController", "") | (_, "apps") | ("Job", "batch") => true,
        ("CustomResourceDefinition", _) | ("APIService", _) => true,
        (_, group) => !OWN_GROUPS.contains(&group),
    }
}

/// Waits until the objects of a release are ready that have something to wait for.
///
/// # Errors
/// `timeout` and `hopeless`, as `wait::ready`.
pub(super) fn wait_until_ready(
    call: &Call<'_>,
    at: &At,
    objects: &[Json],
    timeout: Duration,
    patience: Duration,
) -> Result<()> {
    let waited: Vec<Json> = objects.iter().filter(|object| counts(object)).cloned().collect();
    let (cluster, namespace) = (at.cluster.clone(), at.namespace.clone());
    let ids = call.wait(async move {
        let mut ids = Vec::new();
        for object in &waited {
            ids.push(cluster.identify_object(object, Some(&namespace)).await?);
        }
        Ok(ids)
    })?;
    several::ready(call, &at.cluster, ids, timeout, patience).map_err(|e| e.context(at.resource().to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_told_by_object_and_a_secret_shows_nothing() {
        let before = read(
            "kind: ConfigMap\napiVersion: v1\nmetadata: {name: c}\ndata: {a: x, a: '1'}\n---\nkind: Secret\napiVersion: v1\nmetadata: {name: s}\nstringData: {p: hunter2}\n---\nkind: Service\napiVersion: v1\nmetadata: {name: gone}\n",
            "x",
        )
        .unwrap();
        assert_eq!(before[0]["data"]["a"], "1");
        let mut after = before[..2].to_vec();
        after[0]["data"]["a"] = json!("2");
        after[1]["stringData"]["p"] = json!("hunter3");
        after.push(json!({ "kind": "Service", "apiVersion": "v1", "metadata": { "name": "new" } }));
        let lines = differences(&before, &after);
        assert_eq!(
            lines,
            [
                "ConfigMap/c: data.a: \"1\" → \"2\"",
                "Secret/s: stringData.p: changed (hidden)",
                "Service/gone: deleted",
                "Service/new: created"
            ]
        );
        assert!(!json!(hidden(after)).to_string().contains("hunter"));
    }

    #[test]
    fn what_hooks_leave_is_told_but_not_what_those_of_the_uninstallation_make() {
        let hook = |name: &str, event: &str| json!({ "events": [event], "manifest": format!("kind: Job\napiVersion: batch/v1\nmetadata: {{name: {name}}}\n") });
        let body = json!({ "hooks": [hook("a", "pre-install"), hook("a", "test"), hook("b", "post-delete")] });
        assert_eq!(left_by_hooks(&body).iter().map(shown).collect::<Vec<_>>(), ["Job/a"]);
    }

    #[test]
    fn what_has_nothing_to_say_is_not_waited_for() {
        let of = |kind: &str, api: &str| counts(&json!({ "kind": kind, "apiVersion": api }));
        for (kind, api) in
            [("Deployment", "apps/v1"), ("Job", "batch/v1"), ("Redis", "redis.example.com/v1"), ("Pod", "v1")]
        {
            assert!(of(kind, api), "{kind}");
        }
        for (kind, api) in [
            ("Service", "v1"),
            ("CronJob", "batch/v1"),
            ("Role", "rbac.authorization.k8s.io/v1"),
            ("Ingress", "networking.k8s.io/v1"),
        ] {
            assert!(!of(kind, api), "{kind}");
        }
        assert!(of("VolumeSnapshot", "snapshot.storage.k8s.io/v1"));
    }
}
