//! `cluster::namespace`.

use serde_json::{Value as Json, json};
use windlass_runtime::change::{Acted, Change, Inverse, Op, Outcome, Part, Plan};
use windlass_runtime::cluster::ownership::EDIT_MANAGER;
use windlass_runtime::cluster::{Cluster, Failure, ResourceId, WriteOptions};
use windlass_runtime::{Call, Error, Kind, Options, Result, primitive};

use super::edit::{self, Wish};
use super::labels::{Marks, marked};
use super::{Target, objects};

/// The options of `cluster::namespace`.
#[derive(Debug, Clone, Options)]
pub struct NamespaceOptions {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
    /// Labels that it is to have; `()` removes one.
    #[option(default = "#{}")]
    pub labels: Marks,
    /// Annotations that it is to have; `()` removes one.
    #[option(default = "#{}")]
    pub annotations: Marks,
}

/// Makes sure that there is a namespace, with these labels and annotations.
///
/// It never owns the namespace: one that is there already keeps everything else that it has, and parts of a solution
/// that name the same namespace do not take each other's labels away.
///
/// # Errors
/// `conflict` if it is being deleted, `rejected` with the API server's reason for a name that no namespace can have.
///
/// # Example
/// ```rhai
/// cluster::namespace("expertflow");
/// cluster::namespace("ef-external", #{ labels: #{ "pod-security.kubernetes.io/enforce": "baseline" } });
/// ```
#[primitive(module = "cluster", effect = Change, also = ["create namespace"])]
pub fn namespace(call: &Call<'_>, name: String, options: NamespaceOptions) -> Result<Outcome> {
    let target = Target::of_kind("Namespace", &name)?;
    let cluster = call.cluster(options.cluster.as_deref())?;
    let asked = cluster.clone();
    let id = call.wait(async move { asked.resource(&target.0, None).await })?;
    let outcome = call.change_fresh(|| match edit::read(call, &cluster, &id)? {
        Some(live) => {
            let wished = wish(&id, &live, &options)?;
            edit::change(call, &cluster, &id, live, wished)
        }
        None => create(&cluster, &id, &options),
    });
    edit::shown(call, outcome?)
}

fn wanted(object: &Json, options: &NamespaceOptions) -> Result<Json> {
    marked(&marked(object, "labels", &options.labels)?, "annotations", &options.annotations)
}

fn wish(id: &ResourceId, live: &Json, options: &NamespaceOptions) -> Result<Wish> {
    if live.pointer("/metadata/deletionTimestamp").is_some() {
        return Err(Error::new(Kind::Conflict, format!("{id} is being deleted"))
            .hint(format!("wait until it is gone: wait::deleted(\"Namespace/{}\")", id.name))
            .resource(id));
    }
    let wanted = wanted(live, options)?;
    Ok(if wanted == *live { Wish::Nothing("it is there already".to_owned()) } else { Wish::Become(wanted) })
}

