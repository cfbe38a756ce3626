//! `cluster::rollback`.

use serde_json::{Value as Json, json};
use windlass_runtime::change::Outcome;
use windlass_runtime::cluster::{Cluster, FieldPath, ListOptions, ResourceId};
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

use super::edit::{self, Wish, text};
use super::restart::rolls_out;
use super::{OnCluster, Target};

/// The options of `cluster::rollback`.
#[derive(Debug, Clone, Options)]
pub struct RollbackOptions {
    /// Where it is.
    #[option(flatten)]
    pub on: OnCluster,
    /// The revision to go back to, as `kubectl rollout history` numbers them; the one before the present one if it is not
    /// given.
    pub to_revision: Option<u32>,
}

/// Gives a Deployment, StatefulSet or DaemonSet the pod template of an earlier revision. It does not wait until its pods
/// run: see `wait::rollout`.
///
/// What has been rolled back to the revision before is not rolled back again, or a second run would bring back what the
/// first one took away; name another one with `to_revision`. A later `cluster::apply` of the same manifest leaves the
/// former template in place, until the manifest changes as well.
///
/// # Errors
/// `not_found` if there is no such object or no such revision, with the revisions that there are; `usage` for another kind,
/// and for a Deployment whose rollout is paused.
///
/// # Example
/// ```rhai
/// cluster::apply("manifests/web.yaml");
/// cluster::restart("Deployment/web");
/// wait::rollout("Deployment/web");
/// cluster::rollback("Deployment/web");
/// wait::rollout("Deployment/web");
/// ```
#[primitive(module = "cluster", effect = Change, also = ["rollout undo", "undo"])]
pub fn rollback(call: &Call<'_>, target: Target, options: RollbackOptions) -> Result<Outcome> {
    let (cluster, id) = options.on.find(call, &target)?;
    if !rolls_out(&id) {
        let error = Error::usage(format!("{id} cannot be rolled back: a {} keeps no revisions", id.kind)).resource(&id);
        return Err(error
            .hint("name a Deployment, a StatefulSet or a DaemonSet; a release of Helm goes back with helm::rollback"));
    }
    edit::edit(call, &cluster, &id, |live| {
        if live.pointer("/spec/paused") == Some(&Json::Bool(true)) {
            let error = Error::usage(format!("{id} cannot be rolled back: its rollout is paused")).resource(&id);
            return Err(error.hint("resume it first: cluster::patch(…, #{ spec: #{ paused: false } })"));
        }
        let (asked, named, owner) = (cluster.clone(), id.clone(), live.clone());
        let history = call.wait(async move { history(&asked, &named, &owner).await })?;
        wish(&id, live, &history, options.to_revision)
    })
}

/// A revision of a workload.
#[derive(Debug, Clone, PartialEq)]
struct Revision {
    number: u64,
    /// The pod template, without what controllers add.
    template: Json,
    /// Whether it was an earlier one before.
    has_come_back: bool,
}

/// The revisions of a workload, the oldest first.
async fn history(cluster: &Cluster, id: &ResourceId, owner: &Json) -> Result<Vec<Revision>> {
    let deployment = id.kind == "Deployment";
    let kind = if deployment { "ReplicaSet" } else { "ControllerRevision" };
    let of = cluster.collection(&format!("{kind}.apps"), id.namespace.as_deref(), false).await?;
    let all = cluster.list(&of, &ListOptions::default()).await?.items;
    let uid = text(owner, "/metadata/uid");
    let mut own: Vec<&Json> = all.iter().filter(|object| is_owned(object, &uid)).collect();
    own.sort_by_key(|object| number(object, deployment));
    let mut newest = String::new();
    let mut revisions = Vec::new();
    for object in own {
        let made = text(object, "/metadata/creationTimestamp");
        let template = if deployment { "/spec/template" } else { "/data/spec/template" };
        let mut template = object.pointer(template).cloned().unwrap_or_default();
        if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Json::as_object_mut) {
            labels.shift_remove("pod-template-hash");
        }
        if let Some(fields) = template.as_object_mut() {
            fields.shift_remove("$patch");
        }
        let noted = object.pointer("/metadata/annotations/deployment.kubernetes.io~1revision-history").is_some();
        revisions.push(Revision {
            number: number(object, deployment),
            template,
            has_come_back: noted || made < newest,
        });
        newest = newest.max(made);
    }
    Ok(revisions)
}

