//! What the API server says about the resources it has.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use super::{Catalog, ResourceType, Subresource};
use crate::Json;
use crate::schema::{builtin, group_version};

/// The content type of [`Catalog::aggregated`].
pub(crate) const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

impl Catalog {
    /// The groups and their versions, as discovery orders them: Kubernetes' own, then the others by name; the preferred
    /// version first.
    fn groups(&self) -> Vec<(&str, Vec<&str>)> {
        let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
        for resource in self.all() {
            match groups.last_mut() {
                Some((group, versions)) if *group == resource.group => {
                    if versions.last() != Some(&resource.version.as_str()) {
                        versions.push(&resource.version);
                    }
                }
                _ => groups.push((&resource.group, vec![&resource.version])),
            }
        }
        let place = |name: &str| builtin().groups.iter().position(|own| own == name).unwrap_or(usize::MAX);
        groups.sort_by_key(|(name, _)| place(name));
        for (_, versions) in &mut groups {
            versions.sort_by_key(|version| std::cmp::Reverse(version_rank(version)));
        }
        groups
    }

    fn in_version(&self, group: &str, version: &str) -> impl Iterator<Item = &Arc<ResourceType>> {
        self.all().filter(move |resource| resource.group == group && resource.version == version)
    }

    /// `/api` (the core group) or `/apis` (the others), aggregated: an `APIGroupDiscoveryList`.
    pub(crate) fn aggregated(&self, core: bool) -> Json {
        let groups = self.groups().into_iter().filter(|(group, _)| group.is_empty() == core);
        let items = groups.map(|(group, versions)| {
            let versions = versions.into_iter().map(|version| {
                let resources: Vec<Json> =
                    self.in_version(group, version).map(|resource| aggregated_resource(resource)).collect();
                json!({"version": version, "resources": resources, "freshness": "Current"})
            });
            let metadata = if core { json!({}) } else { json!({"name": group}) };
            json!({"metadata": metadata, "versions": versions.collect::<Vec<_>>()})
        });
        let items: Vec<Json> = items.collect();
        json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
    }

    /// `/apis`.
    pub(crate) fn group_list(&self) -> Json {
        let groups = self.groups().into_iter().filter(|(group, _)| !group.is_empty());
        let groups: Vec<Json> = groups.map(|(group, versions)| api_group(group, &versions).into()).collect();
        json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    }

    /// `/apis/GROUP`.
    pub(crate) fn group(&self, group: &str) -> Option<Json> {
        let (_, versions) = self.groups().into_iter().find(|(name, _)| *name == group && !group.is_empty())?;
        let mut document = Map::new();
        document.insert("kind".into(), "APIGroup".into());
        document.insert("apiVersion".into(), "v1".into());
        document.extend(api_group(group, &versions));
        Some(document.into())
    }

    /// `/api/v1` or `/apis/GROUP/VERSION`.
    pub(crate) fn resource_list(&self, group: &str, version: &str) -> Option<Json> {
        let mut resources = Vec::new();
        for resource in self.in_version(group, version) {
            resources.push(plain_resource(resource));
            resources.extend(resource.subresources.iter().map(|sub| plain_subresource(resource, sub)));
        }
        if resources.is_empty() {
            return None;
        }
        let mut document = Map::new();
        document.insert("kind".into(), "APIResourceList".into());
        // The core group's has none.
        if !group.is_empty() {
            document.insert("apiVersion".into(), "v1".into());
        }
        document.insert("groupVersion".into(), group_version(group, version).into());
        document.insert("resources".into(), resources.into());
        Some(document.into())
    }
}

/// `/api`; `address` is the server's, as `127.0.0.1:6443`.
pub(crate) fn api_versions(address: &str) -> Json {
    let address = json!({"clientCIDR": "0.0.0.0/0", "serverAddress": address});
    json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [address]})
}

fn api_group(group: &str, versions: &[&str]) -> Map<String, Json> {
    let version = |version: &&str| json!({"groupVersion": group_version(group, version), "version": version});
    let mut document = Map::new();
    document.insert("name".into(), group.into());
    document.insert("versions".into(), versions.iter().map(version).collect());
    document.insert("preferredVersion".into(), versions.first().map(version).into());
    document
}

