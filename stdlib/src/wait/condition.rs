//! `wait::condition`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Result, primitive};

use super::aim::{Aim, Wanted};
use super::run::wait_for_one;
use super::terms::Terms;
use crate::cluster::Target;

/// Waits until an object has a condition, and returns the object. The object need not exist yet.
///
/// The condition is a type, which must be `True`, or a type and a status: `"Available"`, `"Ready=False"`. A condition
/// that speaks of an earlier generation of the object does not count.
///
/// # Errors
/// `timeout` and `hopeless`, as `wait::ready`: a Job that has failed does not become Complete, and a workload with
/// blocked pods does not become Available.
///
/// # Example
/// ```rhai
/// wait::condition("Node/node-1", "Ready", #{ timeout: "5m" });
/// wait::condition("Node/node-1", "DiskPressure=False");
/// ```
#[primitive(module = "wait", effect = Wait, also = ["wait"])]
pub fn condition(call: &Call<'_>, target: Target, condition: Wanted, options: Terms) -> Result<Json> {
    wait_for_one(call, options.goal(call, &target, Aim::Condition(condition))?)
}