fn is_owned(object: &Json, uid: &str) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Json::as_array);
    owners.into_iter().flatten().any(|owner| owner["uid"] == uid && owner["controller"] == true)
}

fn number(object: &Json, deployment: bool) -> u64 {
    match deployment {
        true => text(object, "/metadata/annotations/deployment.kubernetes.io~1revision").parse().unwrap_or(0),
        false => object.get("revision").and_then(Json::as_u64).unwrap_or(0),
    }
}

fn wish(id: &ResourceId, live: &Json, history: &[Revision], to: Option<u32>) -> Result<Wish> {
    let path = FieldPath::of(["spec", "template"]);
    let present = path.get(live).unwrap_or(&Json::Null);
    let current = history.iter().rev().find(|revision| same(&revision.template, present));
    let wanted = match (to, current) {
        (Some(to), _) => history.iter().find(|revision| revision.number == u64::from(to)).ok_or_else(|| {
            let there: Vec<String> = history.iter().map(|revision| revision.number.to_string()).collect();
            Error::new(Kind::NotFound, format!("{id} has no revision {to}"))
                .hint(format!("it has: {}", there.join(", ")))
                .resource(id)
                .details(json!({ "revisions": history.iter().map(|revision| revision.number).collect::<Vec<_>>() }))
        })?,
        // Where its controller has not counted it anew yet, it is not the last one.
        (None, Some(current))
            if current.has_come_back || history.iter().any(|revision| revision.number > current.number) =>
        {
            let reason = format!(
                "revision {} is an earlier one that has come back; name another with `to_revision`",
                current.number
            );
            return Ok(Wish::Nothing(reason));
        }
        (None, current) => {
            let earlier = |revision: &&Revision| current.is_none_or(|current| revision.number < current.number);
            history.iter().rev().find(earlier).ok_or_else(|| {
                Error::new(Kind::NotFound, format!("{id} has no earlier revision"))
                    .hint("it is as it was made, or its `revisionHistoryLimit` keeps none")
                    .resource(id)
            })?
        }
    };
    if same(&wanted.template, present) {
        return Ok(Wish::Nothing(format!("it has the template of revision {} already", wanted.number)));
    }
    let mut object = live.clone();
    path.set(&mut object, wanted.template.clone())?;
    Ok(Wish::Become(object))
}

