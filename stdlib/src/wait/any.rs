//! `wait::any`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Error, Result, primitive};

use super::description::{Description, Together};
use super::run::{Mode, wait_for};

/// Waits until one of several things has come about, and returns its object.
///
/// The descriptions are those of `wait::all`. One that fails does not end the wait as long as another may come about.
///
/// # Errors
/// `timeout` or `hopeless` of the first description when none has come about; `details.others` says how the others stand.
///
/// # Example
/// ```rhai
/// let first = wait::any([
///     #{ condition: "Node/node-1", type: "Ready", status: "False" },
///     #{ ready: "Node/node-1" },
/// ]);
/// log::info(first.metadata.name);
/// ```
#[primitive(module = "wait", effect = Wait)]
pub fn any(call: &Call<'_>, descriptions: Vec<Description>, options: Together) -> Result<Json> {
    if descriptions.is_empty() {
        return Err(
            Error::usage("wait::any was given nothing to wait for").hint("of an empty list, nothing ever comes about")
        );
    }
    let goals = descriptions.iter().map(|d| d.goal(call, &options)).collect::<Result<Vec<_>>>()?;
    Ok(wait_for(call, goals, Mode::Any)?.pop().unwrap_or_default())
}
