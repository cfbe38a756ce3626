//! What the API server does to objects of some kinds between a client's request and their judgement.

mod pod;
pub(crate) mod service;

use serde_json::json;

use super::fields::{drop, fill, get, items, items_mut, map, object, set, text};
use crate::Json;

pub(crate) use pod::qos_class;

/// Makes a new object of a built-in kind ready for validation: it has its name, uid and creation time by now, and no status.
///
/// `now` is the time of day, as objects carry it; `labelled`, whether its client gave it labels.
pub(crate) fn create(group: &str, kind: &str, of: &mut Json, now: &str, labelled: bool) {
    match (group, kind) {
        ("", "Pod") => pod::create(of, now),
        ("", "ServiceAccount") => named_secrets(of),
        ("coordination.k8s.io", "Lease") => elections(of, None),
        ("", "Namespace") => namespace(of),
        ("", "PersistentVolume") => {
            if let Some(status) = object(of, "status") {
                set(status, "phase", "Pending");
                set(status, "lastPhaseTransitionTime", now);
            }
        }
        ("", "PersistentVolumeClaim") => {
            if let Some(status) = object(of, "status") {
                set(status, "phase", "Pending");
            }
            if let Some(spec) = object(of, "spec") {
                data_sources(spec, None);
            }
        }
        ("apps", "DaemonSet") => set_template_generation(of, template_generation(of).max(1)),
        ("apps", "StatefulSet") => unavailable(of),
        ("batch", "Job") => job_selector(of, labelled),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => stored_versions(of),
        _ => {}
    }
}

/// Makes a changed object of a built-in kind ready for validation: what a client can't change is what it was.
pub(crate) fn update(group: &str, kind: &str, old: &Json, new: &mut Json) {
    match (group, kind) {
        ("", "Namespace") => {
            if let Some(spec) = object(new, "spec") {
                keep(get(old, "spec"), spec, "finalizers");
            }
            super::cluster::namespace(new);
        }
        ("", "PersistentVolumeClaim") => {
            if let Some(spec) = object(new, "spec") {
                data_sources(spec, Some(get(old, "spec")));
            }
        }
        ("", "Service") => service::drop_by_type(old, new),
        ("", "ServiceAccount") => named_secrets(new),
        ("coordination.k8s.io", "Lease") => elections(new, Some(old)),
        ("apps", "StatefulSet") => unavailable(new),
        ("certificates.k8s.io", "CertificateSigningRequest") => keep(old, new, "spec"),
        ("apps", "DaemonSet") => {
            let before = template_generation(old);
            let same = old.pointer("/spec/template") == new.pointer("/spec/template");
            set_template_generation(new, if same { before } else { before + 1 });
        }
        _ => {}
    }
}

/// Of the secrets of a ServiceAccount, their names stay.
fn named_secrets(of: &mut Json) {
    for secret in items_mut(of, "secrets") {
        *secret = json!({"name": text(secret, "name")});
    }
}

/// How a Lease's holder is elected is behind a gate that is closed.
fn elections(of: &mut Json, old: Option<&Json>) {
    let before = old.map_or(&Json::Null, |old| get(old, "spec"));
    if let Some(spec) = object(of, "spec") {
        for name in ["strategy", "preferredHolder"].into_iter().filter(|name| before.get(name).is_none()) {
            drop(spec, name);
        }
    }
}

fn keep(old: &Json, new: &mut Json, name: &str) {
    match old.get(name) {
        Some(value) => set(new, name, value.clone()),
        None => {
            drop(new, name);
        }
    }
}

fn namespace(of: &mut Json) {
    super::cluster::namespace(of);
    set(of, "status", json!({"phase": "Active"}));
    let Some(spec) = object(of, "spec") else { return };
    let mut finalizers = items(spec, "finalizers").to_vec();
    if !finalizers.iter().any(|f| f == "kubernetes") {
        finalizers.push("kubernetes".into());
    }
    set(spec, "finalizers", finalizers);
}

