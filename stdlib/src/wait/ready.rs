//! `wait::ready`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Result, primitive};

use super::aim::Aim;
use super::run::wait_for_one;
use super::terms::Terms;
use crate::cluster::Target;

/// Waits until an object is ready, and returns it. The object need not exist yet.
///
/// What ready means depends on the kind:
/// - Deployment, StatefulSet, DaemonSet, ReplicaSet: the controller has seen the latest change, and all replicas are
///   updated and available. A StatefulSet or DaemonSet with the strategy OnDelete need not be updated.
/// - Pod: its condition Ready is true, or it has completed. Job: it is complete.
/// - Service: at least one endpoint is ready; with type ExternalName, it exists.
/// - PersistentVolumeClaim: it is bound, or no pod uses it yet and its class waits for the first consumer.
/// - Node: it is ready. Namespace: it is active. CustomResourceDefinition: its names are accepted and it is established.
///   APIService: it is available. HorizontalPodAutoscaler: it finds its target and its metrics.
/// - Other kinds of Kubernetes' own, such as CronJob, Ingress, ConfigMap, Secret, StorageClass: it exists.
/// - Custom resources: their condition Ready, or else Available, Healthy, Established, Programmed, Complete or Succeeded
///   is true, and none of Stalled, Failed, Reconciling is; without such a condition, their phase says so; without a
///   phase, they exist.
///
/// The wait fails early when it is hopeless: a Job that has failed, pods that are blocked and make no progress (see the
/// option `patience`). Slowly starting containers are not blocked.
///
/// # Errors
/// `timeout` when the time is over, `hopeless` when it cannot succeed by itself any more. Both have `details`:
/// `#{object, status, pods, events}`; `log` where a container has failed; `claims` that are not bound; `nodes` that are not
/// well; `budgets` that allow no disruption.
///
/// # Example
/// ```rhai
/// let node = wait::ready("Node/node-1", #{ timeout: "5m" });
/// log::info(node.status.nodeInfo.kubeletVersion);
/// try {
///     wait::ready("Deployment/nowhere", #{ namespace: "default", timeout: "10ms" });
/// } catch (e) {
///     log::warn(`${e.kind}: ${e.details.status}`);
/// }
/// ```
#[primitive(module = "wait", effect = Wait, also = ["wait"])]
pub fn ready(call: &Call<'_>, target: Target, options: Terms) -> Result<Json> {
    wait_for_one(call, options.goal(call, &target, Aim::Ready)?)
}

#[cfg(test)]
mod tests;
