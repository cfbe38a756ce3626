//! How the functions that are about a node name it.

use windlass_runtime::cluster::{Cluster, ResourceId};
use windlass_runtime::options::{FromValue, Mismatch};
use windlass_runtime::{Call, Error, Result, Value};

use super::{OnCluster, Target};

/// A node's name as scripts write it: `"worker-1"`, or `"Node/worker-1"`.
#[derive(Debug, Clone)]
pub struct NodeName(Target);

impl NodeName {
    /// Opens the cluster and resolves the name on it. `verb` is what is to be done to the node.
    ///
    /// # Errors
    /// Where the cluster cannot be reached, and for the name of anything else than a node.
    pub fn find(&self, call: &Call<'_>, on: &OnCluster, verb: &str) -> Result<(Cluster, ResourceId)> {
        let (cluster, id) = on.find(call, &self.0)?;
        if id.kind == "Node" && id.group().is_empty() {
            return Ok((cluster, id));
        }
        Err(Error::usage(format!("{id} cannot be {verb}: only a Node can")).resource(id))
    }
}

impl FromValue for NodeName {
    fn expects() -> String {
        "a node's name such as \"worker-1\" or \"Node/worker-1\"".to_owned()
    }

    fn from_value(value: Value) -> Result<Self, Mismatch> {
        match &value {
            Value::Text(text) if !text.contains('/') => {
                Target::of_kind("Node", text).map(Self).map_err(Mismatch::Refused)
            }
            Value::Text(_) => Target::from_value(value).map(Self),
            _ => Err(Mismatch::sort(&value)),
        }
    }
}
