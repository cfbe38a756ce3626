//! `wait::deleted`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Result, primitive};

use super::aim::Aim;
use super::run::wait_for_one;
use super::terms::Presence;
use crate::cluster::Target;

/// Waits until an object is gone, and returns its first state that was seen, or `()` if there was none. A new object of
/// the same name is another object.
///
/// It deletes nothing: that is `cluster::delete`'s.
///
/// # Errors
/// `timeout` when the time is over; it names the finalizers that hold the object.
///
/// # Example
/// ```rhai
/// wait::deleted("ConfigMap/nowhere", #{ namespace: "default", timeout: "1m" });
/// ```
#[primitive(module = "wait", effect = Wait, also = ["gone"])]
pub fn deleted(call: &Call<'_>, target: Target, options: Presence) -> Result<Json> {
    wait_for_one(call, options.goal(call, &target, Aim::Deleted)?)
}
