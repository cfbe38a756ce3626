//! `manifest::node_affinity`.

use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Options, Result, Value, primitive};

use super::affinity::{PREFERRED, REQUIRED, Weight, filled, map};
use super::manifests::{Manifests, Object, Only, map_in, put_list, take_list, text};
use super::workload;

/// The options of `manifest::node_affinity`.
#[derive(Debug, Clone, Options)]
pub struct NodeAffinityOptions {
    /// How much it weighs among the preferences, from 1 to 100.
    #[option(default = "50")]
    pub weight: Weight,
    /// Whether pods may run nowhere else. Otherwise such nodes are only preferred.
    #[option(default = "false")]
    pub required: bool,
    /// Which manifests are meant.
    #[option(flatten)]
    pub only: Only,
}

/// Lets the pods of workloads prefer (or require) nodes with certain labels.
///
/// A label is given with its value or a list of values. What the pods have about the same labels already is replaced, such as
/// a placeholder in a checkout; a term that speaks of other labels too keeps those. All kinds of workloads are meant;
/// objects without pods are left alone.
///
/// A preference counts when a pod is scheduled, never again: pods stay where they are until somebody restarts them.
///
/// # Errors
/// `usage` for an empty map, values that are no texts, or a weight out of range. `malformed` for a workload that does not
/// describe its pods.
///
/// # Example
/// ```rhai
/// let manifests = manifest::load("manifests").node_affinity(#{ site: "primary" }, #{ weight: 50 });
/// let pinned = manifest::load("manifests").node_affinity(#{ disk: ["ssd", "nvme"] }, #{ required: true, name: "web" });
/// ```
#[primitive(module = "manifest", effect = Pure, method)]
pub fn node_affinity(
    _: &Call<'_>,
    manifests: Manifests,
    labels: NodeLabels,
    options: NodeAffinityOptions,
) -> Result<Manifests> {
    manifests.each(&options.only, |object| {
        let Some(spec) = workload::pod_spec(object)? else { return Ok(()) };
        let affinity = map_in(map_in(spec, "affinity")?, "nodeAffinity")?;
        let preferred = take_list(affinity, PREFERRED)?;
        let mut required = match affinity.remove(REQUIRED) {
            Some(Value::Map(mut required)) => take_list(&mut required, "nodeSelectorTerms")?,
            _ => Vec::new(),
        };
        if options.required {
            require(&mut required, &labels)?;
        } else {
            no_longer_require(&mut required, &labels)?;
        }
        let wanted = (!options.required).then_some(options.weight);
        put_list(affinity, PREFERRED, prefer(preferred, &labels, wanted)?);
        if !required.is_empty() {
            affinity.insert(REQUIRED.to_owned(), map([("nodeSelectorTerms", Value::List(required))]));
        }
        Ok(())
    })
}

/// Labels of nodes, each with the values that will do.
#[derive(Debug, Clone)]
pub struct NodeLabels(Vec<(String, Vec<String>)>);

impl FromValue for NodeLabels {
    fn expects() -> String {
        "a map of labels such as #{ site: \"primary\" }".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let mut labels = Vec::new();
        for (key, value) in filled(value)? {
            let named =
                |m: Mismatch| Mismatch::Refused(m.into_error(&format!("`{key}`"), "a text, or a list of texts"));
            let values = match value {
                Value::List(items) if !items.is_empty() => {
                    Vec::<String>::from_value(Value::List(items)).map_err(named)?
                }
                other => vec![String::from_value(other).map_err(named)?],
            };
            labels.push((key, values));
        }
        Ok(Self(labels))
    }
}

impl NodeLabels {
    fn expression(&self, key: &str) -> Option<Value> {
        let (key, values) = self.0.iter().find(|(own, _)| own == key)?;
        let values = values.iter().cloned().map(Value::Text).collect();
        let (key, operator) = (Value::Text(key.clone()), Value::Text("In".to_owned()));
        Some(map([("key", key), ("operator", operator), ("values", Value::List(values))]))
    }

