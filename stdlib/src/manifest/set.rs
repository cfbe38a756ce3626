//! `manifest::set`.

use windlass_runtime::{Call, Result, Value, primitive};

use super::manifests::{Manifests, Only};
use crate::path::Path;

/// Sets a field of manifests.
///
/// In the path, an entry of a list is named by its number or by one of its fields, and a key with dots of its own stands in
/// quotes. Maps on the way are made if they are not there; lists are not. The value may hold secrets.
///
/// Maps of Rhai have a `set` of their own: for a single object, call `manifest::set(object, path, value)`.
///
/// # Errors
/// `usage` for what is no path. `not_found` where the path stops matching, or if no manifest has the `name`.
///
/// # Example
/// ```rhai
/// let manifests = manifest::load("manifests")
///     .set("spec.replicas", 2, #{ kind: "Deployment", name: "web" })
///     .set("spec.template.spec.containers[name=web].imagePullPolicy", "IfNotPresent", #{ kind: "Deployment", name: "web" })
///     .set("metadata.annotations.\"example.com/owner\"", "operations");
/// ```
#[primitive(module = "manifest", effect = Pure, method)]
pub fn set(_: &Call<'_>, manifests: Manifests, path: Path, value: Value, options: Only) -> Result<Manifests> {
    manifests.each(&options, |object| path.set(object, value.clone()))
}
