//! `wait::all`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Result, primitive};

use super::description::{Description, Together};
use super::run::{Mode, wait_for};

/// Waits until everything in a list has come about, and returns the objects in the same order.
///
/// Each description is a map that says what to wait for and of which object: `ready`, `rollout`, `exists`, `deleted`;
/// `condition` with `type` (and `status`); `field` with `path` and `value`. It may have a `namespace`, a `cluster`, a
/// `timeout`, `stable_for` and `patience` of its own; these are as in the functions of the same names.
///
/// However many there are, each kind and namespace is watched once. The first that fails ends the wait. A container that
/// crashes is given new patience with each progress of another, which it may depend on.
///
/// # Errors
/// `timeout` and `hopeless` of the first that fails, as `wait::ready`; `details.others` says how the others stand.
///
/// # Example
/// ```rhai
/// let found = wait::all([
///     #{ ready: "Node/node-1", timeout: "5m" },
///     #{ exists: "ServiceAccount/default", namespace: "default" },
///     #{ condition: "Node/node-1", type: "Ready" },
///     #{ field: "Namespace/default", path: "status.phase", value: "Active" },
/// ], #{ timeout: "10m" });
/// log::info(found[1].metadata.name);
/// ```
#[primitive(module = "wait", effect = Wait)]
pub fn all(call: &Call<'_>, descriptions: Vec<Description>, options: Together) -> Result<Vec<Json>> {
    let goals = descriptions.iter().map(|d| d.goal(call, &options)).collect::<Result<Vec<_>>>()?;
    wait_for(call, goals, Mode::All)
}

#[cfg(test)]
mod tests;
