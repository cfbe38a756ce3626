//! What the cluster holds: layers of encoded objects, one history of changes.

use std::sync::Arc;

use bytes::Bytes;

use crate::catalog::ResourceName;

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// `pods`, `deployments.apps`.
    pub(crate) resource: ResourceName,
    /// Empty for what is cluster-wide.
    pub(crate) namespace: Arc<str>,
    pub(crate) name: Arc<str>,
}

impl Key {
    pub(crate) fn new(resource: &str, namespace: &str, name: &str) -> Self {
        Self { resource: resource.into(), namespace: namespace.into(), name: name.into() }
    }
}

/// What has happened to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    Added,
    Modified,
    Deleted,
}

/// One entry of the history.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) kind: ChangeKind,
    pub(crate) key: Key,
    /// The object as it is afterwards; as it was last, for a deletion (with the deletion's resourceVersion).
    pub(crate) object: Bytes,
    /// As it was before: watchers by selector must see what leaves their selection.
    pub(crate) before: Option<Bytes>,
}