/// Whether two pod templates say the same. `creationTimestamp: null` says nothing.
fn same(one: &Json, other: &Json) -> bool {
    let plain = |template: &Json| {
        let mut template = template.clone();
        if let Some(metadata) = template.get_mut("metadata").and_then(Json::as_object_mut) {
            metadata.shift_remove("creationTimestamp");
        }
        template
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{Bed, Scripting as _, bare, deployment, merged, on};

    fn image(bed: &Bed, what: &str, namespace: &str) -> String {
        bed.get(what, namespace)["spec"]["template"]["spec"]["containers"][0]["image"].as_str().unwrap().to_owned()
    }

    /// A workload that has had three images.
    fn with_history(bed: &Bed, kind: &str) -> (String, String) {
        let (namespace, what) = (bed.namespace(), format!("{kind}/web"));
        let mut object = merged(deployment("web", 1), &json!({ "kind": kind }));
        if kind == "DaemonSet" {
            object["spec"].as_object_mut().unwrap().remove("replicas");
        }
        bed.create(&namespace, object);
        bed.until_rolled_out(&what, &namespace);
        for image in ["example.invalid/web:2", "example.invalid/web:3"] {
            // Who is first and who is second can be told by the second in which they were made.
            let other = bed.other();
            bed.wait(async move { other.sleep(std::time::Duration::from_millis(1100)).await });
            let containers = json!([{ "name": "main", "image": image }]);
            bed.patch_as(
                "someone",
                &what,
                &namespace,
                windlass_runtime::cluster::Patch::Strategic(
                    json!({ "spec": { "template": { "spec": { "containers": containers } } } }),
                ),
            );
            bed.until_rolled_out(&what, &namespace);
        }
        (namespace, what)
    }

    #[on(shadow, live)]
    fn the_template_before_comes_back_once(bed: Bed) {
        for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
            let (namespace, what) = with_history(&bed, kind);
            let script = format!("cluster::rollback(\"{what}\", #{{ namespace: \"{namespace}\" }})");
            let first = bed.run(&script);
            assert_eq!(first.value()["changed"], true, "{kind}");
            assert_eq!(image(&bed, &what, &namespace), "example.invalid/web:2", "{kind}");
            bed.until_rolled_out(&what, &namespace);
            let again = bed.run(&script).value();
            assert_eq!(again["changed"], false, "{kind}: {again}");
            assert!(again["reason"].as_str().unwrap().contains("an earlier one that has come back"), "{kind}: {again}");
            let script = script.replace(" })", ", to_revision: 1 })");
            assert_eq!(bed.run(&script).value()["changed"], true, "{kind}");
            assert_eq!(image(&bed, &what, &namespace), "example.invalid/web:1", "{kind}");
        }
    }

    #[on(shadow, live)]
    fn a_named_revision_converges_and_is_undone(bed: Bed) {
        let (namespace, what) = with_history(&bed, "Deployment");
        let script = format!("cluster::rollback(\"{what}\", #{{ namespace: \"{namespace}\", to_revision: 1 }})");
        let before = image(&bed, &what, &namespace);
        let first = bed.run(&script);
        assert_eq!(
            first.value()["diff"],
            json!([
                "spec.template.spec.containers[name=\"main\"].image: example.invalid/web:3 → example.invalid/web:1"
            ])
        );
        bed.until_rolled_out(&what, &namespace);
        let again = bed
            .run(&format!("cluster::rollback(\"{what}\", #{{ namespace: \"{namespace}\", to_revision: 4 }})"))
            .value();
        assert_eq!(again["reason"], "it has the template of revision 4 already");
        assert!(bed.undo(&first).unwrap()[0].changed());
        assert_eq!(image(&bed, &what, &namespace), before);
    }

    #[on(shadow, live)]
    fn what_cannot_be_rolled_back_is_refused(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, deployment("new", 0));
        bed.until_rolled_out("deploy/new", &namespace);
        bed.create(&namespace, bare("ConfigMap", "c"));
        bed.create(&namespace, merged(deployment("paused", 0), &json!({ "spec": { "paused": true } })));
        let error = |what: &str| -> Json {
            bed.run(&format!("cluster::rollback({what} namespace: \"{namespace}\" }})")).error()
        };
        for (what, kind, said) in [
            ("\"deploy/new\", #{", "not_found", "has no earlier revision"),
            ("\"deploy/new\", #{ to_revision: 7,", "not_found", "has no revision 7"),
            ("\"deploy/new\", #{ to_revision: -1,", "usage", "whole number from 0 up"),
            ("\"cm/c\", #{", "usage", "a ConfigMap keeps no revisions"),
            ("\"deploy/paused\", #{", "usage", "its rollout is paused"),
            ("\"deploy/nobody\", #{", "not_found", "there is no Deployment/nobody"),
        ] {
            let error = error(what);
            assert_eq!(error["kind"], kind, "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
        assert_eq!(error("\"deploy/new\", #{ to_revision: 7,")["hint"], "it has: 1");
    }
}
