//! `helm::list`.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use windlass_runtime::{Call, Error, Options, Result, primitive};

use super::release::{self, Revision};
use crate::cluster::OnCluster;

/// The options of `helm::list`.
#[derive(Debug, Clone, Options)]
pub struct ListOptions {
    /// Where the releases are.
    #[option(flatten)]
    pub on: OnCluster,
    /// Look in all namespaces.
    #[option(default = "false")]
    pub all_namespaces: bool,
    /// Only those of this status: `deployed`, `failed`, `pending-install`, `uninstalled` and so on.
    pub status: Option<String>,
}

/// Lists releases, each by its last revision as `helm::status` has it, in the order of namespaces and names.
///
/// # Errors
/// `forbidden` where Secrets may not be read.
///
/// # Example
/// ```rhai
/// helm::upgrade("portal", "charts/web");
/// for r in helm::list() { log::info(`${r.name} ${r.chart} ${r.version}: ${r.status}`); }
/// ```
#[primitive(module = "helm", effect = Read, also = ["ls"])]
pub fn list(call: &Call<'_>, options: ListOptions) -> Result<Vec<Json>> {
    if options.all_namespaces && options.on.namespace.is_some() {
        return Err(Error::usage("helm::list is given both `namespace` and `all_namespaces`"));
    }
    let cluster = call.cluster(options.on.cluster.as_deref())?;
    let namespace = match options.all_namespaces {
        true => None,
        false => Some(options.on.namespace.unwrap_or_else(|| cluster.default_namespace().to_owned())),
    };
    let stored = call.wait(async move { release::stored(&cluster, namespace.as_deref(), "owner=helm").await })?;
    let mut last: BTreeMap<(String, String), Revision> = BTreeMap::new();
    for revision in stored {
        let key = (revision.namespace.clone(), revision.name.clone());
        if last.get(&key).is_none_or(|other| other.number < revision.number) {
            last.insert(key, revision);
        }
    }
    let meant =
        last.values().filter(|revision| options.status.as_ref().is_none_or(|status| *status == revision.status));
    meant.map(Revision::summary).collect()
}
