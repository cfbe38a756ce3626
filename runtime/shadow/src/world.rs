//! The cluster as those inside it see it: controllers, the scheduler, the API's handlers.
//!
//! All of it is synchronous and stands behind one lock. Writes go one way (`write.rs`), whoever asks: defaults, admission,
//! validation, managed fields, the store, the history.

use std::sync::Arc;

use crate::Json;
use crate::error::ApiError;

/// Who writes, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writer {
    /// The manager in `managedFields`.
    pub(crate) manager: String,
    /// Looks only.
    pub(crate) dry_run: bool,
    pub(crate) field_validation: FieldValidation,
}

/// What becomes of unknown and duplicate fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

/// How dependents are deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Propagation {
    Background,
    Foreground,
    Orphan,
}

/// How something is deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Deletion {
    pub(crate) propagation: Option<Propagation>,
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) grace_seconds: Option<i64>,
}

/// What controllers need of the world; `World` gives it, a test may give less.
///
/// `resource` is `pods`, `deployments.apps`, …; `namespace` is empty for what is cluster-wide. Objects are in their storage
/// version.
pub(crate) trait Objects {
    fn get(&self, resource: &str, namespace: &str, name: &str) -> Option<Arc<Json>>;
    /// In the order of namespace and name.
    fn list(&self, resource: &str, namespace: Option<&str>) -> Vec<Arc<Json>>;
    /// Whose `ownerReferences` name this uid.
    fn owned_by(&self, resource: &str, namespace: &str, uid: &str) -> Vec<Arc<Json>>;
    fn create(&mut self, writer: &Writer, resource: &str, object: Json) -> Result<Arc<Json>, ApiError>;
    /// Replaces the object; with `status`, only its status. Refused where the resourceVersion in it is outdated.
    fn update(&mut self, writer: &Writer, resource: &str, object: Json) -> Result<Arc<Json>, ApiError>;
    fn update_status(&mut self, writer: &Writer, resource: &str, object: Json) -> Result<Arc<Json>, ApiError>;
    fn delete(
        &mut self,
        writer: &Writer,
        resource: &str,
        namespace: &str,
        name: &str,
        deletion: &Deletion,
    ) -> Result<(), ApiError>;
    /// Records an Event about an object, or counts it up: `kind` is `Normal` or `Warning`.
    fn event(&mut self, component: &str, about: &Json, kind: &str, reason: &str, message: &str);
    /// The time of day, as objects carry it.
    fn wall(&self) -> jiff::Timestamp;
    /// The time since the shadow's start.
    fn now(&self) -> std::time::Duration;
    /// A number that depends on the seed and on these words only, never on the order in which things happen.
    fn chance(&self, of: &[&str]) -> u64;
}
