//! `insert`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::closure::Closure;
use crate::playbook::{InsertOptions, insert as declare_insert};

/// Declares a step of the customer's own, right before or right after another one.
///
/// It belongs into `hooks.rhai` of a customer folder, or to the top level of a playbook that includes steps of others. Besides
/// `before` or `after` it takes the options of `step`. With `after` it needs the other step; with `before` the other step
/// needs it. Several after the same step follow each other as they are written. It can be hooked itself.
///
/// # Errors
/// `usage` for a step that does not exist, with the nearest key; without `before` and `after`, or with both; for a key that
/// another step has; inside a step.
///
/// # Example
/// ```rhai
/// step("solution/apply", || { log::info("the step of the playbook"); });
///
/// // In hooks.rhai:
/// insert("acme/licence", #{ before: "solution/apply", title: "Install the licence", timeout: "1m" }, |ctx| {
///     log::info("the licence is there");
/// });
/// ```
#[primitive(module = "", effect = Control)]
pub fn insert(call: &Call<'_>, key: String, options: InsertOptions, closure: Closure) -> Result<()> {
    declare_insert(call, &key, options, closure)
}
