//! What can be asked of a request.

use super::Json;

/// Which objects of a collection are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Selector {
    /// A label selector, as kubectl takes it: `app=web,tier!=test`.
    pub labels: Option<String>,
    /// A field selector: `metadata.name=web`, `status.phase=Running`.
    pub fields: Option<String>,
}

impl Selector {
    /// The object of this name.
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self { labels: None, fields: Some(format!("metadata.name={name}")) }
    }

    /// Objects with these labels.
    #[must_use]
    pub fn labels(labels: impl Into<String>) -> Self {
        Self { labels: Some(labels.into()), fields: None }
    }

    pub(crate) fn query(&self) -> Vec<(&'static str, &str)> {
        let labels = self.labels.as_deref().map(|l| ("labelSelector", l));
        let fields = self.fields.as_deref().map(|f| ("fieldSelector", f));
        labels.into_iter().chain(fields).filter(|(_, text)| !text.is_empty()).collect()
    }
}

/// How to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListOptions {
    /// Which objects.
    pub selector: Selector,
    /// At most so many; none for all.
    pub limit: Option<usize>,
    /// How many to ask for at once.
    pub page: usize,
    /// Whether their metadata is all that is wanted.
    pub metadata_only: bool,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self { selector: Selector::default(), limit: None, page: 500, metadata_only: false }
    }
}

impl From<Selector> for ListOptions {
    fn from(selector: Selector) -> Self {
        Self { selector, ..Self::default() }
    }
}

/// What a list answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Listing {
    /// The objects, each with the apiVersion and kind that the API leaves out in lists.
    pub items: Vec<Json>,
    /// The version of the whole, from which a watch can go on.
    pub resource_version: String,
    /// Whether there are more than the limit.
    pub more: bool,
}

/// How to create or replace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// The field manager; [`EDIT_MANAGER`](super::ownership::EDIT_MANAGER) if empty.
    pub manager: String,
    /// Only try it: everything is checked, nothing kept.
    pub dry_run: bool,
}

/// How to apply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplyOptions {
    /// The field manager; [`EDIT_MANAGER`](super::ownership::EDIT_MANAGER) if empty.
    pub manager: String,
    /// Take fields that others own.
    pub force: bool,
    /// Only try it: everything is checked, nothing kept.
    pub dry_run: bool,
    /// Fail with a conflict unless the object is still at this version.
    pub resource_version: Option<String>,
}

/// A change of a part of an object.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Patch {
    /// RFC 7386: maps are merged, null removes, lists are replaced.
    Merge(Json),
    /// RFC 6902: a list of operations, `test` among them.
    Json(Json),
    /// Kubernetes' own: keyed lists are merged. Built-in kinds only.
    Strategic(Json),
}

impl Patch {
    pub(crate) fn content(&self) -> (&'static str, &Json) {
        match self {
            Patch::Merge(body) => ("application/merge-patch+json", body),
            Patch::Json(body) => ("application/json-patch+json", body),
            Patch::Strategic(body) => ("application/strategic-merge-patch+json", body),
        }
    }
}

/// How to patch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatchOptions {
    /// The field manager; [`EDIT_MANAGER`](super::ownership::EDIT_MANAGER) if empty.
    pub manager: String,
    /// Only try it: everything is checked, nothing kept.
    pub dry_run: bool,
    /// The subresource to patch: `status`, `scale`.
    pub subresource: Option<String>,
}

/// What happens to the objects that a deleted one owns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted afterwards.
    #[default]
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay.
    Orphan,
}

impl Propagation {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Propagation::Background => "Background",
            Propagation::Foreground => "Foreground",
            Propagation::Orphan => "Orphan",
        }
    }
}

/// How to delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeleteOptions {
    /// Only the object with this uid, not a later one of the same name.
    pub uid: Option<String>,
    /// Only if it is still at this version.
    pub resource_version: Option<String>,
    /// What happens to what it owns.
    pub propagation: Propagation,
    /// How long its pods have to end; the object's own if none.
    pub grace_period_seconds: Option<u32>,
    /// Only try it.
    pub dry_run: bool,
}

/// What deleting did.
#[derive(Debug, Clone, PartialEq)]
pub enum Deleted {
    /// There was nothing to delete.
    Absent,
    /// It is gone.
    Gone,
    /// It is marked and goes when its finalizers and its grace period allow; this is how it is now.
    Going(Json),
}

/// Which of a container's log to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// The container; needed if there are several.
    pub container: Option<String>,
    /// The log of the run before the present one.
    pub previous: bool,
    /// The last lines only.
    pub tail_lines: Option<u32>,
    /// Only what was written in so many seconds before now.
    pub since_seconds: Option<u64>,
    /// Before each line, when it was written.
    pub timestamps: bool,
    /// At most so many bytes.
    pub limit_bytes: Option<u32>,
}
