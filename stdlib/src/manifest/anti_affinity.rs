//! `manifest::anti_affinity`.

use std::collections::BTreeMap;

use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Error, Kind, Options, Result, Value, primitive};

use super::affinity::{PREFERRED, REQUIRED, Weight, filled, map};
use super::manifests::{Manifests, Object, Only, map_in, put_list, take_list, text};
use super::workload;

/// The options of `manifest::anti_affinity`.
#[derive(Debug, Clone, Options)]
pub struct AntiAffinityOptions {
    /// The label of nodes that must differ: each node is a place of its own, or each value of a label such as `site`.
    #[option(default = "\"kubernetes.io/hostname\"")]
    pub topology_key: String,
    /// Whether two pods may never share a place. Otherwise they only avoid it.
    #[option(default = "false")]
    pub required: bool,
    /// How much it weighs among the preferences, from 1 to 100.
    #[option(default = "100")]
    pub weight: Weight,
    /// Which manifests are meant.
    #[option(flatten)]
    pub only: Only,
}

/// Spreads the pods of a workload: each avoids the places where pods with the same labels run.
///
/// The labels must be labels of the workload's own pods, or nothing would be spread; that is checked against the manifest.
/// Choose labels that only this workload has: two workloads that share them keep each other's pods away. All kinds of
/// workloads are meant, so name one with `name:` where there are several. A term with the same labels and the same
/// `topology_key` is replaced.
///
/// # Errors
/// `usage` for labels that the workload's pods do not have, an empty map, or a weight out of range. `malformed` for a
/// workload that does not describe its pods.
///
/// # Example
/// ```rhai
/// let manifests = manifest::load("manifests")
///     .anti_affinity(#{ app: "web" }, #{ name: "web" })
///     .anti_affinity(#{ app: "web" }, #{ name: "web", topology_key: "site", required: true });
/// ```
#[primitive(module = "manifest", effect = Pure, method)]
pub fn anti_affinity(
    _: &Call<'_>,
    manifests: Manifests,
    labels: PodLabels,
    options: AntiAffinityOptions,
) -> Result<Manifests> {
    if options.topology_key.is_empty() {
        return Err(Error::usage("`topology_key` of manifest::anti_affinity is empty")
            .hint("it is a label of nodes: \"kubernetes.io/hostname\", \"site\""));
    }
    manifests.each(&options.only, |object| {
        let Some(template) = workload::pod_template(object)? else { return Ok(()) };
        labels.check(template)?;
        let Some(spec) = workload::pod_spec(object)? else { return Ok(()) };
        let affinity = map_in(map_in(spec, "affinity")?, "podAntiAffinity")?;
        let is_same = |term: Option<&Value>| labels.are_in(term, &options.topology_key);
        let term = map([
            ("labelSelector", map([("matchLabels", labels.value())])),
            ("topologyKey", Value::Text(options.topology_key.clone())),
        ]);
        let weighted = map([("weight", Value::Int(options.weight.0)), ("podAffinityTerm", term.clone())]);
        let required = options.required.then_some(term);
        let preferred = (!options.required).then_some(weighted);
        let terms = take_list(affinity, REQUIRED)?;
        put_list(affinity, REQUIRED, replaced(terms, required, |t| is_same(Some(t))));
        let terms = take_list(affinity, PREFERRED)?;
        let inner = |t: &Value| if let Value::Map(t) = t { is_same(t.get("podAffinityTerm")) } else { false };
        put_list(affinity, PREFERRED, replaced(terms, preferred, inner));
        Ok(())
    })
}

/// The terms with ours (if it is wanted) in the place of those that say the same.
fn replaced(terms: Vec<Value>, mut ours: Option<Value>, is_same: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut kept = Vec::new();
    for term in terms {
        if is_same(&term) { kept.extend(ours.take()) } else { kept.push(term) }
    }
    kept.extend(ours);
    kept
}

/// Labels of pods.
#[derive(Debug, Clone)]
pub struct PodLabels(BTreeMap<String, String>);

impl FromValue for PodLabels {
    fn expects() -> String {
        "a map of labels such as #{ app: \"web\" }".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        BTreeMap::from_value(Value::Map(filled(value)?)).map(Self)
    }
}

impl PodLabels {
    fn value(&self) -> Value {
        Value::Map(self.0.iter().map(|(key, value)| (key.clone(), Value::Text(value.clone()))).collect())
    }

    /// Refuses labels that the pods do not have.
    fn check(&self, template: &Object) -> Result<()> {
        let own = match template.get("metadata") {
            Some(Value::Map(metadata)) => match metadata.get("labels") {
                Some(Value::Map(labels)) => labels.clone(),
                _ => Object::new(),
            },
            _ => Object::new(),
        };
        let Some((key, value)) = self.0.iter().find(|(key, value)| text(own.get(*key)) != Some(value)) else {
            return Ok(());
        };
        let has: Vec<String> =
            own.iter().filter_map(|(key, value)| Some(format!("{key}={}", text(Some(value))?))).collect();
        let has =
            if has.is_empty() { "they have no labels".to_owned() } else { format!("they have {}", has.join(", ")) };
        Err(Error::new(
            Kind::Usage,
            format!("its own pods do not have the label {key}={value}, so nothing would be spread"),
        )
        .hint(format!("{has}; name the manifest that is meant with name: if it is another one")))
    }

    /// Whether a term selects just these labels, over this key and in the pod's own namespace.
    fn are_in(&self, term: Option<&Value>, topology_key: &str) -> bool {
        let Some(Value::Map(term)) = term else { return false };
        let plain = term.keys().all(|key| key == "labelSelector" || key == "topologyKey");
        let Some(Value::Map(selector)) = term.get("labelSelector") else { return false };
        plain && text(term.get("topologyKey")) == Some(topology_key) && selected(selector).as_ref() == Some(&self.0)
    }
}

/// The labels that a selector asks for, if it asks for nothing else.
fn selected(selector: &Object) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    if let Some(Value::Map(labels)) = selector.get("matchLabels") {
        for (key, value) in labels {
            found.insert(key.clone(), text(Some(value))?.to_owned());
        }
    }
    if let Some(Value::List(expressions)) = selector.get("matchExpressions") {
        for expression in expressions {
            let Value::Map(expression) = expression else { return None };
            let (key, operator) = (text(expression.get("key"))?, text(expression.get("operator"))?);
            match expression.get("values") {
                Some(Value::List(values)) if operator == "In" && values.len() == 1 => {
                    found.insert(key.to_owned(), text(values.first())?.to_owned());
                }
                _ => return None,
            }
        }
    }
    Some(found)
}
