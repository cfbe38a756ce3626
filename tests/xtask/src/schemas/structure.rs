//! The structure: what the shadow needs to serve requests, without prose.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use windlass_testbed::Testbed;

use super::source::{DISCOVERY, JSON, TABLE, get, list, text};
use super::types;
use crate::Error;

/// The structure, and the numbers of the fields in protobuf.
pub(super) fn read(testbed: &Testbed) -> Result<(String, String), Error> {
    let core = get(testbed, "/api", DISCOVERY)?;
    let named = get(testbed, "/apis", DISCOVERY)?;
    let groups: Vec<Value> = list(&core["items"]).chain(list(&named["items"])).cloned().collect();
    let versions: Vec<(String, &Value)> = groups
        .iter()
        .flat_map(|group| list(&group["versions"]).map(move |version| (group_version(group, version), version)))
        .collect();
    let schemas = schemas(testbed)?;
    let names: Vec<&str> = versions.iter().map(|(version, _)| version.as_str()).collect();
    let types = types::read(&names, &schemas)?;
    let structure = json!({
        "version": get(testbed, "/version", JSON)?,
        "groups": groups,
        "storage": storage(testbed, &versions)?,
        "columns": columns(testbed, &versions)?,
        "types": types.types,
        "schemas": schemas,
    });
    Ok((structure.to_string(), json!(types.numbers).to_string()))
}

/// `apps/v1`; `v1` of the group without a name.
fn group_version(group: &Value, version: &Value) -> String {
    match text(&group["metadata"], "name") {
        "" => text(version, "version").to_owned(),
        name => format!("{name}/{}", text(version, "version")),
    }
}

fn root(group_version: &str) -> String {
    if group_version.contains('/') { format!("/apis/{group_version}") } else { format!("/api/{group_version}") }
}

/// In which version each resource is stored, where it is another one than it is asked in. Plain discovery tells a hash
/// of it.
fn storage(testbed: &Testbed, versions: &[(String, &Value)]) -> Result<BTreeMap<String, String>, Error> {
    let mut by_hash = BTreeMap::new();
    for (version, resources) in versions {
        for resource in list(&resources["resources"]) {
            let kind = text(&resource["responseKind"], "kind");
            let full = if version.contains('/') { format!("{version}/{kind}") } else { format!("/{version}/{kind}") };
            by_hash.insert(storage_hash(&full), version.clone());
        }
    }
    let mut stored = BTreeMap::new();
    for (version, _) in versions {
        let plain = get(testbed, &root(version), JSON)?;
        for resource in list(&plain["resources"]) {
            let hash = text(resource, "storageVersionHash");
            // Some are stored in a version that is not served: for a client, the one it asks in.
            if let Some(other) = by_hash.get(hash).filter(|other| *other != version) {
                stored.insert(format!("{version}/{}", text(resource, "name")), other.clone());
            }
        }
    }
    Ok(stored)
}

/// The hash that plain discovery gives: the first eight bytes of a SHA-256, in base64.
fn storage_hash(group_version_kind: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let hash = Sha256::digest(group_version_kind);
    let bits = hash.iter().take(8).fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte)) << 2;
    let letters = (0..11).rev().map(|place| char::from(ALPHABET[((bits >> (place * 6)) & 63) as usize]));
    letters.chain(['=']).collect()
}

fn columns(testbed: &Testbed, versions: &[(String, &Value)]) -> Result<BTreeMap<String, Value>, Error> {
    let mut columns = BTreeMap::new();
    for (version, resources) in versions {
        for resource in list(&resources["resources"]).filter(|r| list(&r["verbs"]).any(|verb| verb == "list")) {
            let plural = text(resource, "resource");
            let mut table = get(testbed, &format!("{}/{plural}", root(version)), TABLE)?;
            columns.insert(format!("{version}/{plural}"), table["columnDefinitions"].take());
        }
    }
    Ok(columns)
}

/// The types of all documents, without their descriptions.
fn schemas(testbed: &Testbed) -> Result<BTreeMap<String, Value>, Error> {
    let index = get(testbed, "/openapi/v3", JSON)?;
    let mut schemas = BTreeMap::<String, Value>::new();
    for place in index["paths"].as_object().into_iter().flat_map(Map::values) {
        let document = get(testbed, text(place, "serverRelativeURL"), JSON)?;
        for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
            let schema = without_prose(schema);
            // DeleteOptions and WatchEvent name the versions of their own document; the core's names all.
            let more = |schema: &Value| list(&schema["x-kubernetes-group-version-kind"]).count();
            match schemas.get(name) {
                Some(known) if more(known) >= more(&schema) => {}
                _ => drop(schemas.insert(name.clone(), schema)),
            }
        }
    }
    Ok(schemas)
}

fn without_prose(schema: &Value) -> Value {
    match schema {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, value)| *key != "description" || !value.is_string());
            kept.map(|(key, value)| (key.clone(), without_prose(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(without_prose).collect(),
        other => other.clone(),
    }
}
