//! `wait::rollout`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Error, Result, primitive};

use super::aim::Aim;
use super::run::wait_for_one;
use super::terms::Terms;
use crate::cluster::Target;

/// Waits until the present revision of a Deployment, StatefulSet or DaemonSet is rolled out in full, and returns the
/// object.
///
/// It is as strict as `wait::ready`, and fails at once where a rollout cannot end: a Deployment that has exceeded its
/// progress deadline, an update strategy OnDelete.
///
/// # Errors
/// `timeout` and `hopeless`, as `wait::ready`; `usage` for a kind that has no rollouts.
///
/// # Example
/// ```rhai
/// try {
///     wait::rollout("Deployment/nowhere", #{ namespace: "default", timeout: "10ms" });
/// } catch (e) {
///     log::info(e.message);
/// }
/// ```
#[primitive(module = "wait", effect = Wait, also = ["rollout status"])]
pub fn rollout(call: &Call<'_>, target: Target, options: Terms) -> Result<Json> {
    let goal = options.goal(call, &target, Aim::Rollout)?;
    check_kind(&goal.1)?;
    wait_for_one(call, goal)
}

/// Refuses kinds that have no rollouts.
///
/// # Errors
/// Of kind `usage`.
pub(super) fn check_kind(goal: &super::vigil::Goal) -> Result<()> {
    match (goal.id.group(), goal.id.kind.as_str()) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet") => Ok(()),
        (_, kind) => Err(Error::usage(format!("a {kind} has no rollouts"))
            .hint("wait::rollout is for Deployments, StatefulSets and DaemonSets; use wait::ready")
            .resource(&goal.id)),
    }
}
