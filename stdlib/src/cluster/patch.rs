//! `cluster::patch`.

use serde_json::Value as Json;
use windlass_runtime::change::Outcome;
use windlass_runtime::cluster::Patch;
use windlass_runtime::{Call, Error, Options, Result, primitive, words};

use super::edit::{self, Wish};
use super::{OnCluster, Target};

words! {
    /// How a patch is read.
    pub enum Form {
        /// As a map that is merged in: `()` removes, lists are replaced as a whole (RFC 7386).
        Merge = "merge",
        /// As a list of operations: `test`, `add`, `replace`, `remove`, … (RFC 6902).
        Json = "json",
        /// As a map that is merged in, lists by the names of their elements. Built-in kinds only.
        Strategic = "strategic",
    }
}

/// The options of `cluster::patch`.
#[derive(Debug, Clone, Options)]
pub struct PatchArguments {
    /// Where it is.
    #[option(flatten)]
    pub on: OnCluster,
    /// How the patch is read: a map as `"merge"` or `"strategic"`, a list as `"json"`. Without it, a map is merged and a
    /// list is a list of operations. A map with lists of maps in it, such as containers, needs it: `"merge"` replaces such a
    /// list as a whole, `"strategic"`, which is kubectl's way, merges the elements by their names.
    pub r#type: Option<Form>,
    /// The subresource to patch, such as `"status"`.
    pub subresource: Option<String>,
}

