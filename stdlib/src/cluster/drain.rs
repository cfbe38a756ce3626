//! `cluster::drain`.

mod leaving;
mod pods;

use std::time::Duration;

use windlass_runtime::change::Outcome;
use windlass_runtime::cluster::Selector;
use windlass_runtime::event::Level;
use windlass_runtime::{Call, Error, Options, Result, primitive};

use super::list::Labels;
use super::node_name::NodeName;
use super::{OnCluster, cordon};
use leaving::Leaving;
use pods::{Fate, Terms};

/// The options of `cluster::drain`.
#[derive(Debug, Clone, Options)]
pub struct DrainOptions {
    /// Where it is.
    #[option(flatten)]
    pub on: OnCluster,
    /// Only pods with these labels: a selector as kubectl takes it, or a map.
    pub pod_selector: Option<Labels>,
    /// Leave the pods of DaemonSets where they are. With `false`, they are a reason not to drain, as they are for kubectl:
    /// their controller would put them back.
    #[option(default = "true")]
    pub ignore_daemonsets: bool,
    /// Evict pods that keep data in an `emptyDir` too. The data is lost. The journal keeps that this was said.
    #[option(default = "false")]
    pub delete_emptydir_data: bool,
    /// Evict pods too that no controller would make anew. They are lost. The journal keeps that this was said.
    #[option(default = "false")]
    pub force: bool,
    /// How many seconds each pod has to end; its own grace period if it is not given.
    pub grace_period: Option<u32>,
    /// How long to wait until all pods have left.
    #[option(default = "\"10m\"")]
    pub timeout: Duration,
}

/// Cordons a node, evicts its pods, and waits until they have left.
///
/// Evictions go through the disruption budgets: a pod that its budget holds is asked again as soon as the budget changes.
/// The pods of DaemonSets and the node's own (mirror) pods stay. Pods whose data would be lost, and pods that no controller
/// would make anew, are a reason not to begin, unless an option says otherwise: nothing is changed then, the node is not
/// even cordoned. Pods that come to the node in the same moment are treated in the same way.
///
/// The node stays cordoned: `cluster::uncordon` opens it again. Undo opens it too; evicted pods do not come back.
///
/// # Errors
/// `rejected` before anything is done, with the pods that stand against it and the option for each; `timeout` with the
/// pods that are left and what holds each: the budget by name, a finalizer, a long end. `not_found` if there is no such
/// node, `usage` for anything else than a node.
///
/// # Example
/// ```rhai
/// cluster::drain("node-1", #{ delete_emptydir_data: true, force: true, timeout: "5m" });
/// // … the maintenance …
/// cluster::uncordon("node-1");
/// ```
#[primitive(module = "cluster", effect = Change, also = ["evict", "poddisruptionbudget", "pdb"])]
pub fn drain(call: &Call<'_>, node: NodeName, options: DrainOptions) -> Result<Outcome> {
    let deadline = call.clock().now() + options.timeout;
    let (cluster, id) = node.find(call, &options.on, "drained")?;
    let (asked, name) = (cluster.clone(), id.name.clone());
    let labels = options.pod_selector.clone().map(Labels::into_selector);
    // A node that is not there has no pods: that is not the same as one that is empty.
    let node = super::edit::read(call, &cluster, &id)?.ok_or_else(|| super::edit::absent(&id))?;
    let pods = call.wait(async move { asked.collection("Pod", None, true).await })?;
    let selector = Selector { labels, fields: Some(format!("spec.nodeName={name}")) };
    let terms = Terms {
        ignore_daemonsets: options.ignore_daemonsets,
        delete_emptydir_data: options.delete_emptydir_data,
        force: options.force,
    };
    let looking = |pods, selector| Leaving::look(call, &cluster, &id, pods, selector, terms);
    looking(pods.clone(), selector.clone())?.check(false)?;
    permits(call, &id.to_string(), &options);
    let mut outcome = match cordon::is_cordoned(&node) {
        true => Outcome { items: Vec::new(), objects: Vec::new() },
        false => cordon::close(call, &cluster, &id)?,
    };
    // A pod that came before the node was closed is seen only from now on.
    let mut leaving = looking(pods, selector)?;
    let left = leaving.told();
    if !left.is_empty() {
        call.log(Level::Info, format!("{id} keeps {left}"));
    }
    leaving.evict_all(call, options.grace_period, deadline, options.timeout, &mut outcome)?;
    if outcome.items.is_empty() {
        outcome = call.change(super::edit::unchanged(&id, Some(node), "it is cordoned and empty already"))?;
    }
    Ok(outcome)
}

fn permits(call: &Call<'_>, node: &str, options: &DrainOptions) {
    if options.delete_emptydir_data {
        call.permit(format!("pods of {node} lose what they keep in an emptyDir"));
    }
    if options.force {
        call.permit(format!("pods of {node} that no controller makes anew are lost"));
    }
}

/// The error for pods that stand against a drain; some may have left already.
fn refused(node: &str, pods: &[(String, Fate)], begun: bool) -> Error {
    let mut lines: Vec<String> = Vec::new();
    let mut needed: Vec<&str> = Vec::new();
    for (pod, fate) in pods {
        if let Fate::Refused { why, options } = fate {
            lines.push(format!("{pod} {why}"));
            needed.extend(options);
        }
    }
    needed.sort_unstable();
    needed.dedup();
    let count = lines.len();
    let shown = if count > 5 { format!("{} and {} more", lines[..5].join("; "), count - 5) } else { lines.join("; ") };
    let done = if begun { "it is cordoned, and these pods came meanwhile" } else { "and nothing was changed" };
    Error::new(windlass_runtime::Kind::Rejected, format!("{node} is not drained, {done}: {shown}"))
        .hint(format!("if that may be: #{{ {} }}", needed.join(", ")))
        .details(serde_json::json!({ "pods": lines }))
}

#[cfg(test)]
mod tests;
