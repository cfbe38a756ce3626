//! The metadata of objects.

mod own;

use std::collections::BTreeSet;

use super::causes::Causes;
use super::names;
use crate::Json;
use crate::defaults::fields::{entries, get, items, number, text, truth};

pub(crate) use own::Own;

/// What a name has to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Name {
    /// One label of DNS.
    Label,
    /// A domain.
    Subdomain,
    /// A part of a path.
    PathSegment,
}

impl Name {
    fn words(self, name: &str) -> Vec<String> {
        match self {
            Name::Label => names::dns_label(name),
            Name::Subdomain => names::dns_subdomain(name),
            Name::PathSegment => names::path_segment(name),
        }
    }

    /// The beginning of a generated name may end in a dash.
    fn prefix_words(self, prefix: &str) -> Vec<String> {
        match prefix.strip_suffix('-') {
            Some(head) if self != Name::PathSegment && prefix.len() > 1 => self.words(&format!("{head}a")),
            _ => self.words(prefix),
        }
    }
}

fn create(object: &Json, namespaced: bool, name: Name, causes: &mut Causes) {
    let metadata = get(object, "metadata");
    let (prefix, own) = (text(metadata, "generateName"), text(metadata, "name"));
    if !prefix.is_empty() {
        causes.each("metadata.generateName", prefix, name.prefix_words(prefix));
    }
    if own.is_empty() {
        causes.required("metadata.name", "name or generateName is required");
    } else {
        causes.each("metadata.name", own, name.words(own));
    }
    common(metadata, namespaced, causes);
}

/// What the registry asks of the metadata of every object.
pub(crate) fn any(object: &Json, namespaced: bool, causes: &mut Causes) {
    path_name(object, causes);
    common(get(object, "metadata"), namespaced, causes);
}

fn common(metadata: &Json, namespaced: bool, causes: &mut Causes) {
    let namespace = text(metadata, "namespace");
    match (namespaced, namespace.is_empty()) {
        (true, true) => causes.required("metadata.namespace", ""),
        (true, false) => causes.each("metadata.namespace", namespace, names::dns_label(namespace)),
        (false, false) => causes.forbidden("metadata.namespace", "not allowed on this type"),
        (false, true) => {}
    }
    causes.not_negative("metadata.generation", number(metadata, "generation"));
    labels(get(metadata, "labels"), "metadata.labels", causes);
    annotations(get(metadata, "annotations"), "metadata.annotations", causes);
    owners(metadata, causes);
    finalizers(metadata, causes);
}

pub(crate) fn labels(labels: &Json, field: &str, causes: &mut Causes) {
    for (key, value) in labels.as_object().into_iter().flatten() {
        causes.each(field, key, names::qualified(key));
        let value = value.as_str().unwrap_or_default();
        causes.each(field, value, names::label_value(value));
    }
}

pub(crate) fn annotations(annotations: &Json, field: &str, causes: &mut Causes) {
    const MOST: usize = 256 * 1024;
    let mut size = 0;
    for (key, value) in annotations.as_object().into_iter().flatten() {
        causes.each(field, key, names::qualified(&key.to_lowercase()));
        size += key.len() + value.as_str().unwrap_or_default().len();
    }
    if size > MOST {
        causes.too_long(field, MOST);
    }
}

fn owners(metadata: &Json, causes: &mut Causes) {
    const FIELD: &str = "metadata.ownerReferences";
    let mut controller: Option<String> = None;
    for owner in items(metadata, "ownerReferences") {
        // What is no group and version has neither.
        let given = text(owner, "apiVersion");
        let version = if given.matches('/').count() > 1 { "" } else { given.rsplit('/').next().unwrap_or_default() };
        if version.is_empty() {
            causes.invalid(&format!("{FIELD}.apiVersion"), text(owner, "apiVersion"), "version must not be empty");
        }
        for name in ["kind", "name", "uid"] {
            if text(owner, name).is_empty() {
                causes.invalid(&format!("{FIELD}.{name}"), "", "must not be empty");
            }
        }
        if (text(owner, "apiVersion"), text(owner, "kind")) == ("v1", "Event") {
            causes.invalid(FIELD, owner.clone(), "/v1, Kind=Event is disallowed from being an owner");
        }
        if truth(owner, "controller") {
            let this = format!("{}/{}", text(owner, "kind"), text(owner, "name"));
            match &controller {
                Some(other) => {
                    let words = format!(
                        "Only one reference can have Controller set to true. Found \"true\" in references for {other} and {this}"
                    );
                    causes.invalid(FIELD, get(metadata, "ownerReferences").clone(), &words);
                }
                None => controller = Some(this),
            }
        }
    }
}

fn finalizers(metadata: &Json, causes: &mut Causes) {
    const FIELD: &str = "metadata.finalizers";
    let all: Vec<&str> = items(metadata, "finalizers").iter().filter_map(Json::as_str).collect();
    for finalizer in &all {
        causes.each(FIELD, finalizer, names::qualified(finalizer));
    }
    if all.contains(&"orphan") && all.contains(&"foregroundDeletion") {
        let words = "finalizer orphan and foregroundDeletion cannot be both set";
        causes.invalid(FIELD, get(metadata, "finalizers").clone(), words);
    }
}

/// What built-in kinds ask of finalizers besides: a name with a domain, but for Kubernetes' own.
fn kube_finalizers(object: &Json, causes: &mut Causes) {
    let all = items(get(object, "metadata"), "finalizers").iter().filter_map(Json::as_str).enumerate();
    for (at, name) in all.filter(|(_, name)| !name.contains('/')) {
        if !matches!(name, "kubernetes" | "orphan" | "foregroundDeletion") {
            let words = "name is neither a standard finalizer name nor is it fully qualified";
            causes.invalid(&format!("metadata.finalizers[{at}]"), name, words);
        }
    }
}

/// What the generic registry checks after a kind's own validation: a name that fits a path.
pub(crate) fn path_name(object: &Json, causes: &mut Causes) {
    let name = crate::object::name(object);
    causes.each("metadata.name", name, names::path_segment(name));
}

/// The metadata of a changed object, beside the old one.
pub(crate) fn update(object: &Json, old: &Json, causes: &mut Causes) {
    let (metadata, before) = (get(object, "metadata"), get(old, "metadata"));
    if before.get("deletionTimestamp").is_some() {
        let known: BTreeSet<&str> = items(before, "finalizers").iter().filter_map(Json::as_str).collect();
        let now: BTreeSet<&str> = items(metadata, "finalizers").iter().filter_map(Json::as_str).collect();
        let added: Vec<String> = now.difference(&known).map(|f| format!("{f:?}")).collect();
        if !added.is_empty() {
            let words = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                added.join(", ")
            );
            causes.forbidden("metadata.finalizers", &words);
        }
    }
    if text(metadata, "resourceVersion").is_empty() {
        causes.invalid("metadata.resourceVersion", "", "must be specified for an update");
    }
    for name in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] {
        causes.immutable(&format!("metadata.{name}"), get(metadata, name), get(before, name));
    }
    labels(get(metadata, "labels"), "metadata.labels", causes);
    annotations(get(metadata, "annotations"), "metadata.annotations", causes);
    owners(metadata, causes);
}

/// The value of each entry of a map of texts.
pub(crate) fn texts<'a>(of: &'a Json, name: &str) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
    entries(of, name).map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
}
