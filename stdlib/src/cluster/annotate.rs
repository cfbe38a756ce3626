//! `cluster::annotate`.

use windlass_runtime::change::Outcome;
use windlass_runtime::{Call, Result, primitive};

use super::labels::{Marks, mark};
use super::{OnCluster, Target};

/// Sets annotations of an object, and removes those that are given as `()`. Its other annotations stay.
///
/// An annotation that has another value is changed, whoever set it; the outcome's diff shows the former value.
///
/// # Errors
/// `not_found` if there is no such object, `rejected` with the API server's reason for a key that no annotation can have,
/// `usage` for keys below `windlass.dev/`.
///
/// # Example
/// ```rhai
/// cluster::annotate("Namespace/default", #{ "example.com/contact": "operations" });
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn annotate(call: &Call<'_>, target: Target, annotations: Marks, options: OnCluster) -> Result<Outcome> {
    mark(call, "annotations", &target, &annotations, &options)
}
