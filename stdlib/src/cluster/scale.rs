//! `cluster::scale`.

use serde_json::Value as Json;
use windlass_runtime::change::Outcome;
use windlass_runtime::cluster::ownership::INTENT_ANNOTATION;
use windlass_runtime::cluster::{Cluster, FieldPath, ResourceId};
use windlass_runtime::{Call, Error, Kind, Result, primitive};

use super::edit::{self, Wish};
use super::{OnCluster, Target};

/// Sets how many replicas a workload is to have. It does not wait until they run: see `wait::ready`.
///
/// A later `cluster::apply` of the same manifest leaves the number as it was set here. Should the manifest say another
/// number than before by then, that is a conflict.
///
/// # Errors
/// `not_found` if there is no such object, `usage` for a negative number or a kind that cannot be scaled.
///
/// # Example
/// ```rhai
/// for d in cluster::list("Deployment") { cluster::scale(`Deployment/${d.metadata.name}`, 2); }
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn scale(call: &Call<'_>, target: Target, replicas: u32, options: OnCluster) -> Result<Outcome> {
    let replicas = i64::from(replicas);
    let (cluster, id) = options.find(call, &target)?;
    let (asked, named) = (cluster.clone(), id.clone());
    let kind = call.wait(async move { asked.kind_of(&named.api_version, &named.kind).await })?;
    if !kind.has_subresource("scale") {
        let error = Error::usage(format!("{id} cannot be scaled: a {} has no number of replicas", id.kind));
        return Err(match id.kind.as_str() {
            "DaemonSet" => error.hint("a DaemonSet has a pod on each node that it selects"),
            "Job" => error.hint("for a Job, set spec.parallelism with cluster::patch"),
            _ => error,
        });
    }
    edit::edit(call, &cluster, &id, |live| wish(call, &cluster, &id, live, replicas))
}

/// The subresource knows where the kind keeps the number. It cannot carry the note for the next apply: an object that
/// apply made, and that has the number where it is usually kept, is edited itself.
fn wish(call: &Call<'_>, cluster: &Cluster, id: &ResourceId, live: &Json, replicas: i64) -> Result<Wish> {
    let path = FieldPath::of(["spec", "replicas"]);
    let own = path.get(live).and_then(Json::as_i64);
    let now = match own {
        Some(own) if built_in(id) => own,
        _ => scale_of(call, cluster, id)?,
    };
    if now == replicas {
        return Ok(Wish::Nothing(format!("it has {replicas} replicas already")));
    }
    let applied = live.pointer("/metadata/annotations").and_then(|a| a.get(INTENT_ANNOTATION)).is_some();
    if applied && own == Some(now) {
        let mut wanted = live.clone();
        path.set(&mut wanted, replicas.into())?;
        return Ok(Wish::Become(wanted));
    }
    Ok(Wish::Replicas(replicas))
}

fn built_in(id: &ResourceId) -> bool {
    matches!(id.group(), "" | "apps")
}

fn scale_of(call: &Call<'_>, cluster: &Cluster, id: &ResourceId) -> Result<i64> {
    let (cluster, named) = (cluster.clone(), id.clone());
    let scale = call.wait(async move { cluster.get_subresource(&named, "scale").await })?;
    let scale = scale.ok_or_else(|| edit::absent(id))?;
    match scale.pointer("/spec/replicas") {
        None => Ok(0),
        Some(number) => number.as_i64().ok_or_else(|| {
            Error::new(Kind::Malformed, format!("the scale of {id} says {number} replicas")).resource(id)
        }),
    }
}
