//! `cluster::cordon`.

use serde_json::{Value as Json, json};
use windlass_runtime::change::Outcome;
use windlass_runtime::cluster::{Cluster, FieldPath, ResourceId};
use windlass_runtime::{Call, Result, primitive};

use super::OnCluster;
use super::edit::{self, Wish};
use super::node_name::NodeName;

/// Keeps new pods away from a node. Those that run there stay: see `cluster::drain`.
///
/// # Errors
/// `not_found` if there is no such node, `usage` for anything else than a node.
///
/// # Example
/// ```rhai
/// cluster::cordon("node-1");
/// cluster::uncordon("node-1");
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn cordon(call: &Call<'_>, node: NodeName, options: OnCluster) -> Result<Outcome> {
    let (cluster, id) = node.find(call, &options, "cordoned")?;
    close(call, &cluster, &id)
}

/// Cordons a node that has been found.
pub(super) fn close(call: &Call<'_>, cluster: &Cluster, id: &ResourceId) -> Result<Outcome> {
    edit::edit(call, cluster, id, |live| {
        if is_cordoned(live) {
            return Ok(Wish::Nothing("it is cordoned already".to_owned()));
        }
        let mut wanted = live.clone();
        unschedulable().set(&mut wanted, json!(true))?;
        Ok(Wish::Become(wanted))
    })
}

/// Whether new pods are kept away from a node.
pub(super) fn is_cordoned(node: &Json) -> bool {
    unschedulable().get(node) == Some(&Json::Bool(true))
}

/// Where a node says so.
pub(super) fn unschedulable() -> FieldPath {
    FieldPath::of(["spec", "unschedulable"])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, on};

    #[on(shadow, live)]
    fn a_node_is_cordoned_once_and_comes_back(bed: Bed) {
        bed.create("", bare("Node", "cordon-1"));
        let first = bed.run("cluster::cordon(\"cordon-1\")");
        assert_eq!(first.value()["changed"], true);
        assert_eq!(bed.get("node/cordon-1", "")["spec"]["unschedulable"], true);
        let mark = bed.mark();
        let second = bed.run("cluster::cordon(\"Node/cordon-1\")").value();
        assert_eq!((&second["changed"], &second["reason"]), (&json!(false), &json!("it is cordoned already")));
        assert!(bed.writes_since(mark, "cordon-1").is_empty());
        assert!(bed.undo(&first).unwrap()[0].changed());
        assert_eq!(bed.get("node/cordon-1", "")["spec"].get("unschedulable"), None);
        bed.delete("node/cordon-1", "");
    }

    #[on(shadow, live)]
    fn what_is_no_node_is_refused(bed: Bed) {
        for (what, kind, said) in [
            ("\"ns/default\"", "usage", "Namespace/default cannot be cordoned: only a Node can"),
            ("\"nobody\"", "not_found", "there is no Node/nobody"),
            ("\"a b\"", "usage", "is no name of an object"),
            ("1", "usage", "must be a node's name such as"),
        ] {
            let error = bed.run(&format!("cluster::cordon({what})")).error();
            assert_eq!(error["kind"], kind, "{error}");
            assert!(error["message"].as_str().unwrap().contains(said), "{error}");
        }
    }

    #[on(live, because = "the shadow lets everybody do everything")]
    fn a_right_that_is_missing_is_named(bed: Bed) {
        bed.create("", bare("Node", "cordon-2"));
        let error = bed.run_as("viewer", "cluster::cordon(\"cordon-2\")").error();
        assert_eq!(error["kind"], "forbidden", "{error}");
        bed.delete("node/cordon-2", "");
    }
}
