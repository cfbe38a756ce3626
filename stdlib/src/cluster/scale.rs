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

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{Bed, Scripting as _, on};

    const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, annotations: { windlass.dev/intent: "0" } }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: nginx }] }
"#;

    /// A Deployment as `cluster::apply` leaves one, or as anybody else does.
    fn deployment(bed: &Bed, applied: bool) -> String {
        let namespace = bed.namespace();
        let manifest = if applied { DEPLOYMENT.to_owned() } else { DEPLOYMENT.replace("windlass.dev/intent", "other") };
        let manifest = windlass_runtime::yaml::read_one(&manifest, "the manifest").unwrap();
        bed.apply_as(if applied { "windlass" } else { "someone" }, &namespace, manifest);
        bed.until_rolled_out("deployment/web", &namespace);
        namespace
    }

    fn edited(object: &Json) -> Option<Json> {
        let text = object["metadata"]["annotations"].get("windlass.dev/edited")?.as_str().unwrap();
        Some(serde_json::from_str(text).unwrap())
    }

    #[on(shadow, live)]
    fn a_workload_of_others_is_scaled_through_its_subresource(bed: Bed) {
        let namespace = deployment(&bed, false);
        let script = format!("cluster::scale(\"Deployment/web\", 3, #{{ namespace: \"{namespace}\" }})");
        let mark = bed.mark();
        let ran = bed.converges_and_is_undone(&script, "deploy/web", &namespace);
        assert_eq!(ran.value()["object"]["spec"]["replicas"], 3);
        assert_eq!(ran.value()["diff"], json!(["spec.replicas: 1 → 3"]));
        assert_eq!(edited(&ran.value()["object"]), None);
        assert_eq!(bed.writes_since(mark, &namespace)[0].object.as_ref().unwrap().subresource, "scale");
    }

    #[on(shadow, live)]
    fn what_apply_made_notes_what_was_replaced_in_the_same_request(bed: Bed) {
        let namespace = deployment(&bed, true);
        let script = format!("cluster::scale(\"deploy/web\", 3, #{{ namespace: \"{namespace}\" }})");
        let mark = bed.mark();
        assert_eq!(bed.run(&script).value()["changed"], true);
        assert_eq!(bed.writes_since(mark, &namespace).len(), 1);
        let object = bed.get("deploy/web", &namespace);
        let note = edited(&object).unwrap();
        assert!(note[".spec.replicas"].as_str().is_some_and(|hash| hash.len() == 32), "{note}");
        bed.run(&format!("cluster::scale(\"deploy/web\", 5, #{{ namespace: \"{namespace}\" }})")).value();
        assert_eq!(edited(&bed.get("deploy/web", &namespace)).unwrap(), note, "the value that was applied counts");
    }

    #[on(shadow, live)]
    fn the_note_goes_with_the_undo(bed: Bed) {
        let namespace = deployment(&bed, true);
        let script = format!("cluster::scale(\"deploy/web\", 0, #{{ namespace: \"{namespace}\" }})");
        bed.converges_and_is_undone(&script, "deploy/web", &namespace);
    }

    #[on(shadow, live)]
    fn what_cannot_be_scaled_is_refused(bed: Bed) {
        let namespace = deployment(&bed, false);
        let error = |what: &str| bed.run(&format!("cluster::scale({what}, #{{ namespace: \"{namespace}\" }})")).error();
        for (what, kind, said) in [
            ("\"deploy/web\", -1", "usage", "whole number from 0 up, not the number -1"),
            ("\"deploy/web\", \"3\"", "usage", "not the text \"3\""),
            ("\"svc/web\", 1", "usage", "a Service has no number of replicas"),
            ("\"deploy/other\", 1", "not_found", "there is no Deployment/other"),
        ] {
            let error = error(what);
            assert_eq!(error["kind"], kind, "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
    }

    #[on(live, because = "the shadow lets everybody do everything")]
    fn a_right_that_is_missing_is_named(bed: Bed) {
        let namespace = deployment(&bed, false);
        let script = format!("cluster::scale(\"deploy/web\", 2, #{{ namespace: \"{namespace}\" }})");
        let error = bed.run_as("viewer", &script).error();
        assert_eq!(error["kind"], "forbidden");
        assert!(error["message"].as_str().unwrap().contains("user viewer may not patch Deployment/web"), "{error}");
    }
}