    fn all(&self) -> Vec<Value> {
        self.0.iter().filter_map(|(key, _)| self.expression(key)).collect()
    }

    fn is_about(&self, expression: &Value) -> bool {
        self.key_of(expression).is_some()
    }

    fn key_of<'e>(&self, expression: &'e Value) -> Option<&'e str> {
        let Value::Map(expression) = expression else { return None };
        text(expression.get("key")).filter(|key| self.0.iter().any(|(own, _)| own == key))
    }
}

/// How a term speaks of the labels.
enum About {
    Nothing,
    Among(Object),
    Only,
}

fn about(term: Option<&Value>, labels: &NodeLabels) -> About {
    let Some(Value::Map(term)) = term else { return About::Nothing };
    let Some(Value::List(expressions)) = term.get("matchExpressions") else { return About::Nothing };
    let ours = expressions.iter().filter(|e| labels.is_about(e)).count();
    let has_fields = matches!(term.get("matchFields"), Some(Value::List(fields)) if !fields.is_empty());
    match ours {
        0 => About::Nothing,
        all if all == expressions.len() && !has_fields => About::Only,
        _ => About::Among(term.clone()),
    }
}

/// The preferences with ours in the place of what spoke of the same labels; without it, if it is not wanted.
fn prefer(terms: Vec<Value>, labels: &NodeLabels, wanted: Option<Weight>) -> Result<Vec<Value>> {
    let mut ours = wanted.map(|weight| {
        let preference = map([("matchExpressions", Value::List(labels.all()))]);
        map([("weight", Value::Int(weight.0)), ("preference", preference)])
    });
    let mut kept = Vec::new();
    for term in terms {
        let Value::Map(mut weighted) = term else {
            kept.push(term);
            continue;
        };
        match about(weighted.get("preference"), labels) {
            About::Nothing => kept.push(Value::Map(weighted)),
            About::Only => kept.extend(ours.take()),
            About::Among(mut preference) => {
                say(&mut preference, labels, wanted.is_some(), false)?;
                weighted.insert("preference".to_owned(), Value::Map(preference));
                kept.push(Value::Map(weighted));
            }
        }
    }
    kept.extend(ours);
    Ok(kept)
}

/// Every term gets the condition: one of them must hold.
fn require(terms: &mut Vec<Value>, labels: &NodeLabels) -> Result<()> {
    if terms.is_empty() {
        terms.push(Value::Map(Object::new()));
    }
    for term in terms {
        if let Value::Map(term) = term {
            say(term, labels, true, true)?;
        }
    }
    Ok(())
}

/// Takes the condition out. A term without any other condition always holds, and with it the whole.
fn no_longer_require(terms: &mut Vec<Value>, labels: &NodeLabels) -> Result<()> {
    for term in &mut *terms {
        match about(Some(term), labels) {
            About::Nothing => {}
            About::Only => {
                terms.clear();
                return Ok(());
            }
            About::Among(mut conditions) => {
                say(&mut conditions, labels, false, false)?;
                *term = Value::Map(conditions);
            }
        }
    }
    Ok(())
}

/// Replaces (`keep`) or removes what a term says about the labels; with `complete`, adds what it does not say yet.
fn say(term: &mut Object, labels: &NodeLabels, keep: bool, complete: bool) -> Result<()> {
    let mut said: Vec<String> = Vec::new();
    let mut expressions = Vec::new();
    for expression in take_list(term, "matchExpressions")? {
        match labels.key_of(&expression) {
            None => expressions.push(expression),
            Some(key) if keep && !said.iter().any(|s| s == key) => {
                said.push(key.to_owned());
                expressions.extend(labels.expression(key));
            }
            Some(_) => {}
        }
    }
    if complete {
        let missing = labels.0.iter().filter(|(key, _)| !said.contains(key));
        expressions.extend(missing.filter_map(|(key, _)| labels.expression(key)));
    }
    put_list(term, "matchExpressions", expressions);
    Ok(())
}
