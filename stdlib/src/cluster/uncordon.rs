//! `cluster::uncordon`.

use serde_json::Value as Json;
use windlass_runtime::change::Outcome;
use windlass_runtime::cluster::ResourceId;
use windlass_runtime::{Call, Options, Result, primitive};

use super::OnCluster;
use super::cordon::{is_cordoned, unschedulable};
use super::edit::{self, Wish};
use super::node_name::NodeName;

/// The options of `cluster::uncordon`.
#[derive(Debug, Clone, Options)]
pub struct UncordonOptions {
    /// Where it is.
    #[option(flatten)]
    pub on: OnCluster,
    /// Also if somebody else has cordoned it. The journal keeps that this was said.
    #[option(default = "false")]
    pub force: bool,
}

/// Lets new pods onto a node again that this run has cordoned or drained.
///
/// A node that was cordoned before the run stays so, and the outcome says it: somebody had a reason. `force: true`
/// uncordons it all the same.
///
/// # Errors
/// `not_found` if there is no such node, `usage` for anything else than a node.
///
/// # Example
/// ```rhai
/// cluster::cordon("node-1");
/// cluster::uncordon("node-1");
/// cluster::uncordon("node-2", #{ force: true });
/// ```
#[primitive(module = "cluster", effect = Change)]
pub fn uncordon(call: &Call<'_>, node: NodeName, options: UncordonOptions) -> Result<Outcome> {
    let (cluster, id) = node.find(call, &options.on, "uncordoned")?;
    let own = options.force || cordoned_by_this_run(call, &id)?;
    if options.force {
        call.permit(format!("{id} is uncordoned whoever cordoned it"));
    }
    edit::edit(call, &cluster, &id, |live| {
        if !is_cordoned(live) {
            return Ok(Wish::Nothing("it is not cordoned".to_owned()));
        }
        if !own {
            let who = cordoned_by(live).map(|manager| format!(" by {manager}")).unwrap_or_default();
            let reason = format!("it was cordoned{who} before this run; `force: true` uncordons it all the same");
            return Ok(Wish::Nothing(reason));
        }
        let mut wanted = live.clone();
        unschedulable().remove(&mut wanted);
        Ok(Wish::Become(wanted))
    })
}

/// Whether the last that the journal of this run says of the node is that it has cordoned it.
fn cordoned_by_this_run(call: &Call<'_>, id: &ResourceId) -> Result<bool> {
    let node = edit::resource(id);
    let entries = call.session().journal().entries()?;
    let mut turns = entries.iter().rev().filter_map(|(intent, result)| {
        let at = intent.parts.iter().position(|part| part.resource == node)?;
        let (before, result) = (is_cordoned(intent.parts.get(at)?.before.as_ref()?), result.as_ref()?);
        let after = match result.after.get(at)? {
            Some(after) => is_cordoned(after),
            // It was in flight when the run was interrupted, and was found to have taken effect.
            None if result.results.get(at)?.took_effect() && is_about_cordons(&intent.primitive) => !before,
            None => before,
        };
        (before != after).then_some(after)
    });
    Ok(turns.next() == Some(true))
}

fn is_about_cordons(primitive: &str) -> bool {
    matches!(primitive, "cluster::cordon" | "cluster::uncordon" | "cluster::drain")
}

/// The field manager that cordoned a node, where the node says it.
fn cordoned_by(node: &Json) -> Option<&str> {
    let managers = node.pointer("/metadata/managedFields")?.as_array()?;
    let owns = |entry: &&Json| entry.pointer("/fieldsV1/f:spec/f:unschedulable").is_some();
    managers.iter().find(owns)?.get("manager")?.as_str()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::{Bed, Scripting as _, bare, on};

    #[on(shadow, live)]
    fn only_what_the_run_has_cordoned_is_uncordoned(bed: Bed) {
        let cordoned = |bed: &Bed| bed.get("node/uncordon-1", "")["spec"].get("unschedulable").cloned();
        bed.create("", bare("Node", "uncordon-1"));
        let both = bed.run("cluster::cordon(\"uncordon-1\"); cluster::uncordon(\"uncordon-1\")");
        assert_eq!(both.value()["changed"], true);
        assert_eq!(cordoned(&bed), None);
        let again = bed.run("cluster::uncordon(\"uncordon-1\")").value();
        assert_eq!((&again["changed"], &again["reason"]), (&json!(false), &json!("it is not cordoned")));

        bed.patch("node/uncordon-1", "", json!({"spec": {"unschedulable": true}}));
        let kept = bed.run("cluster::cordon(\"uncordon-1\"); cluster::uncordon(\"uncordon-1\")").value();
        assert_eq!(kept["changed"], false);
        assert!(kept["reason"].as_str().unwrap().contains("before this run; `force: true`"), "{kept}");
        assert_eq!(cordoned(&bed), Some(json!(true)));

        let forced = bed.run("cluster::uncordon(\"uncordon-1\", #{ force: true })");
        assert_eq!(forced.value()["changed"], true);
        assert_eq!(cordoned(&bed), None);
        use windlass_runtime::journal::Journal;
        let permits = &forced.journal.entries().unwrap()[0].0.permits;
        assert_eq!(permits, &["Node/uncordon-1 is uncordoned whoever cordoned it"]);
        assert!(bed.undo(&forced).unwrap()[0].changed());
        assert_eq!(cordoned(&bed), Some(json!(true)));
        bed.delete("node/uncordon-1", "");
    }

    #[on(shadow, live)]
    fn what_is_no_node_is_refused(bed: Bed) {
        let error = bed.run("cluster::uncordon(\"cm/c\")").error();
        assert!(error["message"].as_str().unwrap().contains("cannot be uncordoned: only a Node can"), "{error}");
        assert_eq!(bed.run("cluster::uncordon(\"nobody\")").error()["kind"], "not_found");
    }
}
