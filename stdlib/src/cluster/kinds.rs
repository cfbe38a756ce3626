//! `cluster::kinds`.

use std::collections::HashSet;

use serde_json::{Value as Json, json};
use windlass_runtime::{Call, Options, Result, primitive};

/// The options of `cluster::kinds`.
#[derive(Debug, Clone, Options)]
pub struct KindsOptions {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
    /// Only the kinds of this API group; `""` is the core group.
    pub group: Option<String>,
    /// Only kinds that live in a namespace, or with `false` only those that do not.
    pub namespaced: Option<bool>,
}

/// The kinds of objects that a cluster serves, as it is at this moment: a list of
/// `#{kind, group, version, api_version, plural, short_names, namespaced, verbs}`.
///
/// Each kind is listed once, in the version that the cluster prefers.
///
/// # Errors
/// `unavailable` if the API server does not answer.
///
/// # Example
/// ```rhai
/// let groups = cluster::kinds().map(|k| k.group);
/// if !groups.contains("cert-manager.io") { log::info("cert-manager is not installed"); }
/// for k in cluster::kinds(#{ group: "apps", namespaced: true }) { log::info(`${k.kind}: ${k.short_names}`); }
/// ```
#[primitive(module = "cluster", effect = Read, also = ["api resources"])]
pub fn kinds(call: &Call<'_>, options: KindsOptions) -> Result<Vec<Json>> {
    let cluster = call.cluster(options.cluster.as_deref())?;
    let served = call.wait(async move { cluster.refresh_discovery().await })?;
    let mut seen = HashSet::new();
    let preferred = served.kinds().iter().filter(|kind| seen.insert((kind.group.clone(), kind.kind.clone())));
    let wanted = preferred.filter(|kind| {
        options.group.as_ref().is_none_or(|group| *group == kind.group)
            && options.namespaced.is_none_or(|namespaced| namespaced == kind.namespaced)
    });
    let shown = wanted.map(|kind| {
        json!({
            "kind": kind.kind, "group": kind.group, "version": kind.version, "api_version": kind.api_version(),
            "plural": kind.plural, "short_names": kind.short_names, "namespaced": kind.namespaced, "verbs": kind.verbs,
        })
    });
    Ok(shown.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, on};

    #[on(shadow, live)]
    fn kinds_are_listed_once_and_selected(bed: Bed) {
        let all = bed.run("cluster::kinds()").value();
        let all = all.as_array().unwrap();
        let deployments: Vec<_> = all.iter().filter(|k| k["kind"] == "Deployment").collect();
        assert_eq!(deployments.len(), 1);
        assert_eq!(deployments[0]["api_version"], "apps/v1");
        assert_eq!(deployments[0]["short_names"], json!(["deploy"]));
        assert_eq!(all.iter().filter(|k| k["kind"] == "HorizontalPodAutoscaler").count(), 1);
        let core = bed.run("cluster::kinds(#{ group: \"\", namespaced: false })").value();
        let names: Vec<&str> = core.as_array().unwrap().iter().map(|k| k["kind"].as_str().unwrap()).collect();
        assert!(names.contains(&"Node") && names.contains(&"Namespace") && !names.contains(&"Pod"), "{names:?}");
        assert_eq!(bed.run("cluster::kinds(#{ group: \"nobody.example\" })").value(), json!([]));
    }

    #[on(shadow, live)]
    fn an_unknown_option_names_the_nearest(bed: Bed) {
        let error = bed.run("cluster::kinds(#{ namespace: true })").error();
        assert!(error["hint"].as_str().unwrap().contains("namespaced"), "{error}");
    }
}
