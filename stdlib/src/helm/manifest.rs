//! `helm::manifest`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Result, primitive};

use super::objects;
use super::release::At;
use super::status::RevisionOptions;
use crate::cluster::secret_data;

/// Reads the objects of a release as its chart has made them: a list of maps, hooks left out.
///
/// Values of Secrets are given as secrets: they can be applied and passed on, and do not show.
///
/// # Errors
/// `not_found` if there is no such release or revision.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web");
/// for object in helm::manifest("portal") { log::info(`${object.kind}/${object.metadata.name}`); }
/// ```
#[primitive(module = "helm", effect = Read, also = ["get manifest"])]
pub fn manifest(call: &Call<'_>, release: String, options: RevisionOptions) -> Result<Vec<Json>> {
    let at = At::new(call, &release, &options.on)?;
    let mut objects = objects::of(&at.revision(call, options.revision)?.body()?, &at.name)?;
    for object in &mut objects {
        secret_data::hide_all(call, object, &at.namespace)?;
    }
    Ok(objects)
}
