//! `wait::field`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Result, primitive};

use super::aim::Aim;
use super::run::wait_for_one;
use super::terms::Terms;
use crate::cluster::Target;
use crate::path::Path;

/// Waits until a field of an object has a value, and returns the object. The object need not exist yet.
///
/// The path is written with dots; `[0]` takes an item of a list by position, `[name=x]` the one whose field `name` is
/// `x`, `["a.b/c"]` a key with dots: `status.conditions[type=Ready].reason`, `metadata.labels["app.kubernetes.io/name"]`.
/// Numbers and truth values may be written as texts. With `()` as value, it waits until the field is not there.
///
/// # Errors
/// `timeout` when the time is over, with the field's last value; `usage` for a path that cannot be read.
///
/// # Example
/// ```rhai
/// wait::field("Namespace/kube-system", "status.phase", "Active");
/// wait::field("Node/node-1", "spec.unschedulable", (), #{ timeout: "1m" });
/// ```
#[primitive(module = "wait", effect = Wait)]
pub fn field(call: &Call<'_>, target: Target, path: Path, value: Json, options: Terms) -> Result<Json> {
    wait_for_one(call, options.goal(call, &target, Aim::Field { path, value })?)
}
