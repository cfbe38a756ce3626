//! What was done inside a pod: whether it took effect is found out there, and nothing of it can be taken back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use windlass_runtime::change::{Change, Handler, PartImage, Probed, Recipe};
use windlass_runtime::cluster::ResourceId;
use windlass_runtime::{Call, Error, Kind, Result};

use super::copying::{self, hashes_of};
use super::pods::Place;

/// The name of the handler.
const NAME: &str = "cluster/in-pod";

/// How long it may take to look at files that were copied, which may be large.
const HASHING: Duration = Duration::from_secs(600);

/// By what it can be told that something took effect.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Trace {
    /// The container.
    pub container: String,
    /// A path that the command makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creates: Option<String>,
    /// Where files were copied to, with the hash of each by its path below that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied: Option<(String, BTreeMap<String, String>)>,
    /// Where files of this machine were written, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub here: Option<(PathBuf, BTreeMap<String, String>)>,
}

impl Trace {
    pub fn recipe(&self) -> Recipe {
        Recipe { handler: NAME.to_owned(), data: serde_json::to_value(self).unwrap_or_default() }
    }

    fn look(&self, call: &Call<'_>, place: &Place) -> Result<Probed> {
        let gone = || Probed::Unclear("what is in the container cannot be known".to_owned());
        if let Some(path) = &self.creates {
            let asked = place.ask(call, place.command(&["test", "-e", path]))?;
            return Ok(match asked {
                Some(answer) if answer.code == 0 => Probed::TookEffect,
                Some(_) => Probed::DidNot,
                None => gone(),
            });
        }
        if let Some((path, files)) = &self.copied {
            return Ok(match hashes_of(call, place, path, files.keys(), HASHING)? {
                Some(found) if files.iter().all(|(name, hash)| found.get(name) == Some(hash)) => Probed::TookEffect,
                Some(_) => Probed::DidNot,
                None => gone(),
            });
        }
        Ok(Probed::Unclear("a command leaves nothing by which it could be told".to_owned()))
    }
}

/// Whether files of this machine are as they were to be.
fn written(path: &Path, files: &BTreeMap<String, String>) -> Probed {
    match copying::hashes_here(path, files.keys()) {
        Ok(found) if found == *files => Probed::TookEffect,
        Ok(_) => Probed::DidNot,
        Err(error) => Probed::Unclear(error.to_string()),
    }
}

/// Changes inside pods.
pub(crate) struct InPod;

impl Handler for InPod {
    fn name(&self) -> &'static str {
        NAME
    }

    fn probe(&self, call: &Call<'_>, recipe: &Recipe, parts: &[PartImage]) -> Result<Vec<Probed>> {
        let trace: Trace = serde_json::from_value(recipe.data.clone()).map_err(|e| {
            Error::new(Kind::Malformed, "the journal's entry of a command in a pod cannot be read").source(e)
        })?;
        if let Some((path, files)) = &trace.here {
            let (path, files) = (path.clone(), files.clone());
            let written = call.compute(move || Ok(written(&path, &files)))?;
            return Ok(vec![written; parts.len()]);
        }
        let look = |part: &PartImage| {
            let resource = &part.resource;
            let pod = ResourceId {
                cluster: resource.at.clone(),
                api_version: "v1".into(),
                kind: "Pod".into(),
                plural: "pods".into(),
                namespace: resource.namespace.clone(),
                name: resource.name.clone(),
            };
            let cluster = call.cluster_called(&resource.at)?;
            let place = Place { cluster, pod, container: trace.container.clone() };
            match trace.look(call, &place) {
                // The pod is not there any more, or does not run, or takes too long.
                Err(error)
                    if matches!(error.kind(), Kind::NotFound | Kind::Unavailable | Kind::Rejected | Kind::Timeout) =>
                {
                    Ok(Probed::Unclear(error.to_string()))
                }
                other => other,
            }
        };
        parts.iter().map(look).collect()
    }

    fn inverse(&self, _: &Call<'_>, _: &Recipe, parts: &[PartImage]) -> Result<Change> {
        let what = parts.first().map(|part| part.resource.to_string()).unwrap_or_default();
        Err(Error::internal(format!("what was done in {what} was recorded as something that can be taken back")))
    }
}
