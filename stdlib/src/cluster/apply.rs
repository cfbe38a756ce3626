//! `cluster::apply`.

use windlass_runtime::change::Outcome;
use windlass_runtime::{Call, Result, Value, primitive};

use super::applying::{ApplyOptions, apply_objects, objects_in};

/// Makes objects be as they are described: one object, a list of them, or the path of a file or a folder of manifests.
///
/// What is as it was applied last is left alone and costs no request of its own. What a manifest no longer says is
/// removed from the object. A field that somebody else owns is a conflict that names the owner and shows both values,
/// unless `conflicts` says otherwise. What `label`, `scale`, `taint` and `patch` have set since stays, as long as the
/// manifest still says what it said before.
///
/// The outcome has `changed`, `reason`, `diff`, `object` and, for several objects, `items`. Namespaces are made first,
/// then definitions of kinds, then the rest, several at a time. The values `images` and `network` are honoured.
///
/// # Errors
/// `conflict` for a field of somebody else's, or an object applied twice in one run with different contents; `not_found`
/// for an unknown kind; `rejected` for what the API server refuses; `secret` for a secret in clear outside a Secret.
///
/// # Example
/// ```rhai
/// let outcome = cluster::apply(#{
///     apiVersion: "v1",
///     kind: "ConfigMap",
///     metadata: #{ name: "settings" },
///     data: #{ colour: "blue" },
/// });
/// log::info(`changed: ${outcome.changed}`);
/// ```
#[primitive(module = "cluster", effect = Change, also = ["create", "replace"])]
pub fn apply(call: &Call<'_>, objects: Value, options: ApplyOptions) -> Result<Outcome> {
    let manifests = objects_in(call, objects)?;
    apply_objects(call, manifests, &options)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bed, Scripting as _, on};

    const MAP: &str = "#{ apiVersion: \"v1\", kind: \"ConfigMap\", metadata: #{ name: \"c\" }, data: #{ a: \"1\" } }";

    #[on(shadow, live)]
    fn a_second_apply_sends_nothing(bed: Bed) {
        let ns = bed.namespace();
        let script = format!("cluster::apply({MAP}, #{{ namespace: \"{ns}\" }}).changed");
        assert_eq!(bed.run(&script).value(), true);
        let mark = bed.mark();
        let ran = bed.run(&script);
        assert_eq!(ran.value(), false);
        let audit = bed.asked_since(mark);
        let requests: Vec<_> =
            audit.by("tester").filter(|e| e.uri.contains(&ns) && (e.is_write() || e.is_dry_run())).collect();
        assert!(requests.is_empty(), "{requests:?}");
    }

    #[on(shadow, live)]
    fn what_the_manifest_no_longer_says_is_removed_and_shown(bed: Bed) {
        let ns = bed.namespace();
        bed.run(&format!("cluster::apply({MAP}, #{{ namespace: \"{ns}\" }})")).value();
        let other = MAP.replace("a: \"1\"", "b: \"2\"");
        let ran = bed.run(&format!("cluster::apply({other}, #{{ namespace: \"{ns}\" }}).diff"));
        assert_eq!(ran.value(), serde_json::json!(["data.a: removed \"1\"", "data.b: added \"2\""]));
        assert_eq!(bed.get("cm/c", &ns)["data"], serde_json::json!({"b": "2"}));
    }

    #[on(shadow, live)]
    fn another_managers_field_is_refused_taken_or_left_as_told(bed: Bed) {
        let ns = bed.namespace();
        let apply = |conflicts: &str, value: &str| {
            let map = MAP.replace("a: \"1\"", &format!("a: \"{value}\", k: \"k\""));
            bed.run(&format!("cluster::apply({map}, #{{ namespace: \"{ns}\", conflicts: \"{conflicts}\" }})"))
        };
        apply("fail", "1").value();
        bed.patch("cm/c", &ns, serde_json::json!({"data": {"a": "theirs"}}));
        let error = apply("fail", "1").error();
        assert_eq!(error["kind"], "conflict");
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("data.a belongs to kubectl-patch: it is \"theirs\", the manifest says \"1\""),
            "{message}"
        );
        assert!(error["hint"].as_str().unwrap().contains("take"));
        // Where the script does not say, the customer does.
        let script =
            format!("cluster::apply({}, #{{ namespace: \"{ns}\" }})", MAP.replace("a: \"1\"", "a: \"1\", k: \"k\""));
        assert_eq!(bed.run(&script).error()["kind"], "conflict");
        bed.run_with(&script, |b| b.conflicts(windlass_runtime::customer::Conflicts::Leave)).value();
        assert_eq!(bed.get("cm/c", &ns)["data"]["a"], "theirs");
        let left = apply("leave", "1");
        left.value();
        assert_eq!(bed.get("cm/c", &ns)["data"]["a"], "theirs");
        let again = apply("leave", "1");
        assert_eq!((again.report.changed, again.report.unchanged), (0, 1), "{:?}", again.report);
        let taken = apply("take", "1");
        assert_eq!(taken.report.changed, 1);
        assert_eq!(bed.get("cm/c", &ns)["data"]["a"], "1");
        use windlass_runtime::journal::Journal;
        let entries = taken.journal.entries().unwrap();
        assert!(entries[0].0.permits[0].contains("data.a from kubectl-patch"), "{:?}", entries[0].0.permits);
        assert_eq!(apply("fail", "1").report.changed, 0);
    }

    #[on(shadow, live)]
    fn an_object_applied_twice_with_other_contents_is_refused(bed: Bed) {
        let ns = bed.namespace();
        let other = MAP.replace("a: \"1\"", "b: \"2\"");
        let script = format!(
            "cluster::apply({MAP}, #{{ namespace: \"{ns}\" }});\ncluster::apply({other}, #{{ namespace: \"{ns}\" }});"
        );
        let error = bed.run(&script).error();
        assert!(error["message"].as_str().unwrap().contains("applied twice in this run"), "{error}");
        let error = bed.run(&format!("cluster::apply([{MAP}, {other}], #{{ namespace: \"{ns}\" }})")).error();
        assert!(error["message"].as_str().unwrap().contains("stands twice"), "{error}");
        let both = bed.run(&format!("cluster::apply([{MAP}, {MAP}], #{{ namespace: \"{ns}\" }})"));
        assert_eq!(both.report.steps[0].outcome.len(), 1);
    }

    #[on(shadow, live)]
    fn namespaces_kinds_and_objects_of_them_go_in_one_call(bed: Bed) {
        let ns = bed.namespace();
        let group = format!("{ns}.example.com");
        let script = format!(
            r#"
            let crd = #{{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition", metadata: #{{ name: "things.{group}" }},
                spec: #{{ group: "{group}", scope: "Namespaced", names: #{{ plural: "things", singular: "thing", kind: "Thing" }},
                    versions: [#{{ name: "v1", served: true, storage: true, schema: #{{ openAPIV3Schema: #{{ type: "object", properties: #{{ spec: #{{ type: "object", properties: #{{ size: #{{ type: "integer" }} }} }} }} }} }} }}] }} }};
            let thing = #{{ apiVersion: "{group}/v1", kind: "Thing", metadata: #{{ name: "t", namespace: "{ns}-b" }}, spec: #{{ size: 3 }} }};
            let space = #{{ apiVersion: "v1", kind: "Namespace", metadata: #{{ name: "{ns}-b" }} }};
            cluster::apply([thing, crd, space]).items.map(|i| i.resource)
        "#
        );
        let ran = bed.run(&script);
        assert_eq!(ran.value().as_array().map(Vec::len), Some(3));
        assert_eq!(bed.run(&script).report.changed, 0);
    }

    #[on(shadow, live)]
    fn mistakes_are_said_with_the_object_and_change_nothing(bed: Bed) {
        let ns = bed.namespace();
        let case = |object: &str| bed.run(&format!("cluster::apply({object}, #{{ namespace: \"{ns}\" }})")).error();
        let error = case("#{ apiVersion: \"v1\", kind: \"ConfigMpa\", metadata: #{ name: \"x\" } }");
        assert_eq!(error["kind"], "not_found", "{error}");
        let error = case("#{ apiVersion: \"v1\", kind: \"ConfigMap\" }");
        assert!(error["message"].as_str().unwrap().contains("metadata.name"), "{error}");
        let error = case("#{ apiVersion: \"v1\", kind: \"ConfigMap\", metadata: #{ name: \"x\" }, dta: #{} }");
        assert!(error["message"].as_str().unwrap().contains("dta"), "{error}");
        let error = case("#{ apiVersion: \"v1\", kind: \"ConfigMap\", metadata: #{ name: \"x\" }, data: #{ a: 1 } }");
        assert_eq!(error["resource"], format!("ConfigMap/x in {ns}"), "{error}");
        assert!(case("7")["message"].as_str().unwrap().contains("a whole number"));
        assert_eq!(bed.find("cm/x", &ns), None);
    }
}
