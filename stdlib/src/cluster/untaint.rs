//! `cluster::untaint`.

use windlass_runtime::change::Outcome;
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Result, Value, primitive};

use super::OnCluster;
use super::edit;
use super::node_name::NodeName;
use super::taint::{Taint, key_and_effect, wish};

/// Taints by their keys, as kubectl takes them: `"dedicated"`, `"dedicated:NoSchedule"`; one or a list.
#[derive(Debug, Clone)]
pub struct Keys(Vec<Taint>);

impl FromValue for Keys {
    fn expects() -> String {
        "a taint's key such as \"dedicated\" or \"dedicated:NoSchedule\", or a list of keys".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        let written = match value {
            Value::List(_) => Vec::<String>::from_value(value)?,
            one => vec![String::from_value(one)?],
        };
        written.iter().map(|one| removal(one)).collect::<Result<_, _>>().map(Self)
    }
}

fn removal(written: &str) -> Result<Taint, Mismatch> {
    let (key, effect) = key_and_effect(written).map_err(Mismatch::Refused)?;
    Ok(Taint { key: key.to_owned(), value: String::new(), effect, remove: true })
}

/// Takes taints away from a node, by key, or by key and effect. Its other taints stay.
///
/// # Errors
/// `not_found` if there is no such node, `usage` for anything else than a node, or an effect that there is not.
///
/// # Example
/// ```rhai
/// cluster::untaint("node-1", "example.com/maintenance");
/// cluster::untaint("node-1", ["dedicated:NoSchedule", "dedicated:NoExecute"]);
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn untaint(call: &Call<'_>, node: NodeName, keys: Keys, options: OnCluster) -> Result<Outcome> {
    let (cluster, id) = node.find(call, &options, "untainted")?;
    edit::edit(call, &cluster, &id, |live| wish(live, &keys.0))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, merged, on};

    #[on(shadow, live)]
    fn one_goes_and_the_others_stay(bed: Bed) {
        let taints = json!([{ "key": "a", "effect": "NoSchedule" }, { "key": "a", "effect": "NoExecute" }, { "key": "b", "effect": "NoSchedule" }]);
        bed.create("", merged(bare("Node", "untaint-1"), &json!({ "spec": { "taints": taints } })));
        let keys = |bed: &Bed| -> Vec<String> {
            let node = bed.get("node/untaint-1", "");
            let ours = node["spec"]["taints"].as_array().into_iter().flatten();
            let ours = ours.filter(|t| !t["key"].as_str().unwrap().contains('/'));
            ours.map(|t| format!("{}:{}", t["key"].as_str().unwrap(), t["effect"].as_str().unwrap())).collect()
        };
        let ran = bed.run("cluster::untaint(\"untaint-1\", \"a:NoSchedule\")");
        assert_eq!(ran.value()["changed"], true);
        assert_eq!(keys(&bed), ["a:NoExecute", "b:NoSchedule"]);
        assert_eq!(bed.run("cluster::untaint(\"untaint-1\", [\"a\", \"b\"])").value()["changed"], true);
        assert!(keys(&bed).is_empty());
        let again = bed.run("cluster::untaint(\"untaint-1\", [\"a\", \"b\"])").value();
        assert_eq!((&again["changed"], &again["reason"]), (&json!(false), &json!("its taints are so already")));
        bed.delete("node/untaint-1", "");
    }

    #[on(shadow, live)]
    fn wrong_keys_say_what_is_wrong(bed: Bed) {
        for (keys, said) in [
            ("\"a:NoWay\"", "a taint has no effect \"NoWay\""),
            ("#{}", "must be a taint's key such as"),
            ("[1]", "item 0"),
        ] {
            let error = bed.run(&format!("cluster::untaint(\"node-1\", {keys})")).error();
            assert_eq!(error["kind"], "usage", "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
    }
}
