//! `helm::version`.

use serde_json::{Value as Json, json};
use windlass_runtime::{Call, Options, Result, primitive};

use super::operation;
use super::program::Helm;

/// The options of `helm::version`.
#[derive(Debug, Clone, Options)]
pub struct VersionOptions {
    /// The cluster, by the name it has in `customer.yaml`; the session's own if it is not given.
    pub cluster: Option<String>,
}

/// Says which Helm is used: `#{version, path}`, or `()` in a rehearsal that has to do without.
///
/// A live run cannot do without: there it fails. So this is what a preflight asks before anything changes.
///
/// # Errors
/// `not_found` without Helm on a live cluster; `system` for one that is too old.
///
/// # Example
/// ```rhai
/// let helm = helm::version();
/// log::info(if helm == () { "no Helm: charts are not rendered" } else { `Helm ${helm.version}` });
/// ```
#[primitive(module = "helm", effect = Read)]
pub fn version(call: &Call<'_>, options: VersionOptions) -> Result<Json> {
    let cluster = call.cluster(options.cluster.as_deref())?;
    if operation::why_not(call, &cluster)?.is_some() {
        return Ok(Json::Null);
    }
    let helm = Helm::open(call)?;
    Ok(json!({ "version": helm.version.to_string(), "path": helm.path() }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::testing::with_each;
    use crate::testing::{Bed, Scripting as _, on};

    #[on(shadow, live)]
    fn the_helm_in_use_is_told(bed: Bed) {
        with_each(&bed, |with| {
            let told = with.run("helm::version()").value();
            assert_eq!(told["path"], json!(with.path));
            assert!(with.path.to_str().unwrap().contains(told["version"].as_str().unwrap()), "{told}");
        });
    }

    #[on(shadow, live)]
    fn only_a_rehearsal_can_do_without(bed: Bed) {
        let ran = bed.run_with("helm::version()", |builder| builder.program("helm", "/nonexistent/helm"));
        if bed.testbed().is_some() {
            assert_eq!(ran.error()["kind"], "not_found");
            assert!(ran.error()["hint"].as_str().unwrap().contains("WINDLASS_HELM"));
        } else {
            assert_eq!(ran.value(), Json::Null);
        }
    }
}
