//! Applying whole objects: what is intended, how it stands, what is to be done about it, and doing it.
//!
//! The only way by which whole objects reach a cluster: `apply`, and `config_map`, `secret`, … on top of it. An object
//! that is as it was applied last costs no request of its own (design: ownership and "unchanged").

mod act;
mod decide;
mod intent;
mod look;
mod surroundings;

use serde_json::Value as Json;
use windlass_runtime::change::{Change, Inverse, Outcome};
use windlass_runtime::cluster::{Cluster, ResourceId};
use windlass_runtime::customer;
use windlass_runtime::{Call, Options, Result, Value, words};

pub use intent::objects_in;

use super::objects;

words! {
    /// What becomes of a field that somebody else owns.
    pub enum Conflicts {
        /// It is an error that names the owner and shows both values.
        Fail = "fail",
        /// It is taken over; that is recorded.
        Take = "take",
        /// It stays as it is.
        Leave = "leave",
    }
}

impl Conflicts {
    /// What counts where a script does not say: the session's, or an error.
    fn usual(call: &Call<'_>) -> Self {
        match call.session().conflicts() {
            customer::Conflicts::Fail => Self::Fail,
            customer::Conflicts::Take => Self::Take,
            customer::Conflicts::Leave => Self::Leave,
        }
    }
}

/// The options of everything that applies whole objects.
#[derive(Debug, Clone, Options)]
pub struct ApplyOptions {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
    /// The namespace of objects that name none.
    pub namespace: Option<String>,
    /// What becomes of a field that another manager (kubectl, Helm, a person) owns; as `customer.yaml` says if it is not
    /// given, and `"fail"` if that says nothing.
    pub conflicts: Option<Conflicts>,
    /// Fields that may hold a secret outside a Secret, such as `spec.password` of a custom resource.
    #[option(default = "[]")]
    pub secret_fields: Vec<String>,
}

/// An object as it is intended, and where it goes.
#[derive(Debug, Clone)]
pub(super) struct Intended {
    pub id: ResourceId,
    /// What the manifest asks for, without our own annotations.
    pub intent: Json,
    /// Its hash, as it stands in the annotation.
    pub hash: String,
}

/// What is to be done about one object.
#[derive(Debug, Clone)]
pub(super) struct Action {
    pub id: ResourceId,
    /// What is sent: the intent with our annotation, without what is left to others.
    pub body: Json,
    /// The object that was read, if there was one.
    pub before: Option<Json>,
    /// Whether fields of others are taken.
    pub force: bool,
    /// What partial changes had noted, where the manifest has overtaken it: the annotation's new content.
    pub edited: Option<Option<String>>,
    /// What is to differ afterwards.
    pub intent: objects::Intent,
}

/// Applies objects as one change: the one function behind `apply`, `config_map`, `secret` and the like.
///
/// # Errors
/// A secret where none may go, an unknown kind, a conflict, and what the API server refuses. Objects are named.
pub fn apply_objects(call: &Call<'_>, manifests: Vec<Value>, options: &ApplyOptions) -> Result<Outcome> {
    let cluster = call.cluster(options.cluster.as_deref())?;
    let manifests = intent::manifests(call, manifests, options)?;
    let (definitions, others): (Vec<_>, Vec<_>) = manifests.into_iter().partition(intent::is_definition);
    if definitions.is_empty() {
        return apply_stage(call, &cluster, others, options);
    }
    // Objects of a new kind can be named only once the kind is served.
    let mut outcome = apply_stage(call, &cluster, definitions.clone(), options)?;
    if !others.is_empty() {
        let waiting = cluster.clone();
        call.wait(async move { act::served(&waiting, &definitions).await })?;
        let rest = apply_stage(call, &cluster, others, options)?;
        outcome.items.extend(rest.items);
        outcome.objects.extend(rest.objects);
    }
    Ok(outcome)
}

fn apply_stage(call: &Call<'_>, cluster: &Cluster, manifests: Vec<Json>, options: &ApplyOptions) -> Result<Outcome> {
    let (asked, namespace) = (cluster.clone(), options.namespace.clone());
    let intended = call.wait(async move { intent::intended(&asked, manifests, namespace.as_deref()).await })?;
    for object in &intended {
        call.claim(&format!("{} on {}", object.id, object.id.cluster), &object.hash)?;
    }
    let (asked, conflicts) = (cluster.clone(), options.conflicts.unwrap_or_else(|| Conflicts::usual(call)));
    let looked = call.wait(async move {
        let live = look::at(&asked, &intended).await?;
        decide::all(&asked, intended, live, conflicts).await
    })?;
    for permit in looked.permits {
        call.permit(permit);
    }
    let recipe = objects::recipe(looked.actions.iter().map(|action| &action.intent));
    let (cluster, actions, teller) = (cluster.clone(), looked.actions, call.teller());
    let mut outcome = call.change(Change {
        parts: looked.parts,
        act: Box::new(move || Box::pin(async move { Ok(act::all(&cluster, actions, &*teller).await) })),
        probe: recipe.clone(),
        inverse: Inverse::By(recipe),
    })?;
    for object in outcome.objects.iter_mut().flatten() {
        super::secret_data::hide(call, object)?;
    }
    Ok(outcome)
}
