//! `helm::history`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Result, primitive};

use super::release::{At, Revision};
use super::status::StatusOptions;

/// Lists the revisions of a release that Helm has kept, the oldest first, each as `helm::status` has it.
///
/// # Errors
/// `not_found` if there is no such release.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web");
/// for r in helm::history("portal") { log::info(`${r.revision} ${r.status} ${r.version}: ${r.description}`); }
/// ```
#[primitive(module = "helm", effect = Read)]
pub fn history(call: &Call<'_>, release: String, options: StatusOptions) -> Result<Vec<Json>> {
    At::new(call, &release, &options.on)?.known(call)?.iter().map(Revision::summary).collect()
}
