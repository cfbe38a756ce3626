//! `sleep`.

use std::time::Duration;

use windlass_macros::primitive;

use crate::Result;
use crate::call::Call;

/// Waits for a time, by the target's clock: in a rehearsal it costs nothing.
///
/// To wait for something to happen, use the functions of `wait`, which say what they wait for.
///
/// # Errors
/// `deadline` or `cancelled`.
///
/// # Example
/// ```rhai
/// sleep(0.01);
/// sleep("10ms");
/// ```
#[primitive(module = "", effect = Wait)]
pub fn sleep(call: &Call<'_>, duration: Duration) -> Result<()> {
    let clock = call.clock();
    call.wait(async move {
        clock.sleep(duration).await;
        Ok(())
    })
}
