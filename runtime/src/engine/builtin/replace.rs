//! `replace`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::closure::Closure;
use crate::playbook::{ReplaceOptions, replace as declare_replace};

/// Runs a closure instead of what a step does. Its key, its place in the order, and its options stay.
///
/// It belongs into `hooks.rhai` of a customer folder, or to the top level of a playbook that includes steps of others. An option
/// that is given takes the place of the step's own. Hooks that are put before, after or around the step stay too. The closure
/// takes nothing, or `ctx`; what it returns is the step's result.
///
/// # Errors
/// `usage` for a step that does not exist, with the nearest key; for one that is replaced twice; inside a step.
///
/// # Example
/// ```rhai
/// step("storage/class", #{ timeout: "1m" }, || { log::info("the step of the playbook"); });
///
/// // In hooks.rhai:
/// replace("storage/class", #{ title: "Use the customer's storage", timeout: "5m" }, |ctx| {
///     log::info("there is a storage class already");
/// });
/// ```
#[primitive(module = "", effect = Control)]
pub fn replace(call: &Call<'_>, key: String, options: ReplaceOptions, closure: Closure) -> Result<()> {
    declare_replace(call, key, options, closure)
}
