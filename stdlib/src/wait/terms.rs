//! On which terms a wait waits: options that the functions of `wait` share.

use std::time::Duration;

use windlass_runtime::cluster::Cluster;
use windlass_runtime::{Call, Options, Result};

use super::aim::Aim;
use super::lookup::{Whereabouts, look_up};
use super::vigil::{Goal, Times};
use crate::cluster::{OnCluster, Target};

/// How long something blocked is given without progress before a wait gives up: so long that the wait is over within a
/// minute, even if it takes some seconds until something is seen to be blocked.
pub(crate) const PATIENCE: Duration = Duration::from_secs(50);

/// The options of a wait for a state of an object.
#[derive(Debug, Clone, Options)]
pub struct Terms {
    /// Where the object is.
    #[option(flatten)]
    pub on: OnCluster,
    /// How long to wait.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
    /// How long it must stay so before the wait ends; without it, the first moment is enough.
    pub stable_for: Option<Duration>,
    /// How long pods that are blocked (an image that cannot be pulled, a crash loop, no node that takes them, a quota)
    /// are given without any progress before the wait fails as `hopeless`. Longer where something else mends it, such as
    /// an autoscaler that adds nodes. It starts anew after a time without contact with the API server.
    #[option(default = "\"50s\"")]
    pub patience: Duration,
}

impl Terms {
    /// What to wait for on these terms.
    ///
    /// # Errors
    /// Where the cluster cannot be reached or does not know the kind.
    pub(crate) fn goal(&self, call: &Call<'_>, target: &Target, aim: Aim) -> Result<(Cluster, Goal)> {
        let stable_for = self.stable_for.unwrap_or_default();
        goal(call, &self.on, target, aim, Times { timeout: self.timeout, stable_for, patience: self.patience })
    }
}

/// The options of a wait for an object to come or go.
#[derive(Debug, Clone, Options)]
pub struct Presence {
    /// Where the object is.
    #[option(flatten)]
    pub on: OnCluster,
    /// How long to wait.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
}

impl Presence {
    /// What to wait for on these terms.
    ///
    /// # Errors
    /// Where the cluster cannot be reached or does not know the kind.
    pub(crate) fn goal(&self, call: &Call<'_>, target: &Target, aim: Aim) -> Result<(Cluster, Goal)> {
        let (stable_for, patience) = (Duration::ZERO, PATIENCE);
        goal(call, &self.on, target, aim, Times { timeout: self.timeout, stable_for, patience })
    }
}

fn goal(call: &Call<'_>, on: &OnCluster, target: &Target, aim: Aim, times: Times) -> Result<(Cluster, Goal)> {
    let begun = call.clock().now();
    let at = Whereabouts { cluster: on.cluster.as_deref(), namespace: on.namespace.as_deref(), shared: None };
    let (cluster, id) = look_up(call, &at, target, times.timeout)?;
    Ok((cluster, Goal { id, aim, begun, times }))
}
