//! `wait::exists`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Result, primitive};

use super::aim::Aim;
use super::run::wait_for_one;
use super::terms::Presence;
use crate::cluster::Target;

/// Waits until there is an object of this name, and returns it. Its kind must exist already.
///
/// # Errors
/// `timeout` when the time is over; the hint names the nearest name that is there.
///
/// # Example
/// ```rhai
/// wait::exists("ServiceAccount/default", #{ namespace: "default", timeout: "1m" });
/// ```
#[primitive(module = "wait", effect = Wait)]
pub fn exists(call: &Call<'_>, target: Target, options: Presence) -> Result<Json> {
    wait_for_one(call, options.goal(call, &target, Aim::Exists)?)
}
