//! `cluster::label`.

use windlass_runtime::change::Outcome;
use windlass_runtime::{Call, Result, primitive};

use super::labels::{Marks, mark};
use super::{OnCluster, Target};

/// Sets labels of an object, and removes those that are given as `()`. Its other labels stay.
///
/// A label that has another value is changed, whoever set it; the outcome's diff shows the former value. (kubectl asks
/// for `--overwrite` there. A playbook says how things are to be, and can be taken back.)
///
/// # Errors
/// `not_found` if there is no such object, `rejected` with the API server's reason for a key or value that no label can
/// have.
///
/// # Example
/// ```rhai
/// cluster::label("Namespace/default", #{ "example.com/site": "primary", "example.com/old": () });
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn label(call: &Call<'_>, target: Target, labels: Marks, options: OnCluster) -> Result<Outcome> {
    mark(call, "labels", &target, &labels, &options)
}
