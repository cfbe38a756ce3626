//! `wrap`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::closure::Closure;
use crate::playbook::{HookSort, around};

/// Runs a closure in the place of a step, and lets it decide when the step itself runs: `original.call(ctx)`.
///
/// It belongs into `hooks.rhai` of a customer folder, or to the top level of a playbook that includes steps of others.
/// `original.call(ctx)` runs the step and gives what it returned, or fails as it does. It can stand in a `try`, in
/// `cluster::using`, `always` and the like, be called more than once, or not at all. What the closure returns is the step's
/// result. Of several wraps, the one that is written first is the outermost.
///
/// # Errors
/// `usage` for a step that does not exist, with the nearest key, for a closure that does not take `ctx` and `original`, and
/// inside a step.
///
/// # Example
/// ```rhai
/// step("solution/apply", || { log::info("the step of the playbook"); });
///
/// // In hooks.rhai:
/// wrap("solution/apply", |ctx, original| {
///     log::info("the firewall is opened");
///     always(|| original.call(ctx), || log::info("the firewall is closed"))
/// });
/// ```
#[primitive(module = "", effect = Control)]
pub fn wrap(call: &Call<'_>, key: String, closure: Closure) -> Result<()> {
    around(call, HookSort::Wrap, key, closure)
}