/// Kubernetes' own resources leave out a group and version that are the list's.
fn response_kind(resource: &ResourceType, group: &str, version: &str, kind: &str) -> Json {
    if resource.definition.is_none() && group == resource.group && version == resource.version {
        return json!({"group": "", "version": "", "kind": kind});
    }
    json!({"group": group, "version": version, "kind": kind})
}

fn aggregated_resource(resource: &ResourceType) -> Json {
    let mut document = Map::new();
    let mut put = |key: &str, value: Json| drop(document.insert(key.into(), value));
    put("resource", resource.plural.as_str().into());
    put("responseKind", response_kind(resource, &resource.group, &resource.version, &resource.kind));
    put("scope", if resource.namespaced { "Namespaced" } else { "Cluster" }.into());
    put("singularResource", resource.singular.as_str().into());
    put("verbs", resource.verbs.clone().into());
    if !resource.short_names.is_empty() {
        put("shortNames", resource.short_names.clone().into());
    }
    if !resource.categories.is_empty() {
        put("categories", resource.categories.clone().into());
    }
    let subresources = resource.subresources.iter().map(|sub| {
        let kind = response_kind(resource, &sub.group, &sub.version, &sub.kind);
        json!({"subresource": sub.name, "responseKind": kind, "verbs": sub.verbs})
    });
    let subresources: Vec<Json> = subresources.collect();
    if !subresources.is_empty() {
        put("subresources", subresources.into());
    }
    document.into()
}

fn plain_resource(resource: &ResourceType) -> Json {
    let mut document = Map::new();
    let mut put = |key: &str, value: Json| drop(document.insert(key.into(), value));
    put("name", resource.plural.as_str().into());
    put("singularName", resource.singular.as_str().into());
    put("namespaced", resource.namespaced.into());
    put("kind", resource.kind.as_str().into());
    put("verbs", resource.verbs.clone().into());
    if !resource.short_names.is_empty() {
        put("shortNames", resource.short_names.clone().into());
    }
    if !resource.categories.is_empty() {
        put("categories", resource.categories.clone().into());
    }
    // What is never stored has none.
    if resource.verbs.iter().any(|verb| verb == "watch") {
        put("storageVersionHash", storage_version_hash(resource).into());
    }
    document.into()
}

fn plain_subresource(resource: &ResourceType, sub: &Subresource) -> Json {
    let mut document = Map::new();
    let mut put = |key: &str, value: Json| drop(document.insert(key.into(), value));
    put("name", format!("{}/{}", resource.plural, sub.name).into());
    put("singularName", "".into());
    put("namespaced", resource.namespaced.into());
    if sub.group != resource.group || sub.version != resource.version {
        put("group", sub.group.as_str().into());
        put("version", sub.version.as_str().into());
    }
    put("kind", sub.kind.as_str().into());
    put("verbs", sub.verbs.clone().into());
    document.into()
}

/// Resources that the real API server stores in a version that it does not serve, which only shows in a hash.
const STORED_IN_V1BETA1: [&str; 3] = [
    "customresourcedefinitions.apiextensions.k8s.io",
    "mutatingadmissionpolicies.admissionregistration.k8s.io",
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io",
];

fn storage_version_hash(resource: &ResourceType) -> String {
    let (group, version) = resource.storage_version.split_once('/').unwrap_or(("", &resource.storage_version));
    let version = if STORED_IN_V1BETA1.contains(&&*resource.name) { "v1beta1" } else { version };
    let hash = Sha256::digest(format!("{group}/{version}/{}", resource.kind));
    STANDARD.encode(&hash[..8])
}

/// Versions in Kubernetes' order: `v2` above `v1` above `v1beta2` above `v1alpha1` above any other text.
pub(crate) fn version_rank(version: &str) -> (u8, u32, u32, std::cmp::Reverse<&str>) {
    let other = (0, 0, 0, std::cmp::Reverse(version));
    let Some(rest) = version.strip_prefix('v') else { return other };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let Ok(major) = rest[..digits].parse() else { return other };
    let (stage, minor) = match &rest[digits..] {
        "" => return (3, major, 0, std::cmp::Reverse("")),
        rest => match (rest.strip_prefix("beta"), rest.strip_prefix("alpha")) {
            (Some(minor), _) => (2, minor),
            (_, Some(minor)) => (1, minor),
            _ => return other,
        },
    };
    minor.parse().map_or(other, |minor| (stage, major, minor, std::cmp::Reverse("")))
}

#[cfg(test)]
mod tests;
