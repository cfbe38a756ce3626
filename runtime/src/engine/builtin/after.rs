//! `after`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::closure::Closure;
use crate::playbook::{HookSort, around};

/// Runs a closure after a step, as a part of it, if the step did not fail.
///
/// It belongs into `hooks.rhai` of a customer folder, or to the top level of a playbook that includes steps of others. It runs
/// within the step's timeout, and if it fails, the step has failed and is tried again as a whole. Several run in the order in
/// which they are written.
///
/// The closure takes nothing, or `ctx`, or `ctx` and what the step returned. What it returns itself counts for nothing: the
/// step's result stays.
///
/// # Errors
/// `usage` for a step that does not exist, with the nearest key, and inside a step.
///
/// # Example
/// ```rhai
/// step("verify/components", || 12);
///
/// // In hooks.rhai:
/// after("verify/components", |ctx, result| { log::info(`${ctx.key} found ${result} components`); });
/// ```
#[primitive(module = "", effect = Control)]
pub fn after(call: &Call<'_>, key: String, closure: Closure) -> Result<()> {
    around(call, HookSort::After, key, closure)
}