const TEMPLATE_GENERATION: &str = "deprecated.daemonset.template.generation";

fn template_generation(of: &Json) -> i64 {
    crate::object::annotation(of, TEMPLATE_GENERATION).and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn set_template_generation(of: &mut Json, generation: i64) {
    if let Some(annotations) = object(of, "metadata").and_then(|metadata| map(metadata, "annotations")) {
        annotations.insert(TEMPLATE_GENERATION.to_owned(), generation.to_string().into());
        annotations.sort_keys();
    }
}

/// A field of the API server's own type that is written as an annotation.
pub(super) fn daemon_set(of: &mut Json) {
    set_template_generation(of, template_generation(of));
}

/// How many pods of a StatefulSet may be away is behind a gate that is closed.
fn unavailable(of: &mut Json) {
    if let Some(rolling) = of.pointer_mut("/spec/updateStrategy/rollingUpdate") {
        drop(rolling, "maxUnavailable");
    }
}

/// A job selects its pods by its own uid, unless it says that it selects by itself.
fn job_selector(job: &mut Json, labelled: bool) {
    if job.pointer("/spec/manualSelector") == Some(&Json::Bool(true)) {
        return;
    }
    let name = crate::object::name(job).to_owned();
    let uid = crate::object::uid(job).to_owned();
    // Labels that were filled in are those of the template: what is added to these is added to those.
    let shared = !labelled && !get(get(job, "metadata"), "labels").is_null();
    let Some(spec) = object(job, "spec") else { return };
    if let Some(labels) =
        object(spec, "template").and_then(|t| object(t, "metadata")).and_then(|metadata| map(metadata, "labels"))
    {
        for (label, value) in [
            ("job-name", &name),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("batch.kubernetes.io/controller-uid", &uid),
        ] {
            labels.entry(label).or_insert_with(|| value.clone().into());
        }
        labels.sort_keys();
        let labels = labels.clone();
        if shared && let Some(metadata) = object(job, "metadata") {
            set(metadata, "labels", labels);
        }
    }
    let Some(spec) = object(job, "spec") else { return };
    if let Some(selected) = object(spec, "selector").and_then(|selector| map(selector, "matchLabels")) {
        selected.entry("batch.kubernetes.io/controller-uid").or_insert_with(|| uid.into());
        selected.sort_keys();
    }
}

/// `dataSource` and `dataSourceRef` say the same, and anything but claims and snapshots is dropped from the former.
fn data_sources(spec: &mut Json, old: Option<&Json>) {
    let in_use = old.is_some_and(|old| old.get("dataSource").is_some() || old.get("dataSourceRef").is_some());
    if !in_use && spec.get("dataSourceRef").is_none() {
        let source = get(spec, "dataSource");
        let known = matches!(
            (text(source, "kind"), text(source, "apiGroup")),
            ("PersistentVolumeClaim", "") | ("VolumeSnapshot", "snapshot.storage.k8s.io")
        );
        if !known {
            drop(spec, "dataSource");
        }
    }
    match (spec.get("dataSource").cloned(), spec.get("dataSourceRef").cloned()) {
        (Some(source), None) => set(spec, "dataSourceRef", source),
        (None, Some(mut reference)) if text(&reference, "namespace").is_empty() => {
            drop(&mut reference, "namespace");
            set(spec, "dataSource", reference);
        }
        _ => {}
    }
}

/// A new definition has stored nothing but in its storage version.
fn stored_versions(of: &mut Json) {
    let storage = of.pointer("/spec/versions").and_then(Json::as_array).into_iter().flatten();
    let names: Vec<Json> = storage.filter(|v| get(v, "storage") == true).map(|v| get(v, "name").clone()).collect();
    if let Some(status) = object(of, "status") {
        fill(status, "storedVersions", Json::Null);
        set(status, "storedVersions", names);
    }
}
