//! One object as the store keeps it: its bytes, and what lists and watches select by.

use std::sync::Arc;

use bytes::Bytes;

use super::{Key, fields};
use crate::catalog::ResourceName;
use crate::{Json, object};

/// An object, encoded.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The whole object as JSON, in its storage version; `kind` and `apiVersion` stand first.
    pub(crate) bytes: Bytes,
    /// Where `kind` and `apiVersion` end: what follows is the same in every version.
    head: usize,
    pub(crate) index: Index,
}

/// What is known of an object without parsing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Index {
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) uid: Box<str>,
    pub(crate) version: u64,
    pub(crate) deleting: bool,
    pub(crate) labels: Box<[(Box<str>, Box<str>)]>,
    /// The uids of its owners.
    pub(crate) owners: Box<[Box<str>]>,
    /// The values of the fields of [`fields::selectable`], without name and namespace, in its order.
    pub(crate) fields: Box<[Box<str>]>,
}

impl Stored {
    /// Encodes an object of a resource.
    pub(crate) fn encode(resource: &str, object: &Json) -> Self {
        let mut bytes = Vec::with_capacity(1024);
        let text = |key: &str| object.get(key).and_then(Json::as_str).unwrap_or_default();
        // Writing to a vector cannot fail; the strings and maps of a `Value` always encode.
        let write = |bytes: &mut Vec<u8>, value: &Json| drop(serde_json::to_writer(bytes, value));
        bytes.extend_from_slice(b"{\"kind\":");
        write(&mut bytes, &text("kind").into());
        bytes.extend_from_slice(b",\"apiVersion\":");
        write(&mut bytes, &text("apiVersion").into());
        let head = bytes.len();
        let rest = object.as_object().into_iter().flatten();
        for (key, value) in rest.filter(|(key, _)| !matches!(key.as_str(), "kind" | "apiVersion")) {
            bytes.push(b',');
            write(&mut bytes, &key.as_str().into());
            bytes.push(b':');
            write(&mut bytes, value);
        }
        bytes.push(b'}');
        // Shrinking in place leaves the room to some allocators; objects are kept for long.
        Self { bytes: Bytes::copy_from_slice(&bytes), head, index: Index::of(resource, object) }
    }

    /// The object.
    pub(crate) fn json(&self) -> Json {
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// The bytes after `kind` and `apiVersion`, from the comma to the closing brace.
    pub(crate) fn tail(&self) -> &[u8] {
        self.bytes.get(self.head..).unwrap_or_default()
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.index.namespace
    }

    pub(crate) fn name(&self) -> &str {
        &self.index.name
    }

    pub(crate) fn uid(&self) -> &str {
        &self.index.uid
    }

    pub(crate) fn key(&self, resource: &ResourceName) -> Key {
        Key { resource: resource.clone(), namespace: self.index.namespace.clone(), name: self.index.name.clone() }
    }
}

impl Index {
    pub(crate) fn of(resource: &str, object: &Json) -> Self {
        let labels = object.pointer("/metadata/labels").and_then(Json::as_object).into_iter().flatten();
        let owners = object.pointer("/metadata/ownerReferences").and_then(Json::as_array).into_iter().flatten();
        Self {
            namespace: object::namespace(object).into(),
            name: object::name(object).into(),
            uid: object::uid(object).into(),
            version: object::text(object, "/metadata/resourceVersion").and_then(|v| v.parse().ok()).unwrap_or_default(),
            deleting: object::is_deleting(object),
            labels: labels.map(|(k, v)| (k.as_str().into(), v.as_str().unwrap_or_default().into())).collect(),
            owners: owners.filter_map(|owner| Some(owner.get("uid")?.as_str()?.into())).collect(),
            fields: fields::values(resource, object),
        }
    }

    /// Where a pod runs; `fields` has that first.
    pub(crate) fn node(&self) -> Option<&str> {
        self.fields.first().map(|node| &**node)
    }

    pub(crate) fn label(&self, key: &str) -> Option<&str> {
        self.labels.iter().find(|(k, _)| **k == *key).map(|(_, value)| &**value)
    }
}
