//! What may be wrong with the spec of a definition.
//!
//! The server keeps what all versions have in common in one place, `spec.validation` and its like, and names it by that
//! place: so do these faults.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::json;

use super::super::fault::{self, Path};
use super::super::props::Props;
use super::super::spec::{Definition, Spec};
use super::super::status;
use super::{columns, conversion, names, schema};
use crate::error::Cause;
use crate::validation::names::{dns_1035_label, dns_subdomain};
use crate::{Json, object};

/// Whether all versions have the same under a key.
pub(super) fn in_common(definition: &Json, key: &str) -> bool {
    let versions = definition.pointer("/spec/versions").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    versions.iter().all(|version| version.get(key) == versions.first().and_then(|first| first.get(key)))
}

/// The schemas of all versions, each with the index of its version; one that all have in common once, with none.
pub(super) fn schemas(spec: &Spec) -> Vec<(Option<usize>, &Props, bool)> {
    let all = spec.versions.iter().enumerate();
    let has_status = |v: &super::super::spec::VersionSpec| v.subresources.as_ref().is_some_and(|s| s.status.is_some());
    all.filter_map(|(index, version)| Some((Some(index), version.props()?, has_status(version)))).collect()
}

/// The name says the resource and its group.
pub(super) fn name(definition: &Json, spec: &Spec, wrong: &mut Vec<Cause>) {
    let name = object::name(definition);
    if name != format!("{}.{}", spec.names.plural, spec.group) {
        let detail = "must be spec.names.plural+\".\"+spec.group";
        wrong.push(fault::invalid(&Path::new("metadata.name"), &name.into(), detail));
    }
}

pub(super) fn check(spec: &Spec, definition: &Json, wrong: &mut Vec<Cause>) {
    let root = Path::new("spec");
    group_and_scope(spec, &root, wrong);
    let common = in_common(definition, "schema");
    for (index, version) in spec.versions.iter().enumerate() {
        if version.props().is_none() {
            wrong.push(fault::required(&root.child("versions").index(index).child("schema.openAPIV3Schema"), ""));
        }
    }
    for (index, version) in spec.versions.iter().enumerate() {
        let at = root.child("versions").index(index);
        let faults = dns_1035_label(&version.name);
        if !faults.is_empty() {
            wrong.push(fault::invalid(&at.child("name"), &version.name.as_str().into(), &faults.join(",")));
        }
        deprecation(version, &at, wrong);
        let has_status = version.subresources.as_ref().is_some_and(|s| s.status.is_some());
        if let Some(props) = version.props().filter(|_| !common) {
            schema::check(props, has_status, &at.child("schema"), wrong);
        }
        if !in_common(definition, "subresources") {
            columns::subresources(version, &at, wrong);
        }
        if !in_common(definition, "additionalPrinterColumns") {
            columns::check(version, &at, wrong);
        }
        if !in_common(definition, "selectableFields") {
            columns::selectable(version, &at, wrong);
        }
    }
    // The server knows the first version under an old name as well.
    let first = spec.versions.first().map_or("", |version| version.name.as_str());
    let faults = if first.is_empty() { Vec::new() } else { dns_1035_label(first) };
    if !faults.is_empty() {
        wrong.push(fault::invalid(&root.child("version"), &first.into(), &faults.join(",")));
    }
    versions(spec, &root, wrong);
    names::check(&spec.names, &root.child("names"), true, wrong);
    if let Some(first) = spec.versions.first() {
        let any_status = spec.versions.iter().any(|v| v.subresources.as_ref().is_some_and(|s| s.status.is_some()));
        if let Some(props) = first.props().filter(|_| common) {
            schema::check(props, any_status, &root.child("validation"), wrong);
        }
        if in_common(definition, "subresources") {
            columns::subresources(first, &root, wrong);
        }
        if in_common(definition, "additionalPrinterColumns") {
            columns::check(first, &root, wrong);
        }
        if in_common(definition, "selectableFields") {
            columns::selectable(first, &root, wrong);
        }
    }
    conversion::check(spec, &root.child("conversion"), wrong);
}

fn group_and_scope(spec: &Spec, root: &Path, wrong: &mut Vec<Cause>) {
    let group = Json::from(spec.group.as_str());
    let faults = dns_subdomain(&spec.group);
    if spec.group.is_empty() {
        wrong.push(fault::required(&root.child("group"), ""));
    } else if !faults.is_empty() {
        wrong.push(fault::invalid(&root.child("group"), &group, &faults.join(",")));
    } else if !spec.group.contains('.') {
        wrong.push(fault::invalid(&root.child("group"), &group, "should be a domain with at least one dot"));
    }
    match spec.scope.as_str() {
        "Cluster" | "Namespaced" => {}
        "" => wrong.push(fault::required(&root.child("scope"), "")),
        scope => {
            let supported = ["Cluster".to_owned(), "Namespaced".to_owned()];
            wrong.push(fault::not_supported(&root.child("scope"), &scope.into(), &supported));
        }
    }
}

fn deprecation(version: &super::super::spec::VersionSpec, at: &Path, wrong: &mut Vec<Cause>) {
    let Some(warning) = &version.deprecation_warning else { return };
    let at = at.child("deprecationWarning");
    let mut say = |detail: &str| wrong.push(fault::invalid(&at, &warning.as_str().into(), detail));
    if !version.deprecated {
        say("can only be set for deprecated versions");
        return;
    }
    if warning.len() > 256 {
        say("must be <= 256 characters long");
    }
    if warning.is_empty() {
        say("must not be an empty string");
    }
    if let Some((index, _)) = warning.char_indices().find(|(_, c)| c.is_control()) {
        say(&format!("must only contain printable UTF-8 characters; non-printable character found at index {index}"));
    }
}

