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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, on};

    #[on(shadow, live)]
    fn annotations_are_set_and_removed_and_come_back(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, bare("ConfigMap", "c"));
        bed.patch("cm/c", &namespace, json!({"metadata": {"annotations": {"old": "1"}}}));
        let script = format!(
            "cluster::annotate(\"cm/c\", #{{ old: (), text: \"a \\\"b\\\"\\nc\" }}, #{{ namespace: \"{namespace}\" }})"
        );
        let ran = bed.converges_and_is_undone(&script, "cm/c", &namespace);
        assert_eq!(ran.value()["object"]["metadata"]["annotations"]["text"], "a \"b\"\nc");
    }

    #[on(shadow, live)]
    fn secrets_and_windlass_own_annotations_are_refused(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, bare("ConfigMap", "c"));
        let error = |what: &str| {
            bed.run(&format!("cluster::annotate(\"cm/c\", #{{ {what} }}, #{{ namespace: \"{namespace}\" }})")).error()
        };
        assert_eq!(error("\"windlass.dev/intent\": \"x\"")["kind"], "usage");
        assert_eq!(error("\"a b\": \"x\"")["kind"], "rejected");
    }
}
