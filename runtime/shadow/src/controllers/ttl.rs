//! Finished Jobs are deleted some time after their end, if they say so.

use super::fields::{between, items, later, time};
use super::{Context, Controller, MANAGER, Next, Seen, View, job, unless_gone, writer};
use crate::error::ApiError;
use crate::object;
use crate::store::Key;
use crate::world::{Deletion, Objects, Propagation};

const RESOURCE: &str = "jobs.batch";

/// The controller.
pub(super) struct FinishedJobs;

impl Controller for FinishedJobs {
    fn name(&self) -> &'static str {
        "ttl-after-finished-controller"
    }

    fn watches(&self) -> &'static [&'static str] {
        &[RESOURCE]
    }

    fn keys(&mut self, _: &dyn Objects, _: &View, change: &Seen) -> Vec<Key> {
        let limited = change.object["spec"]["ttlSecondsAfterFinished"].is_i64();
        if limited && !change.gone() && job::is_finished(&change.object) {
            vec![change.key.clone()]
        } else {
            Vec::new()
        }
    }

    fn reconcile(&mut self, cx: &mut Context<'_>, key: &Key) -> Result<Next, ApiError> {
        let Some(found) = cx.world.get(RESOURCE, &key.namespace, &key.name) else { return Ok(Next::Wait) };
        let ends = items(&found["status"]["conditions"]).iter();
        let end = ends
            .filter(|c| (c["type"] == "Complete" || c["type"] == "Failed") && c["status"] == "True")
            .find_map(|c| time(&c["lastTransitionTime"]));
        let (Some(end), Some(ttl)) = (end, found["spec"]["ttlSecondsAfterFinished"].as_i64()) else {
            return Ok(Next::Wait);
        };
        let left = between(cx.world.wall(), later(end, ttl));
        if !left.is_zero() {
            return Ok(Next::After(left));
        }
        let deletion = Deletion {
            propagation: Some(Propagation::Foreground),
            uid: Some(object::uid(&found).to_owned()),
            ..Deletion::default()
        };
        unless_gone(cx.world.delete(&writer(MANAGER), RESOURCE, &key.namespace, &key.name, &deletion))?;
        Ok(Next::Wait)
    }
}