/// Changes a part of an object.
///
/// What the patch would change is tried first, without keeping it: if that is nothing, nothing is sent. A list of
/// operations converges only if it says the same the second time: `add` at `/-` appends each time. The patch is made only
/// if the object still is as it was read.
///
/// # Errors
/// `not_found` if there is no such object, `rejected` with the API server's reason for what the object cannot be, and for
/// an operation `test` that fails; `usage` for a list of maps in a map without `type`.
///
/// # Example
/// ```rhai
/// cluster::patch("Namespace/default", #{ metadata: #{ annotations: #{ "example.com/note": "checked" } } });
/// cluster::apply(#{ apiVersion: "apps/v1", kind: "Deployment", metadata: #{ name: "web" }, spec: #{
///     selector: #{ matchLabels: #{ app: "web" } },
///     template: #{ metadata: #{ labels: #{ app: "web" } }, spec: #{ containers: [#{ name: "web", image: "web:1" }] } } } });
/// cluster::patch("Deployment/web",
///     #{ spec: #{ template: #{ spec: #{ containers: [#{ name: "web", image: "web:2" }] } } } }, #{ type: "strategic" });
/// cluster::patch("Namespace/default", [
///     #{ op: "remove", path: "/metadata/annotations/example.com~1note" },
/// ], #{ type: "json" });
/// ```
#[primitive(module = "cluster", effect = Change, also = ["edit", "set image"])]
pub fn patch(call: &Call<'_>, target: Target, patch: Json, options: PatchArguments) -> Result<Outcome> {
    let patch = form(patch, options.r#type)?;
    if options.subresource.as_deref() == Some("scale") {
        return Err(Error::usage("cluster::patch does not patch the scale").hint("use cluster::scale"));
    }
    let (cluster, id) = options.on.find(call, &target)?;
    if let Some(subresource) = &options.subresource {
        let (asked, named) = (cluster.clone(), id.clone());
        let kind = call.wait(async move { asked.kind_of(&named.api_version, &named.kind).await })?;
        if !kind.has_subresource(subresource) {
            return Err(Error::usage(format!("a {} has no subresource {subresource:?}", id.kind))
                .hint(format!("it has: {}", kind.subresources.join(", "))));
        }
    }
    edit::edit(call, &cluster, &id, |_| Ok(Wish::Patched(patch.clone(), options.subresource.clone())))
}

fn form(patch: Json, form: Option<Form>) -> Result<Patch> {
    if form.is_none()
        && let Some(list) = patch.as_object().and_then(|_| list_of_maps(&patch))
    {
        return Err(Error::usage(format!("the patch has a list, {list}: is it to replace the one that is there?"))
            .hint("say so: type: \"strategic\" merges its elements by name, as kubectl does; type: \"merge\" replaces the list as a whole"));
    }
    let form = form.unwrap_or(if patch.is_array() { Form::Json } else { Form::Merge });
    match (&patch, form) {
        (Json::Array(operations), Form::Json) => {
            for (index, operation) in operations.iter().enumerate() {
                let path = operation.get("path").and_then(Json::as_str);
                let (Some(_), Some(path)) = (operation.get("op").and_then(Json::as_str), path) else {
                    return Err(Error::usage(format!("operation {index} of the patch needs `op` and `path`"))
                        .hint("such as #{ op: \"replace\", path: \"/spec/replicas\", value: 2 }"));
                };
                refuse_own(path == "/metadata" || path.is_empty(), "it replaces the metadata as a whole")?;
                for own in OWN {
                    refuse_own(path == format!("/metadata/{own}"), own)?;
                }
            }
            Ok(Patch::Json(patch))
        }
        (Json::Object(fields), Form::Merge | Form::Strategic) => {
            if let Some(metadata) = fields.get("metadata") {
                let Some(metadata) = metadata.as_object() else {
                    return Err(Error::usage("`metadata` of a patch must be a map"));
                };
                for own in OWN {
                    refuse_own(metadata.contains_key(own), own)?;
                }
                refuse_own(metadata.get("annotations").is_some_and(Json::is_null), "it removes all annotations")?;
            }
            Ok(if form == Form::Merge { Patch::Merge(patch) } else { Patch::Strategic(patch) })
        }
        (_, Form::Json) => Err(Error::usage("a patch of type \"json\" must be a list of operations")),
        (_, Form::Merge | Form::Strategic) => {
            Err(Error::usage(format!("a patch of type \"{}\" must be a map", form.as_str())))
        }
    }
}

/// The place of the first list of maps in a patch. Elements of such lists have names, by which people think of them.
fn list_of_maps(value: &Json) -> Option<String> {
    let Json::Object(fields) = value else { return None };
    fields.iter().find_map(|(name, value)| match value {
        Json::Array(items) => items.iter().any(Json::is_object).then(|| name.clone()),
        _ => Some(format!("{name}.{}", list_of_maps(value)?)),
    })
}

/// What windlass sends itself, so that only what was read is changed.
const OWN: [&str; 2] = ["resourceVersion", "managedFields"];

fn refuse_own(refused: bool, what: &str) -> Result<()> {
    if !refused {
        return Ok(());
    }
    Err(Error::usage(format!("the patch may not say this of the metadata: {what}"))
        .hint("windlass keeps track of versions and owners itself: leave it out"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::testing::{Bed, Scripting as _, on, secret};

    const DEPLOYMENT: &str = r#"
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, annotations: { windlass.dev/intent: "0" } }
spec:
  replicas: 0
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
      - { name: first, image: "first:1", env: [{ name: A, value: "1" }, { name: B, value: "2" }] }
      - { name: web, image: "web:1" }
"#;

    fn deployment(bed: &Bed) -> String {
        let namespace = bed.namespace();
        let manifest = windlass_runtime::yaml::read_one(DEPLOYMENT, "the manifest").unwrap();
        bed.apply_as("windlass", &namespace, manifest);
        // Until the controller has written its own annotation.
        bed.until_rolled_out("deployment/web", &namespace);
        namespace
    }

    #[on(shadow, live)]
    fn maps_are_merged_once_and_taken_back(bed: Bed) {
        let namespace = deployment(&bed);
        let script = format!(
            "cluster::patch(\"deploy/web\", #{{ spec: #{{ minReadySeconds: 5, strategy: #{{ rollingUpdate: #{{ maxSurge: 2 }} }} }} }}, #{{ namespace: \"{namespace}\" }})"
        );
        let ran = bed.converges_and_is_undone(&script, "deploy/web", &namespace);
        assert_eq!(ran.value()["object"]["spec"]["minReadySeconds"], 5);
    }

    #[on(shadow, live)]
    fn elements_are_changed_by_name_and_noted_for_the_next_apply(bed: Bed) {
        let namespace = deployment(&bed);
        let script = format!(
            "cluster::patch(\"deploy/web\", #{{ spec: #{{ template: #{{ spec: #{{ containers: [#{{ name: \"web\", image: \"web:2\" }}] }} }} }} }}, #{{ type: \"strategic\", namespace: \"{namespace}\" }})"
        );
        let ran = bed.converges_and_is_undone(&script, "deploy/web", &namespace);
        let object = &ran.value()["object"];
        assert_eq!(object["spec"]["template"]["spec"]["containers"][0]["image"], "first:1");
        assert_eq!(object["spec"]["template"]["spec"]["containers"][1]["image"], "web:2");
        let note = object["metadata"]["annotations"]["windlass.dev/edited"].as_str().unwrap();
        let note: Json = serde_json::from_str(note).unwrap();
        let paths: Vec<&String> = note.as_object().unwrap().keys().collect();
        assert_eq!(paths, [".spec.template.spec.containers[name=\"web\"].image"]);
    }

    #[on(shadow, live)]
    fn operations_are_made_once_and_taken_back(bed: Bed) {
        let namespace = deployment(&bed);
        let script = format!(
            r#"cluster::patch("deploy/web", [
                #{{ op: "test", path: "/spec/template/spec/containers/0/name", value: "first" }},
                #{{ op: "replace", path: "/spec/template/spec/containers/0/env/0/value", value: "9" }},
                #{{ op: "add", path: "/metadata/labels", value: #{{ x: "y" }} }},
            ], #{{ namespace: "{namespace}" }})"#
        );
        bed.converges_and_is_undone(&script, "deploy/web", &namespace);
        let remove = format!(
            r#"cluster::patch("deploy/web", #{{ spec: #{{ template: #{{ spec: #{{ containers: [
                #{{ name: "first", env: [#{{ name: "A", "$patch": "delete" }}] }} ] }} }} }} }}, #{{ type: "strategic", namespace: "{namespace}" }})"#
        );
        let ran = bed.converges_and_is_undone(&remove, "deploy/web", &namespace);
        let env = &ran.value()["object"]["spec"]["template"]["spec"]["containers"][0]["env"];
        assert_eq!(*env, json!([{ "name": "B", "value": "2" }]));
    }

    #[on(shadow, live)]
    fn the_status_is_patched_and_taken_back_through_its_subresource(bed: Bed) {
        let node = json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "patch-status" } });
        bed.create("", node);
        let script = r#"cluster::patch("Node/patch-status", #{ status: #{ capacity: #{ "example.com/dongle": "4" } } }, #{ subresource: "status" })"#;
        let first = bed.run(script);
        assert_eq!(first.value()["changed"], true);
        assert_eq!(bed.run(script).value()["changed"], false);
        assert_eq!(bed.get("node/patch-status", "")["status"]["capacity"]["example.com/dongle"], "4");
        let undone = bed.undo(&first).unwrap();
        assert!(undone[0].changed(), "{undone:?}");
        assert!(bed.get("node/patch-status", "")["status"]["capacity"].get("example.com/dongle").is_none());
        bed.delete("node/patch-status", "");
    }

    #[on(shadow, live)]
    fn wrong_patches_say_what_is_wrong_and_change_nothing(bed: Bed) {
        let namespace = deployment(&bed);
        let before = bed.comparable("deploy/web", &namespace);
        let mark = bed.mark();
        for (patch, options, kind, said) in [
            ("[1]", "", "usage", "operation 0 of the patch needs `op` and `path`"),
            ("#{ }", "type: \"json\",", "usage", "must be a list of operations"),
            ("[]", "type: \"merge\",", "usage", "must be a map"),
            ("\"x\"", "", "usage", "must be a map"),
            ("#{ metadata: #{ resourceVersion: \"1\" } }", "", "usage", "resourceVersion"),
            ("#{ metadata: 1 }", "", "usage", "must be a map"),
            ("#{ metadata: #{ annotations: () } }", "", "usage", "removes all annotations"),
            (
                "#{ spec: #{ template: #{ spec: #{ containers: [#{ name: \"web\", image: \"web:2\" }] } } } }",
                "",
                "usage",
                "the patch has a list, spec.template.spec.containers: is it to replace",
            ),
            ("#{ spec: #{ replicas: \"many\" } }", "", "rejected", "replicas"),
            ("#{ spec: #{ replica: 2 } }", "", "rejected", "unknown field \"spec.replica\""),
            ("[#{ op: \"test\", path: \"/spec/replicas\", value: 7 }]", "", "rejected", "test"),
            ("#{ spec: #{ selector: #{ matchLabels: #{ app: \"x\" } } } }", "", "rejected", "immutable"),
            ("#{ spec: #{ replicas: 1 } }", "subresource: \"scale\",", "usage", "does not patch the scale"),
            ("#{ spec: #{ replicas: 1 } }", "subresource: \"nope\",", "usage", "no subresource \"nope\""),
            ("#{ spec: #{ replicas: 1 } }", "tipe: \"merge\",", "usage", "no option `tipe`"),
        ] {
            let script =
                format!("cluster::patch(\"deploy/web\", {patch}, #{{ {options} namespace: \"{namespace}\" }})");
            let error = bed.run(&script).error();
            assert_eq!(error["kind"], kind, "{script}: {error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{script}: {error}");
        }
        assert!(bed.writes_since(mark, &namespace).is_empty());
        assert_eq!(bed.comparable("deploy/web", &namespace), before);
    }

    #[on(live, because = "the shadow lets everybody do everything")]
    fn a_right_that_is_missing_is_named(bed: Bed) {
        let namespace = deployment(&bed);
        let script = format!(
            "cluster::patch(\"deploy/web\", #{{ spec: #{{ paused: true }} }}, #{{ namespace: \"{namespace}\" }})"
        );
        let error = bed.run_as("viewer", &script).error();
        assert_eq!(error["kind"], "forbidden");
        assert!(error["message"].as_str().unwrap().contains("user viewer may not patch Deployment/web"), "{error}");
    }

    #[on(shadow, live)]
    fn the_values_of_a_secret_show_nowhere(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, secret("s", &json!({"p": "hunter2-patch"})));
        let script = format!(
            "cluster::patch(\"Secret/s\", #{{ data: #{{ q: \"aHVudGVyMy1wYXRjaA==\" }} }}, #{{ namespace: \"{namespace}\" }})"
        );
        let ran = bed.converges_and_is_undone(&script, "secret/s", &namespace);
        let told = [serde_json::to_string(&ran.events).unwrap(), serde_json::to_string(&ran.report).unwrap()].concat();
        for value in ["hunter2-patch", "aHVudGVyMi1wYXRjaA==", "aHVudGVyMy1wYXRjaA=="] {
            assert!(!told.contains(value), "{told}");
            assert!(!ran.value().to_string().contains(value));
        }
    }
}
