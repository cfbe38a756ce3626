//! `manifest::remove`.

use windlass_runtime::{Call, Result, primitive};

use super::manifests::{Manifests, Only};
use crate::path::Path;

/// Removes a field, or an entry of a list, from manifests. Objects that do not have it are left alone.
///
/// The path is written as for `manifest::set`. An entry of a list is best named by a field (each entry that has it goes): by
/// number, removing `[0]` twice removes two.
///
/// Maps of Rhai have a `remove` of their own: for a single object, call `manifest::remove(object, path)`.
///
/// # Errors
/// `usage` for what is no path. `not_found` if no manifest has the `name`.
///
/// # Example
/// ```rhai
/// let manifests = manifest::load("manifests")
///     .remove("spec.template.spec.affinity.nodeAffinity", #{ kind: "Deployment" })
///     .remove("metadata.annotations.\"example.com/owner\"");
/// ```
#[primitive(module = "manifest", effect = Pure, method)]
pub fn remove(_: &Call<'_>, manifests: Manifests, path: Path, options: Only) -> Result<Manifests> {
    manifests.each(&options, |object| {
        path.remove(object);
        Ok(())
    })
}
