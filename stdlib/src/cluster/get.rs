//! `cluster::get`.

use serde_json::Value as Json;
use windlass_runtime::{Call, Error, Kind, Result, primitive};

use super::{OnCluster, Target};

/// Reads one object, as the API server has it.
///
/// # Errors
/// `not_found` if there is no such object, or no such kind. To ask whether it is there, use `cluster::exists`.
///
/// # Example
/// ```rhai
/// let node = cluster::get("Node/node-1");
/// log::info(node.status.nodeInfo.kubeletVersion);
/// let settings = cluster::get("ConfigMap/kube-root-ca.crt", #{ namespace: "default" });
/// ```
#[primitive(module = "cluster", effect = Read, also = ["describe"])]
pub fn get(call: &Call<'_>, target: Target, options: OnCluster) -> Result<Json> {
    let (cluster, id) = options.find(call, &target)?;
    let (asked, name) = (id.clone(), id.to_string());
    let found = call.wait(async move { cluster.get(&asked).await })?;
    let mut object = found.ok_or_else(|| {
        Error::new(Kind::NotFound, format!("there is no {name}"))
            .hint("see what there is with cluster::list")
            .resource(&name)
    })?;
    super::secret_data::hide(call, &mut object)?;
    Ok(object)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Bed, Scripting as _, on};

    #[on(shadow, live)]
    fn an_object_is_read_and_a_missing_one_named(bed: Bed) {
        let ran = bed.run("cluster::get(\"Namespace/kube-system\").metadata.name");
        assert_eq!(ran.value(), "kube-system");
        let error = bed.run("cluster::get(\"cm/nowhere\", #{ namespace: \"default\" })").error();
        assert_eq!(error["kind"], "not_found");
        assert_eq!(error["message"], "there is no ConfigMap/nowhere in default");
    }
}
