//! `cluster::list`.

use std::collections::BTreeMap;

use serde_json::Value as Json;
use windlass_runtime::cluster::{ListOptions, Selector};
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Error, Options, Result, Value, primitive};

/// The options of `cluster::list`.
#[derive(Debug, Clone, Options)]
pub struct ListArguments {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
    /// The namespace; the context's own if it is not given. Cluster-wide kinds take none.
    pub namespace: Option<String>,
    /// The objects of all namespaces.
    #[option(default = "false")]
    pub all_namespaces: bool,
    /// Only objects with these labels: a selector as kubectl takes it (`"app=web,tier!=test"`), or a map.
    pub labels: Option<Labels>,
    /// Only objects with these fields: `"status.phase=Running"`, or a map. The API server knows few fields of each kind.
    pub fields: Option<Labels>,
    /// At most so many objects.
    pub limit: Option<u32>,
}

/// A selector: a text or a map.
#[derive(Debug, Clone)]
pub struct Labels(String);

impl Labels {
    /// As the API server takes it.
    pub(super) fn into_selector(self) -> String {
        self.0
    }
}

impl FromValue for Labels {
    fn expects() -> String {
        "a selector such as \"app=web\", or a map such as #{ app: \"web\" }".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let Value::Map(_) = value else { return String::from_value(value).map(Self) };
        let pairs = BTreeMap::<String, String>::from_value(value)?;
        Ok(Self(pairs.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")))
    }
}

/// Lists the objects of a kind, as the API server has them.
///
/// The kind stands alone: `"Pod"`, `"deploy"`, `"Certificate.cert-manager.io"`. However many there are, all are
/// returned; the API server is asked page by page. The values of Secrets are stand-ins, as `secret::` gives them.
///
/// # Errors
/// `not_found` for an unknown kind, `usage` for a namespace with a cluster-wide kind, `rejected` for a selector that the
/// API server does not understand.
///
/// # Example
/// ```rhai
/// let pods = cluster::list("Pod", #{ namespace: "kube-system", labels: "k8s-app=kube-dns" });
/// log::info(`${pods.len()} pods`);
/// for node in cluster::list("Node") { log::info(node.metadata.name); }
/// ```
#[primitive(module = "cluster", effect = Read)]
pub fn list(call: &Call<'_>, kind: String, options: ListArguments) -> Result<Vec<Json>> {
    if options.limit == Some(0) {
        return Err(Error::usage("option `limit` of cluster::list must be at least 1"));
    }
    let cluster = call.cluster(options.cluster.as_deref())?;
    let mut items = call.wait(async move {
        let of = cluster.collection(&kind, options.namespace.as_deref(), options.all_namespaces).await?;
        let selector = Selector { labels: options.labels.map(|s| s.0), fields: options.fields.map(|s| s.0) };
        let limit = options.limit.and_then(|limit| usize::try_from(limit).ok());
        Ok(cluster.list(&of, &ListOptions { selector, limit, ..ListOptions::default() }).await?.items)
    })?;
    for item in &mut items {
        super::secret_data::hide(call, item)?;
    }
    Ok(items)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, merged, on, secret};

    #[on(shadow, live)]
    fn objects_are_listed_by_namespace_label_field_and_limit(bed: Bed) {
        let (one, two) = (bed.namespace(), bed.namespace());
        for (namespace, name, label) in [(&one, "a", "x"), (&one, "b", "y"), (&two, "c", "x")] {
            let labels = json!({"metadata": {"labels": {"list-test": label}}});
            bed.create(namespace, merged(bare("ConfigMap", name), &labels));
        }
        let names = |options: &str| {
            bed.run(&format!("cluster::list(\"cm\", #{{ {options} }}).map(|o| o.metadata.name)")).value()
        };
        assert_eq!(names(&format!("namespace: \"{one}\", labels: \"list-test\"")), json!(["a", "b"]));
        assert_eq!(names(&format!("namespace: \"{one}\", labels: #{{ \"list-test\": \"y\" }}")), json!(["b"]));
        assert_eq!(names("all_namespaces: true, labels: \"list-test=x\"").as_array().unwrap().len(), 2);
        assert_eq!(names(&format!("namespace: \"{one}\", fields: \"metadata.name=a\"")), json!(["a"]));
        assert_eq!(names(&format!("namespace: \"{one}\", limit: 1")).as_array().unwrap().len(), 1);
        assert_eq!(bed.run("cluster::list(\"Node\")[0].kind").value(), "Node");
    }

    #[on(shadow, live)]
    fn wrong_lists_say_what_is_wrong(bed: Bed) {
        for (script, kind, said) in [
            ("cluster::list(\"Pod/x\")", "usage", "\"Pod/x\" is no kind"),
            ("cluster::list(\"Podd\")", "not_found", "knows no kind Podd"),
            ("cluster::list(\"Node\", #{ namespace: \"x\" })", "usage", "cluster-wide"),
            ("cluster::list(\"Pod\", #{ labels: \"a b c\" })", "rejected", "unable to parse requirement"),
            ("cluster::list(\"Pod\", #{ limit: 0 })", "usage", "at least 1"),
            ("cluster::list(\"Pod\", #{ namespace: \"x\", all_namespaces: true })", "usage", "not both"),
            ("cluster::list(\"Pod\", #{ label: \"x\" })", "usage", "no option `label`"),
        ] {
            let error = bed.run(script).error();
            assert_eq!(error["kind"], kind, "{script}: {error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{script}: {error}");
        }
    }

    #[on(live, because = "the shadow lets everybody do everything")]
    fn a_user_without_the_right_is_told_which_one_is_missing(bed: Bed) {
        let error = bed.run_as("nobody", "cluster::list(\"Secret\", #{ namespace: \"default\" })").error();
        assert_eq!(error["kind"], "forbidden");
        assert!(error["message"].as_str().unwrap().contains("user nobody may not list secrets in default"), "{error}");
    }

    #[on(shadow, live)]
    fn the_values_of_secrets_are_stand_ins(bed: Bed) {
        let namespace = bed.namespace();
        bed.create(&namespace, secret("s", &json!({"p": "hunter2-list"})));
        let ran = bed.run(&format!("cluster::list(\"Secret\", #{{ namespace: \"{namespace}\" }})"));
        assert_eq!(ran.value().as_array().unwrap().len(), 1);
        assert!(!ran.everything().contains("hunter2-list") && !ran.everything().contains("aHVudGVyMi1saXN0"));
    }
}