fn create(cluster: &Cluster, id: &ResourceId, options: &NamespaceOptions) -> Result<Change> {
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": id.name } });
    let object = wanted(&object, options)?;
    let recipe = objects::recipe(&[objects::Intent::between(edit::resource(id), None, &object)]);
    let part = Part {
        resource: edit::resource(id),
        before: None,
        plan: Plan::Act { op: Op::Create, diff: vec!["created".to_owned()], note: None },
    };
    let (cluster, id) = (cluster.clone(), id.clone());
    Ok(Change {
        parts: vec![part],
        act: Box::new(move || {
            Box::pin(async move {
                let write = WriteOptions { manager: EDIT_MANAGER.to_owned(), dry_run: false };
                Ok(vec![match cluster.create(&id, &object, &write).await {
                    Ok(after) => Acted::Done(Some(after)),
                    Err(error) if Failure::of(&error).is_some_and(Failure::is_unknown_outcome) => {
                        objects::after_silence(&cluster, &id, &json!({}), &object, error).await
                    }
                    Err(error) => Acted::Failed(error),
                }])
            })
        }),
        probe: recipe.clone(),
        inverse: Inverse::By(recipe),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use windlass_runtime::undo::Undoing;

    use crate::testing::{Bed, Scripting as _, bare, merged, on};

    #[on(shadow, live)]
    fn a_namespace_is_made_once_and_goes_with_the_undo(bed: Bed) {
        let name = format!("{}-made", bed.namespace());
        let script =
            format!("cluster::namespace(\"{name}\", #{{ labels: #{{ a: \"1\" }}, annotations: #{{ b: \"2\" }} }})");
        let first = bed.run(&script);
        assert_eq!(first.value()["changed"], true);
        assert_eq!(first.value()["object"]["metadata"]["labels"]["a"], "1");
        let object = bed.get(&format!("ns/{name}"), "");
        assert_eq!(object["metadata"]["annotations"], json!({ "b": "2" }));
        assert!(
            object.to_string().contains("windlass-edit") && !object.to_string().contains("\"manager\":\"windlass\"")
        );
        let mark = bed.mark();
        let second = bed.run(&script).value();
        assert_eq!((&second["changed"], &second["reason"]), (&json!(false), &json!("it is there already")));
        assert!(bed.writes_since(mark, &name).is_empty());

        bed.create(&name, bare("ConfigMap", "theirs"));
        let undone = bed.undo(&first).unwrap();
        let Undoing::Done(outcome) = &undone[0].result else { panic!("{undone:?}") };
        assert_eq!(outcome.reason(), Some("it is not empty: ConfigMap/theirs would go with it"));
        bed.delete("cm/theirs", &name);
        assert!(bed.undo(&first).unwrap()[0].changed());
        bed.until_gone(&format!("ns/{name}"), "");
        assert!(!bed.undo(&first).unwrap()[0].changed(), "it is gone already");
    }

    #[on(shadow, live)]
    fn one_that_is_there_keeps_what_it_has(bed: Bed) {
        let name = bed.namespace();
        bed.patch(&format!("ns/{name}"), "", json!({"metadata": {"labels": {"theirs": "1"}}}));
        assert_eq!(bed.run(&format!("cluster::namespace(\"{name}\")")).value()["changed"], false);
        let script = format!("cluster::namespace(\"{name}\", #{{ labels: #{{ a: \"1\" }} }})");
        bed.converges_and_is_undone(&script, &format!("ns/{name}"), "");
        assert_eq!(bed.get(&format!("ns/{name}"), "")["metadata"]["labels"]["theirs"], "1");
    }

    #[on(shadow, live)]
    fn two_at_once_make_one(bed: Bed) {
        let name = format!("{}-two", bed.namespace());
        let changed: usize = std::thread::scope(|threads| {
            let run = || bed.run(&format!("cluster::namespace(\"{name}\")")).value()["changed"] == true;
            let both = [threads.spawn(run), threads.spawn(run)];
            both.into_iter().map(|t| usize::from(t.join().unwrap())).sum()
        });
        assert_eq!(changed, 1);
    }

    #[on(shadow, live)]
    fn bad_names_and_one_that_is_going_are_refused(bed: Bed) {
        for (name, kind) in [("a b", "usage"), ("a/b", "usage"), ("Upper", "usage"), ("a.b", "rejected"), ("", "usage")]
        {
            let error = bed.run(&format!("cluster::namespace(\"{name}\")")).error();
            assert_eq!(error["kind"], kind, "{name}: {error}");
        }
        let name = bed.namespace();
        let held = merged(bare("ConfigMap", "held"), &json!({"metadata": {"finalizers": ["test.example/held"]}}));
        bed.create(&name, held);
        bed.begin_to_delete(&format!("ns/{name}"), "");
        let error = bed.run(&format!("cluster::namespace(\"{name}\")")).error();
        assert_eq!(error["kind"], "conflict");
        assert_eq!(error["message"], format!("Namespace/{name} is being deleted"));
        let script = format!("cluster::delete(\"ns/{name}\", #{{ timeout: \"3s\" }})");
        let error = bed.run(&script).error();
        assert_eq!(error["kind"], "timeout");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("finalizer kubernetes") && message.contains("test.example/held"), "{error}");
        bed.patch("cm/held", &name, json!({"metadata": {"finalizers": null}}));
    }
}
