//! `before`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::closure::Closure;
use crate::playbook::{HookSort, around};

/// Runs a closure before a step, as a part of it.
///
/// It belongs into `hooks.rhai` of a customer folder, or to the top level of a playbook that includes steps of others. It runs
/// in each attempt at the step, within its timeout, and if it fails, the step has failed. Several run in the order in which
/// they are written. What `wrap` has put around the step does not reach it.
///
/// The closure takes nothing, or `ctx`, that of the step. What it returns counts for nothing.
///
/// # Errors
/// `usage` for a step that does not exist, with the nearest key, and inside a step.
///
/// # Example
/// ```rhai
/// step("solution/apply", || { log::info("the step of the playbook"); });
///
/// // In hooks.rhai:
/// before("solution/apply", |ctx| { log::info(`attempt ${ctx.attempt} at ${ctx.key}`); });
/// ```
#[primitive(module = "", effect = Control)]
pub fn before(call: &Call<'_>, key: String, closure: Closure) -> Result<()> {
    around(call, HookSort::Before, key, closure)
}
