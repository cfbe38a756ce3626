//! Waiting for many objects at once, for other modules: each kind and namespace is watched once.

use std::sync::Arc;
use std::time::Duration;

use windlass_runtime::cluster::{Cluster, ResourceId};
use windlass_runtime::{Call, Clock, Error, Result};

use super::aim::Aim;
use super::description::{Description, Together};
use super::run::{Mode, keep, wait_for};
use super::vigil::{Goal, Times};

/// Waits until all of these are ready.
///
/// # Errors
/// `timeout` and `hopeless`, as `wait::ready`.
pub(crate) fn ready(
    call: &Call<'_>,
    cluster: &Cluster,
    ids: Vec<ResourceId>,
    timeout: Duration,
    patience: Duration,
) -> Result<()> {
    let begun = call.clock().now();
    let times = Times { timeout, stable_for: Duration::ZERO, patience };
    let goals = ids.into_iter().map(|id| (cluster.clone(), Goal { id, aim: Aim::Ready, begun, times }));
    wait_for(call, goals.collect(), Mode::All).map(drop)
}

/// Why something is not ready, as the error of a wait for it that is over; none if it is.
pub(crate) async fn why_not_ready(cluster: &Cluster, id: ResourceId, clock: &Arc<dyn Clock>) -> Option<Error> {
    let times = Times { timeout: Duration::ZERO, stable_for: Duration::ZERO, patience: Duration::ZERO };
    let goal = Goal { id, aim: Aim::Ready, begun: clock.now(), times };
    keep(vec![(cluster.clone(), goal)], Mode::All, clock.clone(), Arc::new(|_, _| ())).await.err()
}

/// Waits until all that is described has come about.
///
/// # Errors
/// As `wait::all`.
pub(crate) fn described(call: &Call<'_>, descriptions: &[Description], together: &Together) -> Result<()> {
    let goals = descriptions.iter().map(|d| d.goal(call, together)).collect::<Result<Vec<_>>>()?;
    wait_for(call, goals, Mode::All).map(drop)
}
