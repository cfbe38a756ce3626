//! The two forms of discovery, read.

use std::sync::Arc;

use super::{ApiKind, Discovery};
use crate::cluster::Json;

pub(super) fn is_aggregated(answer: &Json) -> bool {
    answer.get("kind").and_then(Json::as_str) == Some("APIGroupDiscoveryList")
}

/// `APIGroupDiscoveryList`: versions stand in the order of preference.
pub(super) fn aggregated(answer: &Json, into: &mut Discovery) {
    for group in array(answer, "items") {
        let name = group.pointer("/metadata/name").and_then(Json::as_str).unwrap_or_default();
        for version in array(group, "versions") {
            if text(version, "freshness") == "Stale" && !into.silent.iter().any(|g| g == name) {
                into.silent.push(name.to_owned());
            }
            for resource in array(version, "resources") {
                let kind = resource.pointer("/responseKind/kind").and_then(Json::as_str).unwrap_or_default();
                let plural = text(resource, "resource");
                if kind.is_empty() || plural.is_empty() {
                    continue;
                }
                into.kinds.push(Arc::new(ApiKind {
                    group: name.to_owned(),
                    version: text(version, "version"),
                    kind: kind.to_owned(),
                    singular: singular(text(resource, "singularResource"), kind),
                    plural,
                    short_names: texts(resource, "shortNames"),
                    namespaced: text(resource, "scope") == "Namespaced",
                    verbs: texts(resource, "verbs"),
                    subresources: array(resource, "subresources").map(|s| text(s, "subresource")).collect(),
                }));
            }
        }
    }
}

/// The groups and versions of an `APIVersions` or `APIGroupList`, each group's preferred version first.
pub(super) fn group_versions(answer: &Json) -> Vec<(String, String)> {
    if text(answer, "kind") == "APIVersions" {
        return texts(answer, "versions").into_iter().map(|v| (String::new(), v)).collect();
    }
    let mut found = Vec::new();
    for group in array(answer, "groups") {
        let name = text(group, "name");
        let preferred = group.pointer("/preferredVersion/version").and_then(Json::as_str).unwrap_or_default();
        let mut versions: Vec<String> = array(group, "versions").map(|v| text(v, "version")).collect();
        versions.sort_by_key(|v| v != preferred);
        found.extend(versions.into_iter().map(|v| (name.clone(), v)));
    }
    found
}

/// An `APIResourceList`: a subresource stands beside its resource, as `deployments/scale`.
pub(super) fn resources(answer: &Json, group: &str, version: &str, into: &mut Discovery) {
    let all: Vec<&Json> = array(answer, "resources").collect();
    for resource in all.iter().filter(|r| !text(r, "name").contains('/')) {
        let (plural, kind) = (text(resource, "name"), text(resource, "kind"));
        let prefix = format!("{plural}/");
        let below = |r: &&Json| text(r, "name").strip_prefix(&prefix).map(str::to_owned);
        into.kinds.push(Arc::new(ApiKind {
            group: group.to_owned(),
            version: version.to_owned(),
            singular: singular(text(resource, "singularName"), &kind),
            kind,
            plural,
            short_names: texts(resource, "shortNames"),
            namespaced: resource.get("namespaced").and_then(Json::as_bool).unwrap_or(false),
            verbs: texts(resource, "verbs"),
            subresources: all.iter().filter_map(below).collect(),
        }));
    }
}

fn singular(given: String, kind: &str) -> String {
    if given.is_empty() { kind.to_lowercase() } else { given }
}

fn array<'a>(of: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    of.get(key).and_then(Json::as_array).into_iter().flatten()
}

fn text(of: &Json, key: &str) -> String {
    of.get(key).and_then(Json::as_str).unwrap_or_default().to_owned()
}

fn texts(of: &Json, key: &str) -> Vec<String> {
    array(of, key).filter_map(Json::as_str).map(str::to_owned).collect()
}
