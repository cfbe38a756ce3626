//! `skip`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;
use crate::playbook::skip as declare_skip;

/// Leaves a step out. It is reported as skipped, with the reason, and steps that need it run all the same.
///
/// It belongs into `hooks.rhai` of a customer folder, or to the top level of a playbook that includes steps of others. Whether
/// later steps read state that the step would leave is found by `windlass check`.
///
/// # Errors
/// `usage` for a step that does not exist, with the nearest key; without a reason; inside a step.
///
/// # Example
/// ```rhai
/// step("ingress/install", || { log::info("the step of the playbook"); });
/// step("verify", #{ needs: ["ingress/install"] }, || { log::info("it runs"); });
///
/// // In hooks.rhai:
/// skip("ingress/install", "the customer's own load balancer does it");
/// ```
#[primitive(module = "", effect = Control)]
pub fn skip(call: &Call<'_>, key: String, reason: String) -> Result<()> {
    declare_skip(call, key, reason)
}