fn versions(spec: &Spec, root: &Path, wrong: &mut Vec<Cause>) {
    let at = root.child("versions");
    let names: BTreeSet<&str> = spec.versions.iter().map(|v| v.name.as_str()).collect();
    if names.len() != spec.versions.len() {
        wrong.push(fault::invalid_structure(&at, &shown(spec), "must contain unique version names"));
    }
    if spec.versions.iter().filter(|v| v.storage).count() != 1 {
        wrong.push(fault::invalid_structure(
            &at,
            &shown(spec),
            "must have exactly one version marked as storage version",
        ));
    }
}

/// The versions as the server shows them here: without what they have in common.
fn shown(spec: &Spec) -> Json {
    let versions = spec.versions.iter().map(|v| {
        json!({
            "Name": v.name, "Served": v.served, "Storage": v.storage, "Deprecated": v.deprecated,
            "DeprecationWarning": v.deprecation_warning, "Schema": null, "Subresources": null,
            "AdditionalPrinterColumns": null, "SelectableFields": null,
        })
    });
    if spec.versions.is_empty() { Json::Null } else { versions.collect() }
}

/// What cannot be changed: the resource's name, and once there may be objects, where they are stored.
pub(super) fn unchanged(spec: &Spec, old: &Json, wrong: &mut Vec<Cause>) {
    let Ok(Definition { spec: was }) = Definition::deserialize(old) else { return };
    let mut same = |field: &str, is: &str, was: &str| {
        if is != was {
            wrong.push(fault::invalid(&Path::new(field), &is.into(), "field is immutable"));
        }
    };
    if status::is_true(old, "Established") {
        same("spec.scope", &spec.scope, &was.scope);
        same("spec.names.kind", &spec.names.kind, &was.names.kind);
    }
    same("spec.group", &spec.group, &was.group);
    same("spec.names.plural", &spec.names.plural, &was.names.plural);
}

/// Versions in which objects have been stored must go on being there.
pub(super) fn stored_versions(definition: &Json, wrong: &mut Vec<Cause>) {
    let at = Path::new("status.storedVersions");
    let stored = definition.pointer("/status/storedVersions").and_then(Json::as_array).cloned().unwrap_or_default();
    if stored.is_empty() {
        let shown = definition.pointer("/status/storedVersions").cloned().unwrap_or_default();
        wrong.push(fault::invalid(&at, &shown, "must have at least one stored version"));
        return;
    }
    let versions = definition.pointer("/spec/versions").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    for version in versions.iter().filter(|v| v.get("storage") == Some(&Json::Bool(true))) {
        let name = version.get("name").and_then(Json::as_str).unwrap_or_default();
        if !stored.iter().any(|s| s.as_str() == Some(name)) {
            wrong.push(fault::invalid(
                &at,
                &Json::Array(stored.clone()),
                &format!("must have the storage version {name}"),
            ));
        }
    }
    for (index, name) in stored.iter().enumerate() {
        if !versions.iter().any(|v| v.get("name") == Some(name)) {
            let v = name.as_str().unwrap_or_default();
            let detail = format!(
                "missing from spec.versions; {v} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {v} and removes {v} from status.storedVersions"
            );
            wrong.push(fault::invalid(&at.index(index), name, &detail));
        }
    }
}

const APPROVED: &str = "api-approved.kubernetes.io";

/// Groups of the community need an approval.
pub(super) fn approval(definition: &Json, old: Option<&Json>, wrong: &mut Vec<Cause>) {
    let group = object::text(definition, "/spec/group").unwrap_or_default();
    let protected = ["k8s.io", "kubernetes.io"].iter().any(|g| group == *g || group.ends_with(&format!(".{g}")));
    let state = |definition: &Json| match object::annotation(definition, APPROVED).unwrap_or_default() {
        "" => 0,
        said if said.starts_with("unapproved") => 1,
        said if said.split_once("://").is_some_and(|(scheme, rest)| !scheme.is_empty() && !rest.is_empty()) => 1,
        _ => 2,
    };
    let now = state(definition);
    if !protected || old.is_some_and(|old| state(old) == now) {
        return;
    }
    let at = Path::new("metadata.annotations").key(APPROVED);
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    if now == 0 {
        let detail = format!("protected groups must have approval annotation \"{APPROVED}\", {see}");
        wrong.push(fault::required(&at, &detail));
    } else if now == 2 {
        let detail = format!(
            "protected groups must have approval annotation \"{APPROVED}\" with either a URL or a reason starting with \"unapproved\", {see}"
        );
        let said = object::annotation(definition, APPROVED).unwrap_or_default();
        wrong.push(fault::invalid(&at, &said.into(), &detail));
    }
}

pub(super) fn keeps_unknown(definition: &Json, old: Option<&Json>, wrong: &mut Vec<Cause>) {
    let keeps = |d: &Json| d.pointer("/spec/preserveUnknownFields") == Some(&Json::Bool(true));
    if keeps(definition) && !old.is_some_and(keeps) {
        let detail =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        wrong.push(fault::invalid(&Path::new("spec.preserveUnknownFields"), &true.into(), detail));
    }
}
