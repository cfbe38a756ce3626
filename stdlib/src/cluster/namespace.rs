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
#[primitive(module = "cluster", effect = Change)]
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
