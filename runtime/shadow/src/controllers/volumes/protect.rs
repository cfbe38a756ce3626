//! The finalizers that keep claims while pods use them, and volumes while claims have them.

use super::super::fields::{items, put, take, text};
use super::super::{Context, Controller, MANAGER, Next, Seen, View, unless_gone, writer};
use super::{CLAIMS, VOLUMES};
use crate::Json;
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::Objects;

const OF_CLAIMS: &str = "kubernetes.io/pvc-protection";
const OF_VOLUMES: &str = "kubernetes.io/pv-protection";

/// The controller.
pub(in super::super) struct Protection;

impl Controller for Protection {
    fn name(&self) -> &'static str {
        "persistentvolumeclaim-protection-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[CLAIMS, VOLUMES, "pods"]
    }

    fn keys(&mut self, _: &dyn Objects, view: &View, change: &Seen) -> Vec<Key> {
        if !change.of("pods") {
            let ends = !change.gone() && object::is_deleting(&change.object);
            return if ends { vec![change.key.clone()] } else { Vec::new() };
        }
        let now = if change.gone() { None } else { view.pod(&change.key.namespace, &change.key.name) };
        if now.is_some_and(|pod| !pod.finished()) {
            return Vec::new();
        }
        let claims = change.pod_before.as_ref().map(|pod| pod.claims.clone()).unwrap_or_default();
        claims.iter().map(|claim| Key::new(CLAIMS, &change.key.namespace, claim)).collect()
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(found) = cx.world.get(&key.resource, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        if !object::is_deleting(&found) {
            return Ok(Next::Wait);
        }
        let (finalizer, in_use) = if &*key.resource == CLAIMS {
            let mut users = cx.view.using(&key.namespace, &key.name);
            (OF_CLAIMS, users.any(|pod| !pod.finished()))
        } else {
            (OF_VOLUMES, text(&found["status"]["phase"]) == "Bound")
        };
        let all = items(&found["metadata"]["finalizers"]);
        if in_use || !all.iter().any(|f| f == finalizer) {
            return Ok(Next::Wait);
        }
        let left: Vec<Json> = all.iter().filter(|f| *f != finalizer).cloned().collect();
        let mut new = Json::clone(&found);
        if left.is_empty() {
            take(&mut new, &["metadata", "finalizers"]);
        } else {
            put(&mut new, &["metadata", "finalizers"], left);
        }
        unless_gone(cx.world.update(&writer(MANAGER), &key.resource, new).map(drop))?;
        Ok(Next::Wait)
    }
}
