//! `step`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::closure::Closure;
use crate::playbook::{StepOptions, declare};

/// Declares a step of the playbook: a key, and a closure that runs when the step's turn comes.
///
/// Steps stand at the top level of a script, where nothing acts. So all of them are known before the first one runs: they
/// can be listed, checked, started from and left out. A key has letters, digits and `- _ . /`. A folder such as `storage/`
/// in front of it chooses all steps below.
///
/// The closure takes nothing, or `ctx`. What it returns is there for later steps: `ctx.result("key")`.
///
/// # Errors
/// `usage` for a key that cannot be one or that another step has, for a step inside a step, and for an unknown option.
///
/// # Example
/// ```rhai
/// step("prepare", || { log::info("the first"); });
/// step("storage/volumes", #{ title: "Make the volumes", needs: ["prepare"], timeout: "10m" }, |ctx| {
///     log::info(`this is ${ctx.key}`);
/// });
/// ```
#[primitive(module = "", effect = Control)]
pub fn step(call: &Call<'_>, key: String, options: StepOptions, closure: Closure) -> Result<()> {
    declare(call, &key, options, closure)
}
