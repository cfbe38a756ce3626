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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, on};

    #[on(shadow, live)]
    fn labels_are_set_and_removed_and_come_back_with_their_owners(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, bare("ConfigMap", "c"));
        bed.patch("cm/c", &namespace, json!({"metadata": {"labels": {"old": "1", "kept": "2", "changed": "3"}}}));
        let script = format!(
            "cluster::label(\"cm/c\", #{{ old: (), changed: \"4\", \"example.com/new\": 5, yes: true }}, #{{ namespace: \"{namespace}\" }})"
        );
        let ran = bed.converges_and_is_undone(&script, "cm/c", &namespace);
        let outcome = ran.value();
        assert_eq!(
            outcome["object"]["metadata"]["labels"],
            json!({ "kept": "2", "changed": "4", "example.com/new": "5", "yes": "true" })
        );
        let diff = outcome["diff"].to_string();
        for line in ["metadata.labels.changed: \\\"3\\\" → \\\"4\\\"", "metadata.labels.old: removed \\\"1\\\""] {
            assert!(diff.contains(line), "{diff}");
        }
    }

    #[on(shadow, live)]
    fn the_first_and_the_last_label_come_and_go(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, bare("ConfigMap", "c"));
        let on = format!("#{{ namespace: \"{namespace}\" }}");
        bed.converges_and_is_undone(&format!("cluster::label(\"cm/c\", #{{ a: \"1\" }}, {on})"), "cm/c", &namespace);
        bed.patch("cm/c", &namespace, json!({"metadata": {"labels": {"only": "1"}}}));
        bed.converges_and_is_undone(&format!("cluster::label(\"cm/c\", #{{ only: () }}, {on})"), "cm/c", &namespace);
    }

    #[on(shadow, live)]
    fn what_no_label_can_have_is_refused_with_the_reason(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, bare("ConfigMap", "c"));
        let error = |labels: &str| {
            bed.run(&format!("cluster::label(\"cm/c\", #{{ {labels} }}, #{{ namespace: \"{namespace}\" }})")).error()
        };
        let refused = error("a: \"not valid!\"");
        assert_eq!(refused["kind"], "rejected");
        assert!(refused["message"].as_str().unwrap().contains("a valid label must be"), "{refused}");
        assert_eq!(error("\"a b\": \"x\"")["kind"], "rejected");
        assert_eq!(error("a: \"x\\ny\"")["kind"], "rejected");
        let refused = error("a: [1]");
        assert_eq!(refused["kind"], "usage");
        assert!(refused["message"].as_str().unwrap().contains("`a` must be a text, or () to remove it"), "{refused}");
        assert_eq!(error("\"windlass.dev/x\": \"y\"")["kind"], "usage");
        assert!(bed.comparable("cm/c", &namespace)["metadata"].get("labels").is_none());
    }

    #[on(shadow, live)]
    fn names_that_cannot_be_are_refused_before_any_request(bed: Bed) {
        let mark = bed.mark();
        for target in ["cm/a\\\"b", "cm/a\\nb", "cm/\\x1b[31mred", "cm/../secrets/x", "cm/", "cm"] {
            let script = format!("cluster::label(\"{target}\", #{{ a: \"1\" }}, #{{ namespace: \"default\" }})");
            let error = bed.run_as("viewer", &script).error();
            assert_eq!(error["kind"], "usage", "{target}: {error}");
            assert!(!error["message"].as_str().unwrap().contains(char::is_control), "{error}");
        }
        let audit = bed.asked_since(mark);
        let asked: Vec<_> = audit.by("viewer").filter(|e| e.uri.contains("configmaps")).collect();
        assert!(asked.is_empty(), "{asked:?}");
    }

    #[on(shadow, live)]
    fn what_is_missing_is_named(bed: Bed) {
        let namespace = bed.namespace();
        let script = format!("cluster::label(\"cm/c\", #{{ a: \"1\" }}, #{{ namespace: \"{namespace}\" }})");
        let error = bed.run(&script).error();
        assert_eq!(error["kind"], "not_found");
        assert_eq!(error["message"], format!("there is no ConfigMap/c in {namespace}"));
    }

    #[on(live, because = "the shadow lets everybody do everything")]
    fn a_right_that_is_missing_is_named(bed: Bed) {
        let namespace = bed.namespace();
        let script = format!("cluster::label(\"cm/c\", #{{ a: \"1\" }}, #{{ namespace: \"{namespace}\" }})");
        bed.create(&namespace, bare("ConfigMap", "c"));
        let error = bed.run_as("viewer", &script).error();
        assert_eq!(error["kind"], "forbidden");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("user viewer may not patch ConfigMap/c"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("can-i patch configmaps"), "{error}");
        assert_eq!(bed.run(&script).value()["changed"], true);
        assert_eq!(bed.run_as("viewer", &script).value()["changed"], false, "who has nothing to do needs no right");
    }

    #[on(shadow, live)]
    fn several_at_once_lose_nothing(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, bare("ConfigMap", "c"));
        std::thread::scope(|threads| {
            for number in 0..6 {
                let (bed, namespace) = (&bed, &namespace);
                threads.spawn(move || {
                    let script = format!(
                        "cluster::label(\"cm/c\", #{{ l{number}: \"{number}\" }}, #{{ namespace: \"{namespace}\" }})"
                    );
                    assert_eq!(bed.run(&script).value()["changed"], true);
                });
            }
        });
        let labels = bed.comparable("cm/c", &namespace)["metadata"]["labels"].clone();
        assert_eq!(labels.as_object().unwrap().len(), 6, "{labels}");
    }
}
