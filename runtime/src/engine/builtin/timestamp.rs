//! `timestamp`.

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;

/// Gives the seconds since the session's clock started, as a number.
///
/// # Example
/// ```rhai
/// let begun = timestamp();
/// log::info(`${timestamp() - begun} s`);
/// ```
#[primitive(module = "", effect = Read)]
pub fn timestamp(call: &Call<'_>) -> Result<f64> {
    Ok(call.clock().now().0.as_secs_f64())
}
