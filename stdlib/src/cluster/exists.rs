//! `cluster::exists`.

use windlass_runtime::{Call, Result, primitive};

use super::{OnCluster, Target};

/// Whether there is such an object. One that is being deleted is still there.
///
/// # Errors
/// `not_found` for a kind that the cluster does not know, `forbidden` without the right to look.
///
/// # Example
/// ```rhai
/// if !cluster::exists("StorageClass/openebs-hostpath") { log::warn("there is no hostpath storage yet"); }
/// ```
#[primitive(module = "cluster", effect = Read)]
pub fn exists(call: &Call<'_>, target: Target, options: OnCluster) -> Result<bool> {
    let (cluster, id) = options.find(call, &target)?;
    Ok(call.wait(async move { cluster.get(&id).await })?.is_some())
}

#[cfg(test)]
mod tests {
    use crate::testing::live;

    #[test]
    fn objects_are_found_or_not_and_kinds_must_be_known() {
        let Some(live) = live() else { return };
        assert_eq!(live.run("cluster::exists(\"ns/default\")").value(), true);
        assert_eq!(live.run("cluster::exists(\"ns/nowhere\")").value(), false);
        assert_eq!(live.run("cluster::exists(\"cm/x\", #{ namespace: \"nowhere\" })").value(), false);
        let error = live.run("cluster::exists(\"Certificat/x\")").error();
        assert_eq!(error["kind"], "not_found");
        let error = live.run_as("nobody", "cluster::exists(\"ns/default\")").error();
        assert_eq!(error["kind"], "forbidden");
        assert!(error["hint"].as_str().unwrap().contains("kubectl auth can-i get namespaces"), "{error}");
    }
}
