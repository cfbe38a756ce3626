//! `cluster::restart`.

use serde_json::{Value as Json, json};
use windlass_runtime::change::Outcome;
use windlass_runtime::cluster::{FieldPath, ResourceId};
use windlass_runtime::{Call, Error, Options, Result, primitive};

use super::edit::{self, Wish};
use super::{OnCluster, Target};

/// What kubectl sets, so that both count as the same.
const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
/// For which occasion we restarted it.
const RESTARTED_FOR: &str = "windlass.dev/restarted-for";

/// The options of `cluster::restart`.
#[derive(Debug, Clone, Options)]
pub struct RestartOptions {
    /// Where it is.
    #[option(flatten)]
    pub on: OnCluster,
    /// The occasion, such as `"new certificates 2026-11"`: what was restarted for it is not restarted for it again.
    /// Without it, each call restarts.
    pub once: Option<String>,
}

/// Replaces the pods of a Deployment, StatefulSet or DaemonSet by new ones, in the way that its update strategy says. It
/// does not wait for them: see `wait::rollout`.
///
/// It does what `kubectl rollout restart` does. By itself that cannot converge, and so always changes; with `once` it
/// does.
///
/// # Errors
/// `not_found` if there is no such object; `usage` for another kind, for a Deployment whose rollout is paused, and where
/// the update strategy is `OnDelete`, which would replace no pod.
///
/// # Example
/// ```rhai
/// cluster::apply("manifests/web.yaml");
/// cluster::restart("Deployment/web", #{ once: "new certificates" });
/// wait::rollout("Deployment/web");
/// ```
#[primitive(module = "cluster", effect = Change, also = ["rollout restart"])]
pub fn restart(call: &Call<'_>, target: Target, options: RestartOptions) -> Result<Outcome> {
    let (cluster, id) = options.on.find(call, &target)?;
    if !rolls_out(&id) {
        let error = Error::usage(format!("{id} cannot be restarted: a {} has no rollout", id.kind)).resource(&id);
        return Err(error.hint("name a Deployment, a StatefulSet or a DaemonSet; a pod of another owner is deleted"));
    }
    let now = call.clock().wall().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    edit::edit(call, &cluster, &id, |live| wish(&id, live, options.once.as_deref(), &now))
}

/// Whether objects of this kind replace their pods when their template changes.
pub(super) fn rolls_out(id: &ResourceId) -> bool {
    id.group() == "apps" && matches!(id.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet")
}

fn wish(id: &ResourceId, live: &Json, once: Option<&str>, now: &str) -> Result<Wish> {
    let annotation = |key: &str| FieldPath::of(["spec", "template", "metadata", "annotations", key]);
    if let Some(occasion) = once
        && annotation(RESTARTED_FOR).get(live) == Some(&json!(occasion))
    {
        let at = annotation(RESTARTED_AT).get(live).and_then(Json::as_str).unwrap_or("an unknown time");
        return Ok(Wish::Nothing(format!("it was restarted for {occasion:?} already, at {at}")));
    }
    if live.pointer("/spec/paused") == Some(&Json::Bool(true)) {
        let error = Error::usage(format!("{id} cannot be restarted: its rollout is paused")).resource(id);
        return Err(error.hint("resume it first: cluster::patch(…, #{ spec: #{ paused: false } })"));
    }
    if live.pointer("/spec/updateStrategy/type") == Some(&json!("OnDelete")) {
        let why = "its update strategy is OnDelete, which replaces no pod before somebody deletes it";
        let error = Error::usage(format!("{id} cannot be restarted: {why}")).resource(id);
        return Err(error.hint("delete its pods one by one: cluster::delete(\"Pod/…\")"));
    }
    let mut wanted = live.clone();
    annotation(RESTARTED_AT).set(&mut wanted, now.into())?;
    if let Some(occasion) = once {
        annotation(RESTARTED_FOR).set(&mut wanted, occasion.into())?;
    }
    Ok(Wish::Become(wanted))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, deployment, merged, on};

    fn names(bed: &Bed, namespace: &str) -> Vec<String> {
        let pods = bed.list("Pod", namespace).into_iter();
        let alive = pods.filter(|pod| pod["metadata"].get("deletionTimestamp").is_none());
        alive.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    #[on(shadow, live)]
    fn the_pods_are_others_afterwards_and_once_is_once(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, deployment("web", 1));
        bed.until_rolled_out("deploy/web", &namespace);
        let before = names(&bed, &namespace);
        let script = format!(
            "cluster::restart(\"deploy/web\", #{{ namespace: \"{namespace}\", once: \"first \\\"time\\\"\" }})"
        );
        bed.converges_and_is_undone(&script, "deploy/web", &namespace);
        bed.until_rolled_out("deploy/web", &namespace);
        assert_eq!(bed.run(&script).value()["changed"], true);
        bed.until_rolled_out("deploy/web", &namespace);
        let after = names(&bed, &namespace);
        assert!(after.iter().all(|name| !before.contains(name)), "{before:?} {after:?}");
        let again = bed.run(&script).value();
        assert!(
            again["reason"].as_str().unwrap().starts_with("it was restarted for \"first \\\"time\\\"\" already, at 20"),
            "{again}"
        );
        assert_eq!(bed.run(&script.replace("first", "second")).value()["changed"], true);
    }

    #[on(shadow, live)]
    fn what_would_restart_nothing_is_refused(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, merged(deployment("paused", 0), &json!({ "spec": { "paused": true } })));
        bed.create(&namespace, bare("ConfigMap", "c"));
        let set = merged(
            deployment("on-delete", 0),
            &json!({ "kind": "StatefulSet", "spec": { "updateStrategy": { "type": "OnDelete" } } }),
        );
        bed.create(&namespace, set);
        for (what, kind, said) in [
            ("deploy/paused", "usage", "its rollout is paused"),
            ("cm/c", "usage", "a ConfigMap has no rollout"),
            ("sts/on-delete", "usage", "its update strategy is OnDelete"),
            ("deploy/nobody", "not_found", "there is no Deployment/nobody"),
        ] {
            let error = bed.run(&format!("cluster::restart(\"{what}\", #{{ namespace: \"{namespace}\" }})")).error();
            assert_eq!(error["kind"], kind, "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
            assert!(error["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{error}");
        }
    }
}
