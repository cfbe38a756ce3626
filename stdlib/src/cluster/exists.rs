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
    use crate::testing::{Bed, Scripting as _, on};

    #[on(shadow, live)]
    fn objects_are_found_or_not_and_kinds_must_be_known(bed: Bed) {
        assert_eq!(bed.run("cluster::exists(\"ns/default\")").value(), true);
        assert_eq!(bed.run("cluster::exists(\"ns/nowhere\")").value(), false);
        assert_eq!(bed.run("cluster::exists(\"cm/x\", #{ namespace: \"nowhere\" })").value(), false);
        let error = bed.run("cluster::exists(\"Certificat/x\")").error();
        assert_eq!(error["kind"], "not_found");
    }

    #[on(live, because = "the shadow lets everybody do everything")]
    fn a_right_that_is_missing_is_named(bed: Bed) {
        let error = bed.run_as("nobody", "cluster::exists(\"ns/default\")").error();
        assert_eq!(error["kind"], "forbidden");
        assert!(error["hint"].as_str().unwrap().contains("kubectl auth can-i get namespaces"), "{error}");
    }
}
